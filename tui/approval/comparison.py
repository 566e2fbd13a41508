"""Two states of a text with the hunks between them, whole or as far as a unified diff tells; knows no screen."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from codeagent.tools.hunks import JOINED, Hunk, hunks, split_lines

_HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_LONG = 2_000


@dataclass(frozen=True)
class Version:
    """Lines with their "\\n", and the number that each has in the file."""

    lines: Sequence[str]
    numbers: Sequence[int]


@dataclass(frozen=True)
class Piece:
    """Lines `old` of the text before that became lines `new` of the text after, or that are the `same` in both."""

    old: range
    new: range
    same: bool


@dataclass(frozen=True)
class Comparison:
    """What a diff is drawn from. `name` is the file's, for its language."""

    name: str
    before: Version
    after: Version
    hunks: tuple[Hunk, ...]

    @cached_property
    def pieces(self) -> tuple[tuple[Piece, ...], ...]:
        """For each hunk what in it really changed: a hunk may hold a few lines that did not."""
        return tuple(tuple(_pieces(hunk)) for hunk in self.hunks)

    def added(self, hunk: int) -> list[int]:
        """The lines of the text after that are new in a hunk."""
        return [line for piece in self.pieces[hunk] if not piece.same for line in piece.new]

    def removed(self, hunk: int) -> list[int]:
        """The lines of the text before that are gone in a hunk."""
        return [line for piece in self.pieces[hunk] if not piece.same for line in piece.old]

    def counts(self, hunk: int | None = None) -> str:
        """How many lines were added and removed, in one hunk or in all, as it is written beside a file's name."""
        among = range(len(self.hunks)) if hunk is None else [hunk]
        return f"+{sum(len(self.added(i)) for i in among)} -{sum(len(self.removed(i)) for i in among)}"


def compare(name: str, before: str, after: str) -> Comparison:
    """The comparison of two whole texts."""
    return Comparison(name, _whole(before), _whole(after), hunks(before, after))


def _whole(text: str) -> Version:
    lines = split_lines(text)
    return Version(lines, range(1, len(lines) + 1))


def _pieces(hunk: Hunk) -> list[Piece]:
    matcher = difflib.SequenceMatcher(None, hunk.old, hunk.new, autojunk=max(len(hunk.old), len(hunk.new)) > _LONG)
    return [
        Piece(
            range(hunk.old_start + i, hunk.old_start + j), range(hunk.new_start + k, hunk.new_start + m), tag == "equal"
        )
        for tag, i, j, k, m in matcher.get_opcodes()
    ]


def from_unified(name: str, unified: str) -> Comparison:
    """The comparison that a unified diff of one file tells of; lines that are not of its form are left out."""
    reader = _Reader()
    for line in split_lines(unified):
        reader.read(line)
    return Comparison(
        name,
        Version(reader.lines[0], reader.numbers[0]),
        Version(reader.lines[1], reader.numbers[1]),
        tuple(Hunk(i, tuple(reader.lines[0][i:j]), k, tuple(reader.lines[1][k:m])) for i, j, k, m in reader.changes),
    )


@dataclass
class _Reader:
    """Reads a unified diff line by line. Index 0 is the text before, 1 the text after."""

    lines: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    numbers: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    changes: list[list[int]] = field(default_factory=list[list[int]])
    _next: list[int] = field(default_factory=lambda: [0, 0])
    _left: list[int] = field(default_factory=lambda: [0, 0])
    _since: int = JOINED + 1
    _last: tuple[int, ...] = ()

    def read(self, line: str) -> None:
        """One line with its "\\n"."""
        if header := _HEADER.match(line):
            starts, lengths = (int(header[1]), int(header[3])), (header[2], header[4])
            self._left = [1 if length is None else int(length) for length in lengths]
            self._next = [max(1, start) for start in starts]
            self._since = JOINED + 1
        elif line.startswith("\\"):
            for side in self._last:
                self.lines[side][-1] = self.lines[side][-1].rstrip("\n")
        elif any(self._left) and line[0] in " -+":
            self._take({" ": (0, 1), "-": (0,), "+": (1,)}[line[0]], line[1:])

    def _take(self, sides: tuple[int, ...], text: str) -> None:
        if len(sides) == 2:
            self._since += 1
        else:
            if self._since > JOINED:
                at = [len(lines) for lines in self.lines]
                self.changes.append([at[0], at[0], at[1], at[1]])
            self._since = 0
        for side in sides:
            self.lines[side].append(text)
            self.numbers[side].append(self._next[side])
            self._next[side] += 1
            self._left[side] -= 1
        if self._since == 0:
            self.changes[-1][1], self.changes[-1][3] = len(self.lines[0]), len(self.lines[1])
        self._last = sides
