"""The worker processes: feeds them batches, and when one dies knows of which file, replaces it and goes on; knows no
database.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from codeagent.agent.context.index.frames import Result, Status, decode_result, encode_batch
from codeagent.agent.context.index.scan import FileStat
from codeagent.tools.symbols.child import Child, ParseLimits, ended
from codeagent.tools.symbols.frames import DamagedError, frame

BATCH_FILES: Final = 32
BATCH_BYTES: Final = 256 * 1024
BATCHES_AHEAD: Final = 2
FILES_EACH: Final = 10_000
"""After so many a worker is replaced: the parser's binding leaks a little with every file."""
FEW_FILES: Final = 64
"""Up to so many one worker is quicker than starting more."""
_POLL_S: Final = 0.25

OnResult = Callable[[FileStat, Result], None]


class WorkersFailedError(Exception):
    """No worker can be started; the text is a sentence."""


@dataclass(frozen=True)
class Limits(ParseLimits):
    """What a file may cost, and how many workers there are."""

    workers: int = 0

    def count(self) -> int:
        """The number of workers: as told, else one a core, of which there are hardly too many before four."""
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        return self.workers or min(4, cores)


def worker_argv() -> tuple[str, ...]:
    """The command of the real worker. `-P`: a workspace must not be able to stand in for our modules."""
    return (sys.executable, "-P", "-m", "codeagent.agent.context.index.worker")


@dataclass(eq=False)
class _Worker:
    """A process with what it has been sent and not answered yet."""

    process: Child
    waiting: deque[FileStat] = field(default_factory=deque[FileStat])
    unsent: bytearray = field(default_factory=bytearray)
    ready: bool = False
    files: int = 0
    heard: float = field(default_factory=time.monotonic)


@dataclass
class _Work:
    """What is still to be done in a run: batches not begun, and what dead workers left."""

    batches: Iterator[list[FileStat]]
    on_result: OnResult
    again: deque[list[FileStat]] = field(default_factory=deque[list[FileStat]])
    killed: set[bytes] = field(default_factory=set[bytes])

    def more(self) -> bool:
        """Whether there is a batch to take."""
        if not self.again:
            self.again.extend(islice(self.batches, 1))
        return bool(self.again)

    def take(self) -> list[FileStat]:
        """The next batch."""
        return self.again.popleft()


class WorkerPool:
    """Workers that read and parse files of one workspace. To be used by one thread at a time.

    They are started when there is work and stay until `close` or `rest`.
    """

    def __init__(self, root: Path, limits: Limits, argv: Sequence[str] | None = None) -> None:
        self._root = root
        self._argv = tuple(argv or worker_argv())
        self._limits = limits
        self._database: Path | None = None
        self._workers: list[_Worker] = []
        self._failed_starts = 0

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes there are, to measure them."""
        return tuple(worker.process.pid for worker in self._workers)

    def run(self, files: Sequence[FileStat], on_result: OnResult, stopped: Callable[[], bool]) -> None:
        """Have files read; `on_result` gets each once, in no order. Returns early when `stopped`.

        Raises WorkersFailedError; the workers are ended then, and by any other exception.
        """
        work = _Work(iter(_batches(files)), on_result)
        wanted = self._limits.count() if len(files) > FEW_FILES else 1
        try:
            while work.more() or any(worker.waiting for worker in self._workers):
                if stopped():
                    self.close()
                    return
                self._end([w for w in self._workers if w.files >= FILES_EACH and not w.waiting])
                while len(self._workers) < wanted:
                    self._workers.append(self._start())
                self._feed(work)
                self._exchange(work)
        except BaseException:
            self.close()
            raise

    def use(self, database: Path | None) -> None:
        """Have workers ask this database for what is known; those that have another one open are ended."""
        if database != self._database:
            self.close()
            self._database = database

    def warm(self) -> None:
        """Start a worker for files to come, if there is none; that none can be started is for `run` to say."""
        with suppress(WorkersFailedError):
            if not self._workers:
                self._workers.append(self._start())

    def rest(self) -> None:
        """End all workers but one, which keeps its grammars loaded for the next file."""
        self._end(self._workers[1:])

    def close(self) -> None:
        """End all workers. `run` starts new ones."""
        self._end(list(self._workers))

    def _end(self, workers: Iterable[_Worker]) -> None:
        for worker in workers:
            self._workers.remove(worker)
            worker.process.kill()

    def _start(self) -> _Worker:
        try:
            return _Worker(Child((*self._argv, str(self._root), str(self._database)), self._limits))
        except OSError as e:
            raise WorkersFailedError(f"No process that parses files can be started: {e.strerror}.") from e

    def _feed(self, work: _Work) -> None:
        for worker in self._workers:
            room = (BATCHES_AHEAD - 1) * BATCH_FILES if worker.ready else 0
            while len(worker.waiting) <= room and not worker.unsent and worker.files < FILES_EACH and work.more():
                batch = work.take()
                worker.files += len(batch)
                if not worker.waiting:
                    worker.heard = time.monotonic()
                worker.waiting += batch
                worker.unsent += frame(encode_batch([file.path for file in batch]))

    def _exchange(self, work: _Work) -> None:
        """Send and receive what there is, wait a little where there is nothing, and bury the dead."""
        with selectors.DefaultSelector() as selector:
            for worker in self._workers:
                selector.register(worker.process.output, selectors.EVENT_READ, worker)
                if worker.unsent:
                    selector.register(worker.process.input, selectors.EVENT_WRITE, worker)
            ready = selector.select(_POLL_S)
        for key, mask in ready:
            worker: _Worker = key.data
            if worker not in self._workers:
                continue  # buried a moment ago
            if mask & selectors.EVENT_WRITE:
                with suppress(BlockingIOError, BrokenPipeError):  # its death is seen where it is read
                    del worker.unsent[: os.write(worker.process.input, worker.unsent)]
            else:
                self._receive(worker, work)
        now = time.monotonic()
        for worker in [w for w in self._workers if w.waiting]:
            patience = self._limits.seconds + self._limits.stall_s if worker.ready else self._limits.start_s
            if now - worker.heard > patience:
                self._bury(worker, work, self._limits.too_slow)

    def _receive(self, worker: _Worker, work: _Work) -> None:
        """Take in results, or find that the worker is dead or talks nonsense."""
        try:
            data = os.read(worker.process.output, 1 << 20)
        except BlockingIOError:
            return
        try:
            for body in worker.process.reader.feed(data):
                result = decode_result(body)
                worker.heard = time.monotonic()
                if not worker.ready and result.status is Status.READY:
                    worker.ready, self._failed_starts = True, 0
                elif worker.waiting and worker.ready and result.status is not Status.READY:
                    work.on_result(worker.waiting.popleft(), result)
                else:
                    raise DamagedError("order")
        except DamagedError:
            self._bury(worker, work, "The process that parsed it sent what cannot be.")
        else:
            if not data:
                self._bury(worker, work)

    def _bury(self, worker: _Worker, work: _Work, verdict: str = "") -> None:
        """End a worker because of a verdict, or find out why it died; blame the file it was at, and have others do the
        rest."""
        self._workers.remove(worker)
        code = None if verdict else worker.process.wait()
        worker.process.kill()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts > self._limits.count():
                raise WorkersFailedError(
                    f"The processes that parse files end as soon as they start ({ended(code)}), so the index is not "
                    "brought up to date. Install codeagent again if that goes on."
                )
        elif worker.waiting:
            file = worker.waiting.popleft()
            if code == -signal.SIGKILL and file.path not in work.killed:
                work.killed.add(file.path)  # somebody killed it, and need not have meant this file
                work.again.append([file])
            else:
                status = (file.size, file.mtime_ns, -1 if code == -signal.SIGKILL else file.mark)
                reason = verdict or worker.process.reason()
                work.on_result(file, Result(Status.FAILED, *status, partial=reason.encode()))
        if worker.waiting:
            work.again.append(list(worker.waiting))


def _batches(files: Iterable[FileStat]) -> Iterator[list[FileStat]]:
    """Batches of neighbouring files, small enough for none to keep the others waiting at the end."""
    batch: list[FileStat] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.size + len(file.path)
        if len(batch) == BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
