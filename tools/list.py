"""The tool that shows which files there are; changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from codeagent.tools.api import Effect, EffectKind, Output, PreparedCall, Tool, ToolError, ToolResult
from codeagent.tools.params import ToolParams, clamped
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.workspace import Workspace, printable

MAX_ENTRIES = 200


class ListParams(ToolParams):
    """Folders deeper than `depth` are shown with the number of their files."""

    path: str = "."
    depth: Annotated[int, clamped(1, 20)] = 2


class _List(PreparedCall):
    def __init__(self, folder: Path, shown: str, depth: int, ripgrep: Ripgrep) -> None:
        self.title = f"List {shown}"
        self.effects = (Effect(kind=EffectKind.READ, target=printable(str(folder))),)
        self._folder = folder
        self._shown = shown
        self._depth = depth
        self._ripgrep = ripgrep

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        files = await self._ripgrep.files(self._folder)
        prefix = "" if self._shown == "." else f"{self._shown}/"
        text = _tree([file.relative_to(self._folder) for file in files], prefix, self._depth)
        if not files:
            text = f"{self._shown} holds no files (ignored ones are not listed)."
        return ToolResult(output=text, display=Output(text=text))


class ListTool(Tool[ListParams]):
    """Shows paths as they can be given to other tools; files that git ignores are left out."""

    name = "list"
    read_only = True
    params = ListParams

    def __init__(self, workspace: Workspace, ripgrep: Ripgrep) -> None:
        """Lists through ripgrep, for its ignore rules."""
        self._workspace = workspace
        self._ripgrep = ripgrep

    async def prepare(self, params: ListParams) -> PreparedCall:
        """See Tool."""
        folder = self._workspace.resolve(params.path)
        shown = self._workspace.display(folder)
        if not folder.is_dir():
            what = "is a file, not a folder. See it with read" if folder.exists() else "does not exist"
            raise ToolError(f"{shown} {what}.")
        return _List(folder, shown, params.depth, self._ripgrep)


def _tree(files: Sequence[Path], prefix: str, depth: int) -> str:
    """One line a file down to the depth, then one a folder with the count of all its files."""
    counts: Counter[str] = Counter()
    for file in files:
        if len(file.parts) <= depth:
            counts[printable(str(file))] = 0
        else:
            counts[printable(str(Path(*file.parts[:depth]))) + "/"] += 1
    lines = [f"{prefix}{name} ({n:,} file{'s' * (n > 1)})" if n else f"{prefix}{name}" for name, n in counts.items()]
    if len(lines) > MAX_ENTRIES:
        left = len(lines) - MAX_ENTRIES
        lines = [*lines[:MAX_ENTRIES], f"[... {left:,} more entries: list a folder of these ...]"]
    return "\n".join(lines)
