"""Opens a session's log of changes on what is kept outside the workspace; puts the parts of it together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codeagent.agent.changes import ChangeLog
from codeagent.agent.checkpoints.commands import CommandWatch
from codeagent.agent.checkpoints.shadow import Shadow
from codeagent.agent.checkpoints.store import Store
from codeagent.agent.git.program import Git


def open_changes(
    root: Path, folder: Path | None, session: str, source: str | None, git: Git, notify: Callable[[str], None]
) -> tuple[ChangeLog, tuple[str, ...]]:
    """The log of a session, begun with that of `source`, and sentences for the person on what it lacks.

    Without a folder nothing is kept: the log lasts as long as the process and knows nothing of commands.
    """
    if folder is None:
        return ChangeLog(root, notify=notify), ()
    try:
        store = Store(folder, session, source)
    except OSError as e:
        why = f"{folder} cannot be written ({e.strerror})"
        text = f"Undo works in this run only, and not for what commands change: {why}."
        return ChangeLog(root, notify=notify), (text,)
    shadow = Shadow(git, store.shadow_folder, root)
    commands = CommandWatch(shadow, store.record, notify)
    notices: tuple[str, ...] = ()
    if store.record.cut_off:
        notices = ("A command ran when codeagent was killed. What it changed is not known, so undo does not cover it.",)
        store.record.command_ended(())
    return ChangeLog(root, store.record, commands, notify, lambda: store.close(shadow.added)), notices
