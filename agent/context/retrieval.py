"""Finds the files and symbols that a request is about; knows the index and, where there is one, a model for vectors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, overload

from codeagent.agent.context.ranking.seeds import Seeds
from codeagent.agent.text import printable
from codeagent.tools.symbols.api import Symbol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from codeagent.agent.context.index.graph import FileWords, SymbolGraph
    from codeagent.agent.context.ranking.snapshot import Snapshot
    from codeagent.agent.context.ranking.standing import Prepared, Signal, Standing
    from codeagent.agent.context.ranking.vectors import Vectors

NO_SEEDS = Seeds()


class Index(Protocol):
    """What ranking asks of the index of a workspace. Any call may come from any thread."""

    @property
    def generation(self) -> int:
        """Grows with every change."""
        ...

    def graph(self) -> SymbolGraph:
        """All files, definitions and references of this moment."""
        ...

    def words(self, graph: SymbolGraph, files: Iterable[int] | None = None) -> Iterable[FileWords]:
        """Signatures and documentation of files of a graph."""
        ...

    def symbols(self, path: str) -> Sequence[Symbol]:
        """The definitions of a file as it is now."""
        ...


@dataclass(frozen=True)
class Hit:
    """Something a request may be about: a definition, or with no symbol the file as a whole. `score` orders the hits of
    one request and says nothing beyond; `why` is a few words for a person."""

    path: str
    symbol: Symbol | None
    score: float
    why: str


@dataclass(frozen=True)
class RankedSymbol:
    """A definition by its path, its qualified name and its place among the definitions of its file."""

    path: str
    qualified: str
    place: int


@dataclass(frozen=True)
class Ranking(Sequence[RankedSymbol]):
    """Definitions, best first, and what there was when they were ranked."""

    symbols: tuple[RankedSymbol, ...]
    seen: Snapshot

    @overload
    def __getitem__(self, index: int) -> RankedSymbol: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[RankedSymbol, ...]: ...
    def __getitem__(self, index: int | slice) -> RankedSymbol | tuple[RankedSymbol, ...]:
        return self.symbols[index]

    def __len__(self) -> int:
        return len(self.symbols)


class Retriever:
    """Ranks the files and symbols of one index. What a graph needs to be ranked is computed once and kept until the
    index changes; everything that takes time is done in a thread."""

    def __init__(self, index: Index, vectors: Vectors | None = None, signals: Iterable[Signal] | None = None) -> None:
        """`vectors` adds nearness in meaning; with `signals` all others are left out."""
        self._index = index
        self._vectors = vectors
        self._signals = None if signals is None else frozenset(signals)
        self._prepared: Prepared | None = None
        self._preparing = asyncio.Lock()

    async def retrieve(self, request: str, *, seeds: Seeds = NO_SEEDS, limit: int = 10) -> list[Hit]:
        """What a request is about, best first: a hit a file, with its most likely symbol if there is one. The symbols
        and files that the request names for certain come first, and several of these may be of one file."""
        prepared, standing = await self._standing(request, seeds)
        return await asyncio.to_thread(self._hits, prepared.graph, standing, limit)

    async def rank(self, request: str = "", *, seeds: Seeds = NO_SEEDS, limit: int = 2000) -> Ranking:
        """The definitions that tell most of the workspace, or of what a request is about: a repo map is made of them.
        The same index, request and seeds give the same list."""
        prepared, standing = await self._standing(request, seeds)
        return await asyncio.to_thread(_ranked, prepared.graph, standing, limit)

    def use(self, vectors: Vectors | None) -> None:
        """From now on count nearness in meaning by these, or not at all."""
        self._vectors = vectors

    async def learn(self, limit: int = 20_000, pause: Callable[[], Awaitable[object]] | None = None) -> int:
        """Embed the definitions that matter most, at most so many that have no vector yet; says how many. To be done in
        the background, and again after changes; it waits for `pause` every few definitions. Raises ModelError."""
        if self._vectors is None:
            return 0
        prepared, standing = await self._standing("", NO_SEEDS)
        order = await asyncio.to_thread(_order, standing.definitions)
        from codeagent.agent.context.ranking.vectors import at_once

        return await self._vectors.learn(
            prepared.graph, self._index.words, order[: 4 * limit], limit, at_once if pause is None else pause
        )

    async def _standing(self, request: str, seeds: Seeds) -> tuple[Prepared, Standing]:
        from codeagent.agent.context.ranking.standing import Signal, stand  # numpy, not needed before the first request

        prepared = await self._up_to_date()
        signals = self._signals or frozenset(Signal)
        near = None
        if self._vectors is not None and Signal.VECTORS in signals:
            near = await self._vectors.near(prepared.graph, self._index.words, request)
        return prepared, await asyncio.to_thread(stand, prepared, self._index.words, request, seeds, near, signals)

    async def _up_to_date(self) -> Prepared:
        from codeagent.agent.context.ranking.standing import Prepared

        async with self._preparing:
            generation = await asyncio.to_thread(lambda: self._index.generation)
            if self._prepared is None or self._prepared.graph.generation != generation:
                self._prepared = None  # two at a time would take twice the memory
                self._prepared = await asyncio.to_thread(lambda: Prepared(self._index.graph()))
            return self._prepared

    def _hits(self, graph: SymbolGraph, standing: Standing, limit: int) -> list[Hit]:
        from codeagent.agent.context.ranking.reasons import choose

        hits: list[Hit] = []
        for chosen in choose(graph, standing, limit):
            path = graph.paths[chosen.file]
            symbol = None
            if chosen.definition >= 0:
                symbols = self._index.symbols(path)
                place = chosen.definition - int(graph.first_def[chosen.file])
                now = place_of(symbols, place, graph.qualified(chosen.definition))
                symbol = None if now is None else symbols[now]
            hits.append(Hit(path, symbol, chosen.score, printable(chosen.why)))
        return hits


def place_of(symbols: Sequence[Symbol], place: int, qualified: str) -> int | None:
    """Where a definition stands in a file: at its place, or where the file has changed since, wherever one has its
    name. None if it is gone."""
    if place < len(symbols) and symbols[place].qualified == qualified:
        return place
    return next((at for at, symbol in enumerate(symbols) if symbol.qualified == qualified), None)


def _ranked(graph: SymbolGraph, standing: Standing, limit: int) -> Ranking:
    from codeagent.agent.context.ranking.snapshot import snapshot

    found: list[RankedSymbol] = []
    for row in _order(standing.definitions)[:limit].tolist():
        file = int(graph.def_file[row])
        found.append(RankedSymbol(graph.paths[file], graph.qualified(row), row - int(graph.first_def[file])))
    return Ranking(tuple(found), snapshot(graph))


def _order(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The rows by falling score. Sums that differ in the last bits only, as other orders of adding make them, stand in
    the order of rows."""
    import numpy as np

    return np.argsort(-scores.astype(np.float32), kind="stable")[: int(np.count_nonzero(scores > 0))]
