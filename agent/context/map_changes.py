"""What of a repository is not as a map says any more; knows no model and no tokens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from codeagent.agent.context.retrieval import Index
from codeagent.agent.text import printable
from codeagent.tools.symbols.api import Symbol

if TYPE_CHECKING:
    from codeagent.agent.context.ranking.snapshot import Snapshot

WIDTH = 120
"""Characters of a signature."""
FILES, SYMBOLS = 20, 8
"""Files told of at once for what is new in them, and of each so many symbols; of the rest only how many there are."""

Shown = Mapping[str, tuple[Symbol, ...]]


def signature_line(symbol: Symbol) -> str:
    """The signature fit for a model and a terminal, in one line of at most `WIDTH` characters."""
    text = " ".join(printable(symbol.signature or symbol.name).split())
    return text if len(text) <= WIDTH else text[: WIDTH - 2].rsplit(" ", 1)[0] + " …"


def path_line(path: str) -> str:
    """The path fit for a model and a terminal, in one line."""
    return printable(path).replace("\n", "<U+000A>")


def since(shown: Shown, seen: Snapshot, index: Index, own: Collection[str]) -> tuple[list[str], Shown, Snapshot]:
    """The lines that tell what changed since something was shown and seen, and what is shown and seen with them.

    A line with + is of something new, with - of something that is gone, with ~ of another signature; those of symbols
    stand under their file.
    """
    if index.generation == seen.generation:
        return [], shown, seen
    from codeagent.agent.context.ranking.snapshot import difference, snapshot  # numpy, not needed where nothing changed

    graph = index.graph()
    changes = difference(seen, graph, own, FILES)
    gone = set(changes.gone)
    now = {path: symbols for path, symbols in shown.items() if path not in gone and path not in changes.moved}
    lines = [f"- {path_line(path)}" for path in shown if path in gone and path not in own]
    for source in shown:
        if source in changes.moved:
            path = changes.moved[source]
            now[path] = shown[source]
            lines += [] if path in own else [f"{path_line(source)} → {path_line(path)}"]
    added = set(changes.added)
    for path in sorted({*added, *changes.definitions, *(changes.changed & now.keys())}):
        news, symbols = _changes(now.get(path, ()), changes.definitions.get(path, ()), index.symbols(path))
        now[path] = symbols
        if path not in own and (news or path in added):
            lines += [f"+ {path_line(path)}" if path in added else path_line(path), *news]
    if changes.more:
        lines.append(f"… {changes.more}")
    return lines, now, snapshot(graph)


def _changes(
    shown: Sequence[Symbol], new: Sequence[int], symbols: Sequence[Symbol]
) -> tuple[list[str], tuple[Symbol, ...]]:
    """What to say of a file, and what is shown of it then. `new` are places among its symbols."""
    current: dict[str, Symbol] = {}
    for symbol in symbols:
        current.setdefault(symbol.qualified, symbol)
    gone = [symbol for symbol in shown if symbol.qualified not in current]
    kept = [(symbol, current[symbol.qualified]) for symbol in shown if symbol.qualified in current]
    other = [after for before, after in kept if before.signature != after.signature]
    added = [symbols[place] for place in new if place < len(symbols)]
    lines = [f"  - {path_line(symbol.qualified)}" for symbol in gone]
    lines += [f"  ~ {_within(symbol)}" for symbol in other]
    lines += [f"  + {_within(symbol)}" for symbol in added]
    if len(lines) > SYMBOLS:
        lines = [*lines[:SYMBOLS], f"  … {len(lines) - SYMBOLS}"]
    known = {symbol.qualified: symbol for symbol in (*(after for _, after in kept), *added)}
    return lines, tuple(sorted(known.values(), key=lambda symbol: symbol.start_byte))


def _within(symbol: Symbol) -> str:
    """The signature, after the names of what the symbol stands in."""
    scope = symbol.qualified.removesuffix(symbol.name).rstrip(".")
    return f"{path_line(scope)}: {signature_line(symbol)}" if scope else signature_line(symbol)
