"""Guesses how an answer goes on from text that it repeats; knows no model, no sampling and no time.

Two sources, the better first. A prediction is text that the answer probably repeats large parts of, usually the file
that is being rewritten: a cursor follows the answer through it and, where they part, finds its place again. This is
what Cursor and Fireworks call speculative edits. Without it, or while the place is lost, the last few tokens are
looked up in the prompt and in the answer itself, as llama.cpp's examples/lookup does.

A guess is never more than that: whoever uses it compares it, token by token, with what is really chosen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from codeagent.inference.engine.cost_curve import Outlook

END = -1
"""Stands between the texts of a prediction; no token is equal to it."""

_PAIR, _FOUR, _LOOKED_UP = 2, 4, 3
_AHEAD, _BEHIND = 192, 48  # tokens around where the place was lost in which two equal ones are enough
_CANDIDATES = 8
_COMPARED = 16
_SETTLED = 8
_DOUBT = 0.6
_MEMORY = 2048


class Record:
    """How often the next token was the one that followed in the text, beginning with what is likely before."""

    def __init__(self, held: float, broke: float) -> None:
        self._held, self._broke = held, broke

    def note(self, held: bool) -> None:
        """One more. What was long ago counts less and less."""
        if held:
            self._held += 1
        else:
            self._broke += 1
        if self._held + self._broke > _MEMORY:
            self._held, self._broke = self._held / 2, self._broke / 2

    @property
    def hazard(self) -> float:
        """The probability that the next token is another one."""
        return self._broke / (self._held + self._broke)


class Cursor:
    """A place in a text that goes on as the answer is expected to. `match` is how many tokens before it agree."""

    def __init__(self, tokens: list[int], record: Record) -> None:
        self.tokens = tokens
        self.at: int | None = None
        self.match = 0
        self._record = record

    def follow(self, token: int) -> bool:
        """Step over the next token of the answer; False, and the place is lost, when the text goes on otherwise."""
        if self.at is None:
            return False
        held = self.at < len(self.tokens) and self.tokens[self.at] == token
        if self.match >= _FOUR and self.tokens[self.at : self.at + 1] not in ([], [END]):
            self._record.note(held)
        if held:
            self.at, self.match = self.at + 1, self.match + 1
        else:
            self.at, self.match = None, 0
        return held

    def move(self, at: int | None, recent: Sequence[int]) -> None:
        """Go to this place, behind as many of the recent tokens as are found there."""
        self.at = at
        self.match = 0 if at is None else _agreeing(self.tokens, at, recent)

    def ahead(self, limit: int) -> list[int]:
        """What follows, at most so many tokens."""
        if self.at is None:
            return []
        following = self.tokens[self.at : self.at + limit]
        return following[: following.index(END)] if END in following else following

    @property
    def outlook(self) -> Outlook:
        """What to expect of the tokens ahead."""
        return Outlook(trust=1 - _DOUBT**self.match, hazard=self._record.hazard)


class _Prediction(Cursor):
    """Follows the answer through the forms of a text that is known beforehand."""

    def __init__(self, forms: Iterable[Sequence[int]]) -> None:
        tokens: list[int] = []
        for form in forms:
            tokens += [*form, END]
        super().__init__(tokens, Record(held=64, broke=1))
        self._pairs = _places(tokens, _PAIR)
        self._fours = _places(tokens, _FOUR)
        self._settled = 0  # where the place was certain last

    def add(self, recent: Sequence[int]) -> None:
        """The last of the recent tokens is new."""
        if not self.follow(recent[-1]):
            self.move(self._found(recent), recent)
        if self.at is not None and self.match >= _SETTLED:
            self._settled = self.at

    def _found(self, recent: Sequence[int]) -> int | None:
        """The place that most of the recent tokens lead to, and of several the one nearest to where it was lost."""
        pairs = self._nearest(self._pairs.get(tuple(recent[-_PAIR:]), []))
        near = [at for at in pairs if -_BEHIND <= at - self._settled <= _AHEAD]
        far = self._nearest(self._fours.get(tuple(recent[-_FOUR:]), []))
        return max(
            [*near, *far], key=lambda at: (_agreeing(self.tokens, at, recent), -self._distance(at)), default=None
        )

    def _nearest(self, places: Sequence[int]) -> Sequence[int]:
        middle = bisect_left(places, self._settled)
        return places[max(0, middle - _CANDIDATES) : middle + _CANDIDATES]

    def _distance(self, at: int) -> int:
        # Going on is likelier than going back.
        return at - self._settled if at >= self._settled else 2 * (self._settled - at)


class _Lookup(Cursor):
    """Follows the answer through the prompt and itself."""

    def __init__(self, prompt: Sequence[int]) -> None:
        super().__init__(list(prompt), Record(held=6, broke=1))
        shifted = (self.tokens[n:] for n in range(_LOOKED_UP))
        self._behind: dict[tuple[int, ...], int] = dict(
            zip(zip(*shifted, strict=False), range(_LOOKED_UP, len(prompt)), strict=False)
        )

    def add(self, recent: Sequence[int]) -> None:
        """The last of the recent tokens is new."""
        followed = self.follow(recent[-1])
        last = tuple([*self.tokens[-_LOOKED_UP:], recent[-1]][-_LOOKED_UP:])
        if not followed:
            self.move(self._behind.get(last), recent)
        self.tokens.append(recent[-1])
        self._behind[last] = len(self.tokens)


class Drafter:
    """The tokens that probably come next in one answer. `forms` are the ways in which predicted text may be written:
    as it is, and as a string in JSON.
    """

    def __init__(self, prompt: Sequence[int], forms: Iterable[Sequence[int]] = ()) -> None:
        self._recent: list[int] = []
        self._prediction = _Prediction(forms)
        self._lookup = _Lookup(prompt)

    def add(self, token: int) -> None:
        """This is the next token of the answer."""
        self._recent = [*self._recent[1 - _COMPARED :], token]
        self._prediction.add(self._recent)
        self._lookup.add(self._recent)

    def draft(self, limit: int) -> list[int]:
        """What probably follows, at most so many tokens, perhaps none."""
        return self._best.ahead(limit)

    @property
    def outlook(self) -> Outlook:
        """What to expect of the draft."""
        return self._best.outlook

    @property
    def _best(self) -> Cursor:
        return self._prediction if self._prediction.ahead(1) else self._lookup


def _places(tokens: Sequence[int], length: int) -> dict[tuple[int, ...], list[int]]:
    """Where each run of so many tokens ends, in order."""
    places: dict[tuple[int, ...], list[int]] = {}
    for end in range(length, len(tokens) + 1):
        places.setdefault(tuple(tokens[end - length : end]), []).append(end)
    return places


def _agreeing(tokens: Sequence[int], at: int, recent: Sequence[int]) -> int:
    """How many of the recent tokens, from the last one back, stand before this place."""
    count = 0
    while count < min(at, len(recent)) and tokens[at - 1 - count] == recent[-1 - count]:
        count += 1
    return count
