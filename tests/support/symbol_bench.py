"""The symbol tools of one session in a folder, over an index that lags behind, and a file for them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codeagent.tools.api import PreparedCall, Tool, ToolResult
from codeagent.tools.ledger import FileLedger
from codeagent.tools.parser import Parser
from codeagent.tools.process import Processes
from codeagent.tools.registry import builtin_tools, symbol_tools
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.symbols.api import FileSymbols, Symbol
from codeagent.tools.symbols.extract import symbols_of
from codeagent.tools.symbols.reader import Found, FoundReference, SymbolReader
from codeagent.tools.workspace import Workspace

SHAPES = '''import math

LIMIT = 3


class Shape:
    """Has an area."""

    sides = 0

    # Subclasses must say.
    def area(self):
        raise NotImplementedError

    @property
    def name(self):
        return type(self).__name__


class Circle(Shape):
    def area(self):
        return square(self.r) * math.pi


def square(x):
    return x * x
'''


class Snapshot:
    """A SymbolReader of the files as they were when it was made: an index that lags behind from then on."""

    def __init__(self, root: Path) -> None:
        self._files: dict[str, FileSymbols] = {
            path.relative_to(root).as_posix(): symbols_of(path.name, path.read_bytes())
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }

    def _all(self) -> list[Found]:
        return [Found(path, symbol) for path, file in self._files.items() for symbol in file.definitions]

    def find(self, name: str, limit: int = 50) -> Sequence[Found]:
        leaf = [f for f in self._all() if name.lower() in (f.symbol.qualified.lower(), f.symbol.name.lower())]
        exact = [f for f in leaf if f.symbol.qualified == name]
        return [*exact, *(f for f in leaf if f not in exact)][:limit]

    def references(self, name: str, limit: int = 200) -> Sequence[FoundReference]:
        return [
            FoundReference(path, r.line, r.name, None if r.inside is None else file.definitions[r.inside])
            for path, file in self._files.items()
            for r in file.references
            if r.name == name
        ][:limit]

    def symbols(self, path: str) -> Sequence[Symbol]:
        return self._files[path].definitions

    def complete(self, part: str, limit: int = 50) -> Sequence[Found]:
        return [f for f in self._all() if f.symbol.name.startswith(part)][:limit]


PARSER = Parser()
"""One for all tests, since a start takes longer than most of them; its process ends with theirs."""


class Bench:
    """The tools of one session in a folder. Without a `reader`, the index is taken when a tool is first used."""

    def __init__(self, root: Path, reader: SymbolReader | None = None, parser: Parser = PARSER) -> None:
        self.root = root
        self.ledger = FileLedger()
        self._reader = reader
        self._parser = parser
        self._tools: dict[str, Tool[Any]] | None = None

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    async def prepare(self, tool: str, /, **arguments: Any) -> PreparedCall:
        if self._tools is None:
            workspace = Workspace(self.root)
            ripgrep = Ripgrep(workspace, Processes(self.root, os.environ))
            own = symbol_tools(workspace, self.ledger, self._reader or Snapshot(self.root), ripgrep, self._parser)
            self._tools = {t.name: t for t in [*builtin_tools(workspace, self.ledger, os.environ), *own]}
        chosen = self._tools[tool]
        return await chosen.prepare(chosen.params.model_validate(arguments))

    async def call(self, tool: str, /, **arguments: Any) -> ToolResult:
        return await (await self.prepare(tool, **arguments)).execute(lambda text: None)

    async def edit(self, name: str, symbol: str, action: str, code: str = "") -> str:
        """The file after an edit by a session that has read it."""
        await self.call("read", path=name)
        await self.call("edit_symbol", path=name, symbol=symbol, action=action, code=code)
        return (self.root / name).read_text()
