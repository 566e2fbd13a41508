"""Puts what workers found into the database, many files a transaction; knows no process and asks no question."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from codeagent.agent.context.index.frames import Result, Status
from codeagent.agent.context.index.packing import COLUMNS, NONE, Packed, check
from codeagent.agent.context.index.scan import FileStat
from codeagent.agent.context.index.store import Store, transaction
from codeagent.tools.symbols.frames import DamagedError

FLUSH_FILES: Final = 2000
FLUSH_BYTES: Final = 16 * 1024 * 1024
FLUSH_S: Final = 3.0
KEPT_CONTENTS: Final = 20_000
"""So many contents that no file has any more are kept at least, for when a branch is switched back."""
_CACHED_NAMES: Final = 150_000


@dataclass(frozen=True)
class _Postings:
    """The rows that lead from names to contents."""

    defined: list[tuple[int, int, int]]
    used: list[tuple[int, int]]

    def add(self, content: int, numbers: Sequence[int], counts: Sequence[int], rows: Sequence[int]) -> None:
        """The rows of a content, `numbers` being what its local numbers of names stand for."""
        for name, scope in set(zip(rows[0::COLUMNS], rows[1::COLUMNS], strict=True)):
            self.defined.append((numbers[name], 0 if scope == NONE else numbers[scope], content))
        self.used.extend((number, content) for number, count in zip(numbers, counts, strict=True) if count)


class Writer:
    """Writes for as long as it is open; what was added is there after `flush`, and not before. Any method may raise
    sqlite3.Error."""

    def __init__(self, store: Store) -> None:
        self._connection = store.connect()
        self._connection.execute("PRAGMA cache_size = -32000")
        self._connection.execute("PRAGMA wal_autocheckpoint = 4000")
        self._names: dict[str, int] = {}
        self._defined: set[int] = set()
        self._postings = _Postings([], [])
        self._buffer: list[tuple[FileStat, Result]] = []
        self._bytes = 0
        self._flushed = time.monotonic()
        self.missed: list[FileStat] = []
        """Files whose content a worker found in the database and which was removed from it since."""
        self.parsed = self.partial = self.removed = 0

    def close(self) -> None:
        """Close the connection; what was not flushed is lost."""
        self._connection.close()

    def known(self) -> Iterator[FileStat]:
        """All files, by path."""
        with closing(self._connection.execute("SELECT path, size, mtime_ns, mark FROM files ORDER BY path")) as rows:
            yield from map(FileStat._make, rows)

    def known_at(self, path: bytes) -> list[FileStat]:
        """The file of this path, and all that stand below it if it is that of a folder, by path."""
        below = (path, path + b"/", path + b"0")  # 0 follows /
        query = "SELECT path, size, mtime_ns, mark FROM files WHERE path = ? OR path > ? AND path < ? ORDER BY path"
        return [FileStat._make(row) for row in self._connection.execute(query, below)]

    def add(self, file: FileStat, result: Result) -> None:
        """Take in a result; now and then all that came is written."""
        self._buffer.append((file, result))
        self._bytes += len(result.definitions) + len(result.uses) + len(result.texts)
        full = len(self._buffer) >= FLUSH_FILES or self._bytes >= FLUSH_BYTES
        if full or time.monotonic() - self._flushed > FLUSH_S:
            self.flush()

    def remove(self, paths: Sequence[bytes]) -> None:
        """Drop files; their contents stay for a while."""
        if paths:
            with transaction(self._connection):
                self._connection.executemany("DELETE FROM files WHERE path = ?", ((path,) for path in paths))
                self._changed()
            self.removed += len(paths)

    def flush(self) -> None:
        """Write what was added."""
        buffer, self._buffer, self._bytes = self._buffer, [], 0
        self._flushed = time.monotonic()
        if not buffer:
            return
        gone = [(file.path,) for file, result in buffer if result.status is Status.GONE]
        self._postings = _Postings([], [])
        with transaction(self._connection):
            rows = [self._row(file, result) for file, result in buffer if result.status is not Status.GONE]
            self._connection.executemany("INSERT INTO defined VALUES (?, ?, ?)", sorted(self._postings.defined))
            self._connection.executemany("INSERT INTO used VALUES (?, ?)", sorted(self._postings.used))
            values = (row for row in rows if row is not None)
            self._connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", values)
            self._connection.executemany("DELETE FROM files WHERE path = ?", gone)
            self._changed()

    def prune(self, kept: int = KEPT_CONTENTS) -> None:
        """Remove the oldest contents that no file has, where there are more than so many and than files."""
        (files,) = self._connection.execute("SELECT count(*) FROM files").fetchone()
        (contents,) = self._connection.execute("SELECT count(*) FROM contents").fetchone()
        if contents - files <= max(kept, files):
            return
        unused = "SELECT id FROM contents WHERE id NOT IN (SELECT content FROM files WHERE content IS NOT NULL)"
        ids = [number for (number,) in self._connection.execute(f"{unused} ORDER BY id")]
        doomed = ids[: max(0, len(ids) - max(kept, files) // 2)]
        for start in range(0, len(doomed), FLUSH_FILES):
            with transaction(self._connection):
                for number in doomed[start : start + FLUSH_FILES]:
                    self._forget(number)

    def _row(self, file: FileStat, result: Result) -> tuple[object, ...] | None:
        """The row of a file whose content is in the database, put there if need be; None if it is to be read again."""
        partial = result.partial.decode("utf-8", "replace")
        status = (result.size, result.mtime_ns, result.mark) if result.mtime_ns else (file.size, file.mtime_ns, -1)
        content = None
        if result.status is not Status.FAILED:
            known = self._connection.execute("SELECT id, partial FROM contents WHERE key = ?", (result.key,)).fetchone()
            if known is not None:
                content, partial = known
            elif result.status is Status.KNOWN:
                self.missed.append(file)
                return None
            else:
                try:
                    content = self._insert(result, partial)
                except DamagedError:
                    partial = "The process that parsed it sent what cannot be, so it is left out."
        self.partial += partial != ""
        return (file.path, *status, content, partial if content is None else "")

    def _insert(self, result: Result, partial: str) -> int:
        packed = (result.names, result.humps, result.counts, result.definitions, result.uses, result.texts)
        names, humps, counts, rows = check(Packed(*packed, partial=partial))
        numbers = list(map(self._number, names, humps))
        used = len(counts) - counts.count(0)
        values = (result.key, result.language.decode(), result.lines, partial, len(rows) // COLUMNS, sum(counts), used)
        cursor = self._connection.execute("INSERT INTO contents VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", values)
        content = cursor.lastrowid
        assert content is not None
        block = array("I", numbers).tobytes()
        blocks = (content, block, result.counts, result.definitions)
        self._connection.execute("INSERT INTO blocks VALUES (?, ?, ?, ?)", blocks)
        self._connection.execute("INSERT INTO details VALUES (?, ?, ?)", (content, result.uses, result.texts))
        self._postings.add(content, numbers, counts, rows)
        self.parsed += 1
        return content

    def _number(self, name: str, humps: str) -> int:
        """The number of a name, which gets one if it has none; `humps` are "" for one that is not defined."""
        number = self._names.get(name)
        if number is None:
            cursor = self._connection.execute(
                "INSERT OR IGNORE INTO names (name, humps) VALUES (?, ?)", (name, humps or None)
            )
            number = cursor.lastrowid if cursor.rowcount else None
            if number is not None:
                if humps:
                    self._defined.add(number)
            else:
                row = self._connection.execute("SELECT id, humps FROM names WHERE name = ?", (name,)).fetchone()
                number = int(row[0])
                if row[1] is not None:
                    self._defined.add(number)
            self._names[name] = number
        if humps and number not in self._defined:
            self._connection.execute("UPDATE names SET humps = ? WHERE id = ?", (humps, number))
            self._defined.add(number)
        return number

    def _changed(self) -> None:
        self._connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
        if len(self._names) > _CACHED_NAMES:
            self._names.clear()
            self._defined.clear()

    def _forget(self, content: int) -> None:
        select = "SELECT names, counts, definitions FROM blocks WHERE content = ?"
        row = self._connection.execute(select, (content,)).fetchone()
        if row is not None:
            postings = _Postings([], [])
            postings.add(content, *(array("I", block) for block in row))
            delete = "DELETE FROM defined WHERE name = ? AND scope = ? AND content = ?"
            self._connection.executemany(delete, postings.defined)
            self._connection.executemany("DELETE FROM used WHERE name = ? AND content = ?", postings.used)
        for statement in _FORGET:
            self._connection.execute(statement, (content,))


_FORGET: Final = (
    "DELETE FROM blocks WHERE content = ?",
    "DELETE FROM details WHERE content = ?",
    "DELETE FROM contents WHERE id = ?",
)
