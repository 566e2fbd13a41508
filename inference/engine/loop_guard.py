"""Notices when a model repeats itself exactly and for ever; knows tokens only."""

from __future__ import annotations

MAX_PERIOD = 200
MIN_REPEATS = 6
MIN_TOKENS = 400
SHORT_PERIOD = 4


class LoopGuard:
    """Fed one token at a time, says when the last ones are one phrase over and over.

    A loop is a phrase of at most MAX_PERIOD tokens, written at least MIN_REPEATS times on end, MIN_TOKENS in all.
    A phrase of up to SHORT_PERIOD tokens, one sign, has to come more than MIN_TOKENS times: a row of 400 may be what
    was asked for.
    """

    def __init__(self) -> None:
        self._recent: list[int] = []  # newest first
        self._same = [0] * (MAX_PERIOD + 1)  # by period p: how many tokens on end equal the one p before them

    def add(self, token: int) -> bool:
        """Take the next token; True when it completes a loop. At most MAX_PERIOD comparisons."""
        looping = False
        same = self._same
        for period, earlier in enumerate(self._recent, start=1):
            if earlier == token:
                same[period] += 1
                # A row of one sign has every longer period too; the shortest is the one that counts.
                if period > SHORT_PERIOD and same[period] <= max(same[1 : SHORT_PERIOD + 1]):
                    continue
                looping = looping or same[period] + period >= _enough(period)
            else:
                same[period] = 0
        self._recent.insert(0, token)
        del self._recent[MAX_PERIOD:]
        return looping


def _enough(period: int) -> int:
    if period <= SHORT_PERIOD:
        return (MIN_TOKENS + 1) * period
    return max(MIN_TOKENS, MIN_REPEATS * period)
