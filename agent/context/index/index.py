"""The symbols of all files of a workspace, kept in SQLite; knows no ignore rule, no ranking and no front end."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import aclosing, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from codeagent.agent.context.index.build import Builder, Job
from codeagent.agent.context.index.data import IGNORE_FILES, IndexedFile, IndexProgress, IndexStats, Refreshed
from codeagent.agent.context.index.lookup import Lookup
from codeagent.agent.context.index.memory import give_back
from codeagent.agent.context.index.pool import Limits, WorkerPool
from codeagent.agent.context.index.store import Store
from codeagent.tools.api import ToolError
from codeagent.tools.symbols.api import Symbol
from codeagent.tools.symbols.frames import DamagedError
from codeagent.tools.symbols.reader import Found, FoundReference

if TYPE_CHECKING:
    from codeagent.agent.context.index.graph import FileWords, SymbolGraph

READ_BUSY_S = 2.0
_MAX_EXCLUDED = 50_000
_T = TypeVar("_T")


def _say_nothing(_: IndexProgress) -> None:
    pass


class CodeIndex:
    """Definitions and references of a workspace's files, across sessions and processes.

    Writing is asynchronous, one call after the other; reading is quick, may come from any thread, and may happen at any
    time: it shows what is there so far. Nothing that is on disk, in files or in the database makes a method raise: what
    could not be done is told by the notices of `Refreshed`. A damaged database is built again.
    """

    def __init__(
        self,
        root: Path,
        database: Path,
        list_files: Callable[[], Awaitable[Sequence[Path]]],
        limits: Limits | None = None,
        worker_argv: Sequence[str] | None = None,
    ) -> None:
        """`list_files` gives the absolute paths of what no ignore rule excludes, or raises ToolError. Nothing is read
        or made before the first call."""
        self.root = Path(os.path.realpath(root))
        self._prefixes = tuple(os.fsencode(folder).rstrip(b"/") + b"/" for folder in (self.root, root.absolute()))
        self._list_files = list_files
        self._store = Store(database.absolute())
        self._pool = WorkerPool(self.root, limits or Limits(), worker_argv)
        self._builder = Builder(os.fsencode(self.root), self._store, self._pool)
        self._writing = asyncio.Lock()
        self._closing = threading.Event()
        self._excluded: set[bytes] = set()
        self.folders: frozenset[bytes] = frozenset()
        """Those that held files when files were last listed, relative to the root."""
        self._reading = threading.Lock()
        self._lookup: tuple[Path | None, sqlite3.Connection] | None = None
        self._watched = False

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The worker processes there are now, to measure them."""
        return self._pool.pids

    async def refresh(self, report: Callable[[IndexProgress], None] = _say_nothing) -> Refreshed:
        """Bring the index up to date with the disk. `report` is called in the event loop. May be cancelled: what was
        read so far is kept."""
        async with self._writing:
            self._excluded.clear()
            try:
                listed = await self._listed()
            except ToolError as e:
                return Refreshed(notices=(f"The index was not brought up to date, since files cannot be listed: {e}",))
            refreshed = await self._in_thread(lambda job: self._builder.refresh(listed, job), report)
            self._pool.rest()
            if self._watched:
                self._pool.warm()
            return refreshed

    async def update(self, paths: Iterable[Path]) -> Refreshed:
        """Bring these files, and all below those that are folders, up to date; all, if one of them holds ignore rules.

        Costs milliseconds where the files are known, and as much as a listing of all files where one is new.
        """
        touched = sorted({path for given in paths if (path := self._relative(given)) is not None})
        if any(path.rpartition(b"/")[2] in IGNORE_FILES for path in touched):
            return await self.refresh()
        async with self._writing:
            touched = [path for path in touched if path not in self._excluded]
            unknown = await self._in_thread(lambda _: self._builder.unknown(touched))
            listed: list[bytes] | None = None
            if unknown:
                try:
                    listed = await self._listed()
                except ToolError as e:
                    return Refreshed(notices=(f"New files are not in the index, since they cannot be listed: {e}",))
                self._exclude(unknown, set(listed))
            updated = await self._in_thread(lambda job: self._builder.update(touched, listed, job))
        return await self.refresh() if updated is None else updated

    async def watch(self) -> AsyncGenerator[str]:
        """Bring the index up to date and keep it so until cancelled or closed; yields sentences on what it cannot see.

        To be iterated all the time, since nothing is watched between two steps.
        """
        from codeagent.agent.context.index.watch import Watcher  # watchfiles, not needed where nothing is watched

        self._watched = True
        try:
            async with aclosing(Watcher(self).notices()) as notices:
                async for notice in notices:
                    yield notice
        finally:
            self._watched = False

    async def close(self) -> None:
        """End what is being written, the workers and the connections. Reading and writing start them again."""
        self._closing.set()
        async with self._writing:
            self._pool.close()
            self._closing.clear()
        with self._reading:
            self._disconnect()

    async def _in_thread(self, work: Callable[[Job], _T], report: Callable[[IndexProgress], None] = _say_nothing) -> _T:
        """Work in a thread; cancelled, tell it to stop and wait until it has."""
        loop = asyncio.get_running_loop()
        cancelled = threading.Event()
        job = Job(
            report=lambda progress: None if cancelled.is_set() else _in_loop(loop, report, progress),
            stopped=lambda: cancelled.is_set() or self._closing.is_set(),
        )
        task = asyncio.create_task(asyncio.to_thread(work, job))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled.set()
            while not task.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({task})
            raise

    async def list_folders(self) -> None:
        """Bring `folders` up to date. Raises ToolError."""
        await self._listed()

    def _exclude(self, unknown: Iterable[bytes], listed: set[bytes]) -> None:
        """Remember which files ignore rules exclude, so that not all are listed again for each change of one."""
        if len(self._excluded) > _MAX_EXCLUDED:
            self._excluded.clear()
        self._excluded |= {path for path in unknown if path not in listed and self._builder.is_file(path)}

    async def _listed(self) -> list[bytes]:
        """The files that should be in the index, relative to the root, sorted. Raises ToolError."""
        paths = (self._relative(path) for path in await self._list_files())
        listed = sorted({path for path in paths if path is not None})
        self.folders = frozenset(path.rpartition(b"/")[0] for path in listed)
        return listed

    def _relative(self, path: Path) -> bytes | None:
        """A path as the index names it, None for one that is not below the root."""
        name = os.fsencode(path)
        if not name.startswith(b"/"):
            return name
        return next((name[len(prefix) :] for prefix in self._prefixes if name.startswith(prefix)), None) or None

    @property
    def generation(self) -> int:
        """A number that grows with every change, also one that another process made; 0 where there is no index."""
        return self._ask(Lookup.generation, 0)

    def files(self) -> Sequence[IndexedFile]:
        """All files, by path."""
        return self._ask(Lookup.files, [])

    def symbols(self, path: str) -> Sequence[Symbol]:
        """The definitions of a file in the order in which they begin; none for a file it does not know."""
        return self._ask(lambda lookup: lookup.symbols(path), [])

    def find(self, name: str, limit: int = 50) -> Sequence[Found]:
        """The definitions of a name, best first: equal qualified name, equal name, equal but for case, then those whose
        qualified name ends in it."""
        return self._ask(lambda lookup: lookup.find(_valid(name), limit), [])

    def complete(self, part: str, limit: int = 50) -> Sequence[Found]:
        """Definitions whose name begins with the part, then those that hold it or whose humps spell it. With a dot in
        it, as in `Session.ru`, members of what is before the dot."""
        return self._ask(lambda lookup: lookup.complete(_valid(part), limit), [])

    def references(self, name: str, limit: int = 200) -> Sequence[FoundReference]:
        """Where the plain name is used."""
        return self._ask(lambda lookup: lookup.references(_valid(name), limit), [])

    def stats(self) -> IndexStats:
        """What the index holds, in numbers."""
        return self._ask(lambda lookup: lookup.stats(self._store.size()), IndexStats())

    def graph(self) -> SymbolGraph:
        """All files, definitions and references of this moment as flat arrays; about two seconds for a million
        definitions. Empty where there is no index."""
        from codeagent.agent.context.index.arrays import empty_graph, read_graph  # numpy, not needed for single symbols

        try:
            with closing(self._store.connect(READ_BUSY_S)) as connection:
                return read_graph(connection)
        except (sqlite3.Error, DamagedError, OSError) as e:
            self._store.note(e)
            return empty_graph()
        finally:
            give_back()

    def words(self, graph: SymbolGraph, files: Iterable[int] | None = None) -> Generator[FileWords]:
        """Signatures and documentation of these files of a graph, by default of all, read one after the other."""
        from codeagent.agent.context.index.arrays import read_words  # numpy, not needed for single symbols

        try:
            with closing(self._store.connect(READ_BUSY_S)) as connection:
                yield from read_words(connection, graph, files)
        except (sqlite3.Error, DamagedError, OSError) as e:
            self._store.note(e)

    def _ask(self, question: Callable[[Lookup], _T], nothing: _T) -> _T:
        with self._reading:
            try:
                return question(Lookup(self._connected()))
            except (sqlite3.Error, DamagedError, OSError) as e:
                self._disconnect()
                self._store.note(e)
                return nothing

    def _connected(self) -> sqlite3.Connection:
        if self._lookup is None or self._lookup[0] != self._store.path:
            self._disconnect()
            self._lookup = (self._store.path, self._store.connect(READ_BUSY_S))
        return self._lookup[1]

    def _disconnect(self) -> None:
        if self._lookup is not None:
            self._lookup[1].close()
        self._lookup = None


def _valid(text: str) -> str:
    """The text as the index has it: without lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def _in_loop(loop: asyncio.AbstractEventLoop, report: Callable[[IndexProgress], None], progress: IndexProgress) -> None:
    loop.call_soon_threadsafe(report, progress)
