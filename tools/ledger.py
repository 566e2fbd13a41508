"""What the model has seen of each file, so that it cannot overwrite what it does not know; reads no file itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codeagent.tools.api import ToolError


@dataclass(frozen=True)
class Seen:
    """The SHA-256 of a file's bytes when it was last shown, and whether all of it was."""

    sha256: str
    whole: bool


class FileLedger:
    """The files of one session that were read, written, or attached to the conversation, by absolute path."""

    def __init__(self) -> None:
        self._seen: dict[Path, Seen] = {}

    def note(self, path: Path, sha256: str, whole: bool = True) -> None:
        """The model now knows this content. A part of a file that it knows whole leaves it known whole."""
        known = self._seen.get(path)
        whole = whole or (known is not None and known.whole and known.sha256 == sha256)
        self._seen.pop(path, None)
        self._seen[path] = Seen(sha256, whole)

    def newest(self) -> list[tuple[Path, str]]:
        """Each file and the SHA-256 of what was last seen of it, the last noted first."""
        return [(path, seen.sha256) for path, seen in reversed(self._seen.items())]

    def seen(self, path: Path) -> Seen | None:
        """What was last seen of a file; None if it never was."""
        return self._seen.get(path)

    def check_unchanged(self, path: Path, sha256: str, shown: str) -> None:
        """Raise ToolError if the file is not as it was last seen. A file never seen passes."""
        known = self._seen.get(path)
        if known is not None and known.sha256 != sha256:
            raise ToolError(f"{shown} changed since it was last read. Read it again before changing it.")

    def check_known(self, path: Path, sha256: str, shown: str) -> None:
        """Raise ToolError unless the file, as it is now, was seen whole: only then may all of it be replaced."""
        known = self._seen.get(path)
        if known is None:
            raise ToolError(f"{shown} exists already and was not read. Read it first, or change it with edit.")
        self.check_unchanged(path, sha256, shown)
        if not known.whole:
            raise ToolError(f"Only part of {shown} was read, and write would replace all of it. Change it with edit.")
