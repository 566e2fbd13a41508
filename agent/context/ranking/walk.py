"""Personalised PageRank over who uses whose names; knows no request, only weights to start from.

Files are the nodes, as in aider's repo map, because an index knows which file uses a name, but seldom which definition
is meant. What flows through a name is shared among its definitions, and that ranks these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codeagent.agent.context.index.graph import SymbolGraph
from codeagent.agent.context.ranking.kinds import test_files
from codeagent.agent.context.ranking.links import Floats, links_of

DAMPING = 0.7
"""The chance to walk on from a file and not to start anew. Less than the usual 0.85, so that a walk stays near where it
started and files that everybody uses weigh less."""
TOLERANCE = 1e-6
"""The walk ends once a step moves less than this share of all weight."""
STEPS = 100
TEST = 0.05
"""What a definition in a test weighs."""


@dataclass(frozen=True)
class Ranks:
    """What each file and each definition weighs. Those of files add up to 1."""

    files: Floats
    definitions: Floats


class Walk:
    """The reference graph made ready to be walked, once for a graph; `ranks` may then be asked with many starts."""

    def __init__(self, graph: SymbolGraph) -> None:
        self._graph = graph
        self._links = links_of(graph)
        self.tests: NDArray[np.bool_] = test_files(graph.paths)
        """Which files are tests."""

    def ranks(self, start: Floats | None = None, asked: NDArray[np.bool_] | None = None) -> Ranks:
        """Where a walk ends that starts, every third step or so, from these files by weight: from all alike without.
        `asked` are files whose definitions count in full although they are tests.

        Brin and Page, "The anatomy of a large-scale hypertextual web search engine", 1998; the start after Haveliwala,
        "Topic-sensitive PageRank", 2002.
        """
        links, files = self._links, len(self._graph.paths)
        begin = np.ones(files) if start is None or not start.any() else start
        begin = begin / max(1e-300, float(begin.sum()))
        home = self._graph.def_file[links.definition]
        rank, flow = begin, np.zeros(len(home))
        for _ in range(STEPS):
            through = np.bincount(links.used, weights=rank[links.user] * links.use_weight, minlength=links.names)
            flow = through[links.defines] * links.definition_weight
            arrived = np.bincount(home, weights=flow, minlength=files) + (rank * links.spare).sum() * begin
            moved = DAMPING * arrived + (1.0 - DAMPING) * begin
            change = float(np.abs(moved - rank).sum())
            rank = moved
            if change < TOLERANCE:
                break
        definitions = rank[self._graph.def_file] * links.inside
        definitions[links.definition] += flow
        tests = self.tests if asked is None else self.tests & ~asked
        return Ranks(rank, definitions * np.where(tests[self._graph.def_file], TEST, 1.0))
