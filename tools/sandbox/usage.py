"""Watches what a running command uses and says which limit it passed; stops nothing.

The supervisor imports this without site-packages: standard library only, and no slow part of it.
"""

from __future__ import annotations

import os

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Usage:
    """The processes below one, as seen in /proc. Without /proc, as on macOS, only the disk is watched."""

    def __init__(self, root: int, memory: int, tasks: int, disk: int, folder: str) -> None:
        """Limits for all processes below `root` together: bytes of memory, processes with their threads, and bytes that
        must stay free on the disk of `folder`; 0: none. A disk that is nearly full already may be filled by half.
        """
        self._root = root
        self._memory = memory
        self._tasks = tasks
        self._folder = folder
        self._disk = min(disk, (_free(folder) or 0) // 2)

    def passed(self) -> str:
        """The name of the limit that is passed now, "" for none."""
        pids, tasks = _below(self._root)
        if self._tasks and tasks > self._tasks:
            return "processes"
        if self._memory and sum(map(_resident, pids)) > self._memory and sum(map(_own_share, pids)) > self._memory:
            return "memory"
        if self._disk and (_free(self._folder) or self._disk) < self._disk:
            return "disk"
        return ""


def _below(root: int) -> tuple[list[int], int]:
    """All processes below one, and the number of their threads together."""
    found: list[int] = []
    tasks = 0
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        if pid != root:
            found.append(pid)
            tasks += len(threads)
        for thread in threads:
            waiting += [int(child) for child in _text(f"/proc/{pid}/task/{thread}/children").split()]
    return found, tasks


def _resident(pid: int) -> int:
    """Bytes of memory a process has in use; what it shares with others is counted for each of them."""
    fields = _text(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if len(fields) > 1 else 0


def _own_share(pid: int) -> int:
    """The same with what is shared divided by the number that share it; slow, so asked only in doubt."""
    for line in _text(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return _resident(pid)


def _free(folder: str) -> int | None:
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
