"""How long one decode takes by the number of its tokens, and how far it pays to draft ahead; knows no tokens.

On a GPU a decode of thirty tokens takes as long as one of one, on a CPU nearly thirty times as long. So nothing is
assumed: every decode that happens is noted, and what is drafted follows from that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, log2
from statistics import median

REMEMBERED = 7
LEAP = 4
WORTH = 1.05
LONGEST = 127  # with the token before it a decode of 128: more gains nothing anywhere, and takes memory for scores


class CostCurve:
    """Milliseconds by the number of tokens in a decode, as measured: the median of the last few of about that size."""

    def __init__(self) -> None:
        self._written: dict[int, deque[float]] = {}
        self._read: dict[int, deque[float]] = {}
        self._points: list[tuple[int, float]] = []

    def note(self, size: int, ms: float, *, reading: bool = False) -> None:
        """A decode of so many tokens took so long. One of a prompt that is only read says less: scores are worked out
        for its last token alone, so it counts only where nothing else is known.
        """
        nearest = 2 ** round(log2(size))
        kept = (self._read if reading else self._written).setdefault(nearest, deque(maxlen=REMEMBERED))
        kept.append(ms * nearest / size)
        sizes = sorted(self._written.keys() | self._read)
        self._points = [(each, median(self._written.get(each) or self._read[each])) for each in sizes]

    def cost(self, size: int) -> float:
        """The milliseconds to expect of a decode of this size: infinite where nothing near it has been seen.

        Between two sizes seen it is on the line through them. Beyond the last it is on the line of the last two, or
        the same as the only one, up to LEAP times that size: trying it is cheap, and then it is known.
        """
        points = self._points
        if not points or not points[0][0] <= size <= LEAP * points[-1][0]:
            return inf
        above = next((number for number, (each, _) in enumerate(points) if each >= size), len(points) - 1)
        (low, left), (high, right) = points[max(0, above - 1)], points[above]
        return right if low == high else left + (right - left) * (size - low) / (high - low)


@dataclass(frozen=True)
class Outlook:
    """What is known of a draft: the probability that it is about the right place at all, and, if it is, that any one
    token of it is the last that holds.
    """

    trust: float
    hazard: float

    def accepted(self, length: int) -> float:
        """How many of the first so many tokens of the draft will hold, to be expected."""
        keeps = 1 - self.hazard
        held = length if self.hazard == 0 else keeps * (1 - keeps**length) / self.hazard
        return self.trust * held


def draft_length(curve: CostCurve, outlook: Outlook, limit: int, sure: int = 1) -> int:
    """How many tokens to draft, at most `limit`, so that most are written a second; 0 when drafting does not pay.

    `sure` is how many tokens the decode has anyway; each of them is one written.
    """
    alone = curve.cost(sure)
    if alone == inf:
        return 0
    best, chosen = WORTH * sure / alone, 0
    for length in _lengths(min(limit, LONGEST), sure):
        rate = (sure + outlook.accepted(length)) / curve.cost(sure + length)
        if rate > best:
            best, chosen = rate, length
    return chosen


def _lengths(limit: int, sure: int) -> Iterator[int]:
    """Drafts that fill a decode to a power of two, and the longest one."""
    size = 2
    while size - sure < limit:
        if size > sure:
            yield size - sure
        size *= 2
    if limit > 0:
        yield limit
