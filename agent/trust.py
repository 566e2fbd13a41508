"""Which folders the person has said may be worked in, and with which project files; obeys nothing itself.

A folder is known by its real path and by that alone: trust in it covers no folder inside of it, so that a clone below a
trusted folder is asked about like any other.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from codeagent.agent.private import make_private_folder, write_private
from codeagent.agent.project_files import ProjectFiles

if TYPE_CHECKING:
    from collections.abc import Generator

MAX_LIST = 16 * 1024 * 1024


class TrustError(Exception):
    """The list of trusted folders cannot be used; the text is a sentence with what to do."""


class _Folder(BaseModel):
    """What was trusted: the project files by name, and the instructions last read, each with its SHA-256."""

    model_config = ConfigDict(extra="forbid")

    files: dict[str, str]
    instructions: dict[str, str] | None = None


class _List(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[2] = 2
    folders: dict[str, _Folder] = {}


class TrustStore:
    """A small JSON file, 0600. One that cannot be read, or that others can write, trusts nobody and is left alone."""

    def __init__(self, path: Path) -> None:
        """Nothing is read or made until it is asked."""
        self._path = path

    @property
    def problem(self) -> str:
        """A sentence on why the list cannot be used, "" if it can."""
        try:
            self._read()
        except TrustError as e:
            return str(e)
        return ""

    def is_trusted(self, root: Path) -> bool:
        """Whether this very folder was trusted before."""
        return self._folder(root) is not None

    def changed(self, root: Path, project: ProjectFiles) -> tuple[str, ...]:
        """The project files that are not byte for byte those that were trusted; one that is gone is none of them."""
        known = self._folder(root)
        trusted = known.files if known is not None else {}
        return tuple(name for name, digest in project.digests.items() if trusted.get(name) != digest)

    def covers(self, root: Path, project: ProjectFiles) -> bool:
        """Whether the folder is trusted and every project file in it, as it was read."""
        return self.is_trusted(root) and not project.problem and not self.changed(root, project)

    def add(self, root: Path, project: ProjectFiles) -> None:
        """Trust this folder with these project files. Raises TrustError when that cannot be stored."""
        try:
            str(root).encode()
        except UnicodeEncodeError:
            raise TrustError(
                "The folder's name is not UTF-8, so it cannot be kept in the list of trusted folders. "
                "Rename it, or add --trust to each run."
            ) from None
        with self._changing() as known:
            before = known.folders.get(str(root))
            instructions = before.instructions if before is not None else None
            known.folders[str(root)] = _Folder(files=project.digests, instructions=instructions)

    def note_instructions(self, root: Path, digests: Mapping[str, str]) -> tuple[str, ...]:
        """Remember the project's instructions and return the names of those that are new or others since they were read
        last, none at the first time or in a folder that is not in the list. Raises TrustError.
        """
        known = self._folder(root)
        if known is None or known.instructions == digests:
            return ()
        with self._changing() as stored:
            if str(root) in stored.folders:
                stored.folders[str(root)].instructions = dict(digests)
        before = known.instructions
        return () if before is None else tuple(name for name in digests if before.get(name) != digests[name])

    def _folder(self, root: Path) -> _Folder | None:
        try:
            return self._read().folders.get(str(root))
        except TrustError:
            return None

    def _read(self) -> _List:
        try:
            with open(self._path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW)) as file:
                status = os.fstat(file.fileno())
                data = file.read(MAX_LIST)
        except FileNotFoundError:
            return _List()
        except OSError as e:
            raise self._unusable(e.strerror or str(e)) from e
        if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
            raise self._unusable("others can write it")
        try:
            return _List.model_validate_json(data)
        except ValidationError as e:
            raise self._unusable("it is damaged") from e

    def _unusable(self, why: str) -> TrustError:
        return TrustError(
            f"The list of trusted folders in {self._path} is not used: {why}. No folder counts as trusted. "
            "Correct the file, or remove it and trust your folders again."
        )

    @contextmanager
    def _changing(self) -> Generator[_List]:
        """The list to be changed, which nobody else changes meanwhile. Raises TrustError."""
        try:
            make_private_folder(self._path.parent)
            with open(self._path.with_suffix(".lock"), "ab", opener=lambda p, flags: os.open(p, flags, 0o600)) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                known = self._read()
                yield known
                write_private(self._path, known.model_dump_json(indent=1, exclude_none=True).encode())
        except OSError as e:
            raise TrustError(
                f"The list of trusted folders cannot be written to {self._path} ({e.strerror or e})."
            ) from e
