"""What the index says of itself and of its files: plain data; knows no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

IGNORE_FILES: Final = frozenset({b".gitignore", b".codeagentignore", b".ignore", b".rgignore"})
"""Names of files whose change may change which files the index is about."""


@dataclass(frozen=True)
class IndexedFile:
    """A file of the index. `path` is relative to the root, with "/" between its parts and surrogates for bytes that are
    not UTF-8. `language` is None where no grammar fits. `partial` is a sentence on what is missing, "" for nothing.
    """

    path: str
    language: str | None
    lines: int
    size: int
    mtime_ns: int
    partial: str


@dataclass(frozen=True)
class IndexProgress:
    """How far a refresh is: of `total` files to be read, `done` are in the index."""

    done: int
    total: int


@dataclass(frozen=True)
class Refreshed:
    """What a refresh or an update came to, in numbers of files.

    `files` are those of the index, or those that an update looked at. `unchanged` were not read, `read` were, and
    `parsed` of these held a content that was not known. `notices` are sentences a person should see: what could not be
    done, and what follows from it.
    """

    files: int = 0
    unchanged: int = 0
    read: int = 0
    parsed: int = 0
    removed: int = 0
    partial: int = 0
    seconds: float = 0.0
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class IndexStats:
    """What the index holds. `bytes` is the size of all files, `database_bytes` that of the index itself; `partial` says
    of each file that is not wholly in the index why.
    """

    files: int = 0
    languages: Mapping[str, int] = field(default_factory=dict[str, int])
    definitions: int = 0
    references: int = 0
    bytes: int = 0
    partial: Mapping[str, str] = field(default_factory=dict[str, str])
    database_bytes: int = 0
