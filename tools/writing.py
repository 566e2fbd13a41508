"""The prepared call that both `edit` and `write` end in: one file gets the text that was shown; knows no matching."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from codeagent.tools import hunks
from codeagent.tools.api import Effect, EffectKind, FileChange, ToolError, ToolResult
from codeagent.tools.diffs import diff
from codeagent.tools.files import NotThereError, changed, digest, is_read_only, read_bytes, write_atomic
from codeagent.tools.ledger import FileLedger
from codeagent.tools.sensitive import writing
from codeagent.tools.text import TextFile, decode
from codeagent.tools.workspace import Workspace


@dataclass(frozen=True)
class Written:
    """All there is to one write: the name as given, where it leads, the text there now and the text to be there, and
    the digest of the bytes it may replace (None: there must be no file). `output` is for the model. `merged` says that
    `old` holds changes which the model has not seen."""

    given: str
    path: Path
    shown: str
    old: TextFile | None
    new: TextFile
    expected: str | None
    output: str
    read_only: bool = False
    merged: bool = False


class FileWrite(FileChange):
    """Writes what was shown, or nothing if the file is no longer the one it was shown for."""

    def __init__(self, title: str, written: Written, workspace: Workspace, ledger: FileLedger) -> None:
        """The ledger learns of the new bytes, so that a second edit can follow; what was not read whole stays so.

        Raises ToolError when the file's encoding lacks a character of the new text.
        """
        self.title = f"{title}, which is read-only" if written.read_only else title
        override = (EffectKind.OVERRIDE,) if written.read_only else ()
        kinds = (EffectKind.WRITE, *override, *writing(written.path, workspace))
        self.effects = tuple(Effect(kind=kind, target=str(written.path)) for kind in kinds)
        self.path, self.shown = written.path, written.shown
        self.before, self.after = written.old.text if written.old is not None else None, written.new.text
        self.preview = diff(written.shown, written.old.shown if written.old is not None else "", written.new.shown)
        self._data = written.new.encode(written.shown)
        self._title = title
        self._written = written
        self._workspace = workspace
        self._ledger = ledger

    def revised(self, after: str) -> FileWrite:
        """See FileChange."""
        written = dataclasses.replace(self._written, new=self._written.new.with_text(after))
        return FileWrite(self._title, written, self._workspace, self._ledger)

    def rebased(self) -> FileWrite:
        """See FileChange."""
        written = self._written
        try:
            data = read_bytes(written.path, written.shown)
        except NotThereError:
            if written.expected is None:
                return self
            raise
        if written.expected == digest(data):
            return self
        if written.old is None:
            raise changed(written.shown)
        now = decode(data, written.shown)
        text = hunks.moved(written.old.text, written.new.text, now.text)
        if text is None:
            raise ToolError(
                f"{written.shown} was changed meanwhile in the same place, so nothing was written. Read it again."
            )
        fresh = dataclasses.replace(
            written,
            old=now,
            new=now.with_text(text),
            expected=digest(data),
            read_only=is_read_only(written.path, written.shown),
            output=f"{written.output} Somebody had changed other lines of it meanwhile; those changes are kept.",
            merged=True,
        )
        return FileWrite(self._title, fresh, self._workspace, self._ledger)

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        """See PreparedCall."""
        written = self._written
        if self._workspace.resolve_for_writing(written.given) != written.path:
            raise changed(written.shown)  # a link was put into its path meanwhile
        write_atomic(written.path, self._data, written.expected, written.shown, override=written.read_only)
        known = self._ledger.seen(written.path)
        whole = not written.merged and (written.expected is None or (known is not None and known.whole))
        self._ledger.note(written.path, digest(self._data), whole)
        return ToolResult(output=written.output, display=self.preview)
