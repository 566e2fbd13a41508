"""What each file and definition of a graph is worth for a request, by several signals joined; knows no model, and of
the index only how to ask it for texts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from codeagent.agent.context.index.graph import FileWords, SymbolGraph
from codeagent.agent.context.ranking.fusion import SOFTENING, fuse
from codeagent.agent.context.ranking.lexical import Lexicon, Scored
from codeagent.agent.context.ranking.meaning import CERTAIN, Meaning, Meant
from codeagent.agent.context.ranking.rows import Grouped
from codeagent.agent.context.ranking.seeds import Seeds
from codeagent.agent.context.ranking.walk import Walk
from codeagent.agent.context.ranking.words import asked

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Texts = Callable[[SymbolGraph, Iterable[int]], Iterable[FileWords]]

CANDIDATES = 500
"""Files whose signatures and documentation are read for a request."""
TEST = 0.2
"""What a test's score is multiplied by, unless the request speaks of tests or names it."""
STARTS = 5
"""From how many of the files found so far the walk starts."""
TOUCHED, RECENT = 0.5, 0.2
"""What the last file touched and the newest of recent commits weigh as a start, where a named one weighs 1."""
_TEST_WORDS = frozenset({"test", "tests", "testing", "pytest", "unittest", "spec", "specs", "fixture", "fixtures"})


class Signal(StrEnum):
    """What a ranking may be made of."""

    NAMES = "names"
    FILES = "words of files"
    DEFINITIONS = "words of definitions"
    GRAPH = "graph"
    SESSION = "session"
    VECTORS = "vectors"


WEIGHTS: Mapping[Signal, float] = {
    Signal.NAMES: 1.0,
    Signal.FILES: 1.0,
    Signal.DEFINITIONS: 1.0,
    Signal.GRAPH: 0.3,
    Signal.SESSION: 0.2,
    Signal.VECTORS: 1.0,
}


class Prepared:
    """Everything that ranking needs of one graph, computed once."""

    def __init__(self, graph: SymbolGraph) -> None:
        """About a second and 100 bytes a definition for a hundred thousand files."""
        self.graph = graph
        self.walk = Walk(graph)
        by_name = Grouped(graph.def_name, len(graph.names))
        self.lexicon = Lexicon(graph, by_name)
        self.meaning = Meaning(graph, by_name)


@dataclass(frozen=True)
class Standing:
    """The outcome. `files` and `definitions` are scores by row of the graph, 0 for what no signal speaks for; those
    that are meant for certain have more than 1."""

    files: Floats
    definitions: Floats
    meant: Sequence[Meant] = ()
    words: Sequence[str] = ()
    scored: Scored = field(default_factory=Scored.nothing)
    """What the words earned."""
    signals: Mapping[Signal, Floats] = field(default_factory=dict[Signal, Floats])
    """By signal, the scores of files."""


def stand(
    prepared: Prepared, texts: Texts, request: str, seeds: Seeds, near: Floats | None, signals: Collection[Signal]
) -> Standing:
    """Rank for a request by some of the signals. `texts` reads signatures and documentation of files, `near` is how
    near each definition is to the request in meaning, 0 where that is not known."""
    graph = prepared.graph
    words = asked(request)
    meant = prepared.meaning.of(request, seeds) if Signal.NAMES in signals else []
    named = np.zeros(len(graph.paths))
    for one in meant:
        named[one.file] = max(named[one.file], one.sure)
    wanted = named >= CERTAIN
    scored = Scored.nothing()
    if words and (Signal.FILES in signals or Signal.DEFINITIONS in signals):
        scored = _scored(prepared, texts, list(words), np.flatnonzero(named))
    fair = np.where(prepared.walk.tests & ~wanted & _TEST_WORDS.isdisjoint(words.values()), TEST, 1.0)
    by_signal = {
        Signal.NAMES: named,
        Signal.FILES: _scattered(scored.files, scored.file_scores, len(graph.paths)),
        Signal.DEFINITIONS: _per_file(graph, scored.definitions, scored.definition_scores),
        Signal.VECTORS: np.zeros(len(graph.paths)) if near is None else _per_file(graph, np.arange(len(near)), near),
        Signal.SESSION: _session(prepared.meaning, seeds, len(graph.paths)),
    }
    by_signal = {signal: scores * fair for signal, scores in by_signal.items() if signal in signals}
    ranks = prepared.walk.ranks(_start(by_signal, len(graph.paths)), wanted)
    if Signal.GRAPH in signals:
        by_signal[Signal.GRAPH] = ranks.files * fair
    of_definitions = {
        Signal.NAMES: _named(meant, len(graph.def_file)),
        Signal.DEFINITIONS: _scattered(scored.definitions, scored.definition_scores, len(graph.def_file)),
        Signal.VECTORS: np.zeros(len(graph.def_file)) if near is None else near,
        Signal.GRAPH: ranks.definitions * fair[graph.def_file],
    }
    return Standing(
        files=_joined(by_signal, len(graph.paths)),
        definitions=_joined(
            {signal: scores for signal, scores in of_definitions.items() if signal in signals}, len(graph.def_file)
        ),
        meant=meant,
        words=list(words.values()),
        scored=scored,
        signals=by_signal,
    )


def _joined(signals: Mapping[Signal, Floats], count: int) -> Floats:
    """Reciprocal ranks, but how sure a name is has a meaning of its own: it adds what a first place would, times that;
    and what is certain comes first."""
    ranked = [(WEIGHTS[signal], scores) for signal, scores in signals.items() if signal is not Signal.NAMES]
    named = signals.get(Signal.NAMES, np.zeros(count))
    return fuse(ranked, count) + named * WEIGHTS[Signal.NAMES] / SOFTENING + np.where(named >= CERTAIN, named, 0.0)


def _scored(prepared: Prepared, texts: Texts, words: Sequence[int], also: Rows) -> Scored:
    files = np.union1d(prepared.lexicon.candidates(words, CANDIDATES), also)
    return prepared.lexicon.score(words, files, texts(prepared.graph, files.tolist()))


def _session(meaning: Meaning, seeds: Seeds, files: int) -> Floats:
    found = np.zeros(files)
    for weight, paths in ((TOUCHED, seeds.touched[::-1]), (RECENT, seeds.recent)):
        for place, path in enumerate(dict.fromkeys(paths)):
            file = meaning.file(path)
            if file >= 0:
                found[file] = max(found[file], weight / (1.0 + place / 4.0))
    return found


def _start(signals: Mapping[Signal, Floats], files: int) -> Floats | None:
    """Where the walk starts: at the best of what the other signals found and at the session's files; None without."""
    found = _joined({s: scores for s, scores in signals.items() if s is not Signal.SESSION}, files)
    best = np.argsort(-found, kind="stable")[:STARTS]
    start = np.zeros(files)
    start[best] = found[best] / max(1e-12, float(found.max(initial=0.0)))
    if Signal.SESSION in signals:
        start += signals[Signal.SESSION]
    return start if start.any() else None


def _scattered(rows: Rows, scores: Floats, count: int) -> Floats:
    found = np.zeros(count)
    found[rows] = scores
    return found


def _named(meant: Sequence[Meant], count: int) -> Floats:
    found = np.zeros(count)
    for one in meant:
        if one.definition >= 0:
            found[one.definition] = max(found[one.definition], one.sure)
    return found


def _per_file(graph: SymbolGraph, definitions: Rows, scores: Floats) -> Floats:
    best = np.zeros(len(graph.paths))
    np.maximum.at(best, graph.def_file[definitions], scores)
    return best
