"""Finds the paths and names that fit a few typed letters, best first; knows nothing of widgets or of file systems."""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CHUNK = 2_000
"""So many candidates are looked at before other threads get a turn."""
SCORED = 2_000
"""So many candidates are compared closely; of more, those with the plainest likeness are."""

_BETTER_THAN_SPREAD = 99


@dataclass(frozen=True)
class Match:
    """One candidate that fits, and which of its characters were typed."""

    text: str
    positions: tuple[int, ...]


class Index:
    """A list of paths or names prepared for many searches; on ties the earlier one in the list wins."""

    def __init__(self, items: Sequence[str]) -> None:
        self.items = tuple(items)
        self._wholes = [_lower(item) for item in self.items]
        self._names = [whole[whole.rfind("/") + 1 :] for whole in self._wholes]
        self._narrowed: tuple[str, list[int]] = ("", list(range(len(self.items))))

    def best(self, query: str, limit: int, stopped: Callable[[], bool] = lambda: False) -> list[Match]:
        """The candidates that hold the query's letters in this order; a hit in the name goes before one in the folder.

        May run in a thread. Once `stopped()` is true the answer no longer matters and comes early.
        """
        query = _lower(query)
        if not query:
            return [Match(item, ()) for item in self.items[:limit]]
        fitting = self._plainest(query, self._fitting(query, stopped))
        score = _Scorer(query)
        ranked = heapq.nsmallest(limit, ((-score(self._wholes[i], self._names[i]), i) for i in fitting))
        return [Match(self.items[i], _positions(query, self._wholes[i])) for _, i in ranked]

    def _fitting(self, query: str, stopped: Callable[[], bool]) -> list[int]:
        before, pool = self._narrowed
        if not query.startswith(before):
            pool = range(len(self.items))
        fits = _in_this_order(query).match
        wholes = self._wholes
        found: list[int] = []
        for start in range(0, len(pool), CHUNK):
            if stopped():
                return []
            found += [i for i in pool[start : start + CHUNK] if fits(wholes[i])]
            time.sleep(0)  # the screen must not wait until the whole list is searched
        self._narrowed = (query, found)
        return found

    def _plainest(self, query: str, fitting: list[int]) -> list[int]:
        if len(fitting) <= SCORED:
            return fitting
        names, wholes = self._names, self._wholes
        tiers = (
            (i for i in fitting if names[i].startswith(query)),
            (i for i in fitting if query in names[i]),
            (i for i in fitting if query in wholes[i]),
            iter(fitting),
        )
        chosen: dict[int, None] = {}
        for tier in tiers:
            for i in tier:
                chosen[i] = None
                if len(chosen) == SCORED:
                    return list(chosen)
        return list(chosen)


class _Scorer:
    """How well a candidate fits one query. Length does not count, so that equally good ones keep the list's order."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._at_word = re.compile(r"(?:^|[\W_])" + re.escape(query)).search
        self._in_order = _in_this_order(query).match

    def __call__(self, whole: str, name: str) -> int:
        query = self._query
        if "/" not in query:
            if name.startswith(query):
                return 980 if query in (name, name.partition(".")[0]) else 900
            if query in name:
                return 750 if self._at_word(name) else 700
            if self._in_order(name):
                return 500 + _compactness(query, name)
        if query in whole:
            return 350 if self._at_word(whole) else 300
        return 100 + _compactness(query, whole)


def _lower(text: str) -> str:
    """Small letters, position by position: a letter whose small form is longer stays as it is."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _in_this_order(query: str) -> re.Pattern[str]:
    # Each step stops at the first such letter and cannot be retried, so no name makes this slow.
    return re.compile("".join(f"[^{re.escape(c)}]*{re.escape(c)}" for c in query))


def _compactness(query: str, text: str) -> int:
    positions = _spread(query, text)
    starts = sum(1 for p in positions if p == 0 or not text[p - 1].isalnum())
    span = positions[-1] - positions[0] + 1
    return (_BETTER_THAN_SPREAD * (len(query) + starts)) // (span + len(query))


def _positions(query: str, whole: str) -> tuple[int, ...]:
    """The typed letters in a path that fits, in its name if they are all there."""
    name_at = whole.rfind("/") + 1
    name = whole[name_at:]
    at, offset = (name.find(query), name_at) if query in name else (whole.find(query), 0)
    if at >= 0:
        return tuple(range(offset + at, offset + at + len(query)))
    if _in_this_order(query).match(name):
        return tuple(name_at + p for p in _spread(query, name))
    return tuple(_spread(query, whole))


def _spread(query: str, text: str) -> list[int]:
    """Where the letters stand: up to the first place where all have come, read backwards to keep them close."""
    end = -1
    for c in query:
        end = text.index(c, end + 1)
    positions = [end]
    for c in reversed(query[:-1]):
        positions.append(text.rindex(c, 0, positions[-1]))
    return positions[::-1]
