"""The tool that searches file contents; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic.json_schema import SkipJsonSchema

from codeagent.tools.api import Output, PreparedCall, Tool, ToolError, ToolResult
from codeagent.tools.params import ToolParams, clamped
from codeagent.tools.ripgrep import Line, Ripgrep
from codeagent.tools.sensitive import holds_secrets, reading
from codeagent.tools.workspace import Workspace

MAX_MATCHES = 100
MAX_CHARACTERS = 20_000


class GrepParams(ToolParams):
    """`pattern` is a regular expression of ripgrep's kind; `context` the number of lines around each match."""

    pattern: str
    path: str = "."
    glob: str | SkipJsonSchema[None] = None
    context: Annotated[int, clamped(0, 10)] = 0


class _Grep(PreparedCall):
    def __init__(self, params: GrepParams, path: Path, workspace: Workspace, ripgrep: Ripgrep) -> None:
        self.title = f"Search {workspace.display(path)} for {params.pattern}"
        self.effects = reading(path, workspace)
        self._params = params
        self._path = path
        self._workspace = workspace
        self._ripgrep = ripgrep

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        params = self._params
        # One more than is shown, so that it is known whether a file has more.
        found = await self._ripgrep.search(params.pattern, self._path, params.glob, params.context, MAX_MATCHES + 1)
        secret = [] if self._path.is_file() else [at for at in found if holds_secrets(at.path, self._workspace.root)]
        found = [at for at in found if at not in secret] if secret else found
        text = _shown(found, self._workspace, params.context > 0) if found else f"No matches for {params.pattern}."
        if secret:
            names = ", ".join(dict.fromkeys(self._workspace.display(at.path) for at in secret))
            text += f"\n[Matches in {names} are left out: they may hold secrets. To search one, give it as the path.]"
        return ToolResult(output=text, display=Output(text=text))


class GrepTool(Tool[GrepParams]):
    """Searches what `list` lists."""

    name = "grep"
    read_only = True
    params = GrepParams

    def __init__(self, workspace: Workspace, ripgrep: Ripgrep) -> None:
        """Searches the workspace."""
        self._workspace = workspace
        self._ripgrep = ripgrep

    async def prepare(self, params: GrepParams) -> PreparedCall:
        """See Tool."""
        if not params.pattern:
            raise ToolError("The pattern is empty. Give a regular expression to search for.")
        path = self._workspace.resolve(params.path)
        if not path.exists():
            raise ToolError(f"{self._workspace.display(path)} does not exist.")
        if "\0" in params.pattern + (params.glob or ""):
            raise ToolError("A pattern cannot hold a NUL character.")
        return _Grep(params, path, self._workspace, self._ripgrep)


def _shown(found: Sequence[Line], workspace: Workspace, context: bool) -> str:
    """`path:line: text` for matches, `path-line- text` for context with "--" between places, within the limits."""
    lines: list[str] = []
    matches = size = 0
    total = sum(line.is_match for line in found)
    previous: Line | None = None
    for line in found:
        mark = ":" if line.is_match else "-"
        entry = f"{workspace.display(line.path)}{mark}{line.number}{mark} {line.text}"
        if context and previous and (previous.path, previous.number + 1) != (line.path, line.number):
            lines.append("--")
        if matches + line.is_match > MAX_MATCHES or size + len(entry) > MAX_CHARACTERS:
            lines.append(f"[... cut after {matches} of at least {total} matches: narrow the pattern, path or glob ...]")
            break
        lines.append(entry)
        matches += line.is_match
        size += len(entry) + 1
        previous = line
    return "\n".join(lines)
