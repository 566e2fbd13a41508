"""Which files that programs run by themselves changed in a run: what a reviewer looks at first; reads no contents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from codeagent.agent.bootstrap import Opened
from codeagent.tools.sensitive import runs_by_itself

State = Mapping[str, tuple[int, int, int]]


async def autorun_state(opened: Opened) -> State:
    """Such files, as far as no ignore rule excludes them, each with what tells it from another of its name."""
    return await asyncio.to_thread(_state, opened.root, await opened.files())


def _state(root: Path, names: Sequence[str]) -> State:
    found: dict[str, tuple[int, int, int]] = {}
    for name in names:
        path = root / name
        if runs_by_itself(path, root):
            try:
                status = path.lstat()
            except OSError:
                continue  # gone meanwhile
            found[name] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def differing(before: State, after: State) -> list[str]:
    """The names of files that were made, changed or removed."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
