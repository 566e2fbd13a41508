"""Compares the files on disk with those the index knows, by size and times; reads none and knows no database."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

_SPREAD: Final = 0x9E3779B97F4A7C15
_LARGEST: Final = (1 << 63) - 1


class FileStat(NamedTuple):
    """A file as it was when it was looked at; `path` is relative to the root, with "/" between its parts, and `mark` is
    another number if the file was written, renamed or replaced, whatever its time says.
    """

    path: bytes
    size: int
    mtime_ns: int
    mark: int


@dataclass(frozen=True)
class Changes:
    """What is to be read because it is new or looks changed, what is gone, and how many files look as they were."""

    read: Sequence[FileStat]
    gone: Sequence[bytes]
    unchanged: int


def compare(root: bytes, listed: Sequence[bytes], known: Iterable[FileStat]) -> Changes:
    """Compare sorted lists of paths: those that should be in the index, and those that are."""
    read: list[FileStat] = []
    gone: list[bytes] = []
    unchanged = 0
    rows = iter(known)
    row = next(rows, None)
    for path in listed:
        while row is not None and row.path < path:
            gone.append(row.path)
            row = next(rows, None)
        was = None
        if row is not None and row.path == path:
            was, row = row, next(rows, None)
        now = look(root, path)
        if now is None:
            gone += [path] if was is not None else []
        elif now == was:
            unchanged += 1
        else:
            read.append(now)
    gone += [left.path for left in _rest(row, rows)]
    return Changes(read, gone, unchanged)


def look(root: bytes, path: bytes) -> FileStat | None:
    """The regular file that is there now, None if there is none."""
    try:
        status = os.lstat(root + b"/" + path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileStat(path, status.st_size, status.st_mtime_ns, mark_of(status))


def mark_of(status: os.stat_result) -> int:
    """Inode and time of the last change of anything, as one number that SQLite can hold, never negative."""
    return (status.st_ino * _SPREAD ^ status.st_ctime_ns) & _LARGEST


def _rest(row: FileStat | None, rows: Iterator[FileStat]) -> Iterator[FileStat]:
    if row is not None:
        yield row
        yield from rows
