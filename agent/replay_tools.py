"""Runs the tool calls of a recorded session again, in a copy of its folder; asks no model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from codeagent.agent.bootstrap import Opened, SessionOptions, open_session
from codeagent.agent.candidates.copies import Copies
from codeagent.agent.changes import Files
from codeagent.agent.checkpoints.putting import in_order, put
from codeagent.agent.checkpoints.states import look
from codeagent.agent.checkpoints.store import Store
from codeagent.agent.config import process_environment
from codeagent.agent.events import Event, MessageAdded, Rewound, ToolStarted
from codeagent.agent.git.program import Git
from codeagent.agent.paths import Paths
from codeagent.inference.client import ToolCall
from codeagent.inference.scripted import ScriptedClient
from codeagent.tools.api import ToolError, relative
from codeagent.tools.files import digest
from codeagent.tools.ledger import FileLedger
from codeagent.tools.process import Processes

SHOWN = 200


@dataclass(frozen=True)
class ToolCompared:
    """A call that was made again: whether its result is the one that was recorded, and both where they differ."""

    call_id: str
    name: str
    equal: bool
    expected: str = ""
    got: str = ""


@asynccontextmanager
async def copy_of_beginning(paths: Paths, root: Path, session: str) -> AsyncGenerator[Opened]:
    """A session without a model in a copy of a folder as it is now, but with the files that a session changed as they
    were before it. Raises CopyError, OSError and ToolError.
    """
    git = Git(Processes(root, process_environment()))
    copies = Copies(paths, git, root)
    try:
        (copy,) = await copies.make(1)
        _begin(paths, root, session, copy)
        flags = {"permission_mode": "bypassPermissions"}
        options = SessionOptions(root=copy, paths=paths, flags=flags, trust=True, stands_for=root)
        opened = open_session(options, lambda event: None, None, (ScriptedClient(()), "none"))
        try:
            yield opened
        finally:
            await opened.session.close()
    finally:
        await copies.remove()


async def run_again(events: Sequence[Event], opened: Opened, root: Path) -> AsyncGenerator[ToolCompared]:
    """Each call that was made then, in order, and its result now. What the agent took back then is taken back now."""
    ran: set[str] = set()  # of those of the latest answer
    messages = 0
    points: dict[int, Files] = {0: opened.changes.snapshot()}
    calls: dict[str, ToolCall] = {}
    for event in events:
        match event:
            case Rewound():
                messages = event.messages
                if event.files:
                    opened.changes.restore(points[messages], FileLedger())
            case ToolStarted():
                ran.add(event.call_id)
            case MessageAdded(message=message):
                if message.role == "assistant":
                    calls, ran = {call.id: call for call in message.tool_calls}, set()
                call = calls.get(message.tool_call_id or "")
                if call is not None and call.id in ran:
                    if not event.is_error:
                        _make_known(call, opened)
                    yield await _compared(call, message.content, opened, root)
                messages += 1
                points[messages] = opened.changes.snapshot()
            case _:
                pass


def _make_known(call: ToolCall, opened: Opened) -> None:
    """The model knew the file that it changed: it had been shown with the request, or read."""
    path = opened.root / str(call.arguments.get("path", ""))
    data = look(path)[1]
    if data is not None:
        opened.ledger.note(path, digest(data), whole=True)


async def _compared(call: ToolCall, recorded: str, opened: Opened, root: Path) -> ToolCompared:
    output = (await opened.tools.run(call)).result.output.replace(str(opened.root), str(root))
    if recorded.startswith(output.rstrip()):  # what the agent said of it, and its check, stand behind it
        return ToolCompared(call.id, call.name, equal=True)
    at = next((i for i, pair in enumerate(zip(output, recorded, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, at - SHOWN // 4)
    return ToolCompared(call.id, call.name, False, recorded[start:][:SHOWN], output[start:][:SHOWN])


def _begin(paths: Paths, root: Path, session: str, copy: Path) -> None:
    """Put the files that the session changed back in the copy, as far as what they were is kept."""
    store = Store(paths.checkpoints(root), session)
    try:
        inside = [(path, state) for path, state in store.record.first.items() if path.is_relative_to(root)]
        for path, state in in_order(inside):
            shown = relative(path, root)
            there = copy / shown
            data = store.record.blobs.get(state.digest) if state.has_data else None
            if state.kind == "unknown" or (state.has_data and data is None):
                raise ToolError(
                    f"What {shown} was before the session is not kept any more, so its tools cannot be run."
                )
            now = look(there)[0]
            if not (now.same_content(state) and now.same_run_bit(state)):
                put(there, now, state, data, shown)
    finally:
        store.close()
