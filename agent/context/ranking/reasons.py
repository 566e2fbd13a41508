"""Picks the hits of a ranking and says in a few words why each is one; knows no request but what was found for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codeagent.agent.context.index.graph import SymbolGraph
from codeagent.agent.context.ranking.meaning import CERTAIN
from codeagent.agent.context.ranking.standing import Signal, Standing

WORDS = 4
"""Words of the request told of a hit."""


@dataclass(frozen=True)
class Chosen:
    """A hit by rows of the graph; `definition` is -1 where the file as a whole is one."""

    file: int
    definition: int
    score: float
    why: str


def choose(graph: SymbolGraph, standing: Standing, limit: int) -> list[Chosen]:
    """The best hits: definitions that are meant for certain, then the best of each other file."""
    order = np.argsort(-standing.files.astype(np.float32), kind="stable")[:limit]
    certain: dict[int, list[Chosen]] = {}
    for one in standing.meant:
        if one.sure >= CERTAIN:
            score = float(standing.files[one.file])
            certain.setdefault(one.file, []).append(Chosen(one.file, one.definition, score, one.why))
    hits: list[Chosen] = []
    for file in order.tolist():
        if standing.files[file] <= 0:
            break
        named = [one for one in certain.get(file, []) if one.definition >= 0]
        if named:
            hits += named
        else:
            definition = _best(graph, standing, file)
            hits.append(Chosen(file, definition, float(standing.files[file]), "; ".join(_reasons(standing, file))))
    return hits[:limit]


def _best(graph: SymbolGraph, standing: Standing, file: int) -> int:
    first, last = int(graph.first_def[file]), int(graph.first_def[file + 1])
    if first == last:
        return -1
    best = first + int(np.argmax(standing.definitions[first:last]))
    return best if standing.definitions[best] > 0 else -1


def _reasons(standing: Standing, file: int) -> Iterator[str]:
    yield from list(dict.fromkeys(one.why for one in standing.meant if one.file == file))[:2]
    place = np.flatnonzero(standing.scored.files == file)
    if len(place):
        earned = standing.scored.by_word[:, place[0]]
        order: list[int] = np.argsort(-earned, kind="stable")[:WORDS].tolist()
        best = [standing.words[at] for at in order if earned[at] > 0]
        if best:
            yield "has " + ", ".join(best)
    for signal, why in (
        (Signal.VECTORS, "near in meaning"),
        (Signal.SESSION, "touched lately"),
        (Signal.GRAPH, "used by what was found"),
    ):
        scores = standing.signals.get(signal)
        if scores is not None and scores[file] > 0 and (signal is not Signal.GRAPH or _stands_out(scores, file)):
            yield why


def _stands_out(scores: NDArray[np.float64], file: int) -> bool:
    """Whether a file is among the ten best."""
    return int(np.count_nonzero(scores > scores[file])) < 10
