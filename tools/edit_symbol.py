"""The tool that replaces a whole definition, or puts code beside one, by its name; writes through FileWrite alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from codeagent.tools.api import PreparedCall, Tool, ToolError
from codeagent.tools.files import NotThereError, is_read_only
from codeagent.tools.ledger import FileLedger
from codeagent.tools.params import ToolParams
from codeagent.tools.parser import Parser
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.source import Source, labels, less_module, matching, near_symbols, read_source, utf8
from codeagent.tools.splice import Action, Spliced
from codeagent.tools.suggest import near_names
from codeagent.tools.symbols.api import Symbol
from codeagent.tools.syntax import SyntaxProblem, new_problems
from codeagent.tools.workspace import Workspace
from codeagent.tools.writing import FileWrite, Written

_DONE = {
    "replace": "Replaced",
    "insert_before": "Inserted before",
    "insert_after": "Inserted after",
    "delete": "Deleted",
}
MAX_NAMED = 12


class EditSymbolParams(ToolParams):
    """`symbol` is a plain or qualified name; `code` the whole definition, or the code to put in; none to delete."""

    path: str
    symbol: str
    action: Action
    code: str = ""


class EditSymbolTool(Tool[EditSymbolParams]):
    """Has the file parsed as it is, and refuses what would bring a syntax error into it.

    What is replaced or deleted must have been seen: by read, or by find_symbol with its whole source. To put code
    beside a definition, as with edit, the file need not have been read; in no case may it have changed since.
    """

    name = "edit_symbol"
    fenced = ("code",)
    existing = "path"
    acts = True
    params = EditSymbolParams

    def __init__(self, workspace: Workspace, ledger: FileLedger, ripgrep: Ripgrep, parser: Parser) -> None:
        """Refuses files that changed since the ledger saw them; names others where one does not exist."""
        self._workspace = workspace
        self._ledger = ledger
        self._ripgrep = ripgrep
        self._parser = parser

    async def prepare(self, params: EditSymbolParams) -> PreparedCall:
        """See Tool."""
        path = self._workspace.resolve_for_writing(params.path)
        source = await self._source(path)
        self._ledger.check_unchanged(path, source.sha256, source.shown)
        symbol = _the_one(source, params.symbol)
        if params.action in ("replace", "delete") and self._ledger.seen(path) is None:
            raise ToolError(
                f"{source.shown} was not read, and {params.action} would take away code you have not seen. "
                f"Look at {symbol.qualified} with find_symbol or read first."
            )
        text, note = await asyncio.to_thread(self._edited, source, symbol, params)
        written = Written(
            given=params.path,
            path=path,
            shown=source.shown,
            old=source.file,
            new=source.file.with_text(text),
            expected=source.sha256,
            output=f"{_DONE[params.action]} {symbol.qualified} in {source.shown}{note}",
            read_only=is_read_only(path, source.shown),
        )
        return FileWrite(f"Edit {source.shown}", written, self._workspace, self._ledger)

    async def _source(self, path: Path) -> Source:
        shown = self._workspace.display(path)
        try:
            return await asyncio.to_thread(read_source, path, shown, self._parser.symbols)
        except NotThereError as e:
            near = await near_names(path, self._workspace, self._ripgrep)
            raise ToolError(f"{e}{near or ' Make it with write.'}") from e

    def _edited(self, source: Source, symbol: Symbol, params: EditSymbolParams) -> tuple[str, str]:
        """The file's new text, and a note on it. Raises ToolError."""
        spliced = self._parser.splice(source, symbol, params.action, params.code)
        if spliced.text == source.file.text:
            raise ToolError(f"The edit leaves {source.shown} as it is. Nothing was changed.")
        name, data = source.path.name, utf8(spliced.text)
        problems = new_problems(self._parser.problems(name, source.data), self._parser.problems(name, data))
        if problems:
            where = _described(problems[0], spliced)
            advice = "Give the code again without the error." if spliced.lines else "Change it with edit."
            raise ToolError(f"This would break {source.shown}: {where}. Nothing was changed. {advice}")
        now = self._parser.symbols(name, data).definitions if params.action == "replace" else ()
        return spliced.text, _outcome(source, symbol, params.action, spliced, now)


def _the_one(source: Source, name: str) -> Symbol:
    """The one definition that a name means. Raises ToolError for none and for several."""
    definitions = source.symbols.definitions
    found = matching(definitions, name)
    if not found and (bare := less_module(name, source.path.as_posix())):
        found = matching(definitions, bare)
    if len(found) == 1:
        return found[0]
    if found:
        more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
        raise ToolError(
            f"{source.shown} defines {name} {len(found)} times: {labels(found[:MAX_NAMED])}{more}. "
            "Nothing was changed. Name one of them as it stands here, with its line."
        )
    near = near_symbols(definitions, name) or definitions[:MAX_NAMED]
    known = f" It defines {labels(near)}." if near else " No definitions were found in it: change it with edit."
    partial = f" {source.symbols.partial}" if source.symbols.partial else ""
    raise ToolError(f"{source.shown} does not define {name}.{known}{partial} Nothing was changed.")


def _described(problem: SyntaxProblem, spliced: Spliced) -> str:
    """Where the error is, counted in the given code where it is in there."""
    where = f"line {problem.line}"
    if spliced.lines is not None and spliced.lines[0] <= problem.line <= spliced.lines[1]:
        where = f"line {problem.line - spliced.lines[0] + 1} of the code"
    snippet = f" (`{problem.snippet}`)" if problem.snippet else ""
    return f"{where}{snippet}: {problem.message}"


def _outcome(source: Source, symbol: Symbol, action: Action, spliced: Spliced, now: Sequence[Symbol]) -> str:
    """Where the code is now and what else came of it; `now` is what the file would define. Raises ToolError if a
    definition is replaced by none."""
    if spliced.lines is None:
        return "."
    first, last = spliced.lines
    where = f" (lines {first}-{last})." if last > first else f" (line {first})."
    if action != "replace":
        return where
    put = [s for s in now if first <= s.start <= last]
    if not put and source.symbols.language is not None:
        raise ToolError(
            f"`code` defines nothing, and {symbol.qualified} would be gone. Give the whole definition with its first "
            "line, or use delete. Nothing was changed."
        )
    renamed = bool(put) and not any(s.name == symbol.name for s in put)
    return f"{where}{f' It is called {put[0].qualified} now.' if renamed else ''}{spliced.note}"
