"""Bytes in and out of files, and the only place that writes them: limited reads, atomic writes; knows no text."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Generator
from pathlib import Path

from codeagent.tools.api import ToolError

MAX_BYTES = 2 * 1024 * 1024

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
    errno.ELOOP: "symbolic links lead in a circle",
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
    with _sentences("read", shown):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(fd, "rb", buffering=0) as file:
            _check_regular(os.fstat(fd), shown)
            size = os.fstat(fd).st_size
            if size > limit:
                raise ToolError(
                    f"{shown} is too large: {size:,} bytes, and the limit is {limit:,}. Search it with grep."
                )
            data = bytearray()
            while chunk := file.read(limit + 1 - len(data)):
                data += chunk
                if len(data) > limit:
                    raise ToolError(f"{shown} is longer than the limit of {limit:,} bytes. Search it with grep.")
            return bytes(data)


def is_read_only(path: Path, shown: str) -> bool:
    """Whether an existing file is marked read-only. Root may write it all the same, so the mark is what counts."""
    with _sentences("written", shown):
        status = path.lstat()
        _check_regular(status, shown)
        return not status.st_mode & 0o222 or not os.access(path, os.W_OK)


def write_atomic(path: Path, data: bytes, expected: str | None, shown: str, override: bool = False) -> None:
    """Give a file these bytes, or leave it as it was and raise ToolError; there is no state between, even after a kill.

    `expected` is the digest of the bytes it must still have; None if it must not exist, in which case missing folders
    are made. Mode, owner and extended attributes stay. Where they or other hard links could not stay if the file was
    replaced, it is written in place: then a kill in the middle can tear it, an error cannot. A file that is marked
    read-only is written, and stays read-only, with `override` alone.
    """
    if expected is None:
        _create(path, data, shown)
        return
    if not override and is_read_only(path, shown):
        raise ToolError(f"{shown} is read-only and was left as it is. Ask the person to make it writable.")
    with _sentences("written", shown):
        status = path.lstat()
        if status.st_nlink > 1:
            _write_in_place(path, data, expected, shown)
            return
        temporary = _write_temporary(path.parent, data, 0o600)
        try:
            if not _copy_metadata(path, temporary, status):
                _write_in_place(path, data, expected, shown)
                return
            _check_expected(path, expected, shown)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)


def remove(path: Path, expected: str, shown: str) -> None:
    """Remove a file whose bytes still have this digest. Raises ToolError, and the file stays, if they have not."""
    with _sentences("removed", shown):
        _check_expected(path, expected, shown)
        path.unlink()
        _sync_folder(path.parent)


def _create(path: Path, data: bytes, shown: str) -> None:
    made: list[Path] = []
    try:
        with _sentences("written", shown):
            for folder in reversed([path.parent, *path.parent.parents]):
                if not os.path.lexists(folder):
                    folder.mkdir()
                    made.append(folder)
            temporary = _write_temporary(path.parent, data, 0o666)
            try:
                os.link(temporary, path)  # unlike a rename it fails if the name is taken
            except OSError as e:
                if e.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK) or os.path.lexists(path):
                    raise
                temporary.replace(path)  # a file system without hard links
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(path.parent)
    except ToolError:
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _write_temporary(folder: Path, data: bytes, mode: int) -> Path:
    """A new synced file beside the one to be replaced, since only within one file system a rename is atomic."""
    temporary = folder / f".codeagent-{secrets.token_hex(8)}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with open(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _copy_metadata(path: Path, temporary: Path, status: os.stat_result) -> bool:
    """Give the new file the owner, mode and extended attributes of the old one; False if that is not possible."""
    try:
        made = temporary.lstat()
        if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
            os.chown(temporary, status.st_uid, status.st_gid)
        temporary.chmod(stat.S_IMODE(status.st_mode))  # after chown, which clears the set-user-id bit
        if hasattr(os, "listxattr"):
            has = set(os.listxattr(temporary))
            for name in os.listxattr(path):
                value = os.getxattr(path, name)
                if name not in has or os.getxattr(temporary, name) != value:
                    os.setxattr(temporary, name, value)
    except OSError as e:
        return e.errno == errno.EOPNOTSUPP
    return True


def _write_in_place(path: Path, data: bytes, expected: str, shown: str) -> None:
    before = _check_expected(path, expected, shown)
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
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
    finally:
        os.close(fd)


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


def _check_expected(path: Path, expected: str, shown: str) -> bytes:
    """The bytes of the file, which must be the expected ones."""
    try:
        data = read_bytes(path, shown)
    except ToolError:
        data = None
    if data is None or digest(data) != expected:
        raise changed(shown)
    return data


def changed(shown: str) -> ToolError:
    """The error for a file that is no longer what a call was prepared for."""
    return ToolError(f"{shown} changed after it was shown, and was not written. Read it again before changing it.")


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system syncs folders; the file itself is synced
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


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
