"""How sure the model was of the text that it wrote, character by character; knows no engine and no screen."""

from __future__ import annotations

import difflib
import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Any, cast

from codeagent.inference.client import TokenLogprob, ToolCall

_WRITTEN = ("content", "new")  # parameters that hold what goes into a file
_LONG = 2_000


@dataclass(frozen=True)
class Certainty:
    """Text that the model wrote, and for each character the probability (0 to 1) of the token that it belongs to."""

    text: str
    probabilities: tuple[float, ...]

    def of_lines(self, lines: Sequence[str]) -> list[tuple[float, ...] | None]:
        """For each line (with or without its "\\n") the probabilities of its characters, "\\n" aside; None for a line
        that the model did not write, or that is blank.

        Characters that are not the model's have probability 1: an indentation put right, what stands around an edit
        within a line. A line that the text holds more than once is taken for the one with the same neighbours, so give
        the lines of a hunk together.
        """
        own = _lines_with_starts(self.text)
        wanted = [(number, body) for number, line in enumerate(lines) if (body := line.rstrip("\n")).strip()]
        places = _aligned([body.strip() for _, body in wanted], [text.strip() for text, _ in own])
        fragments = [own[i] for i in set(range(len(own))) - set(places.values())]
        result: list[tuple[float, ...] | None] = [None] * len(lines)
        for position, (number, body) in enumerate(wanted):
            if position in places:
                result[number] = self._of_line(body, *own[places[position]])
                continue
            within = [(text.strip(), start) for text, start in fragments if text.strip() in body]
            if within:
                result[number] = self._of_line(body, *max(within, key=lambda each: len(each[0])))
        return result

    def _of_line(self, body: str, text: str, start: int) -> tuple[float, ...]:
        """The probabilities of a line of which the model wrote `text`, at `start` of all its text."""
        if text.rstrip() != body.rstrip():
            start += len(text) - len(text.lstrip())
            text = text.strip()
        at, size = body.index(text.rstrip()), len(text.rstrip())
        return (1.0,) * at + self.probabilities[start : start + size] + (1.0,) * (len(body) - at - size)


def certainty_of(call: ToolCall, logprobs: Sequence[TokenLogprob]) -> Certainty | None:
    """How sure the model was of what a call of its reply writes into files, or of all texts of a call that writes none.

    They are looked for in the reply in the forms in which dialects write them: as they are, or as strings of JSON. None
    where the engine told nothing, or nothing is found.
    """
    if not logprobs:
        return None
    reply = "".join(token.text for token in logprobs)
    probabilities = [math.exp(token.logprob) for token in logprobs for _ in token.text]
    strings = [(key, value) for key, value in _strings("", call.arguments) if value.strip()]
    found = _placed(reply, [value for _, value in strings])
    parts = [(value, found[i]) for i, (key, value) in enumerate(strings) if i in found and key in _WRITTEN]
    if not any(key in _WRITTEN for key, _ in strings):
        parts = [(value, found[i]) for i, (_, value) in enumerate(strings) if i in found]
    text = ""
    own: list[float] = []
    for value, starts in parts:
        text += value
        own += [min(probabilities[a:b]) for a, b in pairwise(starts)]
        if not value.endswith("\n"):
            text += "\n"
            own.append(1.0)
    return Certainty(text, tuple(own)) if text else None


def _strings(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every string of the arguments with the name of its parameter, in the order written."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _strings(name, inner)
    elif isinstance(value, list | tuple):
        for inner in cast("Sequence[Any]", value):
            yield from _strings(key, inner)


@dataclass(frozen=True)
class _View:
    """The reply read in one way; `starts` says where in the reply each character begins, and the last one ends."""

    text: str
    starts: Sequence[int]

    def places(self, string: str) -> Iterator[Sequence[int]]:
        """Wherever the string stands, the starts of its characters and its end."""
        at = self.text.find(string)
        while at >= 0:
            yield self.starts[at : at + len(string) + 1]
            at = self.text.find(string, at + 1)


_ESCAPE = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\(.)")
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}


def _unescaped(view: _View) -> _View:
    """What the view says where it is JSON; elsewhere a character may be missing, which does no harm there."""
    pieces: list[str] = []
    starts: list[int] = []
    at = 0
    for match in _ESCAPE.finditer(view.text):
        high, low, unit, short = match.groups()
        if short and short not in _SHORT:
            continue
        if high:
            meant = chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
        else:
            meant = chr(int(unit, 16)) if unit else _SHORT[short]
        pieces += [view.text[at : match.start()], meant]
        starts += view.starts[at : match.start() + 1]
        at = match.end()
    return _View("".join([*pieces, view.text[at:]]), [*starts, *view.starts[at:]])


def _placed(reply: str, strings: Sequence[str]) -> dict[int, Sequence[int]]:
    """Where the strings, by their index, stand in the reply one after the other, as near to each other as they do.

    The last such place counts: what comes before it is the model thinking aloud about the call.
    """
    plain = _View(reply, range(len(reply) + 1))
    once = _unescaped(plain)
    views = [plain, once, _unescaped(once)]  # some write the arguments as JSON in a string of JSON
    places: dict[int, list[Sequence[int]]] = {}
    for number, string in enumerate(strings):
        spans = {(place[0], place[-1]): place for view in reversed(views) for place in view.places(string)}
        if spans:
            places[number] = [spans[span] for span in sorted(spans, key=itemgetter(1))]
    if not places:
        return {}
    *before, last = places
    best: dict[int, Sequence[int]] = {}
    for end in places[last]:
        window = {last: end}
        edge = end[0]
        for number in reversed(before):
            fitting = bisect_right(places[number], edge, key=itemgetter(-1))
            if not fitting:
                break
            window[number] = places[number][fitting - 1]
            edge = window[number][0]
        else:
            first = min(window)
            if not best or window[first][0] > best[first][0]:
                best = window
    return best


def _lines_with_starts(text: str) -> list[tuple[str, int]]:
    """The lines that are not blank, each with the place where it begins."""
    lines: list[tuple[str, int]] = []
    at = 0
    for line in text.split("\n"):
        if line.strip():
            lines.append((line, at))
        at += len(line) + 1
    return lines


def _aligned(wanted: Sequence[str], own: Sequence[str]) -> dict[int, int]:
    """For lines the index of the same one among the model's: the longest runs first, then any that is left."""
    long = max(len(wanted), len(own)) > _LONG
    matcher = difflib.SequenceMatcher(None, wanted, own, autojunk=long)
    found = {i + k: j + k for i, j, size in matcher.get_matching_blocks() for k in range(size)}
    left: dict[str, list[int]] = {}
    for j in sorted(set(range(len(own))) - set(found.values()), reverse=True):
        left.setdefault(own[j], []).append(j)
    for i, text in enumerate(wanted):
        if i not in found and left.get(text):
            found[i] = left[text].pop()
    return found
