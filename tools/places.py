"""A file's folder held open, reached without following a symbolic link, and locked for a write; knows no bytes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from codeagent.tools.api import ToolError

LOCK_SECONDS = 2.0
_LOCK_STEP = 0.002

# O_PATH needs no right to list the folder, only to go through it.
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Place:
    """A name in a folder that is held open by its descriptor; whatever happens to the path, it is this folder."""

    folder: int
    name: str

    def status(self) -> os.stat_result:
        """What stands there itself; of a link, the link. Raises OSError."""
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)

    def open(self, flags: int) -> int:
        """Open it for reading or as `flags` say; never follows a link, never waits for the other end of a pipe."""
        return os.open(self.name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.folder)


Make = Callable[[Place, Path], None]


@contextlib.contextmanager
def held(path: Path, make: Make | None = None) -> Generator[Place]:
    """The place of an absolute path without symbolic links. Raises OSError ELOOP if there is one in it after all.

    A path that was resolved a moment ago may have changed since: a command of the model can put a link to anywhere into
    it. Going down folder by folder, none of them a link, ends where the path says or nowhere. With `make`, folders that
    are missing are made by it.
    """
    with contextlib.ExitStack() as stack:
        folder = os.open(path.anchor or "/", _STEP)
        stack.callback(os.close, folder)
        at = Path(path.anchor or "/")
        for name in path.parts[1:-1]:
            at /= name
            folder = _below(Place(folder, name), at, make)
            stack.callback(os.close, folder)
        yield Place(folder, path.name or ".")


def _below(place: Place, path: Path, make: Make | None) -> int:
    try:
        return os.open(place.name, _STEP, dir_fd=place.folder)
    except FileNotFoundError:
        if make is None:
            raise
        make(place, path)
        return os.open(place.name, _STEP, dir_fd=place.folder)
    except NotADirectoryError as e:
        if stat.S_ISLNK(place.status().st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from e
        raise


@contextlib.contextmanager
def alone(place: Place, shown: str) -> Generator[None]:
    """Keep every other codeagent from writing in the folder, so that what was checked still holds when it is written.

    At the end the folder is synced. A folder that may not be listed, or is on a file system without locks, is not
    locked. Raises ToolError when another program holds it for long.
    """
    with contextlib.ExitStack() as stack:
        for fd in _listable(place):
            stack.callback(os.close, fd)
            _lock(fd, shown)
            stack.callback(_release, fd)
        yield


def _listable(place: Place) -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place.folder)


def _lock(fd: int, shown: str) -> None:
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise ToolError(
                    f"{shown} was left as it is: another program holds a lock on its folder. Try again when it is done."
                ) from None
            time.sleep(_LOCK_STEP)
        except OSError:
            return  # a file system without locks


def _release(fd: int) -> None:
    with contextlib.suppress(OSError):  # not every file system syncs or locks folders; the file itself is synced
        os.fsync(fd)
    with contextlib.suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)
