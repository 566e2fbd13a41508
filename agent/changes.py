"""What the session's tools changed: the bytes of each file before its first write; knows files, not why they
changed.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from codeagent.tools.api import Effect, EffectKind, ToolError, relative
from codeagent.tools.files import digest, remove, write_atomic
from codeagent.tools.ledger import FileLedger


class ChangeLog:
    """The state of files before tools wrote them, kept in memory for the session. None stands for a file that was not
    there.
    """

    def __init__(self, root: Path) -> None:
        """Paths in diffs are relative to the root."""
        self._root = root
        self._before: dict[Path, bytes | None] = {}

    def note(self, effects: tuple[Effect, ...]) -> dict[str, bytes | None]:
        """The bytes now of each file about to be written, by absolute path; remembered where it is the first write."""
        now = {e.target: _bytes(Path(e.target)) for e in effects if e.kind is EffectKind.WRITE}
        for target, data in now.items():
            self._before.setdefault(Path(target), data)
        return now

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

    def snapshot(self) -> dict[Path, bytes | None]:
        """The bytes now of every file written so far, to be restored later."""
        return {path: _bytes(path) for path in self._before}

    def restore(self, snapshot: dict[Path, bytes | None], ledger: FileLedger) -> tuple[str, ...]:
        """Put every file that tools wrote since back to the snapshot, and return the absolute paths that changed.

        A file that is no longer what a tool last left there is somebody else's work and stays.
        """
        restored: list[str] = []
        for path, first in self._before.items():
            target, now = snapshot.get(path, first), _bytes(path)
            seen = ledger.seen(path)
            if now == target or (now is not None and (seen is None or seen.sha256 != digest(now))):
                continue
            try:
                _put(path, now, target)
            except ToolError:
                continue  # the file stays as it is, and the next check tells what that means
            if target is not None:
                ledger.note(path, digest(target))
            restored.append(str(path))
        return tuple(restored)

    def unified_diff(self) -> str:
        """All changes as one unified diff in git's form, which `git apply` takes; "" when there are none."""
        return "".join(_file_diff(relative(p, self._root), self._before[p], _bytes(p)) for p in self.paths)


def _put(path: Path, now: bytes | None, target: bytes | None) -> None:
    if target is None:
        remove(path, digest(now or b""), path.name)
    else:
        write_atomic(path, target, None if now is None else digest(now), path.name, override=True)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
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
