"""Remembers which files and definitions a graph had, to say later what is new; knows no database and no text for a
model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codeagent.agent.context.index.graph import Strings, SymbolGraph
from codeagent.agent.context.ranking.kinds import hidden, kind_weights
from codeagent.agent.context.ranking.words import fingerprints

Prints = NDArray[np.uint64]

_TELLING = 0.5
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Snapshot:
    """A graph reduced to what tells whether something is new: some ten bytes a definition."""

    generation: int
    paths: Strings
    files: Prints
    contents: NDArray[np.int64]
    definitions: Prints


@dataclass(frozen=True)
class Difference:
    """What came after a snapshot. `changed` are files with another content; `definitions` are those that are new, as
    places in their file, those that tell little left out; `added` and `definitions` name the first files only, and
    `more` is how many others have something new."""

    added: Sequence[str]
    gone: Sequence[str]
    moved: Mapping[str, str]
    changed: frozenset[str]
    definitions: Mapping[str, Sequence[int]]
    more: int


def snapshot(graph: SymbolGraph) -> Snapshot:
    """What to remember of a graph."""
    files = fingerprints(graph.paths, fold=False)
    definitions = np.unique(_definitions(graph, files)[_telling(graph)])
    return Snapshot(graph.generation, graph.paths, files, graph.contents, definitions)


def difference(before: Snapshot, graph: SymbolGraph, own: Collection[str], most: int) -> Difference:
    """What changed. A file counts as moved where one of the same content is gone. Something new is told of at most so
    many files, and not of those in `own`."""
    files = fingerprints(graph.paths, fold=False)
    added = np.flatnonzero(~np.isin(files, before.files))
    gone = np.flatnonzero(~np.isin(before.files, files))
    left = {content: row for row in gone.tolist() if (content := int(before.contents[row])) >= 0}
    moved: dict[int, int] = {}
    for row in added.tolist():
        source = left.pop(int(graph.contents[row]), None)
        if source is not None:
            moved[row] = source
    order = np.argsort(before.files, kind="stable")
    at = np.minimum(np.searchsorted(before.files[order], files), max(0, len(order) - 1))
    same = np.isin(files, before.files)
    changed = same.copy()
    changed[same] = before.contents[order[at[same]]] != graph.contents[same]
    fresh = _telling(graph) & ~np.isin(_definitions(graph, files), before.definitions)
    wanted = np.zeros(len(files), np.bool_)
    wanted[added] = True
    wanted[graph.def_file[fresh]] = True
    wanted[list(moved)] = False
    wanted[[row for path in own if (row := graph.paths.find(path)) >= 0]] = False
    new = np.flatnonzero(wanted)
    told: list[int] = new[:most].tolist()
    definitions: dict[str, list[int]] = {}
    for row in told:
        places = np.flatnonzero(fresh[int(graph.first_def[row]) : int(graph.first_def[row + 1])])
        if len(places):
            definitions[graph.paths[row]] = places.tolist()
    sources = set(moved.values())
    news = set(told).intersection(added.tolist())
    return Difference(
        added=[graph.paths[row] for row in sorted(news)],
        gone=[before.paths[row] for row in gone.tolist() if row not in sources],
        moved={before.paths[source]: graph.paths[row] for row, source in moved.items()},
        changed=frozenset(graph.paths[row] for row in np.flatnonzero(changed).tolist()),
        definitions=definitions,
        more=len(new) - len(told),
    )


def _telling(graph: SymbolGraph) -> NDArray[np.bool_]:
    private = np.frombuffer(graph.names.block, np.uint8)[graph.names.starts[graph.def_name]] == ord("_")
    return (kind_weights()[graph.def_kind] >= _TELLING) & ~hidden(graph) & ~private


def _definitions(graph: SymbolGraph, files: Prints) -> Prints:
    """A hash of the path, the names around, and the name of each definition."""
    names = fingerprints(graph.names, fold=False)
    scope = np.where(graph.def_scope >= 0, names[graph.def_scope], np.uint64(0))
    return (files[graph.def_file] * _MIX + scope) * _MIX + names[graph.def_name]
