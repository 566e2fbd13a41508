"""Makes a candidate's turn one of the session's: its changes in the workspace, its conversation in the log; judges
nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

from codeagent.agent.bootstrap import Opened
from codeagent.agent.candidates.candidate import Candidate
from codeagent.agent.checkpoints.putting import in_order
from codeagent.agent.events import EVENT, Event, MessageAdded
from codeagent.tools.api import ToolError
from codeagent.tools.workspace import Workspace

_NAMED = 5


def adopt(candidate: Candidate, task: str, opened: Opened) -> str:
    """Make the candidate's changes and record its turn, which can be undone as one. Files are written one by one, each
    whole, and none at all where one of them is not any more what the candidate began with; then a sentence says so.
    """
    workspace = Workspace(opened.root)
    try:
        files = {
            workspace.resolve_for_writing(str(file.path.relative_to(candidate.root))): (file, data)
            for file, data in candidate.files
        }
    except ToolError as e:
        return f"Nothing was changed: {e}"
    others = [workspace.display(path) for path, (file, _) in files.items() if not opened.changes.would_take(path, file)]
    if others:
        names = ", ".join(others[:_NAMED]) + (f" and {len(others) - _NAMED} more" if len(others) > _NAMED else "")
        return f"Nothing was changed, because somebody else changed these files meanwhile: {names}. Run it again."
    refused: list[str] = []

    def write() -> None:
        for path, _ in in_order((path, file.state) for path, (file, _) in files.items()):
            try:
                opened.changes.take_over(path, *files[path])
            except ToolError as e:
                refused.append(str(e))

    opened.session.adopt(task, [moved(event, candidate.root, opened.root) for event in candidate.events], write)
    return " ".join(refused)


def moved(event: Event, source: Path, target: Path) -> Event:
    """The event as it would be in another folder. A message's tokens do not outlive a change of its text."""
    text, old, new = EVENT.dump_json(event).decode(), json.dumps(str(source))[1:-1], json.dumps(str(target))[1:-1]
    if old not in text:
        return event
    there = EVENT.validate_json(text.replace(old, new))
    if isinstance(there, MessageAdded) and there.message.tokens:
        there = there.model_copy(update={"message": there.message.model_copy(update={"tokens": ()})})
    return there
