"""What the session's tools changed: the bytes of each file before its first write; knows files, not why they
changed.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from codeagent.tools import hunks
from codeagent.tools.api import Effect, EffectKind, ToolError, relative
from codeagent.tools.files import digest, remove, write_atomic
from codeagent.tools.hunks import Hunk
from codeagent.tools.ledger import FileLedger
from codeagent.tools.text import decode

Files = dict[Path, bytes | None]


@dataclass(frozen=True)
class ChangedFile:
    """A file that is not what it was: its bytes then and now, None where it was or is not there.

    `fault` says why its change cannot be shown as text: then it has no hunks and can only be put back whole.
    """

    path: Path
    shown: str
    old: bytes | None
    now: bytes | None
    fault: str = ""

    @cached_property
    def before(self) -> str | None:
        """Its text then; None where it was not there or is no text. May hold lone surrogates, as the text now may."""
        return None if self.old is None or self.fault else decode(self.old, self.shown).text

    @cached_property
    def after(self) -> str | None:
        """Its text now; None where it is not there or is no text."""
        return None if self.now is None or self.fault else decode(self.now, self.shown).text

    @cached_property
    def hunks(self) -> tuple[Hunk, ...]:
        """What changed, in order; none where only bytes differ that are no text, such as line ends."""
        return () if self.fault else hunks.hunks(self.before or "", self.after or "")

    def without(self, hunk: int) -> bytes | None:
        """The bytes now with one hunk taken back. Raises ToolError where the encoding lacks a character of it."""
        text = hunks.take(self.before or "", self.hunks, set(range(len(self.hunks))) - {hunk})
        if text == (self.before or ""):
            return self.old
        kept = self.old if self.now is None else self.now
        return decode(kept or b"", self.shown).with_text(text).encode(self.shown)


@dataclass(frozen=True)
class Prospect:
    """What going back would do: the files put `back`, and those that stay since somebody else changed them."""

    back: tuple[Path, ...]
    stay: tuple[Path, ...]


class ChangeLog:
    """The state of files before tools wrote them, kept in memory for the session. None stands for a file that was not
    there.
    """

    def __init__(self, root: Path) -> None:
        """Paths in diffs are relative to the root."""
        self._root = root
        self._before: Files = {}
        self._left: dict[Path, str | None] = {}
        self._latest: Files = {}

    def note(self, effects: tuple[Effect, ...]) -> dict[str, bytes | None]:
        """The bytes now of each file about to be written, by absolute path; remembered where it is the first write."""
        now = {e.target: _bytes(Path(e.target)) for e in effects if e.kind is EffectKind.WRITE}
        for target, data in now.items():
            self._before.setdefault(Path(target), data)
        return now

    def wrote(self, targets: Iterable[str]) -> None:
        """A tool has written these files, by absolute path: what is in them now is its work."""
        for target in targets:
            self._leave(Path(target), _bytes(Path(target)))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files whose bytes now differ from before, sorted."""
        return tuple(sorted(p for p, before in self._before.items() if _bytes(p) != before))

    def before(self, path: Path) -> bytes | None:
        """The bytes of a file before the session first wrote it; None when it was not there or never written."""
        return self._before.get(path)

    def knows(self, path: Path) -> bool:
        """Whether a tool has written this file in the session."""
        return path in self._before

    def changed(self, since: Files | None = None) -> tuple[ChangedFile, ...]:
        """The files that differ from a snapshot, or from before the session, sorted by path."""
        then = self._before | (since or {})
        return tuple(file for path in sorted(self._before) if (file := self._changed(path, then[path])) is not None)

    def snapshot(self) -> Files:
        """The bytes now of every file written so far, to be restored later."""
        for path in self._before:
            now = _bytes(path)
            # The same bytes are kept once, or every turn of a long session would cost the memory of all its files.
            if path not in self._latest or self._latest[path] != now:
                self._latest[path] = now
        return dict(self._latest)

    def prospects(self, snapshots: Sequence[Files]) -> list[Prospect]:
        """For each snapshot what restore() would do now."""
        now = self.snapshot()
        return [
            Prospect(
                back := tuple(path for path, _ in self._to_restore(snapshot, now)),
                tuple(p for p, first in self._before.items() if now[p] != snapshot.get(p, first) and p not in back),
            )
            for snapshot in snapshots
        ]

    def restore(self, snapshot: Files, ledger: FileLedger) -> tuple[str, ...]:
        """Put every file that tools wrote since back to the snapshot, and return the absolute paths that changed.

        A file that is no longer what a tool, or this, last left there is somebody else's work and stays; one that was
        removed comes back. The ledger learns of the new bytes.
        """
        restored: list[str] = []
        now = self.snapshot()
        for path, target in self._to_restore(snapshot, now):
            try:
                self._put(path, now[path], target)
            except ToolError:
                continue  # the file stays as it is, and the next check tells what that means
            if target is not None:
                known = ledger.seen(path)
                ledger.note(path, digest(target), known is not None and known.whole)
            restored.append(str(path))
        return tuple(restored)

    def put(self, path: Path, data: bytes | None, expected: bytes | None) -> None:
        """Give a file of the session other bytes, None for no file, as the person wants it who saw the expected ones.

        Raises ToolError if it no longer has those. A model that knew the file has to read it again before it writes it.
        """
        if _bytes(path) != expected:
            shown = relative(path, self._root)
            raise ToolError(f"{shown} was changed by somebody else just now, and was left as it is. Look at it again.")
        self._put(path, expected, data)

    def unified_diff(self) -> str:
        """All changes as one unified diff in git's form, which `git apply` takes; "" when there are none."""
        return "".join(_file_diff(relative(p, self._root), self._before[p], _bytes(p)) for p in self.paths)

    def _changed(self, path: Path, old: bytes | None) -> ChangedFile | None:
        now = _bytes(path)
        if now == old:
            return None
        shown = relative(path, self._root)
        fault = _fault(shown, old) or _fault(shown, now)
        if now is None and os.path.lexists(path):
            fault = f"{shown} cannot be read now."
        return ChangedFile(path, shown, old, now, fault)

    def _to_restore(self, snapshot: Files, now: Files) -> Iterator[tuple[Path, bytes | None]]:
        for path, first in self._before.items():
            target, data = snapshot.get(path, first), now[path]
            if data != target and (data is None or digest(data) == self._left.get(path)):
                yield path, target

    def _put(self, path: Path, now: bytes | None, target: bytes | None) -> None:
        shown = relative(path, self._root)
        if target is None:
            remove(path, digest(now or b""), shown)
        else:
            write_atomic(path, target, None if now is None else digest(now), shown, override=True)
        self._leave(path, target)

    def _leave(self, path: Path, data: bytes | None) -> None:
        self._left[path] = None if data is None else digest(data)


def _fault(shown: str, data: bytes | None) -> str:
    """Why the bytes are no text; empty where they are."""
    try:
        decode(data or b"", shown)
    except ToolError as e:
        return str(e)
    return ""


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None  # a pipe of that name would never end
    except OSError:
        return None


def _file_diff(name: str, before: bytes | None, after: bytes | None) -> str:
    old, new = (before or b"").decode("utf-8", "replace"), (after or b"").decode("utf-8", "replace")
    source = "/dev/null" if before is None else f"a/{name}"
    target = "/dev/null" if after is None else f"b/{name}"
    head = f"diff --git a/{name} b/{name}\n"
    head += "new file mode 100644\n" if before is None else "deleted file mode 100644\n" if after is None else ""
    lines: list[str] = []
    for line in difflib.unified_diff(_lines(old), _lines(new), source, target):
        lines.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return head + "".join(lines)


def _lines(text: str) -> list[str]:
    """Lines with their newline; only "\\n" separates, as git sees it."""
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
