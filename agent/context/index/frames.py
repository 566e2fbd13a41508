"""What the index and its workers say to each other, as the bodies of frames; knows no pipe.

To a worker: the paths of a batch, joined by NUL. From a worker: one `Result` a path in the order of the batch, after
one greeting that it is ready.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Final

from codeagent.tools.symbols.frames import DamagedError

_HEAD: Final = struct.Struct("<BqqqI")


class Status(IntEnum):
    """What a worker found: READY is its greeting, PARSED and KNOWN a content that is new or in the database already,
    GONE that no regular file is there, FAILED that it could not be read."""

    READY = 0
    PARSED = 1
    KNOWN = 2
    GONE = 3
    FAILED = 4


@dataclass(frozen=True)
class Result:
    """What a worker says of one file. The blocks are those of `Packed`; `key` identifies the content, `mark` is that of
    the file, or -1 where it may have changed in the moment it was read."""

    status: Status
    size: int = 0
    mtime_ns: int = 0
    mark: int = 0
    lines: int = 0
    key: bytes = b""
    language: bytes = b""
    partial: bytes = b""
    names: bytes = b""
    humps: bytes = b""
    counts: bytes = b""
    definitions: bytes = b""
    uses: bytes = b""
    texts: bytes = b""


_BLOCKS: Final = tuple(field.name for field in fields(Result))[5:]
_SIZES: Final = struct.Struct(f"<{len(_BLOCKS)}I")


def encode_batch(paths: Sequence[bytes]) -> bytes:
    """The body of a batch."""
    return b"\0".join(paths)


def decode_batch(body: bytes) -> list[bytes]:
    """The paths of a batch."""
    return body.split(b"\0")


def encode_result(result: Result) -> bytes:
    """The body of a result."""
    blocks: list[bytes] = [getattr(result, name) for name in _BLOCKS]
    head = _HEAD.pack(result.status, result.size, result.mtime_ns, result.mark, result.lines)
    return b"".join((head, _SIZES.pack(*map(len, blocks)), *blocks))


def decode_result(body: bytes) -> Result:
    """The result in a body. Raises DamagedError."""
    try:
        status, size, mtime_ns, mark, lines = _HEAD.unpack_from(body)
        sizes = _SIZES.unpack_from(body, _HEAD.size)
        known = Status(status)
    except (struct.error, ValueError) as e:
        raise DamagedError("result") from e
    at = _HEAD.size + _SIZES.size
    if at + sum(sizes) != len(body):
        raise DamagedError("result")
    blocks: list[bytes] = []
    for length in sizes:
        blocks.append(body[at : at + length])
        at += length
    return Result(known, size, mtime_ns, mark, lines, *blocks)
