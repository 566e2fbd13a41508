"""Cuts what goes through the pipes of a process that parses into frames: four bytes of length, then a body; knows no
body."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

MAX_FRAME: Final = 64 * 1024 * 1024
_LENGTH: Final = struct.Struct("<I")


class DamagedError(ValueError):
    """Bytes that cannot be what was sent."""


def frame(body: bytes) -> bytes:
    """A body made ready to be sent."""
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Cuts bytes, in any partition, into bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies these bytes complete. Raises DamagedError at a length that cannot be."""
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, at)
            if length > MAX_FRAME:
                raise DamagedError("frame")
            if len(self._buffer) - at < _LENGTH.size + length:
                break
            at += _LENGTH.size
            yield bytes(self._buffer[at : at + length])
            at += length
        del self._buffer[:at]
