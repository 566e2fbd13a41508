"""The tool that shows a text file, or a range of its lines; changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic.json_schema import SkipJsonSchema

from codeagent.tools.api import Effect, Output, PreparedCall, Tool, ToolError, ToolResult
from codeagent.tools.files import NotThereError, digest, read_bytes
from codeagent.tools.ledger import FileLedger
from codeagent.tools.params import ToolParams, clamped
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.sensitive import reading
from codeagent.tools.suggest import near_names
from codeagent.tools.text import decode
from codeagent.tools.workspace import Workspace

MAX_LINES = 2000
MAX_NUMBER = 10**9
MAX_LINE = 2000
MAX_CHARACTERS = 50_000


class ReadParams(ToolParams):
    """`first` and `last` are line numbers from 1, both included."""

    path: str
    first: Annotated[int, clamped(1, MAX_NUMBER)] = 1
    last: Annotated[int, clamped(1, MAX_NUMBER)] | SkipJsonSchema[None] = None


class _Read(PreparedCall):
    def __init__(
        self, path: Path, shown: str, params: ReadParams, ledger: FileLedger, effects: tuple[Effect, ...]
    ) -> None:
        self.title = f"Read {shown}"
        self.effects = effects
        self._path = path
        self._shown = shown
        self._params = params
        self._ledger = ledger

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        data = read_bytes(self._path, self._shown)
        text, whole = _excerpt(data, self._shown, self._params.first, self._params.last)
        self._ledger.note(self._path, digest(data), whole)
        return ToolResult(output=text, display=Output(text=text))


class ReadTool(Tool[ReadParams]):
    """Shows lines without numbers, so that what is copied from them is what stands in the file."""

    name = "read"
    read_only = True
    params = ReadParams

    def __init__(self, workspace: Workspace, ledger: FileLedger, ripgrep: Ripgrep) -> None:
        """What is read is noted in the ledger."""
        self._workspace = workspace
        self._ledger = ledger
        self._ripgrep = ripgrep

    async def prepare(self, params: ReadParams) -> PreparedCall:
        """See Tool. A name that does not exist is answered with those that come near."""
        path = self._workspace.resolve(params.path)
        shown = self._workspace.display(path)
        if params.last is not None and params.last < params.first:
            raise ToolError(f"The last line ({params.last}) lies before the first ({params.first}).")
        try:
            read_bytes(path, shown)
        except NotThereError as e:
            raise ToolError(f"{e}{await near_names(path, self._workspace, self._ripgrep)}") from e
        return _Read(path, shown, params, self._ledger, reading(path, self._workspace))


def _excerpt(data: bytes, shown: str, first: int, last: int | None) -> tuple[str, bool]:
    """The lines asked for under a header, within the limits; and whether that is all of the file."""
    file = decode(data, shown)
    lines = file.shown.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if not lines:
        return f"{shown} is empty.", True
    if first > len(lines):
        raise ToolError(f"{shown} has only {len(lines):,} lines.")
    taken: list[str] = []
    size = 0
    cut = False
    for line in lines[first - 1 : min(last or len(lines), first - 1 + MAX_LINES)]:
        if len(line) > MAX_LINE:
            line, cut = f"{line[:MAX_LINE]} [... {len(line) - MAX_LINE:,} more characters ...]", True
        size += len(line) + 1
        if taken and size > MAX_CHARACTERS:
            break
        taken.append(line)
    end = first - 1 + len(taken)
    note = (
        f"\n[... {len(lines) - end:,} more lines, from line {end + 1} ...]"
        if end < min(last or len(lines), len(lines))
        else ""
    )
    text = f"{shown} (lines {first}-{end} of {len(lines)})\n" + "\n".join(taken) + note
    return text, first == 1 and end == len(lines) and not cut
