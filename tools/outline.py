"""The tool that shows what a file defines, without its code; changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from codeagent.tools.api import Effect, Output, PreparedCall, Tool, ToolError, ToolResult
from codeagent.tools.files import NotThereError
from codeagent.tools.params import ToolParams
from codeagent.tools.parser import Parser
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.sensitive import reading
from codeagent.tools.source import Source, read_source
from codeagent.tools.suggest import near_names
from codeagent.tools.symbols.api import Symbol
from codeagent.tools.workspace import Workspace

MAX_LINES = 300
MAX_SIGNATURE = 200
MAX_CHARACTERS = 16_000


class OutlineParams(ToolParams):
    """`path` is that of a file."""

    path: str


class _Outline(PreparedCall):
    def __init__(self, source: Source, effects: tuple[Effect, ...]) -> None:
        self.title = f"Outline {source.shown}"
        self.effects = effects
        self._source = source

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        text = outlined(self._source)
        return ToolResult(output=text, display=Output(text=text))


class OutlineTool(Tool[OutlineParams]):
    """Shows signatures as a tree. It is not reading: what is shown here alone cannot be replaced by edit_symbol."""

    name = "outline"
    read_only = True
    params = OutlineParams

    def __init__(self, workspace: Workspace, ripgrep: Ripgrep, parser: Parser) -> None:
        """Has files parsed as they are now; ripgrep names others where one does not exist."""
        self._workspace = workspace
        self._ripgrep = ripgrep
        self._parser = parser

    async def prepare(self, params: OutlineParams) -> PreparedCall:
        """See Tool."""
        path = self._workspace.resolve(params.path)
        try:
            source = await asyncio.to_thread(read_source, path, self._workspace.display(path), self._parser.symbols)
            return _Outline(source, reading(path, self._workspace))
        except NotThereError as e:
            raise ToolError(f"{e}{await near_names(path, self._workspace, self._ripgrep)}") from e


def outlined(source: Source) -> str:
    """The definitions, one a line, indented as they are nested; of a long outline the deepest are left out."""
    definitions = source.symbols.definitions
    language = f", {source.symbols.language}" if source.symbols.language else ""
    head = f"{source.shown} ({len(source.file.lines):,} lines{language})"
    note = f"\n[{source.symbols.partial}]" if source.symbols.partial else ""
    if not definitions:
        return f"{head}: no definitions were found. See it with read.{note}"
    levels = depths(definitions)
    deepest = next((d for d in range(max(levels), 0, -1) if sum(level <= d for level in levels) <= MAX_LINES), 0)
    shown = [(symbol, level) for symbol, level in zip(definitions, levels, strict=True) if level <= deepest]
    if hidden := len(definitions) - len(shown):
        note += f"\n[{hidden:,} definitions inside of these are left out: find_symbol shows them]"
    lines: list[str] = []
    size = 0
    for symbol, level in shown[:MAX_LINES]:
        lines.append(outline_line(symbol, level))
        size += len(lines[-1]) + 1
        if size > MAX_CHARACTERS:
            break
    if cut := len(shown) - len(lines):
        note += f"\n[... {cut:,} more, from line {shown[len(lines)][0].start:,} ...]"
    return "\n".join([head, *lines]) + note


def depths(definitions: Sequence[Symbol]) -> list[int]:
    """How deep each definition is nested in others, 0 at the top."""
    levels: list[int] = []
    for symbol in definitions:
        levels.append(0 if symbol.parent is None else levels[symbol.parent] + 1)
    return levels


def outline_line(symbol: Symbol, depth: int) -> str:
    """`first-last signature`, where a single line stands for itself."""
    lines = f"{symbol.start}-{symbol.end}" if symbol.end > symbol.start else f"{symbol.start}"
    signature = symbol.signature or f"{symbol.kind} {symbol.name}"
    if len(signature) > MAX_SIGNATURE:
        signature = f"{signature[:MAX_SIGNATURE]}…"
    return f"{'  ' * depth}{lines} {signature}"
