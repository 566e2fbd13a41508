"""`codeagent map`: prints the map of a folder's code that a model would be shown; draws, and leaves the work to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codeagent.agent.text import printable
from codeagent.cli.index import refreshed

if TYPE_CHECKING:
    from codeagent.agent.context.index.index import CodeIndex

BAD_CONFIG = 52
TOKENS = 1000


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("query", nargs=-1)
@click.option(
    "--tokens", type=click.IntRange(1, 1_000_000), default=TOKENS, show_default=True, help="At most this many tokens."
)
@click.option(
    "-C",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Map this folder, not this one.",
)
@click.option("--trust", is_flag=True, help="Read this folder though it was not trusted before (this run only).")
def map(query: tuple[str, ...], tokens: int, folder: Path, trust: bool) -> int:
    """Print the definitions that tell most of the code here, or of what QUERY is about, as a tree of signatures.

    The index is brought up to date before. Tokens are those of your default model, counted with its own vocabulary;
    where it is not on this machine they are estimated at three bytes each. Standard error says which.
    """
    from codeagent.agent.bootstrap import SetupError  # loads much that --help does not need
    from codeagent.agent.config import ConfigError, load_config, process_environment
    from codeagent.agent.context.opening import open_index
    from codeagent.agent.paths import Paths

    paths = Paths.default()
    try:
        model = load_config(paths.config_file, None, process_environment(), {}).model
        code = open_index(folder, paths, trust)
    except ConfigError as e:
        click.echo(f"codeagent: {printable(str(e))}", err=True)
        return BAD_CONFIG
    except SetupError as e:
        click.echo(f"codeagent: {printable(str(e))}", err=True)
        return e.exit_code
    return asyncio.run(_print(code, " ".join(query), tokens, model))


async def _print(code: CodeIndex, query: str, tokens: int, model: str) -> int:
    from codeagent.agent.context.repo_map import build_map
    from codeagent.agent.context.retrieval import Retriever
    from codeagent.agent.context.tokens import counting_for
    from codeagent.inference.client import ModelError

    try:
        done = await refreshed(code)
        if done.notices and not done.files:
            return 1  # they say why there is nothing
        async with counting_for(model) as counting:
            ranked = await Retriever(code).rank(query)
            # Its first line tells a model in a session what it is.
            _, _, text = (await build_map(code, ranked, tokens, counting.count)).text.partition("\n")
            used = await counting.count(text)
    except ModelError as e:
        click.echo(f"codeagent: {printable(str(e))}", err=True)
        return 1
    finally:
        await code.close()
    if not text:
        why = "no definitions were found" if not ranked else f"{tokens:,} tokens are too few for one"
        click.echo(f"codeagent: there is nothing to show, since {why}.", err=True)
        return 0
    click.echo(printable(text))
    if counting.estimated:
        click.echo(f"About {used:,} tokens, estimated at three bytes each. {printable(counting.estimated)}", err=True)
    else:
        click.echo(f"{used:,} tokens of {printable(model)}.", err=True)
    return 0
