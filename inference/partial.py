"""A file on its way here: what has come, from where, and how far it can be trusted after a kill; knows no network."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from codeagent.inference.client import Frozen, ModelError

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes there will be."""


class SourceError(ModelError):
    """A source cannot deliver now; another one, or another time, may."""


class PullBusyError(ModelError):
    """Another process is pulling the same model."""


class CorruptError(ModelError):
    """What a source delivered is not the file that was asked for."""


class Mark(Frozen):
    """How far a partial file is complete: `length` bytes, which are `pieces` pieces where it comes in pieces.

    `sha256` is of the whole file to be: only what is on its way to the same file may be gone on with.
    """

    sha256: str
    origin: str
    pieces: int = 0
    length: int = 0


class Partial:
    """`<target>.part` and its mark `<target>.part.json`.

    `workspace` is a folder for what is needed on the way. Whoever works on these files holds the lock.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self._mark_path = target.with_name(target.name + ".part.json")
        self.workspace = target.with_name(f".{target.name}.part.wheels")
        self.lock_path = target.with_name(f".{target.stem}.lock")

    @property
    def size(self) -> int:
        """Bytes on disk, trusted or not."""
        return self.path.stat().st_size if self.path.exists() else 0

    def mark(self) -> Mark | None:
        """What is known of the bytes on disk; None when nothing is."""
        try:
            mark = Mark.model_validate_json(self._mark_path.read_bytes())
        except (OSError, ValidationError):
            return None
        return mark if mark.length <= self.size else None

    def set_mark(self, mark: Mark) -> None:
        """Remember it, atomically; the bytes it speaks of must have been synced before."""
        temporary = self._mark_path.with_name(self._mark_path.name + ".new")
        with open(temporary, "w", encoding="ascii") as file:
            json.dump(mark.model_dump(), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._mark_path)

    @contextmanager
    def append(self, start: int) -> Generator[BinaryIO]:
        """The file, opened to be written from byte `start` on; what stood behind is gone. Synced at the end."""
        with open(self.path, "r+b" if self.path.exists() else "w+b") as file:
            file.truncate(start)
            file.seek(start)
            try:
                yield file
            finally:
                file.flush()
                os.fsync(file.fileno())

    @property
    def exists(self) -> bool:
        """Whether anything is left of an unfinished attempt."""
        return any(path.exists() for path in (self.path, self._mark_path, self.workspace))

    @contextmanager
    def lock(self) -> Generator[None]:
        """Held by one process at a time. Raises PullBusyError with the number of the process that holds it.

        The file is left behind, because removing it would be a race.
        """
        with open(self.lock_path, "a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as e:
                file.seek(0)
                holder = file.read(20).strip() or "unknown"
                name = self.target.stem
                raise PullBusyError(
                    f"{name} is already being pulled by process {holder}: wait for it, or stop it."
                ) from e
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def discard(self) -> None:
        """Remove all of it."""
        for path in (self.path, self._mark_path):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.workspace, ignore_errors=True)

    def finish(self) -> None:
        """Give the file its name, atomically and durably."""
        self.path.replace(self.target)
        self._mark_path.unlink(missing_ok=True)
        folder = os.open(self.target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Counted:
    """A binary file that reports how much has been written, counted from `start`."""

    def __init__(self, file: BinaryIO, start: int, total: int, progress: Progress) -> None:
        self._file = file
        self._done = start
        self._total = total
        self._progress = progress

    def write(self, data: bytes) -> int:
        """Write and report."""
        written = self._file.write(data)
        self._done += written
        self._progress(self._done, self._total)
        return written

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._file.tell()

    def seek(self, offset: int) -> int:
        """Go to an absolute place; the count follows."""
        self._done = self._file.seek(offset)
        return self._done

    def truncate(self) -> int:
        """Cut off what stands behind the present place."""
        return self._file.truncate()
