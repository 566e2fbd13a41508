"""Earlier prompts in a file that several processes append to, and the walk through them; knows no widget."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from codeagent.agent.private import make_private_folder

KEPT = 1_000
"""So many entries are offered; a file with half as many again is cut back to this."""
LARGEST = 200_000
"""An entry of more bytes is remembered until the app ends, but not written."""

_READ = 32_000_000
_ATTEMPTS = 10


@dataclass(frozen=True)
class Entry:
    """One prompt as it stood in the editor, with what its tokens stood for."""

    text: str
    pastes: Mapping[str, str] = field(default_factory=dict[str, str])


class History:
    """The prompts of this and earlier runs, oldest first. Nothing here raises for what is wrong with the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: list[Entry] | None = None
        self._unsaved: list[Entry] = []

    @property
    def entries(self) -> list[Entry]:
        """All entries; the file is read at the first look, so what other processes add later is not among them."""
        if self._entries is None:
            self._entries = [*self._read(), *self._unsaved][-KEPT:]
        return self._entries

    def add(self, entry: Entry) -> str | None:
        """Remember a prompt, unless it repeats the last one; a sentence if it could not be written down."""
        if self._entries is not None:
            if self._entries and self._entries[-1] == entry:
                return None
            self._entries.append(entry)
            del self._entries[:-KEPT]
        # The empty line before it keeps a record whole if the one before was cut off by a crash.
        line = b"\n" + json.dumps({"text": entry.text, "pastes": dict(entry.pastes)}).encode() + b"\n"
        if len(line) > LARGEST:
            self._keep_in_memory(entry)
            return None
        try:
            self._append(line)
        except OSError as e:
            self._keep_in_memory(entry)
            return (
                f"The prompt history {self._path} cannot be written ({e.strerror}). Prompts are remembered until the "
                "app ends; make the file writable to keep them."
            )
        return None

    def _keep_in_memory(self, entry: Entry) -> None:
        if self._entries is None:
            self._unsaved = [*self._unsaved, entry][-KEPT:]

    def _append(self, line: bytes) -> None:
        make_private_folder(self._path.parent)
        for attempt in range(_ATTEMPTS):
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if _is_replacing(fd, self._path) and attempt < _ATTEMPTS - 1:
                    time.sleep(0.002)  # for the moment in which another process cuts the file back
                    continue
                os.fchmod(fd, 0o600)
                os.write(fd, line)
                return
            finally:
                os.close(fd)

    def _read(self) -> list[Entry]:
        try:
            with open(self._path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _READ))
                lines = [line for line in file.read().split(b"\n") if line.strip()]
        except OSError:
            return []
        entries = [entry for entry in map(_entry, lines) if entry is not None]
        distinct = [entry for i, entry in enumerate(entries) if i == 0 or entry != entries[i - 1]]
        if len(lines) > KEPT * 3 // 2 or size > _READ:
            with suppress(OSError):
                self._cut_back()
        return distinct[-KEPT:]

    def _cut_back(self) -> None:
        """Replace the file by one with its last entries, unless another process is writing it."""
        with open(self._path, "rb") as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = os.fstat(file.fileno()).st_size
            if not os.path.samestat(os.fstat(file.fileno()), self._path.stat()):
                return
            file.seek(max(0, size - _READ))
            lines = [line for line in file.read().split(b"\n") if _entry(line) is not None][-KEPT:]
            new = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
            with open(new, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
                out.write(b"".join(line + b"\n" for line in lines))
            new.replace(self._path)


class Walk:
    """A walk through earlier prompts and back to the draft. Texts changed on the way stay changed until it ends."""

    def __init__(self, entries: list[Entry], draft: Entry) -> None:
        self._texts = [*entries, draft]
        self._at = len(entries)

    def step(self, by: int, current: Entry) -> Entry | None:
        """The text `by` places on (-1 is older), with `current` kept as what stands here; None at either end."""
        if not 0 <= self._at + by < len(self._texts):
            return None
        self._texts[self._at] = current
        self._at += by
        return self._texts[self._at]


def _is_replacing(fd: int, path: Path) -> bool:
    """Whether another process is putting a shorter file in this one's place; if not, none will until it is closed."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return not os.path.samestat(os.fstat(fd), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return True


def _entry(line: bytes) -> Entry | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    record = cast("dict[str, Any]", data)
    text, pastes = record.get("text"), record.get("pastes", {})
    if not isinstance(text, str) or not text or not isinstance(pastes, dict):
        return None
    known = cast("dict[str, Any]", pastes)
    return Entry(text, {token: paste for token, paste in known.items() if isinstance(paste, str)})
