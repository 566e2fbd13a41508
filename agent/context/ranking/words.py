"""Identifiers and prose cut into words, a block of bytes at a time in numpy; knows no ranking.

A word is known by a hash of 64 bits: millions of words of an index need no table of texts, and the words of a request
are hashed the same way. Two words of one hash would count as one, which at a million words happens once in millions of
indexes and then costs a rank.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from codeagent.agent.context.index.graph import Strings

Rows = NDArray[np.int64]

CHUNK = 1 << 18
"""Bytes cut at once: what it takes meanwhile is some fifty times that."""
LONGEST = 64
"""Bytes of a word that count."""
_OTHER, _LOWER, _UPPER, _DIGIT = range(4)
_BASE = 0x9E3779B97F4A7C15
_MIX = 0xBF58476D1CE4E5B9
_STOP = """
    a about after again all also an and any are as at be because been before being between both but by can cannot could
    did do does doing done down each either else ever every few for from further had has have having he her here him his
    how however i if in into is it its itself just like made make makes many may me might more most much must my need
    needs neither no nor not now of off on once one only or other our out over own per please rather same she should
    since so some such than that the their them then there these they this those through to too under until up upon us
    used uses using very via want was we were what when where whether which while who whom whose why will with within
    without would you your
"""


@dataclass(frozen=True)
class Words:
    """Words in the order in which they stand, and the text that each is of."""

    hashes: NDArray[np.uint64]
    rows: NDArray[np.int64]


def words_of(texts: Strings) -> Iterator[Words]:
    """The words of many texts, in parts."""
    data, starts = np.frombuffer(texts.block, np.uint8), texts.starts
    for first, last in _chunks(texts):
        begin, end, lowered = _cut(data[starts[first] : starts[last]])
        kept = end - begin > 1
        begin, end = begin[kept], end[kept]
        rows = (
            np.asarray(np.searchsorted(starts[first : last + 1], begin + starts[first], "right"), np.int64) - 1 + first
        )
        yield Words(_hash(lowered, begin, np.minimum(end, begin + LONGEST)), rows)


def fingerprints(texts: Strings, fold: bool) -> NDArray[np.uint64]:
    """A hash of each whole text; with `fold`, ASCII capitals count as small letters."""
    data, starts = np.frombuffer(texts.block, np.uint8), texts.starts
    found = np.zeros(len(texts), np.uint64)
    for first, last in _chunks(texts):
        part = data[starts[first] : starts[last]]
        places = starts[first : last + 1] - starts[first]
        found[first:last] = _hash(_lower(part) if fold else part, places[:-1], places[1:] - 1)
    return found


def _chunks(texts: Strings) -> Iterator[tuple[int, int]]:
    """Runs of texts of some `CHUNK` bytes together, or of a single one that is longer."""
    first = 0
    while first < len(texts):
        last = max(first + 1, int(np.searchsorted(texts.starts, texts.starts[first] + CHUNK, "right")) - 1)
        yield first, last
        first = last


def asked(request: str) -> dict[int, str]:
    """The words of a request that tell something, as hash and text, each once, in the order in which they stand."""
    encoded = request.encode("utf-8", "replace")
    begin, end, lowered = _cut(np.frombuffer(encoded, np.uint8))
    hashes = _hash(lowered, begin, np.minimum(end, begin + LONGEST))
    found: dict[int, str] = {}
    for value, start, stop in zip(hashes.tolist(), begin.tolist(), end.tolist(), strict=True):
        word = encoded[start:stop].decode("utf-8", "replace").lower()
        if len(word) > 1 and not is_stop_word(word):
            found.setdefault(value, word)
    return found


def is_stop_word(word: str) -> bool:
    """Whether a word of English is in every request and tells nothing."""
    return word.lower() in _stop_words()


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(_STOP.split())


def _cut(data: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Where words begin and end, and the bytes in lower case with a zero behind them.

    A word is a run of letters or of digits; it also ends before a capital that follows a small letter, and before the
    last capital of several that a small letter follows: `HTTPServer` is `HTTP` and `Server`, but `URLs` one word.
    Letters beyond ASCII count as small ones, typographic signs (U+2000 to U+207F) as none.
    """
    padded = np.concatenate((data, np.zeros(3, np.uint8)))
    kind = _kinds()[padded]
    sign = np.flatnonzero((padded[:-2] == 0xE2) & (padded[1:-1] >> 1 == 0x40))
    for offset in range(3):
        kind[sign + offset] = _OTHER
    before = np.concatenate((np.zeros(1, np.uint8), kind[:-1]))
    small = kind == _LOWER
    after = np.concatenate((small[1:], np.zeros(1, np.bool_)))
    plural = np.zeros(len(kind), np.bool_)
    plural[:-2] = (padded[1:-1] == ord("s")) & ~small[2:]
    hump = (kind == _UPPER) & ((before == _LOWER) | (before == _UPPER) & after & ~plural)
    letter, letter_before = (kind == _LOWER) | (kind == _UPPER), (before == _LOWER) | (before == _UPPER)
    change = hump | (letter != letter_before) | ((kind == _DIGIT) != (before == _DIGIT))
    edges = np.flatnonzero(change)
    begin = edges[kind[edges] != _OTHER]
    end = edges[np.searchsorted(edges, begin, "right")] if len(begin) else begin
    return begin, end, _lower(padded)


def _lower(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return data + np.where((data >= ord("A")) & (data <= ord("Z")), np.uint8(32), np.uint8(0))


@cache
def _kinds() -> NDArray[np.uint8]:
    kinds = np.full(256, _OTHER, np.uint8)
    kinds[ord("a") : ord("z") + 1] = _LOWER
    kinds[0x80:] = _LOWER
    kinds[ord("A") : ord("Z") + 1] = _UPPER
    kinds[ord("0") : ord("9") + 1] = _DIGIT
    return kinds


def _hash(lowered: NDArray[np.uint8], begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A polynomial of the bytes modulo 2^64, by differences of running sums."""
    values = lowered.astype(np.uint64) + 1
    powers = np.full(len(values), _BASE, np.uint64)
    inverse = np.full(len(values), pow(_BASE, -1, 1 << 64), np.uint64)
    powers[:1] = inverse[:1] = 1
    np.multiply.accumulate(powers, out=powers)
    np.multiply.accumulate(inverse, out=inverse)
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(values * powers, dtype=np.uint64)))
    hashes = (sums[end] - sums[begin]) * inverse[begin]
    hashes ^= hashes >> np.uint64(32)
    return hashes * np.uint64(_MIX)
