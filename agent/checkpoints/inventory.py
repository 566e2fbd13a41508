"""Which names of a listing can be looked into and what is there, and what git says of objects; starts nothing."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from codeagent.agent.checkpoints.blobs import Blobs
from codeagent.agent.checkpoints.record import Change
from codeagent.agent.checkpoints.states import ABSENT, UNKNOWN, State, look
from codeagent.tools.files import MAX_BYTES, digest

_CLOCK_STEP = 0.02
"""Seconds by which a file system's clock may be behind."""


@dataclass
class Inventory:
    """The names of a listing: those there, with their bytes; those gone; and those that are not looked into, by why."""

    there: dict[str, int] = field(default_factory=dict[str, int])
    gone: list[str] = field(default_factory=list[str])
    large: list[str] = field(default_factory=list[str])
    unreadable: list[str] = field(default_factory=list[str])
    repositories: list[str] = field(default_factory=list[str])

    @property
    def known(self) -> set[str]:
        """Names of which it can be told what is there."""
        return {*self.there, *self.gone}


def take_stock(root: Path, names: Iterable[str]) -> Inventory:
    """Look at each name. What can only be reached through a symbolic link is gone."""
    found = Inventory()
    real: dict[Path, bool] = {}
    for name in names:
        if name.endswith("/"):
            found.repositories.append(name.rstrip("/"))
            continue
        path = root / name
        if path.parent not in real:
            real[path.parent] = os.path.realpath(path.parent) == str(path.parent)
        try:
            status = path.lstat() if real[path.parent] else None
        except OSError:
            status = None
        if status is None or stat.S_ISDIR(status.st_mode):
            found.gone.append(name)
        elif stat.S_ISLNK(status.st_mode):
            found.there[name] = status.st_size
        elif not stat.S_ISREG(status.st_mode) or not os.access(path, os.R_OK):
            found.unreadable.append(name)
        elif status.st_size > MAX_BYTES:
            found.large.append(name)
        else:
            found.there[name] = status.st_size
    return found


def looked_at(changes: Iterable[Change], blobs: Blobs) -> list[Change]:
    """The changes with the state that is there now, its bytes kept; less those that are none after all."""
    found: list[Change] = []
    for change in changes:
        left, data = look(change.path)
        if data is not None:
            blobs.put(left.digest, data, sync=False)
        if not (left.same_content(change.was) and left.same_run_bit(change.was)):
            found.append(Change(change.path, change.was, left))
    return found


def doubted(changes: Iterable[Change], root: Path, before: Inventory, began: float, blobs: Blobs) -> list[Change]:
    """The changes, but a file counts as new only where it is certain that it was not there before the command.

    It may have been there and not been looked into: ignored by a rule that the command took away, in a repository of
    its own, or not readable. `before` is what was skipped then, and `began` the time.
    """
    changes = list(changes)
    skipped = {root / name for name in (*before.large, *before.unreadable)}
    repositories = {root / name for name in before.repositories}
    loosened = any(c.path.name == ".gitignore" and _loosened(c, blobs) for c in changes)
    gone = {c.was.digest for c in changes if c.was.has_data and c.left.no_file}
    found: list[Change] = []
    for change in changes:
        moved = change.left.digest in gone
        doubt = loosened or change.path in skipped or not repositories.isdisjoint(change.path.parents)
        if change.was == ABSENT and (doubt or not (moved or _changed_since(change.path, began))):
            change = Change(change.path, UNKNOWN, change.left)
        found.append(change)
    return found


def _loosened(change: Change, blobs: Blobs) -> bool:
    """Whether a file of ignore rules may ignore less than before."""
    was, left = (
        set((blobs.get(s.digest) or b"").split(b"\n")) if s.has_data else set[bytes]()
        for s in (change.was, change.left)
    )
    unknown = "unknown" in (change.was.kind, change.left.kind)
    return unknown or bool(was - left) or any(line.startswith(b"!") for line in left - was)


def _changed_since(path: Path, began: float) -> bool:
    try:
        return path.lstat().st_ctime >= began - _CLOCK_STEP
    except OSError:
        return True


def keep_objects(path: Path, blobs: Blobs) -> dict[str, str]:
    """Keep the objects in an answer of `cat-file --batch`, and tell each one's digest by its name."""
    kept: dict[str, str] = {}
    for name, data in _objects(path):
        kept[name] = digest(data)
        blobs.put(kept[name], data, sync=False)
    return kept


def state_of(mode: str, kept: str) -> State:
    """The state that git's mode and the digest of the bytes stand for."""
    if mode == "120000":
        return State("link", kept)
    return State("file", kept, 0o755 if mode == "100755" else 0o644)


def entries(index: Path) -> int:
    """How many files an index has, as its header says; 0 where there is none."""
    with contextlib.suppress(OSError, struct.error), index.open("rb") as file:
        return struct.unpack(">4sII", file.read(12))[2]
    return 0


def _objects(path: Path) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as file:
        while head := file.readline().split():
            if len(head) == 3 and head[1] == b"blob":
                yield head[0].decode("ascii"), file.read(int(head[2]))
                file.read(1)
