"""`codeagent index`: builds the index of a folder's symbols or says what is in it; draws, and leaves the work to it."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from codeagent.agent.text import printable
from codeagent.cli.progress import size

if TYPE_CHECKING:
    from codeagent.agent.context.index.data import IndexProgress, IndexStats, Refreshed
    from codeagent.agent.context.index.index import CodeIndex

_LISTED = 20
_REDRAW_SECONDS = 0.1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--stats", is_flag=True, help="Only say what is in the index; build nothing.")
@click.option("--vectors", is_flag=True, help="Then also give definitions vectors (setting `embedding_model`).")
@click.option("--trust", is_flag=True, help="Read this folder though it was not trusted before (this run only).")
def index(folder: Path, stats: bool, vectors: bool, trust: bool) -> int:
    """Bring the index of FOLDER (default: this one) up to date: what its files define and use.

    Only what changed is read again. Sessions do this by themselves, in the background. The index is kept in the cache
    folder and can be deleted.
    """
    from codeagent.agent.bootstrap import SetupError  # loads much that --help does not need
    from codeagent.agent.context.opening import open_index
    from codeagent.agent.paths import Paths

    try:
        code = open_index(folder, Paths.default(), trust)
    except SetupError as e:
        click.echo(f"codeagent: {printable(str(e))}", err=True)
        return e.exit_code
    if stats:
        return asyncio.run(_show(code))
    return asyncio.run(_build_with_vectors(code) if vectors else _build(code))


async def _show(code: CodeIndex) -> int:
    try:
        stats = await asyncio.to_thread(code.stats)
    finally:
        await code.close()
    if not stats.database_bytes:
        click.echo(f"There is no index of {printable(str(code.root))} yet. Build it with: codeagent index")
        return 0
    languages = sorted(stats.languages.items(), key=lambda entry: (-entry[1], entry[0]))
    facts = [
        ("folder", str(code.root)),
        ("files", f"{stats.files:,} ({size(stats.bytes)})"),
        ("definitions", f"{stats.definitions:,}"),
        ("references", f"{stats.references:,}"),
        ("languages", ", ".join(f"{name} {count:,}" for name, count in languages) or "none"),
        ("index", size(stats.database_bytes)),
    ]
    for label, text in facts:
        click.echo(f"{label:<12} {printable(text)}")
    _echo_partial(stats.partial)
    return 0


async def _build(code: CodeIndex) -> int:
    try:
        done = await refreshed(code)
        if done.notices and not done.files:
            return 1  # they say why there is nothing
        stats = await asyncio.to_thread(code.stats)
    finally:
        await code.close()
    click.echo(_summary(done, stats))
    _echo_partial(stats.partial)
    return 0


async def _build_with_vectors(code: CodeIndex) -> int:
    from codeagent.agent.bootstrap import BAD_CONFIG
    from codeagent.agent.config import ConfigError, load_config, process_environment
    from codeagent.agent.embedding import learn_all
    from codeagent.agent.paths import Paths
    from codeagent.inference.client import ModelError

    paths, environ = Paths.default(), process_environment()
    try:
        model = load_config(paths.config_file, None, environ, {}).embedding_model
        if not model:
            raise ConfigError(
                "No embedding model is set. Set embedding_model in your settings, or leave --vectors out."
            )
        await refreshed(code)
        count = await learn_all(code, model, paths.vectors(code.root), environ)
    except (ConfigError, ModelError) as e:
        click.echo(f"codeagent: {printable(str(e))}", err=True)
        return BAD_CONFIG
    finally:
        await code.close()
    click.echo(f"{count:,} definitions were given a vector.")
    return 0


async def refreshed(code: CodeIndex) -> Refreshed:
    """Bring the index up to date with a progress line on a terminal's stderr, and what a person should know there."""
    with ProgressLine(sys.stderr) as line:
        done = await code.refresh(line)
    for notice in done.notices:
        click.echo(f"codeagent: {printable(notice)}", err=True)
    return done


def _summary(done: Refreshed, stats: IndexStats) -> str:
    new = "all read" if not done.unchanged else f"{done.read:,} read" if done.read else "none changed"
    removed = f", {done.removed:,} removed" if done.removed else ""
    return (
        f"{done.files:,} files ({new}{removed}) in {done.seconds:.1f} s: "
        f"{stats.definitions:,} definitions, {stats.references:,} references."
    )


def _echo_partial(partial: Mapping[str, str]) -> None:
    if not partial:
        return
    click.echo(f"Not wholly in the index: {len(partial):,} file{'s' * (len(partial) > 1)}:")
    for path, reason in list(partial.items())[:_LISTED]:
        click.echo(f"  {printable(path)}: {printable(reason)}".replace("\n", " "))
    if len(partial) > _LISTED:
        click.echo(f"  and {len(partial) - _LISTED:,} more")


class ProgressLine:
    """How many files are done, redrawn in place on a terminal and gone at the end; nothing elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._drawn_at: float | None = None

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn_at is not None:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __call__(self, progress: IndexProgress) -> None:
        """Report how far it is, as often as you like."""
        now = time.monotonic()
        if not self._terminal or (self._drawn_at is not None and now - self._drawn_at < _REDRAW_SECONDS):
            return
        self._drawn_at = now
        line = f"Indexing: {progress.done:,} of {progress.total:,} files"
        self._stream.write("\r" + line[: shutil.get_terminal_size().columns - 1] + "\x1b[K")
        self._stream.flush()
