"""The rows of a diff, unified or side by side: which line stands where and what it is; knows no colours, no widths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Literal

from codeagent.tui.approval.comparison import Comparison, Piece
from codeagent.tui.approval.words import Pair, pairs

CONTEXT = 3

Kind = Literal["context", "removed", "added"]


@dataclass(frozen=True)
class Cell:
    """A line (from 0) of the text before, if it was removed, or else of the text after.

    `partner` is the line of the other text that it replaces or that replaces it.
    """

    line: int
    kind: Kind
    partner: int | None = None


@dataclass(frozen=True)
class Row:
    """One row of a hunk: code on the left, on the right or both; without code it is the hunk's header.

    In a unified diff `left` alone is used. `before` is the line of the text before, of context side by side.
    """

    hunk: int
    left: Cell | None = None
    right: Cell | None = None
    before: int | None = None


def unified(comparison: Comparison, context: int = CONTEXT) -> list[Row]:
    """One column: what was removed above what was added."""
    rows: list[Row] = []
    for hunk, pieces in enumerate(_with_context(comparison, context)):
        rows.append(Row(hunk))
        for piece in pieces:
            if piece.same:
                rows += [Row(hunk, Cell(line, "context")) for line in piece.new]
                continue
            matched = _pairs(comparison, piece)
            rows += [Row(hunk, Cell(i, "removed", j)) for i, j in matched if i is not None]
            rows += [Row(hunk, Cell(j, "added", i)) for i, j in matched if j is not None]
    return rows


def side_by_side(comparison: Comparison, context: int = CONTEXT) -> list[Row]:
    """Two columns: the text before and the text after, lines that are alike beside each other."""
    rows: list[Row] = []
    for hunk, pieces in enumerate(_with_context(comparison, context)):
        rows.append(Row(hunk))
        for piece in pieces:
            if piece.same:
                both = zip(piece.old, piece.new, strict=True)
                rows += [Row(hunk, Cell(j, "context"), Cell(j, "context"), before=i) for i, j in both]
            else:
                rows += [Row(hunk, left, right) for left, right in _beside(_pairs(comparison, piece))]
    return rows


def _beside(matched: list[Pair]) -> Iterator[tuple[Cell | None, Cell | None]]:
    for alone, run in groupby(matched, lambda pair: None in pair):
        if not alone:
            yield from ((Cell(i, "removed", j), Cell(j, "added", i)) for i, j in run if i is not None and j is not None)
            continue
        lines = list(run)
        removed = [Cell(i, "removed") for i, _ in lines if i is not None]
        yield from zip_longest(removed, [Cell(j, "added") for _, j in lines if j is not None])


def _pairs(comparison: Comparison, piece: Piece) -> list[Pair]:
    old = [comparison.before.lines[i].rstrip("\n") for i in piece.old]
    new = [comparison.after.lines[j].rstrip("\n") for j in piece.new]
    first, second = piece.old.start, piece.new.start
    return [(None if i is None else i + first, None if j is None else j + second) for i, j in pairs(old, new)]


def _with_context(comparison: Comparison, context: int) -> Iterator[list[Piece]]:
    """Each hunk's pieces between unchanged lines; those between two hunks are shown with one of them."""
    numbers, shown = comparison.before.numbers, 0
    for i, hunk in enumerate(comparison.hunks):
        lead = hunk.old_start
        while lead > max(shown, hunk.old_start - context) and _follow(numbers, lead - 1, hunk.old_start - 1):
            lead -= 1
        following = comparison.hunks[i + 1].old_start if i + 1 < len(comparison.hunks) else len(numbers)
        trail = hunk.old_end
        while trail < min(following, hunk.old_end + context) and _follow(numbers, max(0, hunk.old_end - 1), trail):
            trail += 1
        shown = trail
        yield [
            *_same(range(lead, hunk.old_start), hunk.new_start - hunk.old_start),
            *comparison.pieces[i],
            *_same(range(hunk.old_end, trail), hunk.new_end - hunk.old_end),
        ]


def _follow(numbers: Sequence[int], first: int, last: int) -> bool:
    return numbers[last] - numbers[first] == last - first


def _same(lines: range, shift: int) -> list[Piece]:
    return [Piece(lines, range(lines.start + shift, lines.stop + shift), True)] if lines else []
