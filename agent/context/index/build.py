"""Brings the database up to date with the files on disk, in a thread; knows no event loop and no ignore rule."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from codeagent.agent.context.index.data import IndexProgress, Refreshed
from codeagent.agent.context.index.frames import Result
from codeagent.agent.context.index.memory import give_back
from codeagent.agent.context.index.pool import WorkerPool, WorkersFailedError
from codeagent.agent.context.index.scan import Changes, FileStat, compare, look
from codeagent.agent.context.index.store import Store
from codeagent.agent.context.index.writer import Writer

_REPORT_S = 0.1
_TURNS = 3


@dataclass(frozen=True)
class Job:
    """What a thread is told beside what to do: whom to report to, and whether to stop."""

    report: Callable[[IndexProgress], None]
    stopped: Callable[[], bool]


class Builder:
    """Compares, has workers read what changed, and writes. No method raises for what is on disk or in the database:
    what cannot be done is a notice."""

    def __init__(self, root: bytes, store: Store, pool: WorkerPool) -> None:
        self._root = root
        self._store = store
        self._pool = pool

    def refresh(self, listed: Sequence[bytes], job: Job) -> Refreshed:
        """Make these files, sorted, and no others those of the index."""
        start = time.monotonic()
        notices: list[str] = []
        done = Refreshed()
        for _ in range(2):
            try:
                notices += filter(None, [self._store.prepare()])
                self._pool.use(self._store.path)
                with closing(Writer(self._store)) as writer:
                    done = self._run(writer, compare(self._root, listed, writer.known()), job, notices)
                    writer.prune()
                break
            except (sqlite3.Error, OSError) as e:
                if not self._store.note(e):
                    notices.append(_unwritable(e))
                    break
        give_back()
        return replace(done, seconds=time.monotonic() - start, notices=tuple(notices))

    def update(self, touched: Sequence[bytes], listed: Sequence[bytes] | None, job: Job) -> Refreshed | None:
        """Look at these files, and at all below those that are folders; with what should be in the index, if known.

        None if the database is of no use, so that a refresh is needed.
        """
        start = time.monotonic()
        notices: list[str] = []
        done = Refreshed()
        try:
            if not self._store.is_ready():
                return None
            self._pool.use(self._store.path)
            with closing(Writer(self._store)) as writer:
                done = self._run(writer, self._compare_some(writer, touched, listed), job, notices)
        except (sqlite3.Error, OSError) as e:
            if self._store.note(e):
                return None
            notices.append(_unwritable(e))
        return replace(done, seconds=time.monotonic() - start, notices=tuple(notices))

    def unknown(self, touched: Sequence[bytes]) -> list[bytes]:
        """Folders, and files that are there and not in the index: whether they should be, the ignore rules know."""
        try:
            with closing(Writer(self._store)) as writer:
                return [path for path in touched if self._is_unknown(path, writer)]
        except (sqlite3.Error, OSError):
            return []  # `update` will say

    def is_file(self, path: bytes) -> bool:
        """Whether a regular file is there."""
        return look(self._root, path) is not None

    def _is_unknown(self, path: bytes, writer: Writer) -> bool:
        if self.is_file(path):
            return [row.path for row in writer.known_at(path)] != [path]
        folder = Path(os.fsdecode(self._root + b"/" + path))
        return folder.is_dir() and not folder.is_symlink()

    def _compare_some(self, writer: Writer, touched: Sequence[bytes], listed: Sequence[bytes] | None) -> Changes:
        known = {row.path: row for path in touched for row in writer.known_at(path)}
        wanted = set(known)
        if listed is not None:
            heads = set(touched)
            wanted = {path for path in listed if path in known or not heads.isdisjoint(_heads(path))}
        return compare(self._root, sorted(wanted), sorted(known.values()))

    def _run(self, writer: Writer, changes: Changes, job: Job, notices: list[str]) -> Refreshed:
        writer.remove(changes.gone)
        files, total, count = changes.read, len(changes.read), 0
        reported = 0.0

        def take(file: FileStat, result: Result) -> None:
            nonlocal count, reported
            writer.add(file, result)
            count += 1
            if time.monotonic() - reported > _REPORT_S:
                reported = time.monotonic()
                job.report(IndexProgress(min(count, total), total))

        try:
            for _ in range(_TURNS):
                self._pool.run(files, take, job.stopped)
                writer.flush()
                files, writer.missed = writer.missed, []
                if not files:
                    break
        except WorkersFailedError as e:
            notices.append(str(e))
            writer.flush()
        if total:
            job.report(IndexProgress(min(count, total), total))
        return Refreshed(
            files=changes.unchanged + total,
            unchanged=changes.unchanged,
            read=count,
            parsed=writer.parsed,
            removed=writer.removed,
            partial=writer.partial,
        )


def _heads(path: bytes) -> list[bytes]:
    """The path and the folders above it."""
    parts = path.split(b"/")
    return [b"/".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _unwritable(error: Exception) -> str:
    return (
        f"The index of this folder cannot be written ({error}), so symbols may be missing or old. "
        "Check the space and the permissions of the cache folder."
    )
