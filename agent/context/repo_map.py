"""The map of a repository: its best symbols as a tree of signatures in so many tokens; knows no ranking and no model,
only how to ask what a text costs.

Files stand in the order of their paths and symbols in the order of their files, whatever their rank: where the index is
the same but for a few ranks, so is the beginning of the map, and what a model has read of it stays in its cache. Lines
of the source are not numbered, since every edit would make them wrong.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codeagent import prompts
from codeagent.agent.context.map_changes import Shown, path_line, signature_line, since
from codeagent.agent.context.retrieval import Index, Ranking, place_of
from codeagent.tools.symbols.api import Symbol

if TYPE_CHECKING:
    from codeagent.agent.context.ranking.snapshot import Snapshot

COUNTS = 8
"""How often a text is counted at most for one map."""
FULL = 0.98
"""A map that takes this share of its tokens is not made fuller."""
_GUESSED, _MOST = 3.5, 10.0
_SELDOM = frozenset({"field", "key", "element", "rule"})
_SMALL, _LARGE = 4e9, 20e9
_WINDOW_SHARE = 20


@dataclass(frozen=True)
class RepoMap:
    """A map and what it costs. `shown` is what it and the changes told since say, by path, and `seen` what the index
    had then."""

    text: str
    tokens: int
    shown: Shown
    seen: Snapshot


def map_tokens(parameters: int, context_length: int) -> int:
    """How large a map should be for a model with so many parameters, 0 where that is not known, and so long a window:
    a small model reads slowly where it runs, and is led astray by what it does not need."""
    size = parameters or _LARGE
    most = 2000 if size >= _LARGE else 1000 if size >= _SMALL else 500
    return min(most, context_length // _WINDOW_SHARE)


async def build_map(index: Index, ranked: Ranking, budget: int, count: Callable[[str], Awaitable[int]]) -> RepoMap:
    """The map of as many of the best symbols as fit into `budget` tokens, which `count` counts exactly; it is asked
    `COUNTS` times at most. The same index, ranking and budget give the same text. "" where not even one symbol fits.
    """
    files: dict[str, Sequence[Symbol]] = {}
    entries = await asyncio.to_thread(lambda: list(_entries(index, ranked, files, int(budget * _MOST))))
    ends = [0]
    for entry in entries:
        ends.append(ends[-1] + entry.size)
    best = RepoMap("", 0, {}, ranked.seen)
    fits, above, rate = 0, len(entries) + 1, _GUESSED
    for _ in range(COUNTS):
        if above - fits <= 1 or best.tokens >= budget * FULL:
            break
        guess = bisect_right(ends, budget * rate) - 1
        taken = min(max(guess, fits + 1), above - 1)
        shown = _shown(entries[:taken], files)
        text = _draw(shown)
        tokens = await count(text)
        rate = len(text) / max(1, tokens)
        if tokens <= budget:
            fits, best = taken, RepoMap(text, tokens, shown, ranked.seen)
        else:
            above = taken
    return best


def map_delta(known: RepoMap, index: Index, own: Collection[str]) -> tuple[str, RepoMap]:
    """What changed since a map or the last delta, as a short text to stand behind it, "" for nothing, and what is known
    now. It tells of symbols and files that are new, and of those of the map that are gone, moved or have another
    signature; not of files in `own`, which the model has changed itself.
    """
    lines, shown, seen = since(known.shown, known.seen, index, own)
    text = prompts.render("context/map_delta.md", lines=lines).rstrip("\n") if lines else ""
    return text, RepoMap(known.text, known.tokens, shown, seen)


@dataclass(frozen=True)
class _Entry:
    """A ranked symbol with those around it, as places in its file that are not in the map before it, and about how many
    characters that adds."""

    path: str
    places: tuple[int, ...]
    size: int


def _entries(index: Index, ranked: Ranking, files: dict[str, Sequence[Symbol]], most: int) -> Iterator[_Entry]:
    """What each ranked symbol adds, as long as it can fit into so many characters; `files` takes up what is read."""
    taken: dict[str, set[int]] = {}
    total = 0
    for one in ranked:
        if one.path not in files:
            files[one.path] = index.symbols(one.path)
        symbols = files[one.path]
        place = place_of(symbols, one.place, one.qualified)
        if place is None or symbols[place].kind in _SELDOM:
            continue
        chain = _chain(symbols, place)
        new = [at for at in chain if at not in taken.get(one.path, ())]
        if not new:
            continue
        size = sum(len(signature_line(symbols[at])) + 3 + 2 * len(_chain(symbols, at)) for at in new)
        size += 0 if one.path in taken else len(one.path) + 1
        taken.setdefault(one.path, set()).update(new)
        total += size
        yield _Entry(one.path, tuple(new), size)
        if total > most:
            return


def _chain(symbols: Sequence[Symbol], place: int) -> list[int]:
    """A definition and those around it, from the inside."""
    chain = [place]
    while (parent := symbols[chain[-1]].parent) is not None and parent not in chain:
        chain.append(parent)
    return chain


def _shown(entries: Sequence[_Entry], files: Mapping[str, Sequence[Symbol]]) -> dict[str, tuple[Symbol, ...]]:
    places: dict[str, set[int]] = {}
    for entry in entries:
        places.setdefault(entry.path, set()).update(entry.places)
    return {path: tuple(files[path][at] for at in sorted(places[path])) for path in sorted(places)}


def _draw(shown: Shown) -> str:
    """The tree: a symbol is as far in as symbols of the map are around it."""
    files: list[dict[str, object]] = []
    for path, symbols in shown.items():
        lines: list[str] = []
        around: list[Symbol] = []
        for symbol in symbols:
            while around and not symbol.qualified.startswith(f"{around[-1].qualified}."):
                around.pop()
            lines.append("  " * len(around) + signature_line(symbol))
            around.append(symbol)
        files.append({"path": path_line(path), "lines": lines})
    return prompts.render("context/map.md", files=files).rstrip("\n")
