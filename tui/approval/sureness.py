"""How sure the model was of each added line, and where in a hunk it was least so; knows no screen and no engine."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from codeagent.agent.certainty import Certainty
from codeagent.tui.approval.comparison import Comparison

UNSURE = 0.6
"""Below this probability a token is marked."""
DOUBTFUL = 0.3
"""Below this one it is marked strongly: the model would more likely have written something else."""
_SHOWN = 24

Level = Literal["unsure", "doubtful"]


@dataclass(frozen=True)
class WeakSpot:
    """The least probable words of a hunk: their probability, the number of their line in the text after."""

    probability: float
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.probability:.0%} sure of {self.text!r} in line {self.line}"


class Sureness:
    """The model's certainty laid over the added lines of a comparison."""

    def __init__(self, comparison: Comparison, certainty: Certainty | None) -> None:
        """Lines that the model did not write as they stand have none."""
        added = [line for hunk in range(len(comparison.hunks)) for line in comparison.added(hunk)]
        known = certainty.of_lines([comparison.after.lines[line] for line in added]) if certainty else []
        self._of = {line: values for line, values in zip(added, known, strict=False) if values}
        self._spots = [self._weakest(comparison, hunk) for hunk in range(len(comparison.hunks))]

    @property
    def known(self) -> bool:
        """Whether anything is known at all."""
        return bool(self._of)

    def spans(self, line: int) -> list[tuple[int, int, Level]]:
        """The parts of a line of the text after (from 0) that the model was not sure of."""
        tokens = _tokens(self._of.get(line, ()))
        return [(start, end, "doubtful" if p < DOUBTFUL else "unsure") for start, end, p in tokens if p < UNSURE]

    def weakest(self, hunk: int) -> WeakSpot | None:
        """Where the model was least sure; None where nothing is known, or it was sure of everything."""
        spot = self._spots[hunk]
        return spot if spot is not None and spot.probability < UNSURE else None

    def order(self) -> list[int]:
        """The hunks, the least sure first; those of which nothing is known come last."""
        spots = enumerate(self._spots)
        return [hunk for _, hunk in sorted((2.0 if spot is None else spot.probability, hunk) for hunk, spot in spots)]

    def _weakest(self, comparison: Comparison, hunk: int) -> WeakSpot | None:
        found: list[tuple[float, int, int, int]] = []
        for line in comparison.added(hunk):
            text = comparison.after.lines[line]
            tokens = [token for token in _tokens(self._of.get(line, ())) if text[token[0] : token[1]].strip()]
            found += [(probability, line, start, end) for start, end, probability in tokens]
        if not found:
            return None
        probability, line, start, end = min(found)
        while follows := next((t for t in self.spans(line) if t[0] == end), None):  # the run that it begins
            end = follows[1]
        words = comparison.after.lines[line][start:end].strip()
        shown = words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…"
        return WeakSpot(probability, comparison.after.numbers[line], shown)


def _tokens(probabilities: tuple[float, ...]) -> list[tuple[int, int, float]]:
    """Runs of characters of one probability, which are tokens, or neighbours that nothing tells apart."""
    result: list[tuple[int, int, float]] = []
    at = 0
    for probability, run in groupby(probabilities):
        end = at + len(list(run))
        result.append((at, end, probability))
        at = end
    return result
