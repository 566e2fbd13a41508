"""`codeagent reproduce`: a recorded session's model calls made again and compared token by token.

It is not called replay, because `--replay FILE` is the opposite: there a script plays the answers and no model runs.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from codeagent.agent.replay import Compared

DIFFERS, BAD_INPUT, BAD_CONFIG = 1, 42, 52


@click.command()
@click.argument("session")
@click.option(
    "-C", "directory", metavar="DIR", type=click.Path(path_type=Path), default=Path(), help="The session's folder."
)
@click.option("--model", metavar="NAME|FILE", help="The model, where it is called otherwise now.")
@click.option("--tools", is_flag=True, help="Run its tool calls again, too, in a copy of the folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a call, and one at the end.")
def reproduce(session: str, directory: Path, model: str | None, tools: bool, as_json: bool) -> int:
    """Make the model calls of SESSION again and say where an answer is another.

    SESSION is the id of a session of this folder, or the beginning of it. The exit code is 0 where all answers are
    equal, token by token, and 1 at the first that is not. They are equal on the same build, device and settings where
    the session had a seed (--seed); without one its prompts may have been read in other batches.

    With --tools the calls that were made then are made first, in a copy of the folder with the files as they were
    before the session, and in the sandbox. The model is given the recorded results all the same.
    """
    from codeagent.agent.candidates.copies import CopyError  # loaded only when there is something to do
    from codeagent.agent.replay import ReplayError
    from codeagent.agent.transcript import TranscriptError
    from codeagent.inference.client import ModelError
    from codeagent.tools.api import ToolError

    root = directory.resolve()
    try:
        same = not tools or asyncio.run(_run_tools(session, root, as_json))
        return asyncio.run(_reproduce(session, root, model, as_json, same))
    except (ReplayError, TranscriptError, CopyError, ToolError, ValueError) as e:
        click.echo(f"codeagent: {e}", err=True)
        return BAD_INPUT
    except ModelError as e:
        click.echo(f"codeagent: {e}", err=True)
        return BAD_CONFIG


async def _run_tools(session: str, root: Path, as_json: bool) -> bool:
    """Whether all tool calls of the session have the results that were recorded."""
    from codeagent.agent.paths import Paths
    from codeagent.agent.replay_tools import copy_of_beginning, run_again
    from codeagent.agent.transcript import find, load

    log = find(Paths.default().sessions(root), session)
    same = True
    async with copy_of_beginning(Paths.default(), root, log.stem) as opened:
        async for found in run_again(load(log).events, opened, root):
            same = same and found.equal
            if as_json:
                click.echo(json.dumps({"type": "tool", **asdict(found)}))
            elif found.equal:
                click.echo(f"{found.name}: equal")
            else:
                click.echo(f"{found.name}: another result\n  expected {found.expected!r}\n  got      {found.got!r}")
    return same


async def _reproduce(session: str, root: Path, model: str | None, as_json: bool, same: bool) -> int:
    from codeagent.agent.calls import calls_of
    from codeagent.agent.paths import Paths
    from codeagent.agent.replay import ReplayError, compare, described, differences, open_model
    from codeagent.agent.transcript import find, load

    events = load(find(Paths.default().sessions(root), session)).events
    name, then = described(events)
    calls = [call for call in calls_of(events) if call.tokens]
    if not calls:
        raise ReplayError("The session holds no answer of a model, so there is nothing to compare.")
    client = open_model(model or name, then)
    try:
        now = await client.info()
        changed = differences(then.identity, now.identity)
        if now.identity.get("content") != then.identity.get("content"):
            raise ReplayError(f"This is not the model of the session. {' '.join(changed)}")
        if not as_json:
            for sentence in changed:
                click.echo(f"warning: {sentence}", err=True)
        for call in calls:
            found = await compare(call, client)
            click.echo(json.dumps({"type": "call", **asdict(found)}) if as_json else _told(found))
            if found.divergence is not None:
                return _end(as_json, DIFFERS, changed)
    finally:
        await client.close()
    return _end(as_json, 0 if same else DIFFERS, changed)


def _end(as_json: bool, code: int, changed: list[str]) -> int:
    if as_json:
        click.echo(json.dumps({"type": "result", "equal": code == 0, "differences": changed}))
    elif code == 0:
        click.echo("equal")
    return code


def _told(found: Compared) -> str:
    if found.divergence is None:
        return f"call {found.number}: {found.tokens} tokens equal"
    at = found.divergence
    batches = ""
    if found.cached != found.cached_then:
        batches = (
            f"\n  {found.cached_then} tokens of its prompt were known then and {found.cached} now, "
            "so that the rest was read in other batches."
        )
    return (
        f"call {found.number}: token {at.index} is another"
        f"\n  expected {_token(at.expected, at.expected_text)}"
        f"\n  got      {_token(at.got, at.got_text)}{batches}"
    )


def _token(token: int | None, text: str) -> str:
    return "the end" if token is None else f"{token}, {text!r} from there on"
