"""Which lines of a change belong together, and which words in them changed; knows no colours and no files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from functools import lru_cache

Span = tuple[int, int]
Pair = tuple[int | None, int | None]

ALIKE = 0.5
REACH = 5
_LONGEST_LINE = 400
_MANY_LINES = 400
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


def pairs(old: Sequence[str], new: Sequence[str]) -> list[Pair]:
    """The lines of a change as rows, in order: an old and a new line that are alike, or one of them alone.

    In a long change lines are paired by their place, since comparing each with its neighbours would take seconds.
    """
    if len(old) + len(new) > _MANY_LINES:
        both = min(len(old), len(new))
        return [(i, i) for i in range(both)] + _alone(range(both, len(old)), range(both, len(new)))
    result: list[Pair] = []
    at = 0
    for i, line in enumerate(old):
        reach = range(at, min(len(new), at + REACH))
        found = next((j for j in reach if changed_words(line, new[j]) is not None), None)
        if found is None:
            result.append((i, None))
            continue
        result += _alone((), range(at, found))
        result.append((i, found))
        at = found + 1
    return result + _alone((), range(at, len(new)))


def _alone(old: Sequence[int], new: Sequence[int]) -> list[Pair]:
    left: list[Pair] = [(i, None) for i in old]
    right: list[Pair] = [(None, j) for j in new]
    return left + right


@lru_cache(maxsize=4096)
def changed_words(old: str, new: str) -> tuple[tuple[Span, ...], tuple[Span, ...]] | None:
    """Where the words of two lines differ, in each; None where the lines are too long or too different to compare."""
    if max(len(old), len(new)) > _LONGEST_LINE:
        return None
    a, b = _WORD.findall(old), _WORD.findall(new)
    dense = difflib.SequenceMatcher(None, _without_spaces(a), _without_spaces(b), autojunk=False)
    if old.split() != new.split() and (dense.quick_ratio() < ALIKE or dense.ratio() < ALIKE):
        return None
    codes = difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    changes = [(i, j, k, m) for tag, i, j, k, m in codes if tag != "equal"]
    return _spans(a, [(i, j) for i, j, _, _ in changes]), _spans(b, [(k, m) for _, _, k, m in changes])


def _without_spaces(words: list[str]) -> list[str]:
    return [word for word in words if not word.isspace()]


def _spans(words: list[str], changes: list[Span]) -> tuple[Span, ...]:
    """Runs of words as runs of characters; those that only a space keeps apart are one."""
    result: list[Span] = []
    for start, end in changes:
        begin = sum(map(len, words[:start]))
        stop = begin + sum(map(len, words[start:end]))
        if begin == stop:
            continue
        if result and "".join(words)[result[-1][1] : begin].isspace():
            begin = result.pop()[0]
        result.append((begin, stop))
    return tuple(result)
