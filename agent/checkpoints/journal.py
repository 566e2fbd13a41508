"""A file of records, one a line with a checksum, written at once and never rewritten; knows not what they mean."""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Data = dict[str, Any]


def encode(record: Data) -> bytes:
    """One line, newline included."""
    body = json.dumps(record, separators=(",", ":")).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode(line: bytes) -> Data | None:
    """The record of a line without its newline; None where it is torn, padded, foreign or altered."""
    try:
        if line[8:9] != b" " or int(line[:8], 16) != zlib.crc32(line[9:]):
            return None
        record: Any = json.loads(line[9:])
    except ValueError:
        return None
    return record if isinstance(record, dict) else None  # pyright: ignore[reportUnknownVariableType]  # JSON


def load(path: Path) -> list[Data]:
    """The whole records of a file, in order; none where it cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError:
        return []
    return [record for line in raw.split(b"\n") if (record := decode(line)) is not None]


class Journal:
    """An open file of records, held by one process."""

    def __init__(self, path: Path) -> None:
        """Open or make it, in a folder that is there. Raises OSError, BlockingIOError where another process has it."""
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = os.fstat(self._fd).st_size
            if size and os.pread(self._fd, 1, size - 1) != b"\n":
                os.write(self._fd, b"\n")  # a torn last record keeps its bytes and ends its line
        except OSError:
            os.close(self._fd)
            raise

    def append(self, records: Sequence[Data], sync: bool) -> None:
        """Write records at once; with `sync` they are on the disk when this returns. Raises OSError."""
        data = b"".join(map(encode, records))
        written = os.write(self._fd, data)
        if written != len(data):
            os.write(self._fd, b"\n")
            raise OSError(28, "No space left on device")
        if sync:
            os.fsync(self._fd)

    def close(self) -> None:
        """Close it and let go of it. Safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
