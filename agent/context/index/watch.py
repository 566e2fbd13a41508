"""Keeps an index fresh by watching its folders, and says so where it can only look now and then; reads no file.

What watchfiles cannot tell, this module assumes: it drops the kernel's word that events were lost, and fails for good
at a name that is not UTF-8. So many changes at once, or a failure, are answered by looking at all files again, and
every now and then all are looked at even so. Only folders that hold files of the index are watched, each by itself:
below an ignored one may stand more folders than a system can watch, and to watch a tree would be to follow symbolic
links.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from codeagent.agent.context.index.data import IGNORE_FILES, Refreshed
from codeagent.agent.context.index.watches import STORM, Batch, CannotWatchError, Watches
from codeagent.tools.api import ToolError
from codeagent.tools.workspace import printable

AUDIT_S: Final = 60.0
"""So often all files are looked at, if that takes no more than a hundredth of the time."""
POLL_S: Final = 2.0
"""So often where nothing can be watched, if that takes no more than a twentieth of the time."""
_AUDIT_SHARE: Final = 100
_POLL_SHARE: Final = 20
_LATE_S: Final = 1.0
_MOST_EMPTY: Final = 200
_FAILURES: Final = 5
_FAILURE_WINDOW_S: Final = 60.0
_REMOTE: Final = re.compile(
    r"nfs4?|cifs|smb3|9p|drvfs|afs|ceph|vboxsf|prl_fs|virtiofs|fuse\.(sshfs|glusterfs|vmhgfs-fuse)"
)


class Watched(Protocol):
    """What is kept fresh."""

    root: Path
    folders: frozenset[bytes]
    """Those that held files of the index when files were last listed, relative to the root."""

    async def list_folders(self) -> None:
        """Bring `folders` up to date. Raises ToolError."""
        ...

    async def refresh(self) -> Refreshed:
        """Look at all files, listing them."""
        ...

    async def update(self, paths: Iterable[Path]) -> Refreshed:
        """Look at some, listing all if one of them is a folder or new."""
        ...


class Watcher:
    """Watches the folders of one index."""

    def __init__(self, index: Watched) -> None:
        self._index = index
        self._root = str(index.root)
        self._ignored: set[str] = set()
        self._empty: set[str] = set()
        self._watched: frozenset[bytes] | None = None
        self._refreshed = Refreshed()
        self._looked = 0.0

    async def notices(self) -> AsyncGenerator[str]:
        """Keep the index fresh for as long as this is iterated; yields sentences for the person."""
        failures: deque[float] = deque(maxlen=_FAILURES)
        last: tuple[str, ...] = ()
        while True:
            watches = Watches(self._index.root)
            self._ignored.clear()
            self._empty.clear()
            self._watched = None
            try:
                if reason := _unwatchable(self._index.root):
                    raise CannotWatchError(reason)
                await self._index.list_folders()
                await watches.add(self._unwatched(watches))
                told = await self._look_and_watch(watches)
                while True:
                    for notice in told:
                        if notice not in last:
                            yield notice
                    last = told or last
                    if watches.crowded:
                        break
                    told = await self._step(watches)
            except (CannotWatchError, ToolError) as e:
                reason = str(e).rstrip(".")
                failures.append(time.monotonic())
                often = len(failures) == _FAILURES and failures[-1] - failures[0] < _FAILURE_WINDOW_S
                if often or isinstance(e, ToolError) or not e.passing:
                    break
            finally:
                await watches.close()
        async for notice in self._poll(reason):
            yield notice

    async def _poll(self, reason: str) -> AsyncGenerator[str]:
        last: tuple[str, ...] = ()
        told = (*await self._look(), *await self._look())  # the second one tells how long it takes when little changed
        every = max(POLL_S, _POLL_SHARE * self._refreshed.seconds)
        yield f"Changes of files are not noticed at once ({reason}), but looked for every {every:.0f} seconds."
        while True:
            for notice in told:
                if notice not in last:
                    yield notice
            last = told
            await asyncio.sleep(max(POLL_S, _POLL_SHARE * self._refreshed.seconds))
            told = await self._look()

    async def _look(self) -> tuple[str, ...]:
        self._refreshed = await self._index.refresh()
        self._looked = time.monotonic()
        return self._refreshed.notices

    async def _step(self, watches: Watches) -> tuple[str, ...]:
        """Wait for changes and take them in, or for the time to look at all files."""
        pause = max(AUDIT_S, _AUDIT_SHARE * self._refreshed.seconds)
        batch = await watches.next(max(0.0, self._looked + pause - time.monotonic()))
        if batch is None:
            return await self._audit(watches)
        if batch.events < STORM:
            return await self._take_in(watches, batch)
        watches.forget(batch.deleted)
        count = f"{batch.events:,} changes came at once"
        told = await self._look_and_watch(watches)
        return (*told, f"{count}, of which some may be lost, so all files were looked at again.")

    async def _audit(self, watches: Watches) -> tuple[str, ...]:
        told = await self._look_and_watch(watches)
        missed = self._refreshed.parsed + self._refreshed.removed
        if missed and (batch := await watches.next(_LATE_S)) is not None:
            return (*told, *await self._take_in(watches, batch))  # they were not missed, only on their way
        return (*told, f"Watching had missed {missed:,} changes, which were found now.") if missed else told

    async def _look_and_watch(self, watches: Watches) -> tuple[str, ...]:
        """Look at all files, and again if there are folders that were not watched yet."""
        told = await self._look()
        while new := self._unwatched(watches):
            await watches.add(new)
            told += await self._look()
        return told

    async def _take_in(self, watches: Watches, batch: Batch) -> tuple[str, ...]:
        """Look at what changed, and watch new folders: those with files of the index, and those that have none yet."""
        watches.forget(batch.deleted)
        touched = {path for path in batch.touched if not self._is_ignored(path)}
        if any(os.fsencode(path).rpartition(b"/")[2] in IGNORE_FILES for path in touched):
            self._ignored.clear()
        new = {path for path in touched if path not in watches.folders and _is_folder(path)}
        new |= {folder for path in touched if (folder := path.rpartition("/")[0]) in self._empty}
        while not (empty := {inner for folder in new for inner in _folders_without_files(folder)}) <= watches.folders:
            await watches.add(empty - watches.folders)
        told = (await self._index.update(map(Path, touched | new))).notices
        while unwatched := self._unwatched(watches):
            await watches.add(unwatched)
            told += (await self._index.update(map(Path, unwatched))).notices
        self._empty = (self._empty - new) | empty
        self._ignored |= new - empty - watches.folders
        return told

    def _unwatched(self, watches: Watches) -> set[str]:
        """The folders of files, and those above them up to the root, that are there and not watched."""
        if self._index.folders is self._watched:
            return set()
        self._watched = self._index.folders
        found = {self._root} - watches.folders
        seen = {b""}
        for folder in self._index.folders:
            while folder not in seen:
                seen.add(folder)
                if not _is_utf8(folder):
                    name = printable(os.fsdecode(folder))
                    raise CannotWatchError(f"the folder {name} has a name that is not UTF-8")
                path = f"{self._root}/{folder.decode()}"
                if path not in watches.folders and _is_folder(path):
                    found.add(path)
                folder = folder.rpartition(b"/")[0]
        return found

    def _is_ignored(self, path: str) -> bool:
        return bool(self._ignored) and any(str(folder) in self._ignored for folder in (path, *Path(path).parents))


def _is_folder(path: str) -> bool:
    return Path(path).is_dir() and not Path(path).is_symlink()


def _folders_without_files(folder: str) -> list[str]:
    """The folder and those in it, if there is nothing else in it and there are not too many; else none."""
    found = [folder]
    for inner in found:  # grows on the way
        try:
            with os.scandir(inner) as entries:
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False) or len(found) == _MOST_EMPTY:
                        return []
                    found.append(entry.path)
        except OSError:
            return []
    return found


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unwatchable(root: Path) -> str:
    """Why the kernel does not tell of all changes below a folder, "" if it does as far as one can know."""
    best, kind = b"", ""
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            before, _, after = line.partition(b" - ")
            point = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8) & 0xFF]), before.split()[4])
            if len(point) >= len(best) and (os.fsencode(root) + b"/").startswith(point.rstrip(b"/") + b"/"):
                best, kind = point, after.split()[0].decode("ascii", "replace")
    return f"they may be made by other machines, as the folder is on {kind}" if _REMOTE.fullmatch(kind) else ""
