"""A change of a text as separate hunks: found, applied one by one, moved onto a text that changed; knows no file."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass

JOINED = 2
_LONG = 2_000


@dataclass(frozen=True)
class Hunk:
    """Lines `old` that begin at line `old_start` of the text before become `new`, at `new_start` of the text after.

    Lines keep their "\\n"; starts count from 0, and where `old` or `new` is empty name the line that it stands before.
    """

    old_start: int
    old: tuple[str, ...]
    new_start: int
    new: tuple[str, ...]

    @property
    def old_end(self) -> int:
        """The line after the last one replaced."""
        return self.old_start + len(self.old)

    @property
    def new_end(self) -> int:
        """The line after the last new one."""
        return self.new_start + len(self.new)


def split_lines(text: str) -> list[str]:
    """Lines with their "\\n"; nothing else ends a line, as git sees it. Joined they are the text again."""
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def hunks(before: str, after: str) -> tuple[Hunk, ...]:
    """What changed, in order. Changes with at most JOINED unchanged lines between them are one hunk."""
    old, new = split_lines(before), split_lines(after)
    found: list[Hunk] = []
    for tag, i, j, k, m in _opcodes(old, new):
        if tag == "equal":
            continue
        if found and i - found[-1].old_end <= JOINED:
            first = found.pop()
            i, k = first.old_start, first.new_start
        found.append(Hunk(i, tuple(old[i:j]), k, tuple(new[k:m])))
    return tuple(found)


def take(before: str, changes: tuple[Hunk, ...], accepted: Collection[int]) -> str:
    """The text before with the accepted hunks, given by their index, and no others."""
    lines = split_lines(before)
    result: list[str] = []
    at = 0
    for number, hunk in enumerate(changes):
        result += lines[at : hunk.old_start]
        result += hunk.new if number in accepted else hunk.old
        at = hunk.old_end
    return "".join(result + lines[at:])


def moved(before: str, after: str, now: str) -> str | None:
    """The change from before to after made to another text; None where that text changed in the same place.

    Every hunk must find the lines it replaces, and the line on either side, together and untouched.
    """
    if before == now:
        return after
    old, lines = split_lines(before), split_lines(now)
    same = [(i, j, k - i) for tag, i, j, k, _ in _opcodes(old, lines) if tag == "equal"]
    result: list[str] = []
    at = 0
    for hunk in hunks(before, after):
        low, high = max(0, hunk.old_start - 1), min(len(old), hunk.old_end + 1)
        offset = next((shift for i, j, shift in same if i <= low and high <= j), None)
        if offset is None:
            return None
        result += lines[at : hunk.old_start + offset]
        result += hunk.new
        at = hunk.old_end + offset
    return "".join(result + lines[at:])


def _opcodes(old: list[str], new: list[str]) -> list[tuple[str, int, int, int, int]]:
    """difflib's opcodes; in long texts lines that stand everywhere are no anchors, or they would cost minutes."""
    head = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - head
    back = zip(reversed(old[head:]), reversed(new[head:]), strict=False)
    tail = next((i for i, (a, b) in enumerate(back) if a != b), rest)
    middle, other = old[head : len(old) - tail], new[head : len(new) - tail]
    matcher = difflib.SequenceMatcher(None, middle, other, autojunk=max(len(middle), len(other)) > _LONG)
    codes = [(tag, i + head, j + head, k + head, m + head) for tag, i, j, k, m in matcher.get_opcodes()]
    begin = [("equal", 0, head, 0, head)] if head else []
    end = [("equal", len(old) - tail, len(old), len(new) - tail, len(new))] if tail else []
    return _joined([*begin, *codes, *end])


def _joined(codes: list[tuple[str, int, int, int, int]]) -> list[tuple[str, int, int, int, int]]:
    result: list[tuple[str, int, int, int, int]] = []
    for code in codes:
        if result and result[-1][0] == code[0] == "equal":
            first = result.pop()
            code = ("equal", first[1], code[2], first[3], code[4])
        result.append(code)
    return result
