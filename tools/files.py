"""Bytes in and out of files, and the only place that writes them: limited reads, atomic writes; knows no text."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Generator, Iterable
from io import FileIO
from pathlib import Path

from codeagent.tools.api import ToolError
from codeagent.tools.places import Place, alone, held

MAX_BYTES = 2 * 1024 * 1024

_DESCRIPTORS = Path("/proc/self/fd")
_LEFTOVER = re.compile(r"\.codeagent-[0-9a-f]{16}\.new")

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
}
_REASONS = {
    errno.ENOENT: "it does not exist",
    errno.EACCES: "permission is denied",
    errno.EPERM: "it is not permitted",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no space is left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "it would be larger than allowed",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EISDIR: "it is a folder",
    errno.ELOOP: "symbolic links lead in a circle, or one was put into its path just now",
    errno.EIO: "the disk reported an error",
    errno.EEXIST: "something of that name was made meanwhile",
}


class NotThereError(ToolError):
    """The file does not exist."""


def digest(data: bytes) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal: how all tools name a state of a file."""
    return hashlib.sha256(data).hexdigest()


def read_bytes(path: Path, shown: str, limit: int = MAX_BYTES) -> bytes:
    """All bytes of a regular file, at a path without symbolic links; never blocks on a pipe or a device.

    `shown` is the name for error sentences. Raises NotThereError, or ToolError for all else that is not such a file.
    """
    with _sentences("read", shown), held(path) as place:
        return _read(place, shown, limit)


def is_read_only(path: Path, shown: str) -> bool:
    """Whether an existing file is marked read-only. Root may write it all the same, so the mark is what counts."""
    with _sentences("written", shown), held(path) as place:
        return _is_read_only(place, shown)


def write_atomic(path: Path, data: bytes, expected: str | None, shown: str, override: bool = False) -> None:
    """Give a file these bytes, or leave it as it was and raise ToolError; there is no state between, even after a kill.

    `expected` is the digest of the bytes it must still have; None if it must not exist, in which case missing folders
    are made. No other codeagent can write between that check and the write. Mode, owner and extended attributes stay.
    Where they or other hard links could not stay if the file was replaced, it is written in place: then a kill in the
    middle can tear it, an error cannot. A file that is marked read-only is written, and stays read-only, with
    `override` alone.
    """
    if expected is None:
        _create(path, data, shown)
        return
    with _sentences("written", shown), held(path) as place:
        if not override and _is_read_only(place, shown):
            raise ToolError(f"{shown} is read-only and was left as it is. Ask the person to make it writable.")
        status = place.status()
        if status.st_nlink > 1:
            _write_in_place(place, data, expected, shown)
            return
        with contextlib.closing(_NewFile(place, data, 0o600)) as new:
            if not _copy_metadata(place, new.fd, status):
                _write_in_place(place, data, expected, shown)
                return
            with alone(place, shown):
                _check_expected(place, expected, shown)
                new.replace(place.name)


def remove(path: Path, expected: str, shown: str) -> None:
    """Remove a file whose bytes still have this digest. Raises ToolError, and the file stays, if they have not."""
    with _sentences("removed", shown), held(path) as place, alone(place, shown):
        _check_expected(place, expected, shown)
        os.unlink(place.name, dir_fd=place.folder)


def sweep(paths: Iterable[Path]) -> list[Path]:
    """Those of these files that are no leftovers of a write that was killed; those that are, are removed."""
    kept: list[Path] = []
    for path in paths:
        if not _LEFTOVER.fullmatch(path.name) or not _remove_leftover(path):
            kept.append(path)
    return kept


def _remove_leftover(path: Path) -> bool:
    with contextlib.suppress(OSError), held(path) as place, open(place.open(os.O_RDONLY), "rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # who is still writing it holds it
            os.unlink(place.name, dir_fd=place.folder)
            return True
    return False


def _read(place: Place, shown: str, limit: int) -> bytes:
    fd = place.open(os.O_RDONLY)
    with open(fd, "rb", buffering=0) as file:
        return _content(file, shown, limit)


def _content(file: FileIO, shown: str, limit: int) -> bytes:
    """All bytes of an open file, which must be a regular one and no longer than the limit."""
    status = os.fstat(file.fileno())
    _check_regular(status, shown)
    if status.st_size > limit:
        raise ToolError(
            f"{shown} is too large: {status.st_size:,} bytes, and the limit is {limit:,}. Search it with grep."
        )
    data = bytearray()
    while chunk := file.read(limit + 1 - len(data)):
        data += chunk
        if len(data) > limit:
            raise ToolError(f"{shown} is longer than the limit of {limit:,} bytes. Search it with grep.")
    return bytes(data)


def _is_read_only(place: Place, shown: str) -> bool:
    status = place.status()
    _check_regular(status, shown)
    return not status.st_mode & 0o222 or not os.access(place.name, os.W_OK, dir_fd=place.folder)


def _create(path: Path, data: bytes, shown: str) -> None:
    made: list[Path] = []

    def make(place: Place, folder: Path) -> None:
        os.mkdir(place.name, dir_fd=place.folder)
        made.append(folder)

    try:
        with (
            _sentences("written", shown),
            held(path, make) as place,
            contextlib.closing(_NewFile(place, data, 0o666)) as new,
            alone(place, shown),
        ):
            new.take(place)
    except ToolError:
        for folder in reversed(made):
            with contextlib.suppress(OSError), held(folder) as place:
                os.rmdir(place.name, dir_fd=place.folder)
        raise


class _NewFile:
    """A synced file in a folder, which will get or take over a name there; only within one file system that is atomic.

    Where the system can do that it has no name till then, so that a kill leaves nothing behind. It is locked while it
    lives, so that `sweep` knows it from a leftover. To be closed.
    """

    def __init__(self, place: Place, data: bytes, mode: int) -> None:
        self._folder = place.folder
        self._name: str | None = None
        self.fd = self._open(mode)
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(self.fd, "wb", closefd=False) as file:
                file.write(data)
            os.fsync(self.fd)
        except BaseException:
            self.close()
            raise

    def _open(self, mode: int) -> int:
        if hasattr(os, "O_TMPFILE") and _DESCRIPTORS.is_dir():
            with contextlib.suppress(OSError):  # a file system that cannot; another fault is met again below
                return os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode, dir_fd=self._folder)
        name = _temporary_name()
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=self._folder)
        self._name = name
        return fd

    def _link(self, name: str) -> None:
        """Give it a name, which must be free: unlike a rename this fails if it is taken."""
        if self._name is None:
            os.link(_DESCRIPTORS / str(self.fd), name, dst_dir_fd=self._folder)
        else:
            os.link(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def replace(self, name: str) -> None:
        """Take over a name from the file that has it."""
        if self._name is None:
            temporary = _temporary_name()
            self._link(temporary)
            self._name = temporary
        os.replace(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def take(self, place: Place) -> None:
        """Take a name that is free."""
        try:
            self._link(place.name)
        except OSError as e:
            if e.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
                raise
            with contextlib.suppress(FileNotFoundError):
                place.status()
                raise
            self.replace(place.name)  # a file system without hard links

    def close(self) -> None:
        """Leave nothing behind but what got a name."""
        if self._name is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=self._folder)
        os.close(self.fd)


def _temporary_name() -> str:
    return f".codeagent-{secrets.token_hex(8)}.new"


def _copy_metadata(place: Place, new: int, status: os.stat_result) -> bool:
    """Give the new file the owner, mode and extended attributes of the old one; False if that is not possible."""
    with open(place.open(os.O_RDONLY), "rb") as file:
        old = file.fileno()
        try:
            made = os.fstat(new)
            if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
                os.fchown(new, status.st_uid, status.st_gid)
            os.fchmod(new, stat.S_IMODE(status.st_mode))  # after chown, which clears the set-user-id bit
            if hasattr(os, "listxattr"):
                has = set(os.listxattr(new))
                for name in os.listxattr(old):
                    value = os.getxattr(old, name)
                    if name not in has or os.getxattr(new, name) != value:
                        os.setxattr(new, name, value)
        except OSError as e:
            return e.errno == errno.EOPNOTSUPP
    return True


def _write_in_place(place: Place, data: bytes, expected: str, shown: str) -> None:
    with alone(place, shown), open(place.open(os.O_RDWR), "r+b", buffering=0) as file:
        before = _expected(lambda: _content(file, shown, MAX_BYTES), expected, shown)
        fd = file.fileno()
        try:
            if len(data) > len(before) and hasattr(os, "posix_fallocate"):
                _reserve(fd, len(data))
            try:
                _replace_all(fd, data)
            except OSError:
                _replace_all(fd, before)
                raise
        except OSError:
            os.ftruncate(fd, len(before))
            raise


def _reserve(fd: int, size: int) -> None:
    """Find out that the disk is full before the first byte changes, where the file system can tell."""
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as e:
        if e.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


def _replace_all(fd: int, data: bytes) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(fd, data[done:], done)
    os.ftruncate(fd, len(data))
    os.fsync(fd)


def _check_expected(place: Place, expected: str, shown: str) -> None:
    _expected(lambda: _read(place, shown, MAX_BYTES), expected, shown)


def _expected(content: Callable[[], bytes], expected: str, shown: str) -> bytes:
    """The bytes of the file, which must be the expected ones."""
    try:
        data = content()
    except (ToolError, OSError):
        data = None
    if data is None or digest(data) != expected:
        raise changed(shown)
    return data


def changed(shown: str) -> ToolError:
    """The error for a file that is no longer what a call was prepared for."""
    return ToolError(f"{shown} changed after it was shown, and was not written. Read it again before changing it.")


def _check_regular(status: os.stat_result, shown: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise ToolError(f"{shown} is a folder, not a file. See what is in it with list.")
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "a special file")
        raise ToolError(f"{shown} is {kind}, not a regular file.")


@contextlib.contextmanager
def _sentences(verb: str, shown: str) -> Generator[None]:
    """Turn errors of the operating system into sentences."""
    try:
        yield
    except FileNotFoundError as e:
        raise NotThereError(f"{shown} does not exist.") from e
    except OSError as e:
        reason = _REASONS.get(e.errno or 0) or (e.strerror or type(e).__name__)
        kept = "; it is as it was" if verb == "written" else ""
        raise ToolError(f"{shown} cannot be {verb}: {reason}{kept}.") from e
