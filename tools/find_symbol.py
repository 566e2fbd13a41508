"""The tool that shows where a symbol is defined, its source, what uses it and what it uses; changes nothing.

The index says in which files to look. It may lag behind the disk, so each of them is parsed as it is now.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codeagent.tools.api import Effect, EffectKind, Output, PreparedCall, Tool, ToolError, ToolResult
from codeagent.tools.ledger import FileLedger
from codeagent.tools.outline import depths, outline_line
from codeagent.tools.params import ToolParams
from codeagent.tools.parser import Parser
from codeagent.tools.source import Source, less_module, matching, near_symbols, plain_name, read_source, split_line
from codeagent.tools.symbols.api import Symbol
from codeagent.tools.symbols.reader import Found, FoundReference, SymbolReader
from codeagent.tools.workspace import Workspace, printable

SHOWN_WITH_SOURCE = 3
LISTED = 30
MAX_FILES = 30
MAX_SECONDS = 20.0
MAX_LINES = 200
MAX_CHARACTERS = 12_000
OUTLINED_FROM = 120
RELATED = 20
REFERENCES = 200
_CODE = frozenset({"class", "interface", "struct", "enum", "trait", "function", "method", "constant", "type", "macro"})


class FindSymbolParams(ToolParams):
    """`name` is plain or qualified."""

    name: str


@dataclass(frozen=True)
class _Place:
    """A definition as it is in its file now."""

    source: Source
    symbol: Symbol


@dataclass
class _Answer:
    """What was found. `gone` are the paths that no longer hold what the index says; `others` counts definitions that
    bear the name less exactly."""

    name: str
    places: list[_Place] = field(default_factory=list[_Place])
    gone: list[str] = field(default_factory=list[str])
    others: int = 0
    unread: int = 0


class _FindSymbol(PreparedCall):
    def __init__(self, answer: _Answer, ledger: FileLedger, reader: SymbolReader) -> None:
        self.title = f"Find {answer.name}"
        paths = dict.fromkeys(place.source.path for place in answer.places)
        self.effects = tuple(Effect(kind=EffectKind.READ, target=printable(str(path))) for path in paths)
        self._answer = answer
        self._ledger = ledger
        self._reader = reader

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        places = self._answer.places
        parts: list[str] = []
        if len(places) <= SHOWN_WITH_SOURCE:
            room = MAX_CHARACTERS
            for place in places:
                text, whole = _with_source(place, room)
                room = max(0, room - len(text))
                if whole:
                    self._ledger.note(place.source.path, place.source.sha256, whole=False)
                parts += [text, *self._callees(place)]
        else:
            parts.append(_listed(places))
        parts += [*self._callers(), *self._notes()]
        text = "\n\n".join(parts)
        return ToolResult(output=text, display=Output(text=text))

    def _callers(self) -> list[str]:
        """Where the name is used, definition by definition; the index alone says so."""
        own = {(place.source.shown, place.symbol.qualified) for place in self._answer.places}
        name = self._answer.places[0].symbol.name
        uses: dict[tuple[str, str], list[int]] = {}
        found = self._reader.references(name, REFERENCES)
        for reference in found:
            where = (printable(reference.path), _inside(reference))
            if where not in own:
                uses.setdefault(where, []).append(reference.line)
        if not uses:
            return []
        lines = [f"{path}:{_numbers(numbers)}{inside and f' in {inside}'}" for (path, inside), numbers in uses.items()]
        more = f"\n[... {len(lines) - RELATED:,} more places ...]" if len(lines) > RELATED else ""
        more += f"\n[only the first {REFERENCES} uses were looked at]" if len(found) >= REFERENCES else ""
        shared = len(self._answer.places) + self._answer.others
        head = f"Used by name in ({shared} definitions share the name)" if shared > 1 else "Used in"
        return [f"{head}:\n" + "\n".join(lines[:RELATED]) + more]

    def _callees(self, place: _Place) -> list[str]:
        """What the definition's names lead to, the same file first."""
        symbol, own = place.symbol, place.source.symbols
        names = dict.fromkeys(r.name for r in own.references if symbol.start <= r.line <= symbol.end)
        lines: list[str] = []
        for name in names:
            here = [s for s in own.definitions if s.name == name and s.kind in _CODE and not _within(s, symbol)]
            found = [Found(place.source.shown, s) for s in here] or self._defined(name)
            if found and name != symbol.name:
                more = f" and {len(found) - 1} more" if len(found) > 1 else ""
                lines.append(f"{found[0].symbol.qualified} {printable(found[0].path)}:{found[0].symbol.start}{more}")
            if len(lines) == RELATED:
                break
        return [f"{symbol.qualified} uses:\n" + "\n".join(lines)] if lines else []

    def _defined(self, name: str) -> list[Found]:
        return [f for f in self._reader.find(name) if f.symbol.name == name and f.symbol.kind in _CODE]

    def _notes(self) -> list[str]:
        answer = self._answer
        notes: list[str] = []
        if answer.gone:
            notes.append(f"No longer in {', '.join(answer.gone)}: changed since it was indexed.")
        if answer.unread:
            notes.append(f"Definitions in {answer.unread} more files are not shown. Give a qualified name.")
        return ["\n".join(notes)] if notes else []


class FindSymbolTool(Tool[FindSymbolParams]):
    """Looks a name up and shows the file's present text, never the index's."""

    name = "find_symbol"
    read_only = True
    params = FindSymbolParams

    def __init__(self, workspace: Workspace, ledger: FileLedger, reader: SymbolReader, parser: Parser) -> None:
        """A definition that is shown to its end makes its file one that is known in part."""
        self._workspace = workspace
        self._ledger = ledger
        self._reader = reader
        self._parser = parser

    async def prepare(self, params: FindSymbolParams) -> PreparedCall:
        """See Tool. A name that is not defined is answered with those that come near."""
        name, _ = split_line(params.name)
        if not plain_name(name):
            raise ToolError("The name is empty. Give that of a function, class or other definition.")
        found = self._found(name)
        if not found:
            raise ToolError(f"No definition of {name} is known.{self._near(name)}")
        answer = await asyncio.to_thread(self._answer, params.name, found)
        if not answer.places:
            where = ", ".join(answer.gone)
            raise ToolError(f"{name} was in {where} and is not any more. Search for it with grep.")
        return _FindSymbol(answer, self._ledger, self._reader)

    def _found(self, name: str) -> list[Found]:
        """What the index has of a name, as it is given, as it has names, or less the module in front."""
        plain = plain_name(name)
        for wanted in dict.fromkeys((name, plain)):
            if found := list(self._reader.find(wanted)):
                return found
        parts = plain.split(".")
        for i in range(1, len(parts)):
            tail = ".".join(parts[i:])
            if found := [f for f in self._reader.find(tail) if less_module(name, f.path) == tail]:
                return found
        return []

    def _answer(self, name: str, found: Sequence[Found]) -> _Answer:
        by_path: dict[str, list[Symbol]] = {}
        best = {id(symbol) for symbol in matching([f.symbol for f in found], name)}
        chosen = [f for f in found if id(f.symbol) in best] or list(found)
        for one in chosen:
            by_path.setdefault(one.path, []).append(one.symbol)
        answer = _Answer(chosen[0].symbol.qualified, others=len(found) - len(chosen))
        until = time.monotonic() + MAX_SECONDS
        for number, (path, symbols) in enumerate(by_path.items()):
            if number == MAX_FILES or time.monotonic() > until:
                answer.unread = len(by_path) - number
                break
            now = self._now(path, symbols)
            answer.places += now
            if len(now) < len(symbols):
                answer.gone.append(printable(path))
        return answer

    def _now(self, path: str, symbols: Sequence[Symbol]) -> list[_Place]:
        """The definitions of a file that the index speaks of, where they are now."""
        try:
            real: Path = self._workspace.resolve(path)
            source = read_source(real, self._workspace.display(real), self._parser.symbols)
        except ToolError:
            return []  # removed, or no longer a text
        left = list(source.symbols.definitions)
        places: list[_Place] = []
        for symbol in symbols:
            same = [s for s in left if s.qualified == symbol.qualified and s.kind == symbol.kind]
            if same:
                nearest = min(same, key=lambda s, line=symbol.start: abs(s.start - line))
                left.remove(nearest)
                places.append(_Place(source, nearest))
        return places

    def _near(self, name: str) -> str:
        leaf = plain_name(name).rpartition(".")[2]
        found = list(self._reader.complete(leaf, 5))
        if not found:
            begun = {id(f.symbol): f for f in self._reader.complete(leaf[:2], REFERENCES)}
            found = [begun[id(s)] for s in near_symbols([f.symbol for f in begun.values()], leaf)]
        if not found:
            return " Search for it with grep."
        names = ", ".join(f"{f.symbol.qualified} ({printable(f.path)}:{f.symbol.start})" for f in found)
        return f" Did you mean {names}?"


def _with_source(place: _Place, room: int) -> tuple[str, bool]:
    """A definition with its lines, and whether all of them are shown; a long class as an outline of what is in it."""
    source, symbol = place.source, place.symbol
    lines = source.file.shown.split("\n")[symbol.start - 1 : symbol.end]
    head = f"{source.shown} (lines {symbol.start}-{symbol.end} of {len(source.file.lines)}): {symbol.kind} "
    inner = [s for s in source.symbols.definitions if _within(s, symbol)]
    if len(lines) > OUTLINED_FROM and len(inner) > 1:
        levels = depths(source.symbols.definitions)
        base = levels[source.symbols.definitions.index(symbol)]
        shown = [
            outline_line(s, level - base)
            for s, level in zip(source.symbols.definitions, levels, strict=True)
            if s is symbol or (_within(s, symbol) and level == base + 1)
        ]
        return head + f"{symbol.qualified}, an outline\n" + "\n".join(shown[:MAX_LINES]), False
    taken: list[str] = []
    for line in lines[:MAX_LINES]:
        room -= len(line) + 1
        if room < 0:
            break
        taken.append(line)
    whole = len(taken) == len(lines)
    note = "" if whole else f"\n[... cut: read {source.shown} from line {symbol.start + len(taken)} ...]"
    return head + f"{symbol.qualified}\n" + "\n".join(taken) + note, whole


def _listed(places: Sequence[_Place]) -> str:
    lines = [f"{p.source.shown}:{outline_line(p.symbol, 0)}  [{p.symbol.qualified}]" for p in places[:LISTED]]
    more = f"\n[... {len(places) - LISTED:,} more ...]" if len(places) > LISTED else ""
    return f"{len(places)} definitions. Give a qualified name, or read the lines:\n" + "\n".join(lines) + more


def _within(inner: Symbol, outer: Symbol) -> bool:
    return inner is not outer and outer.start_byte <= inner.start_byte and inner.end_byte <= outer.end_byte


def _inside(reference: FoundReference) -> str:
    return reference.inside.qualified if reference.inside else ""


def _numbers(lines: Iterable[int]) -> str:
    numbers = list(dict.fromkeys(lines))
    return ",".join(map(str, numbers[:10])) + (",…" if len(numbers) > 10 else "")
