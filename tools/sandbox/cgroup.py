"""A control group of the kernel around one command, where this user may make one; its limits hold at any speed.

The supervisor imports this without site-packages: standard library only, and no slow part of it.
"""

from __future__ import annotations

import os
import time

_TRIES, _BREAK_S = 100, 0.002
_PREFIX = "codeagent-"
_ROOT = "/sys/fs/cgroup"
_COUNTERS = (
    ("pids", "pids.events", "max"),
    ("memory", "memory.events", "oom_kill"),
    ("memory", "memory.oom_control", "oom_kill"),
)
_MOUNTS = {"memory": f"{_ROOT}/memory", "pids": f"{_ROOT}/pids"}


class ControlGroup:
    """The folders of one group: one each for memory and processes in version 1, one in all in version 2."""

    def __init__(self, folders: dict[str, str]) -> None:
        self._folders = folders

    def enter(self) -> None:
        """Put the calling process, and with it all that it will start, into the group."""
        for folder in set(self._folders.values()):
            _written(f"{folder}/cgroup.procs", "0")

    def passed(self) -> str:
        """The name of the limit that was met, "" for none."""
        for limit, file, word in _COUNTERS:
            folder = self._folders.get(limit)
            if folder and _count(f"{folder}/{file}", word):
                return "processes" if limit == "pids" else limit
        return ""

    def remove(self) -> None:
        """Remove the group, whose processes must be dead; the kernel may need a moment to see it."""
        for folder in set(self._folders.values()):
            for _ in range(_TRIES):
                if _removed(folder):
                    break
                time.sleep(_BREAK_S)


def make(memory: int, tasks: int) -> ControlGroup | None:
    """A group with these limits, with as many of them as can be had; None where this user can make none."""
    name = f"{_PREFIX}{os.getpid()}"
    folders: dict[str, str] = {}
    for line in _lines("/proc/self/cgroup"):
        number, controllers, own = line.split(":", 2)
        if number == "0" and not folders:
            folders = _second_version(f"{_ROOT}{os.path.dirname(own)}", name, memory, tasks)
        for controller, file, value in (("pids", "pids.max", tasks), ("memory", "memory.limit_in_bytes", memory)):
            if controller in controllers.split(",") and controller not in folders and value:
                folder = f"{_MOUNTS[controller]}{own.rstrip('/')}/{name}"
                if _made(folder, {file: value}):
                    folders[controller] = folder
    return ControlGroup(folders) if folders else None


def _second_version(parent: str, name: str, memory: int, tasks: int) -> dict[str, str]:
    """A sibling of this process's own group, since a group with processes in it may have no groups with limits."""
    if not {"memory", "pids"} <= set(" ".join(_lines(f"{parent}/cgroup.subtree_control")).split()):
        return {}
    folder = f"{parent.rstrip('/')}/{name}"
    limits = {file: value for file, value in (("memory.max", memory), ("pids.max", tasks)) if value}
    # Moving a process needs the right to write in the group above both.
    if not os.access(f"{parent}/cgroup.procs", os.W_OK) or not _made(folder, limits):
        return {}
    return {"memory": folder, "pids": folder}


def _made(folder: str, limits: dict[str, int]) -> bool:
    parent = os.path.dirname(folder)
    try:
        for name in os.listdir(parent):  # what a supervisor left that was killed itself
            if name.startswith(_PREFIX) and not os.path.exists(f"/proc/{name.removeprefix(_PREFIX)}"):
                _removed(f"{parent}/{name}")
        os.mkdir(folder)
    except OSError:
        return False
    if all(_written(f"{folder}/{file}", str(value)) for file, value in limits.items()):
        return True
    _removed(folder)
    return False


def _count(path: str, word: str) -> int:
    fields = [line.split() for line in _lines(path)]
    return next((int(field[1]) for field in fields if len(field) == 2 and field[0] == word), 0)


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _written(path: str, text: str) -> bool:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError:
        return False
    return True


def _removed(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True
