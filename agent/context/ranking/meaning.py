"""Which files and definitions of a graph a request and its seeds speak of; knows no rank.

How sure it is goes from 1, for a name written as code that one definition has, to almost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from codeagent.agent.context.index.graph import SymbolGraph
from codeagent.agent.context.ranking.kinds import kind_weights, referable
from codeagent.agent.context.ranking.names import NameTable, below, ending_in, stems_ending_in
from codeagent.agent.context.ranking.rows import Grouped
from codeagent.agent.context.ranking.seeds import Place, Seeds, named_in, places_in
from codeagent.agent.context.ranking.words import is_stop_word

CERTAIN = 0.9
"""From here on something is meant for certain and comes first."""
_CASE, _PART, _PLACE, _FOLDER = 0.5, 0.4, 0.8, 0.3
_CLASS_WORD, _WORD = 0.25, 0.1
_FEW = 4
_MANY = 40
_LOOKED_AT = 2000
_DEEP = 30
_FOLDER_FILES = 300
_SELF = ("self", "this", "cls", "super")


@dataclass(frozen=True)
class Meant:
    """Something spoken of: a definition as a row of the graph, or with -1 the file itself."""

    file: int
    definition: int
    sure: float
    why: str


class Meaning:
    """Looks up what texts name in one graph."""

    def __init__(self, graph: SymbolGraph, by_name: Grouped) -> None:
        """`by_name` are the definitions by their names."""
        self._graph = graph
        self._names, self._paths = NameTable(graph.names), NameTable(graph.paths)
        self._by_name = by_name
        self._kinds, self._referable = kind_weights(), referable()

    def of(self, request: str, seeds: Seeds) -> list[Meant]:
        """All that is meant, each file and definition once, the surest first."""
        named = named_in(request)
        found: list[Meant] = []
        for name in (*seeds.names, *named.code):
            found += self._named(name)
        for path in (*seeds.paths, *named.paths):
            found += self._path(path)
        for place in (*seeds.places, *places_in(request)):
            found += self._place(place)
        for word in named.words:
            found += self._word(word)
        best: dict[tuple[int, int], Meant] = {}
        for one in sorted(found, key=lambda one: -one.sure):
            best.setdefault((one.file, one.definition), one)
        return list(best.values())

    def file(self, path: str) -> int:
        """The file of a path, -1 if there is none."""
        found = self._paths.find(path)
        return found[0] if found and self._graph.paths[found[0]] == path else -1

    def _files(self, path: str) -> tuple[list[int], float]:
        """The files that a path means, which may be absolute, of another machine, or only the end of one; and how sure
        that is."""
        parts = [part for part in path.split("/") if part not in ("", ".", "..")]
        rows = ending_in(self._graph.paths, parts[-1]) if parts else []
        paths = {row: f"/{self._graph.paths[row]}" for row in rows}
        for first in range(max(0, len(parts) - _DEEP), len(parts)):
            end = "/" + "/".join(parts[first:])
            found = [row for row in rows if paths[row].endswith(end)]
            if found:
                only_name = first == len(parts) - 1 and first > 0
                return found, (_PART if only_name else 1.0) / len(found)
        return [], 0.0

    def _named(self, name: str) -> Iterator[Meant]:
        parts = [part for part in name.split(".") if part]
        while len(parts) > 1 and parts[0] in _SELF:
            del parts[0]
        if not parts:
            return
        rows, sure = self._definitions(parts[-1])
        if not rows and len(parts) > 1:
            stems = stems_ending_in(self._graph.paths, "/".join(parts)) or stems_ending_in(
                self._graph.paths, "/".join(parts[-2:])
            )
            yield from (Meant(file, -1, 1.0 / len(stems), f"names the module {name}") for file in stems)
            rows, sure = self._definitions(parts[-2])
            sure *= _PART
        elif len(parts) > 1:
            rows, share = self._within(rows, parts)
            sure *= share
        if len(rows) > _FEW:
            sure *= _FEW / len(rows)
        for row in rows[:_MANY]:
            yield Meant(int(self._graph.def_file[row]), row, sure, f"names {self._graph.qualified(row)}")

    def _definitions(self, name: str) -> tuple[list[int], float]:
        """The definitions of a name, less keys and headings where there is code, and how sure the name is."""
        numbers = self._names.find(name)
        sure = 1.0 if numbers and self._graph.names[numbers[0]] == name else _CASE
        rows: list[int] = []
        for number in numbers:
            rows += self._by_name.of(np.array([number])).tolist()
        rows = rows[:_LOOKED_AT]
        code = [row for row in rows if self._referable[self._graph.def_kind[row]]]
        return code or rows, sure

    def _within(self, rows: Sequence[int], parts: Sequence[str]) -> tuple[list[int], float]:
        """Those of the definitions that stand where the parts before the name say, and how sure that is."""
        scope = parts[-2]
        qualified = {row: f".{self._graph.qualified(row)}" for row in rows}
        ways = (
            [row for row in rows if qualified[row].endswith("." + ".".join(parts))],
            [row for row in rows if qualified[row].endswith(f".{scope}.{parts[-1]}")],
            [row for row in rows if self._in_module(row, scope)],
        )
        return next(((found, 1.0) for found in ways if found), (list(rows), _PART))

    def _in_module(self, row: int, module: str) -> bool:
        folder, _, file = self._graph.paths[int(self._graph.def_file[row])].rpartition("/")
        return module in (file.partition(".")[0], folder.rpartition("/")[2])

    def _path(self, path: str) -> Iterator[Meant]:
        found, sure = self._files(path)
        for file in found[:_MANY]:
            yield Meant(file, -1, sure, f"names {self._graph.paths[file]}")
        if not found and "/" in path:
            inside = below(self._graph.paths, path.strip("/"), _FOLDER_FILES)
            for file in inside:
                yield Meant(file, -1, _FOLDER / len(inside), f"in {path}")

    def _place(self, place: Place) -> Iterator[Meant]:
        graph = self._graph
        found, sure = self._files(place.path)
        for file in found[:_MANY]:
            first, last = int(graph.first_def[file]), int(graph.first_def[file + 1])
            around = np.flatnonzero(
                (graph.def_start[first:last] <= place.line) & (graph.def_end[first:last] >= place.line)
            )
            row = first + int(around[-1]) if len(around) else -1
            yield Meant(file, row, _PLACE * sure, f"line {place.line} stands in the failure")

    def _word(self, word: str) -> Iterator[Meant]:
        """A plain word may be a name: more likely one that begins with a capital and is a class."""
        if len(word) < 3 or is_stop_word(word):
            return
        rows, sure = self._definitions(word)
        if sure < 1.0 or len(rows) > _FEW:
            return
        capital = word[0].isupper() and any(c.islower() for c in word)
        for row in rows:
            likely = _CLASS_WORD if capital else _WORD * self._kinds[self._graph.def_kind[row]]
            yield Meant(int(self._graph.def_file[row]), row, float(likely) / len(rows), f"names {word}")
