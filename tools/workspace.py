"""Where tools may look and write: turns paths a model names into absolute ones inside the workspace; reads no file."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from codeagent.tools.api import ToolError

MAX_PATH = 4095  # of Linux; where others allow less, they say so themselves

# Git runs what stands in its folder, and codeagent obeys its own: to write there is to run code or to grant rights.
PROTECTED = frozenset({".git", ".codeagent"})


class Workspace:
    """The folders a session works in. Every path that leaves this class is absolute and free of symbolic links."""

    def __init__(self, root: Path, extra_roots: Sequence[Path] = ()) -> None:
        """`root` is what relative names are relative to; `extra_roots` can be reached by absolute names."""
        self.root = Path(os.path.realpath(root))
        self.roots = (self.root, *(Path(os.path.realpath(extra)) for extra in extra_roots))

    def resolve(self, name: str) -> Path:
        """The absolute path, symbolic links followed, that a name stands for; it need not exist. Raises ToolError."""
        if not name.strip():
            raise ToolError("The path is empty. Name a file or folder relative to the workspace, such as src/main.py.")
        if "\0" in name:
            raise ToolError("The path holds a NUL character, which no file name can hold.")
        try:
            length = len(os.fsencode(name))
        except UnicodeEncodeError:
            raise ToolError(f"The path {name!r} is not valid text.") from None
        if length + len(os.fsencode(self.root)) + 1 > MAX_PATH:
            raise ToolError(f"The path {name[:60]}… is too long: no program can open paths over {MAX_PATH:,} bytes.")
        given = self.root / name
        if name.startswith("~") and not os.path.lexists(given):
            raise ToolError(
                f"The path {name!r} begins with ~, which is not expanded. Paths are relative to the workspace."
            )
        if "\\" in name and not os.path.lexists(given):
            given = self.root / _unescape(name)
        path = Path(os.path.realpath(given))
        if not self.contains(path):
            raise ToolError(self._outside(name, path))
        return path

    def resolve_for_writing(self, name: str) -> Path:
        """As `resolve`, for a file to be written: refuses the folders of git and codeagent, and unprintable names."""
        path = self.resolve(name)
        inside = next(path.relative_to(root) for root in self.roots if path.is_relative_to(root))
        if inside == Path():
            raise ToolError(f"{name} is the workspace folder itself, not a file.")
        named = () if Path(name).is_absolute() else Path(name).parts
        folders = {Path(os.path.realpath(root / folder)) for root in self.roots for folder in PROTECTED}
        if any(_folded(part) in PROTECTED for part in (*named, *inside.parts)) or folders & {path, *path.parents}:
            raise ToolError(f"{self.display(path)} is protected: tools do not write in .git or .codeagent.")
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise ToolError(
                f"{self.display(path)} has a name that is not UTF-8. It can be read but not written."
            ) from None
        return path

    def contains(self, path: Path) -> bool:
        """Whether an absolute path without symbolic links lies in the workspace."""
        return any(path.is_relative_to(root) for root in self.roots)

    def display(self, path: Path) -> str:
        """The path as it is shown and can be named again: relative inside the root; what cannot be shown as \\xNN."""
        shown = path.relative_to(self.root) if path.is_relative_to(self.root) else path
        return printable(str(shown))

    def _outside(self, name: str, path: Path) -> str:
        text = f"{printable(name)} is outside the workspace"
        if path != self.root / name and not name.startswith("/") and ".." not in Path(name).parts:
            text += " (a symbolic link leads there)"
        inside = name.lstrip("/")
        if name.startswith("/") and inside and os.path.lexists(self.root / inside):
            return f"{text}. Paths are relative to it: use {printable(inside)}."
        return f"{text}, which is all that tools can reach. Use a path relative to it."


def printable(name: str) -> str:
    """A file name as one line of valid text: control characters and bytes that are not UTF-8 become \\xNN."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if unicodedata.category(c) not in ("Cc", "Zl", "Zp") else f"\\x{ord(c):02x}" for c in text)


def _unescape(name: str) -> str:
    """Undo `printable`, for names that a model copies from a listing."""
    parts = name.split("\\x")
    raw = os.fsencode(parts[0])
    for part in parts[1:]:
        try:
            raw += bytes.fromhex(part[:2]) + os.fsencode(part[2:])
        except ValueError:
            return name
    return name if b"\0" in raw else os.fsdecode(raw)


def _folded(part: str) -> str:
    """A name as a file system that ignores case, composition and invisible characters sees it."""
    visible = "".join(c for c in part if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFC", visible.casefold()).rstrip(". ")
