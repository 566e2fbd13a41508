"""A session's view of the code around it: an index that is kept fresh, what a request is about, and the map; knows no
model and no front end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress

from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.context.ranking.seeds import Seeds, named_in, places_in
from codeagent.agent.context.repo_map import RepoMap, build_map, map_delta
from codeagent.agent.context.retrieval import Hit, Retriever
from codeagent.tools.api import ToolError
from codeagent.tools.process import Processes
from codeagent.tools.symbols.reader import Found

_COMMITS = 30
_GIT_SECONDS = 5.0
_WEAK = frozenset({"", "touched lately", "used by what was found"})
"""Reasons for a hit that lie in no word of the request."""
_MOST_DEFINITIONS = 3
"""A name with more definitions than these is not certain to mean one of them."""


class CodeContext:
    """Begins to index when it is started and answers from what is there so far."""

    def __init__(self, index: CodeIndex, processes: Processes, notify: Callable[[str], None]) -> None:
        """`notify` is told in sentences what the index cannot see."""
        self.index = index
        self._processes = processes
        self._notify = notify
        self._retriever = Retriever(index)
        self._task: asyncio.Task[None] | None = None
        self._built = asyncio.Event()
        self._recent: tuple[str, ...] | None = None

    def start(self, watch: bool) -> None:
        """Bring the index up to date in the background; with `watch` keep it so. A second call does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(watch))

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
            self._recent = await self._recent_files()
        seeds = Seeds(places=places_in(report), touched=tuple(touched), recent=self._recent)
        hits = await self._retriever.retrieve(request, seeds=seeds, limit=limit)
        return [hit for hit in hits if set(hit.why.split("; ")) - _WEAK]

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
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.index.close()

    async def _keep(self, watch: bool) -> None:
        refreshed = await self.index.refresh()
        self._built.set()
        for notice in refreshed.notices:
            self._notify(notice)
        if watch:
            async for notice in self.index.watch():
                self._notify(notice)

    async def _recent_files(self) -> tuple[str, ...]:
        """Files of the latest commits, the latest first; none without git."""
        git = self._processes.find("git")
        if git is None:
            return ()
        options = ("--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
        arguments = [git, *options, "log", f"-{_COMMITS}", "--name-only", "--relative", "--pretty=format:", "-z"]
        try:
            done = await self._processes.run(arguments, _GIT_SECONDS, separate_errors=True)
        except ToolError:
            return ()
        return tuple(dict.fromkeys(name.strip() for name in done.output.split("\0") if name.strip()))
