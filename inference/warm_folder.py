"""States of the cache as files: whole or not there, checked before they are given out; knows no model and no engine.

Several processes may use one folder without locks. A file is written under another name and renamed, so it is never
seen half written; it is not changed after that; and one that disappears while it is wanted was simply not there.
Nothing is made durable: what a crash tears is found by its checksum and thrown away.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from codeagent.inference.client import Frozen

SUFFIX = ".state"
MOST_FILES = 256
_MAGIC = b"codeagent-state-1\n"
_LENGTH = struct.Struct("<I")
_START = len(_MAGIC) + hashlib.sha256().digest_size
_MAX_HEADER = 64 << 10
_TEMPORARY = ".tmp"
_ABANDONED_S = 600.0
_KEPT_FREE = 512 << 20
"""Bytes left free on the disk."""

Tokens = NDArray[np.int32]


@dataclass(frozen=True)
class Part:
    """A state after the first `length` tokens: the whole, or with `partial` what a model keeps beside its cache."""

    length: int
    partial: bool
    data: bytearray | memoryview


class _PartHeader(Frozen):
    length: int = Field(ge=0)
    partial: bool
    size: int = Field(ge=1)


class _Header(Frozen):
    key: str
    shared: bool
    tokens: int = Field(ge=1, le=1 << 24)
    parts: tuple[_PartHeader, ...] = Field(min_length=1, max_length=64)


@dataclass(frozen=True)
class Stored:
    """A file as its beginning describes it, which is not to be believed before load(). `shared`: what many sessions
    begin with; `lengths`: after how many tokens there is a state.
    """

    path: Path
    key: str
    shared: bool
    tokens: Tokens
    lengths: tuple[int, ...]
    size: int


class StateFolder:
    """The states in one folder, at most `limit` bytes of them: the one not used for longest goes first."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._seen: dict[tuple[str, int, int], Stored | None] = {}

    def stored(self, key: str) -> list[Stored]:
        """What there is for this key; what is none of our files is deleted. Never raises."""
        seen: dict[tuple[str, int, int], Stored | None] = {}
        for path, status in _files(self._folder, SUFFIX):
            known = (path.name, status.st_size, status.st_ino)
            seen[known] = found = self._seen[known] if known in self._seen else _describe(path)
            if found is None:
                _delete(path)
        self._seen = seen
        return [found for found in seen.values() if found is not None and found.key == key]

    def load(self, stored: Stored) -> list[Part] | None:
        """The states in a file whose every byte is as it was saved; else None, and the file is gone. Never raises."""
        try:
            with _open(stored.path) as file:
                size = os.fstat(file.fileno()).st_size
                content = bytearray(size if size == stored.size else 0)
                if not content or file.readinto(content) != size:
                    raise _DamagedError  # all of it is in memory before it is checked: nobody can change it then
            view = memoryview(content)
            if hashlib.sha256(view[_START:]).digest() != bytes(view[len(_MAGIC) : _START]):
                raise _DamagedError
            header, start = _header(view)
            tokens = np.frombuffer(view, np.int32, header.tokens, start)
            if header.key != stored.key or not np.array_equal(tokens, stored.tokens):
                raise _DamagedError
        except FileNotFoundError:
            return None
        except (OSError, MemoryError, _DamagedError):
            self.remove(stored)
            return None
        with suppress(OSError):
            os.utime(stored.path)  # now the one used last
        parts: list[Part] = []
        start += 4 * header.tokens
        for part in header.parts:
            parts.append(Part(part.length, part.partial, view[start : start + part.size]))
            start += part.size
        return parts

    def save(self, key: str, tokens: Sequence[int], parts: Sequence[Part], shared: bool = False) -> str:
        """Keep these states, and make room for them. "" when that worked, else why it did not. Never raises."""
        read = np.asarray(tokens, np.int32)
        described = _Header(
            key=key,
            shared=shared,
            tokens=len(read),
            parts=tuple(_PartHeader(length=p.length, partial=p.partial, size=len(p.data)) for p in parts),
        )
        header = described.model_dump_json().encode()
        pieces = [_LENGTH.pack(len(header)), header, read.tobytes(), *(part.data for part in parts)]
        size = _START + sum(map(len, pieces))
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        name = hashlib.sha256(key.encode() + read.tobytes()).hexdigest()[:32] + SUFFIX
        temporary = self._folder / f".{name}.{os.getpid()}-{secrets.token_hex(4)}{_TEMPORARY}"
        if size > self._limit:
            return f"a state of {size:,} bytes is larger than all of them may be together"
        try:
            if shutil.disk_usage(self._folder).free - size < _KEPT_FREE:
                return "the disk is nearly full"
            self.prune(size)
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.writelines([_MAGIC, digest.digest(), *pieces])
            temporary.replace(self._folder / name)
        except OSError as error:
            _delete(temporary)
            return f"it cannot be written ({error.strerror or error})"
        return ""

    def remove(self, stored: Stored) -> None:
        """Delete it, if it is still there. Never raises."""
        _delete(stored.path)

    def prune(self, room: int = 0) -> None:
        """Delete what killed processes left, and states until `room` more bytes fit. Never raises."""
        for path, status in _files(self._folder, _TEMPORARY):
            if status.st_mtime < time.time() - _ABANDONED_S:
                _delete(path)
        states = sorted(_files(self._folder, SUFFIX), key=lambda entry: entry[1].st_mtime_ns)
        total = sum(status.st_size for _, status in states)
        for number, (path, status) in enumerate(states):
            if total + room <= self._limit and len(states) - number < MOST_FILES:
                break
            _delete(path)
            total -= status.st_size


class _DamagedError(Exception):
    """The file is not as it was written."""


def size_of(folder: Path) -> int:
    """Bytes of all states in a folder."""
    return sum(status.st_size for _, status in _files(folder, SUFFIX))


def _delete(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _files(folder: Path, suffix: str) -> list[tuple[Path, os.stat_result]]:
    found: list[tuple[Path, os.stat_result]] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(suffix):
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        found.append((Path(entry.path), status))
    return found


def _open(path: Path) -> FileIO:
    file = FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK))
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        file.close()
        raise _DamagedError
    return file


def _describe(path: Path) -> Stored | None:
    try:
        with _open(path) as file:
            size = os.fstat(file.fileno()).st_size
            beginning = file.read(_START + _LENGTH.size + _MAX_HEADER)
            header, start = _header(memoryview(beginning), size)
            file.seek(start)
            tokens = np.frombuffer(file.read(4 * header.tokens), np.int32)
    except (OSError, _DamagedError):
        return None
    if len(tokens) != header.tokens:
        return None
    return Stored(path, header.key, header.shared, tokens, tuple(p.length for p in header.parts), size)


def _header(content: memoryview, size: int | None = None) -> tuple[_Header, int]:
    """The header and where the tokens begin; the file has exactly the bytes it speaks of."""
    size = len(content) if size is None else size
    if len(content) < _START + _LENGTH.size or bytes(content[: len(_MAGIC)]) != _MAGIC:
        raise _DamagedError
    (length,) = _LENGTH.unpack_from(content, _START)
    start = _START + _LENGTH.size + length
    if length > _MAX_HEADER or len(content) < start:
        raise _DamagedError
    try:
        header = _Header.model_validate_json(bytes(content[start - length : start]))
    except ValidationError:
        raise _DamagedError from None
    if start + 4 * header.tokens + sum(part.size for part in header.parts) != size:
        raise _DamagedError
    if any(part.length > header.tokens for part in header.parts):
        raise _DamagedError
    return header, start
