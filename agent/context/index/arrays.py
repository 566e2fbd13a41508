"""Reads the whole index into the flat arrays that ranking works on; knows what they mean, and not what for."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codeagent.agent.context.index.graph import FileWords, Strings, SymbolGraph
from codeagent.agent.context.index.packing import COLUMNS, NONE, unpack_texts
from codeagent.agent.context.index.store import transaction
from codeagent.tools.symbols.frames import DamagedError

_CHUNK = 2000
_FILES = """
SELECT path, coalesce(content, -1), coalesce(language, ''), coalesce(lines, 0), coalesce(definitions, 0),
    coalesce(used_names, 0)
FROM files LEFT JOIN contents ON contents.id = content ORDER BY path"""
_BLOCKS = """
SELECT coalesce(names, x''), coalesce(counts, x''), coalesce(blocks.definitions, x'')
FROM files LEFT JOIN blocks USING (content) ORDER BY path"""
_Array = NDArray[Any]


def read_graph(connection: sqlite3.Connection) -> SymbolGraph:
    """The graph of this moment. Raises sqlite3.Error or DamagedError."""
    with transaction(connection, "DEFERRED"):
        (generation,) = connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        names, places = _read_names(connection)
        languages: dict[str, int] = {}
        with closing(connection.execute(_FILES)) as rows:
            paths, table = _read_files(rows, languages)
        columns = _Columns(int(table[:, 3].sum()), int(table[:, 4].sum()))
        with closing(connection.execute(_BLOCKS)) as rows:
            file = 0
            while chunk := list(islice(rows, _CHUNK)):
                try:
                    columns.add(chunk, file, places)
                except (IndexError, ValueError) as e:
                    raise DamagedError("blocks") from e
                file += len(chunk)
    return _graph(generation, paths, table, tuple(languages), names, columns)


def empty_graph() -> SymbolGraph:
    """A graph of nothing."""
    return _graph(0, Strings.of(()), np.empty((0, 5), np.int64), (), Strings.of(()), _Columns(0, 0))


def read_words(connection: sqlite3.Connection, graph: SymbolGraph, files: Iterable[int] | None) -> Iterator[FileWords]:
    """Signatures and documentation, file by file. Raises sqlite3.Error or DamagedError."""
    counts = np.diff(graph.first_def)
    for file in range(len(counts)) if files is None else files:
        content = int(graph.contents[file])
        row = connection.execute("SELECT texts FROM details WHERE content = ?", (content,)).fetchone()
        if row is None:
            yield FileWords(file, (), ())
        else:
            yield FileWords(file, *unpack_texts(row[0], int(counts[file])))


class _Columns:
    """The columns of definitions and references while they are filled; full size at once, so that nothing is copied."""

    def __init__(self, definitions: int, references: int) -> None:
        narrow = {"kind": np.uint8}
        names = ("file", "name", "scope", "kind", "start", "end", "parent")
        self.definitions: dict[str, _Array] = {n: np.empty(definitions, narrow.get(n, np.int32)) for n in names}
        self.references: dict[str, _Array] = {n: np.empty(references, np.int32) for n in ("file", "name", "count")}
        self._defined = self._used = 0

    def add(self, chunk: list[tuple[bytes, bytes, bytes]], first: int, places: _Array) -> None:
        """Fill in the blocks of some files, the first of which has this number. Raises IndexError or ValueError."""
        numbers = np.frombuffer(b"".join([row[0] for row in chunk]), np.uint32)
        counts = np.frombuffer(b"".join([row[1] for row in chunk]), np.uint32)
        rows = np.frombuffer(b"".join([row[2] for row in chunk]), np.uint32).reshape(-1, COLUMNS)
        names = places[numbers]
        names_in = np.array([len(row[0]) // 4 for row in chunk])
        defined_in = np.array([len(row[2]) // (4 * COLUMNS) for row in chunk])
        files = np.arange(first, first + len(chunk), dtype=np.int32)
        # Local numbers of names count from the first name of the file, parents from its first definition.
        first_name = np.repeat(np.cumsum(names_in) - names_in, defined_in)
        first_def = np.repeat(np.cumsum(defined_in) - defined_in, defined_in) + self._defined
        no_scope, no_parent = rows[:, 1] == NONE, rows[:, 7] == NONE
        scopes = np.where(no_scope, 0, first_name + rows[:, 1])
        self._defined = _fill(
            self.definitions,
            self._defined,
            file=np.repeat(files, defined_in),
            name=names[first_name + rows[:, 0]],
            scope=np.where(no_scope, -1, names[scopes] if len(names) else 0),
            kind=rows[:, 2],
            start=rows[:, 3],
            end=rows[:, 4],
            parent=np.where(no_parent, -1, first_def + rows[:, 7]),
        )
        used = np.flatnonzero(counts)
        self._used = _fill(
            self.references, self._used, file=np.repeat(files, names_in)[used], name=names[used], count=counts[used]
        )


def _fill(columns: dict[str, _Array], begin: int, **values: _Array) -> int:
    """Write values behind those there are; returns where they end."""
    for name, column in values.items():
        columns[name][begin : begin + len(column)] = column
    return begin + len(values["file"])


def _read_names(connection: sqlite3.Connection) -> tuple[Strings, _Array]:
    """All names, and for each number of a name in the database its place among them."""
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM names").fetchone()
    places = np.full(last + 1, -1, np.int32)
    with closing(connection.execute("SELECT id FROM names ORDER BY id")) as rows:
        ids = np.fromiter((number for (number,) in rows), np.int64)
    places[ids] = np.arange(len(ids), dtype=np.int32)
    with closing(connection.execute("SELECT CAST(name AS BLOB) FROM names ORDER BY id")) as rows:
        return Strings.of_bytes(name for (name,) in rows), places


def _read_files(rows: Iterable[tuple[Any, ...]], languages: dict[str, int]) -> tuple[Strings, _Array]:
    """The paths, and for each content, language, lines, definitions and names used."""
    numbers = array("q")

    def paths() -> Iterator[bytes]:
        for path, content, language, *counts in rows:
            number = languages.setdefault(language, len(languages)) if language else -1
            numbers.extend((content, number, *counts))
            yield path

    block = Strings.of_bytes(paths())
    return block, np.frombuffer(numbers, np.int64).reshape(-1, 5)


def _graph(
    generation: int, paths: Strings, table: _Array, languages: tuple[str, ...], names: Strings, columns: _Columns
) -> SymbolGraph:
    definitions, references = columns.definitions, columns.references
    return SymbolGraph(
        generation=generation,
        paths=paths,
        contents=table[:, 0].copy(),
        languages=languages,
        file_language=table[:, 1].astype(np.int16),
        file_lines=table[:, 2].astype(np.int32),
        names=names,
        **{f"def_{name}": column for name, column in definitions.items()},
        **{f"ref_{name}": column for name, column in references.items()},
        first_def=np.concatenate(([0], np.cumsum(table[:, 3]))),
        first_ref=np.concatenate(([0], np.cumsum(table[:, 4]))),
    )
