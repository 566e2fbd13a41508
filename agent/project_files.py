"""The files with which a project makes codeagent do things: which they are, and what is in them at one moment; obeys
none of them and knows no trust.

They are everything below `.codeagent` (settings now; hooks and whatever else comes) and `.mcp.json`. Each of them may
run programs or grant rights. AGENTS.md and its like are not among them: they are text for the model, whose calls are
judged by the gate whatever it was told.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from codeagent.tools.workspace import printable

PROJECT_CONFIG = Path(".codeagent") / "config.toml"
OBEYED = (".codeagent", ".mcp.json")
MAX_FILES = 200
MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class ProjectFiles:
    """The project's files by their name relative to the root, as they were read once: what is judged is what is used.

    `problem` is a sentence where they cannot be judged, "" otherwise; then there are none to obey.
    """

    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    problem: str = ""

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}

    @property
    def digest(self) -> str:
        """One SHA-256 of all names and contents; another as soon as one byte of them is."""
        whole = hashlib.sha256()
        for name, digest in sorted(self.digests.items()):
            whole.update(f"{len(os.fsencode(name))}:".encode() + os.fsencode(name) + digest.encode())
        return whole.hexdigest()

    @property
    def config(self) -> bytes | None:
        """The project's settings, None if it has none."""
        return self.files.get(str(PROJECT_CONFIG))


def name_project_files(root: Path) -> tuple[str, ...]:
    """Which of these files there are, at most some; nothing is read but names."""
    names: list[str] = []
    with suppress(OSError):  # what cannot be named cannot be obeyed either
        names += (printable(name) for name, _ in islice(_entries(root), MAX_FILES))
    return tuple(names)


def read_project_files(root: Path) -> ProjectFiles:
    """Read them. Links and what else is no plain file are not followed but make all of them unfit to be obeyed: their
    content could change without a change in the folder.
    """
    files: dict[str, bytes] = {}
    try:
        for name, is_file in _entries(root):
            if not name.isprintable():
                return _unfit(f"{printable(name)} is no name to be shown")
            if not is_file:
                return _unfit(f"{printable(name)} is a link or no plain file")
            if len(files) == MAX_FILES:
                return _unfit(f"there are more than {MAX_FILES} files")
            files[name] = _read(root / name)
            if len(files[name]) > MAX_BYTES:
                return _unfit(f"{printable(name)} has more than {MAX_BYTES:,} bytes")
    except OSError as e:
        name = printable(os.path.relpath(e.filename, root)) if e.filename else "a file"
        return _unfit(f"{name} cannot be read ({e.strerror})")
    return ProjectFiles(files)


def _unfit(reason: str) -> ProjectFiles:
    return ProjectFiles(problem=f"The project's settings ({', '.join(OBEYED)}) are not obeyed: {reason}.")


def _entries(root: Path) -> Iterator[tuple[str, bool]]:
    """Each name with whether it is a plain file, folders left out. Raises OSError."""
    waiting = [name for name in reversed(OBEYED) if os.path.lexists(root / name)]
    while waiting:
        name = waiting.pop()
        kind = (root / name).lstat().st_mode
        if stat.S_ISDIR(kind):
            waiting += [f"{name}/{inner}" for inner in sorted((p.name for p in (root / name).iterdir()), reverse=True)]
        else:
            yield name, stat.S_ISREG(kind)


def _read(path: Path) -> bytes:
    """The bytes of a plain file, one more than allowed at most. Raises OSError, also for a link put there just now."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        return file.read(MAX_BYTES + 1)
