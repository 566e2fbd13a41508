"""A worker process: reads files, has their symbols extracted and sends them back; may be killed by what it reads.

    python -P -m codeagent.agent.context.index.worker ROOT DATABASE SECONDS MEGABYTES

It imports as little as it can, and of the database it only asks which contents are known.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Final

from codeagent.agent.context.index.frames import Result, Status, decode_batch, encode_result
from codeagent.agent.context.index.packing import pack
from codeagent.agent.context.index.scan import mark_of
from codeagent.tools.symbols.api import FileSymbols
from codeagent.tools.symbols.confined import serve
from codeagent.tools.symbols.languages import language_of

MAX_BYTES: Final = 2 * 1024 * 1024
"""A longer file is not read: no tool could show it either."""
NICENESS: Final = 5
_TICK_NS: Final = 20_000_000
_COARSE_NS: Final = 2_000_000_000
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_A_FILE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.ENODEV)

SymbolsOf = Callable[[str, bytes], FileSymbols]


class Folders:
    """Opens files below the root, never through a symbolic link, whatever became of the folders meanwhile."""

    def __init__(self, root: str) -> None:
        self._name = root
        self._root = self._last = os.open(root, _FOLDER)
        self._path = b""

    def open(self, path: bytes) -> int:
        """A descriptor of the file, which need not be a regular one. Raises OSError."""
        folder, _, name = path.rpartition(b"/")
        if folder != self._path:
            self._enter(folder)
        return os.open(name, _FILE, dir_fd=self._last)

    def forget(self) -> None:
        """Open the folder anew the next time: by then another may have its name."""
        if self._last != self._root:
            os.close(self._last)
        self._path, self._last = b"", self._root

    def renew(self) -> None:
        """The same for the root; where none is there now, the old one stays."""
        self.forget()
        with suppress(OSError):
            root = os.open(self._name, _FOLDER)
            os.close(self._root)
            self._root = self._last = root

    def _enter(self, folder: bytes) -> None:
        self.forget()
        inner = self._root
        for part in folder.split(b"/") if folder else ():
            try:
                deeper = os.open(part, _FOLDER, dir_fd=inner)
            finally:
                if inner != self._root:
                    os.close(inner)
            inner = deeper
        self._path, self._last = folder, inner


class Known:
    """Asks the database whether it holds a content; a database that cannot be asked knows none."""

    def __init__(self, database: str) -> None:
        self._connection: sqlite3.Connection | None = None
        with suppress(sqlite3.Error):
            uri = f"{Path(database).as_uri()}?mode=rw"  # never makes one
            self._connection = sqlite3.connect(uri, timeout=1, isolation_level=None, uri=True)
            self._connection.execute("PRAGMA query_only = on")

    def __contains__(self, key: bytes) -> bool:
        if self._connection is None:
            return False
        try:
            with closing(self._connection.execute("SELECT 1 FROM contents WHERE key = ?", (key,))) as rows:
                return rows.fetchone() is not None
        except sqlite3.Error:
            return False


class FileWorker:
    """Turns a path into a result. Raises MemoryError alone."""

    def __init__(self, root: str, database: str, symbols_of: SymbolsOf) -> None:
        self._folders = Folders(root)
        self._known = Known(database)
        self._symbols_of = symbols_of

    def begin(self) -> None:
        """To be called when time may have gone by since the last result."""
        self._folders.renew()

    def result(self, path: bytes) -> Result:
        """What is to be known of the file as it is now."""
        try:
            descriptor = self._folders.open(path)
        except OSError as e:
            self._folders.forget()
            return Result(Status.GONE) if e.errno in _NOT_A_FILE else _failed(e)
        with open(descriptor, "rb", buffering=0) as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                return Result(Status.GONE)
            if before.st_size > MAX_BYTES:
                size = f"It has {before.st_size / 1e6:,.0f} MB; files above {MAX_BYTES / 1e6:.0f} MB are not read."
                return Result(Status.FAILED, *_status(before), partial=size.encode())
            try:
                data = file.read(MAX_BYTES + 1) or b""
                while len(data) <= MAX_BYTES and (more := file.read(MAX_BYTES + 1 - len(data))):
                    data += more
            except OSError as e:
                return _failed(e, before)
            after = os.fstat(descriptor)
        steady = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) and len(
            data
        ) == after.st_size
        return self._parsed(path, data[:MAX_BYTES], _status(before) if steady else (*_status(before)[:2], -1))

    def _parsed(self, path: bytes, data: bytes, status: tuple[int, int, int]) -> Result:
        name = os.fsdecode(path)
        key = content_key(name, data)
        if key in self._known:
            return Result(Status.KNOWN, *status, key=key)
        try:
            symbols = self._symbols_of(name, data)
            packed = pack(symbols)
        except MemoryError:
            raise
        except Exception as e:  # a mistake of ours costs no more than a parser's: this file
            return Result(Status.FAILED, *status, partial=f"Its symbols were not found: {type(e).__name__}.".encode())
        return Result(
            Status.PARSED,
            *status,
            lines=data.count(b"\n") + (not data.endswith(b"\n") and data != b""),
            key=key,
            language=(symbols.language or "").encode(),
            partial=packed.partial.encode("utf-8", "replace"),
            names=packed.names,
            humps=packed.humps,
            counts=packed.counts,
            definitions=packed.definitions,
            uses=packed.uses,
            texts=packed.texts,
        )


def content_key(name: str, data: bytes) -> bytes:
    """What two files share that have the same symbols: their bytes and all of their names that tells the language."""
    language = language_of(name, data)
    kind = language.name if language else PurePosixPath(name).suffix.lower()
    salted = blake2b(os.fsencode(kind) + b"\0", digest_size=16)
    salted.update(data)
    return salted.digest()


def _status(status: os.stat_result) -> tuple[int, int, int]:
    """Size, time and mark; -1 for a file so young that a change to come could leave its times as they are."""
    age = time.time_ns() - status.st_ctime_ns
    young = age < (_TICK_NS if status.st_ctime_ns % 1_000_000_000 else _COARSE_NS)
    return status.st_size, status.st_mtime_ns, -1 if young else mark_of(status)


def _failed(error: OSError, status: os.stat_result | None = None) -> Result:
    reason = f"It cannot be read: {(error.strerror or type(error).__name__).lower()}."
    return Result(Status.FAILED, *(_status(status) if status else (0, 0, -1)), partial=reason.encode())


def main(arguments: Sequence[str], symbols_of: SymbolsOf | None = None) -> int:
    """Serve until stdin ends; returns the exit code."""
    root, database, seconds, megabytes = arguments
    if symbols_of is None:
        from codeagent.tools.symbols.extract import symbols_of  # tree-sitter, not needed where another one is given
    os.nice(NICENESS)
    worker = FileWorker(root, database, symbols_of)

    def answers(batch: bytes) -> Iterator[bytes]:
        worker.begin()
        for path in decode_batch(batch):
            yield encode_result(worker.result(path))

    return serve(float(seconds), int(megabytes), encode_result(Result(Status.READY)), answers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
