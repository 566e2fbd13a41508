"""A session's view of the code around it: an index that is kept fresh, what a request is about, and the map; knows no
model and no front end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress

from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.context.learning import Learning
from codeagent.agent.context.ranking.seeds import Seeds, named_in, places_in
from codeagent.agent.context.repo_map import RepoMap, build_map, map_delta
from codeagent.agent.context.retrieval import Hit, Retriever
from codeagent.agent.git.repository import Repository
from codeagent.tools.symbols.reader import Found

_COMMITS = 30
_WEAK = frozenset({"", "touched lately", "used by what was found"})
"""Reasons for a hit that lie in no word of the request."""
_NEAR = frozenset({"near in meaning"})
_MOST_NEAR = 3
"""Something is always nearest: of what no word speaks for, no more than these."""
_MOST_DEFINITIONS = 3
"""A name with more definitions than these is not certain to mean one of them."""


class CodeContext:
    """Begins to index when it is started and answers from what is there so far."""

    def __init__(
        self,
        index: CodeIndex,
        repository: Repository,
        notify: Callable[[str], None],
        learning: Learning | None = None,
    ) -> None:
        """`notify` is told in sentences what the index cannot see. With `learning` nearness in meaning counts, too."""
        self.index = index
        self._repository = repository
        self._notify = notify
        self._learning = learning
        self._learner: asyncio.Task[None] | None = None
        self._retriever = Retriever(index)
        self._task: asyncio.Task[None] | None = None
        self._built = asyncio.Event()
        self._recent: tuple[str, ...] | None = None

    def start(self, watch: bool) -> None:
        """Bring the index up to date in the background; with `watch` keep it so. A second call does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(watch))

    def pause(self) -> None:
        """A turn begins: do nothing in the background that takes much of the machine."""
        if self._learning is not None:
            self._learning.pause()

    def resume(self) -> None:
        """The turn is over."""
        if self._learning is not None:
            self._learning.resume()

    async def ready(self, seconds: float) -> bool:
        """Whether the index is up to date within so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._built.wait()
        return self._built.is_set()

    async def named(self, request: str) -> list[Found]:
        """The definitions that the request names for certain: as `@name`, or written as code with few of that name."""
        found: list[Found] = []
        for name in named_in(request.replace("@", " ")).code:
            same = await asyncio.to_thread(self.index.find, name, _MOST_DEFINITIONS + 1)
            exact = [f for f in same if f.symbol.qualified == name or f.symbol.name == name.rpartition(".")[2]]
            if len(exact) <= _MOST_DEFINITIONS:
                found += [one for one in exact if one not in found]
        return found

    async def hits(self, request: str, report: str, touched: Sequence[str], limit: int) -> list[Hit]:
        """What the request is about, best first, less what only stands near it; `report` is what the failing tests
        said.
        """
        if self._recent is None:
            self._recent = await self._repository.recent_files(_COMMITS)
        seeds = Seeds(places=places_in(report), touched=tuple(touched), recent=self._recent)
        found: list[Hit] = []
        only_near = 0
        for hit in await self._retriever.retrieve(request, seeds=seeds, limit=limit):
            reasons = frozenset(hit.why.split("; ")) - _WEAK
            only_near += reasons == _NEAR
            if reasons and (reasons != _NEAR or only_near <= _MOST_NEAR):
                found.append(hit)
        return found

    async def map(self, tokens: int, count: Callable[[str], Awaitable[int]], request: str = "") -> RepoMap:
        """The map of the workspace, or of what a request is about, in at most so many tokens as `count` counts them."""
        return await build_map(self.index, await self._retriever.rank(request), tokens, count)

    async def changed_since(self, known: RepoMap, own: Collection[str]) -> tuple[str, RepoMap]:
        """What is not as a map says any more, as a short text, "" for nothing, and what is known now; `own` are the
        files that the conversation itself changed.
        """
        return await asyncio.to_thread(map_delta, known, self.index, own)

    def complete(self, part: str, limit: int) -> list[tuple[str, str]]:
        """The symbols that a begun name may be: qualified names, and where each stands. For any thread."""
        return [(f.symbol.qualified, f"{f.path}:{f.symbol.start}") for f in self.index.complete(part, limit)]

    async def close(self) -> None:
        """End the indexing and its processes."""
        for task in (self._learner, self._task):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        if self._learning is not None:
            await self._learning.close()
        await self.index.close()

    async def _keep(self, watch: bool) -> None:
        refreshed = await self.index.refresh()
        self._built.set()
        for notice in refreshed.notices:
            self._notify(notice)
        if self._learning is not None:
            self._learner = asyncio.create_task(self._learning.run(self._retriever))
        if watch:
            async for notice in self.index.watch():
                self._notify(notice)
