"""The prepared call that both `edit` and `write` end in: one file gets the bytes that were shown; knows no matching."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from codeagent.tools.api import Diff, Effect, EffectKind, PreparedCall, ToolResult
from codeagent.tools.files import changed, digest, write_atomic
from codeagent.tools.ledger import FileLedger
from codeagent.tools.workspace import Workspace


@dataclass(frozen=True)
class Written:
    """All there is to one write: the name as given, where it leads, the new bytes, the digest of those it may replace
    (None: there must be no file), and what is shown of it to person and model."""

    given: str
    path: Path
    shown: str
    data: bytes
    expected: str | None
    preview: Diff
    output: str
    read_only: bool = False


class FileWrite(PreparedCall):
    """Writes what was shown, or nothing if the file is no longer the one it was shown for."""

    def __init__(self, title: str, written: Written, workspace: Workspace, ledger: FileLedger) -> None:
        """The ledger learns of the new bytes, so that a second edit can follow; what was not read whole stays so."""
        self.title = f"{title}, which is read-only" if written.read_only else title
        kinds = (EffectKind.WRITE, EffectKind.OVERRIDE) if written.read_only else (EffectKind.WRITE,)
        self.effects = tuple(Effect(kind=kind, target=str(written.path)) for kind in kinds)
        self.preview = written.preview
        self._written = written
        self._workspace = workspace
        self._ledger = ledger

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        """See PreparedCall."""
        written = self._written
        if self._workspace.resolve_for_writing(written.given) != written.path:
            raise changed(written.shown)  # a link was put into its path meanwhile
        write_atomic(written.path, written.data, written.expected, written.shown, override=written.read_only)
        known = self._ledger.seen(written.path)
        whole = written.expected is None or (known is not None and known.whole)
        self._ledger.note(written.path, digest(written.data), whole)
        return ToolResult(output=written.output, display=written.preview)
