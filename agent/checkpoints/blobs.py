"""Bytes kept under their digest, in memory or in a folder; knows no file of the workspace."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from codeagent.agent.private import make_private_folder
from codeagent.tools.files import digest


class Blobs(Protocol):
    """A place for bytes. What is in it never changes."""

    def put(self, key: str, data: bytes, sync: bool) -> None:
        """Keep bytes under their digest; with `sync` they are on the disk when this returns. Raises OSError."""
        ...

    def get(self, key: str) -> bytes | None:
        """The bytes; None where they are not kept, or not whole, any more."""
        ...


class MemoryBlobs:
    """Keeps bytes as long as the process lives."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def put(self, key: str, data: bytes, sync: bool) -> None:
        """See Blobs."""
        self._kept.setdefault(key, data)

    def get(self, key: str) -> bytes | None:
        """See Blobs."""
        return self._kept.get(key)


class DiskBlobs:
    """A folder of files named by their digest; a file is there whole or not at all, also after a kill."""

    def __init__(self, folder: Path) -> None:
        """Made when the first bytes come."""
        self._folder = folder
        self._temporary = folder / "tmp"
        self._synced: set[str] = set()
        self.added = 0
        """Bytes that were new."""

    def put(self, key: str, data: bytes, sync: bool) -> None:
        """See Blobs."""
        path = self._path(key)
        there = path.exists()
        if there and (key in self._synced or not sync):
            return
        for folder in (path.parent, self._temporary):
            if not folder.exists():
                make_private_folder(folder)
        temporary = self._temporary / secrets.token_hex(8)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "wb") as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(fd)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        self.added += 0 if there else len(data)
        if sync:
            _sync_folder(path.parent)
            self._synced.add(key)

    def get(self, key: str) -> bytes | None:
        """See Blobs."""
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        return data if digest(data) == key else None

    def clear_temporary(self) -> None:
        """Remove what a killed process left half written. Only for who knows that no other process writes here."""
        with contextlib.suppress(OSError):
            for path in self._temporary.iterdir():
                path.unlink()

    def size(self) -> int:
        """Bytes of all that is kept."""
        return sum(path.stat().st_size for path in self._all())

    def keep_only(self, keys: Iterable[str]) -> None:
        """Remove all other bytes. Only for who knows that no other process writes here."""
        wanted = set(keys)
        for path in self._all():
            if path.name not in wanted:
                path.unlink()

    def _all(self) -> list[Path]:
        return [path for path in self._folder.glob("??/*") if path.is_file()]

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
