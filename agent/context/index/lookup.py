"""Answers questions about symbols from the database, quickly at any size; writes nothing."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from codeagent.agent.context.index.data import IndexedFile, IndexStats
from codeagent.agent.context.index.packing import (
    COLUMNS,
    NONE,
    unpack_numbers,
    unpack_symbol,
    unpack_texts,
    unpack_uses,
)
from codeagent.tools.symbols.api import Symbol
from codeagent.tools.symbols.frames import DamagedError
from codeagent.tools.symbols.reader import Found, FoundReference

PER_NAME: Final = 3
"""So many definitions of one name are enough as long as there are other names to offer."""
MOST_SCOPES: Final = 200
_BLOCKS: Final = "SELECT names, definitions, counts, uses, texts FROM blocks JOIN details USING (content)"
_FILES: Final = "SELECT path FROM files WHERE content = ? ORDER BY path"
_NAMES: Final = "SELECT name FROM names INDEXED BY names_in_any_case WHERE humps IS NOT NULL"
_MEMBERS: Final = """
SELECT name FROM (SELECT DISTINCT names.name FROM defined JOIN names ON id = defined.name WHERE scope = ?)"""
_BEST: Final = "ORDER BY substr(name, 1, ?) != ?, length(name), name LIMIT 1000"
_BY_HUMPS: Final = "SELECT name FROM names WHERE humps >= ? AND humps < ? ORDER BY length(name), name LIMIT 1000"
_DEFINED: Final = "SELECT content FROM defined WHERE name = ? AND scope = ? ORDER BY content"
_SCOPES: Final = """
SELECT scope, coalesce(names.name, '') FROM (SELECT DISTINCT scope FROM defined WHERE name = ?)
LEFT JOIN names ON names.id = scope ORDER BY scope"""


class _Place(NamedTuple):
    """A content in which a name is defined within a scope, and the numbers of both."""

    name: str
    number: int
    scope: str
    scope_number: int
    content: int


class Content:
    """The symbols of a content, unpacked as far as they are asked for."""

    def __init__(self, connection: sqlite3.Connection, content: int) -> None:
        row = connection.execute(f"{_BLOCKS} WHERE content = ?", (content,)).fetchone() or (b"",) * 5
        self._connection = connection
        self._numbers, self._rows, self._counts = map(unpack_numbers, row[:3])
        self._uses: bytes = row[3]
        self._signatures, self._docs = unpack_texts(row[4], len(self._rows) // COLUMNS)
        self._names: dict[int, str] = {}

    def symbols(self) -> list[Symbol]:
        """Its definitions in the order in which they begin."""
        return [self.symbol(i) for i in range(len(self._rows) // COLUMNS)]

    def defined(self, number: int, scope: int) -> list[Symbol]:
        """The definitions of a name in a scope, 0 for none."""
        if number not in self._numbers or (scope and scope not in self._numbers):
            return []
        wanted = self._numbers.index(number), self._numbers.index(scope) if scope else NONE
        pairs = zip(self._rows[0::COLUMNS], self._rows[1::COLUMNS], strict=False)
        return [self.symbol(i) for i, pair in enumerate(pairs) if pair == wanted]

    def uses(self, number: int) -> Iterator[tuple[int, Symbol | None]]:
        """The line of each use of a name, and the definition around it."""
        if number not in self._numbers:
            return
        local = self._numbers.index(number)
        lines, insides = unpack_uses(self._uses, sum(self._counts))
        begin = sum(self._counts[:local])
        end = begin + self._counts[local]
        for line, inside in zip(lines[begin:end], insides[begin:end], strict=True):
            yield line, self.symbol(inside - 1) if inside else None

    def symbol(self, index: int) -> Symbol:
        """One definition. Raises DamagedError."""
        row = self._rows[index * COLUMNS : (index + 1) * COLUMNS]
        try:
            return unpack_symbol(row, self._name, self._signatures[index], self._docs[index])
        except LookupError as e:
            raise DamagedError("definitions") from e

    def _name(self, local: int) -> str:
        if local not in self._names:
            self._names[local] = _name_of(self._connection, self._numbers[local])
        return self._names[local]


def _name_of(connection: sqlite3.Connection, number: int) -> str:
    row = connection.execute("SELECT name FROM names WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise DamagedError("names")
    return row[0]


def _escaped(text: str) -> str:
    """A text that LIKE takes as it is."""
    return re.sub(r"([%_\\])", r"\\\1", text)


class Lookup:
    """Questions over one connection, for one thread at a time. Any method may raise sqlite3.Error or DamagedError."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def generation(self) -> int:
        """The number that grows with every change."""
        return self._one("SELECT value FROM meta WHERE key = 'generation'") or 0

    def files(self) -> list[IndexedFile]:
        """All files, by path."""
        query = """
            SELECT path, language, coalesce(lines, 0), size, mtime_ns, coalesce(contents.partial, files.partial)
            FROM files LEFT JOIN contents ON contents.id = content ORDER BY path"""
        return [IndexedFile(os.fsdecode(path), language or None, *rest) for path, language, *rest in self._rows(query)]

    def stats(self, database_bytes: int) -> IndexStats:
        """What there is in numbers."""
        joined = "FROM files LEFT JOIN contents ON contents.id = content"
        totals = (
            f"SELECT count(*), coalesce(sum(definitions), 0), coalesce(sum(uses), 0), coalesce(sum(size), 0) {joined}"
        )
        files, definitions, references, size = self._connection.execute(totals).fetchone()
        languages = f"SELECT language, count(*) {joined} WHERE language != '' GROUP BY language ORDER BY 2 DESC, 1"
        partial = (
            f"SELECT path, coalesce(contents.partial, files.partial) AS why {joined} WHERE why != '' ORDER BY path"
        )
        return IndexStats(
            files=files,
            languages=dict(self._rows(languages)),
            definitions=definitions,
            references=references,
            bytes=size,
            partial={os.fsdecode(path): why for path, why in self._rows(partial)},
            database_bytes=database_bytes,
        )

    def symbols(self, path: str) -> list[Symbol]:
        """The definitions of a file in the order in which they begin; none for one it does not know."""
        try:
            name = os.fsencode(path)
        except UnicodeEncodeError:
            return []
        content = self._one("SELECT content FROM files WHERE path = ?", name)
        return Content(self._connection, content).symbols() if content is not None else []

    def find(self, name: str, limit: int) -> list[Found]:
        """Definitions by name, best first: equal qualified name, equal name, equal but for case, then those whose
        qualified name ends in it."""
        return self._first(self._fitting(name), limit)

    def complete(self, part: str, limit: int) -> list[Found]:
        """Definitions whose name begins with the part, then those that hold it or whose humps spell it. A part with a
        dot is the end of a qualified name, and the beginning of a name in it."""
        scope, _, part = part.rpartition(".")
        return self._first(self._members(scope, part) if scope else self._completing(part), limit)

    def references(self, name: str, limit: int) -> list[FoundReference]:
        """Where the plain name is used."""
        number = self._number(name)
        found: list[FoundReference] = []
        if number is None:
            return found
        query = "SELECT path, content FROM used JOIN files USING (content) WHERE name = ? ORDER BY path LIMIT ?"
        for path, content in self._rows(query, number, limit):
            for line, inside in Content(self._connection, content).uses(number):
                found.append(FoundReference(os.fsdecode(path), line, name, inside))
                if len(found) == limit:
                    return found
        return found

    def _first(self, places: Iterable[_Place], limit: int) -> list[Found]:
        """The first definitions, each once."""
        found: list[Found] = []
        seen: set[_Place] = set()
        for place in places:
            if place not in seen:
                seen.add(place)
                found += self._at(place)
            if len(found) >= limit:
                break
        return found[:limit]

    def _at(self, place: _Place) -> list[Found]:
        files = [os.fsdecode(path) for (path,) in self._rows(_FILES, place.content)]
        if not files:
            return []  # a content that no file has any more is kept for a while
        symbols = Content(self._connection, place.content).defined(place.number, place.scope_number)
        return [Found(path, symbol) for path in files for symbol in symbols]

    def _fitting(self, name: str) -> Iterator[_Place]:
        ways = [(name, "")]
        ways += [(name[dot + 1 :], name[:dot]) for dot, c in enumerate(name) if c == "." and name[dot + 1 :]]
        for last, scope in ways:
            yield from self._defined(last, scope)
        yield from self._defined(name)
        for last, scope in ways:
            for other in self._in_any_case(last):
                yield from (place for place in self._defined(other) if place.scope.lower() == scope.lower())
        for other in self._in_any_case(name):
            yield from self._defined(other)
        for last, scope in ways[1:]:
            yield from (place for place in self._defined(last) if place.scope.endswith("." + scope))

    def _members(self, scope: str, part: str) -> Iterator[_Place]:
        places = islice(self._fitting(scope), MOST_SCOPES)
        around = {f"{place.scope}.{place.name}".removeprefix(".") for place in places}
        query = f"{_MEMBERS} WHERE name LIKE ? ESCAPE '\\' {_BEST}"
        for outer in sorted(around, key=lambda outer: (len(outer), outer)):
            rows = self._rows(query, self._number(outer), f"{_escaped(part)}%", len(part), part).fetchall()
            for (name,) in rows:
                yield from self._defined(name, outer)

    def _completing(self, part: str) -> Iterator[_Place]:
        """First a few definitions of each name, then all."""
        names: dict[str, None] = {}
        for query, arguments in self._completions(part):
            for (name,) in self._rows(query, *arguments).fetchall():
                if name not in names:
                    names[name] = None
                    yield from islice(self._defined(name), PER_NAME)
        for name in names:
            yield from self._defined(name)

    def _completions(self, part: str) -> Iterator[tuple[str, tuple[object, ...]]]:
        """Queries for names, and their arguments."""
        like = f"{_NAMES} AND name LIKE ? ESCAPE '\\' {_BEST}"
        yield like, (f"{_escaped(part)}%", len(part), part)
        if part:
            yield _BY_HUMPS, (part.lower(), part.lower() + "\U0010ffff")
            yield like, (f"%{_escaped(part)}%", len(part), part)

    def _defined(self, name: str, scope: str | None = None) -> Iterator[_Place]:
        """Where a name is defined within a scope, "" for none; by default within any, those without one first."""
        number = self._number(name)
        if number is None:
            return
        scopes: Iterable[tuple[int | None, str]] = [(self._number(scope) if scope else 0, scope or "")]
        if scope is None:
            scopes = self._rows(_SCOPES, number)
        for scope_number, scope_name in scopes:
            if scope_number is not None:
                for (content,) in self._rows(_DEFINED, number, scope_number):
                    yield _Place(name, number, scope_name, scope_number, content)

    def _in_any_case(self, name: str) -> list[str]:
        """The names that differ from one in case at most, itself included, if it is one of a definition."""
        return [other for (other,) in self._rows(f"{_NAMES} AND name = ? COLLATE NOCASE ORDER BY name", name)]

    def _number(self, name: str) -> int | None:
        return self._one("SELECT id FROM names WHERE name = ?", name)

    def _one(self, query: str, *arguments: object) -> int | None:
        row = self._connection.execute(query, arguments).fetchone()
        return row[0] if row is not None else None

    def _rows(self, query: str, *arguments: object) -> sqlite3.Cursor:
        return self._connection.execute(query, arguments)
