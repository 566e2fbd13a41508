"""Folders under watch by watchfiles, and what happens in them as one queue; decides nothing about the index."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

STEP_MS: Final = 10
DEBOUNCE_MS: Final = 200
STORM: Final = 2000
"""So many events at once, and some may have been lost: the library does not pass on the kernel's word about that."""
_STORM_QUIET_S: Final = 0.3
_STORM_MAX_S: Final = 30.0
_FOLDERS_EACH: Final = 2500
_MAX_WATCHES: Final = 24
_JOIN_S: Final = 2.0
_DELETED: Final = 3
"""How the library numbers changes: 1 added, 2 modified, 3 deleted."""
RECURSIVE: Final = sys.platform == "darwin"
"""macOS watches whole trees at no cost, and follows no links in them."""


class CannotWatchError(Exception):
    """Why nothing can be watched, as a part of a sentence; `passing` says that it may work the next moment."""

    def __init__(self, reason: str, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing


@dataclass
class Batch:
    """Changes that came together: paths, those of them that went, and how many events there were in all."""

    touched: set[str] = field(default_factory=set[str])
    deleted: set[str] = field(default_factory=set[str])
    events: int = 0

    def add(self, other: Batch) -> None:
        """Join what came later."""
        self.touched |= other.touched
        self.deleted |= other.deleted
        self.events += other.events


class Watches:
    """What is watched, each folder by itself, and what happens there. To be closed."""

    def __init__(self, root: Path) -> None:
        self.folders: set[str] = set()
        self._root = str(root)
        self._queue: asyncio.Queue[Batch | Exception] = asyncio.Queue()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def crowded(self) -> bool:
        """Whether there are so many watchers that it is better to begin anew."""
        return len(self._threads) > _MAX_WATCHES

    async def add(self, folders: Iterable[str]) -> None:
        """Watch more folders, by absolute path; they are watched when this returns, or `next` raises."""
        self.folders.update(folders)
        new = sorted(folders) if not RECURSIVE else [self._root] if not self._threads else []
        loop = asyncio.get_running_loop()
        for start in range(0, len(new), _FOLDERS_EACH):
            started: asyncio.Future[None] = loop.create_future()
            part = new[start : start + _FOLDERS_EACH]
            # A daemon, since a program that ends without closing this must not wait for it.
            thread = threading.Thread(target=self._watch, args=(part, loop, started), name="watch", daemon=True)
            self._threads.append(thread)
            thread.start()
            await started

    def forget(self, folders: Iterable[str]) -> None:
        """Note that folders went, and all in them: should they come back, they are other ones."""
        for gone in folders:
            if gone in self.folders:
                self.folders -= {folder for folder in self.folders if folder == gone or folder.startswith(f"{gone}/")}

    async def next(self, seconds: float) -> Batch | None:
        """What happened, None if nothing did for so long. Raises CannotWatchError."""
        try:
            batch = await self._take(seconds)
        except TimeoutError:
            return None
        end = time.monotonic() + _STORM_MAX_S
        with suppress(TimeoutError):
            while not self._queue.empty() or (batch.events >= STORM and time.monotonic() < end):
                batch.add(await self._take(_STORM_QUIET_S))
        return batch

    async def close(self) -> None:
        """Watch nothing any more."""
        self._stop.set()
        await asyncio.to_thread(_join, self._threads)

    async def _take(self, seconds: float) -> Batch:
        async with asyncio.timeout(seconds):  # wait_for would lose a cancellation that comes with an item
            item = await self._queue.get()
        if isinstance(item, Exception):
            reason = str(item).partition(" about [")[0].strip().rstrip(".")
            passing = isinstance(item, FileNotFoundError) or "Unable to decode path" in reason
            raise CannotWatchError(reason or type(item).__name__, passing)
        return item

    def _watch(self, folders: Sequence[str], loop: asyncio.AbstractEventLoop, started: asyncio.Future[None]) -> None:
        """Put what happens in these folders into the queue; runs in a thread of its own."""
        from watchfiles._rust_notify import RustNotify  # what awatch stands on, whose threads can outlive the loop

        def tell(batch: Batch | Exception) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens
                loop.call_soon_threadsafe(self._queue.put_nowait, batch)

        try:
            with RustNotify(list(folders), False, False, 0, RECURSIVE, False) as watcher:
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(_settle, started)
                while isinstance(changes := watcher.watch(DEBOUNCE_MS, STEP_MS, 0, self._stop), set):
                    if (batch := _batch(changes)).touched:
                        tell(batch)
        except Exception as e:  # the library raises its own, and OSError of several kinds
            tell(e)
        finally:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, started)


def _batch(changes: set[tuple[int, str]]) -> Batch:
    """The changes less those inside git's own folders; all count as events."""
    own = [(change, path) for change, path in changes if "/.git/" not in path and not path.endswith("/.git")]
    return Batch({path for _, path in own}, {path for change, path in own if change == _DELETED}, len(changes))


def _join(threads: Iterable[threading.Thread]) -> None:
    for thread in threads:
        thread.join(_JOIN_S)


def _settle(started: asyncio.Future[None]) -> None:
    if not started.done():
        started.set_result(None)
