"""Pieces as the drawn lines of a width, found by number; knows no Markdown, no colours and no widget."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from codeagent.tui.approval.drawable import folds
from codeagent.tui.prose.pieces import BETWEEN, Piece

_LEAST = 4


@dataclass(frozen=True)
class Part:
    """A stretch of a drawn line. `offset` is where it stands in what is copied of its piece, None for decoration."""

    content: Content
    offset: int | None = None


Line = tuple[Part, ...]


class Lines:
    """The lines of a text at one width."""

    def __init__(self, width: int) -> None:
        """`width` in cells."""
        self.width = max(1, width)
        self._of: list[list[Line]] = []
        self._starts = [0]

    @property
    def height(self) -> int:
        """How many lines there are."""
        return self._starts[-1]

    def update(self, pieces: Sequence[Piece], first: int) -> None:
        """The pieces from number `first` on are others now."""
        first = min(first, len(self._of))
        del self._of[first:], self._starts[first + 1 :]
        for piece in pieces[first:]:
            self._of.append(lines_of(piece, self.width))
            self._starts.append(self._starts[-1] + len(self._of[-1]))

    def start(self, piece: int) -> int:
        """The number of a piece's first line; that of the end for one after the last."""
        return self._starts[min(piece, len(self._of))]

    def at(self, line: int) -> tuple[int, Line] | None:
        """The piece that a line belongs to, and the line; None below the last."""
        if not 0 <= line < self.height:
            return None
        piece = bisect_right(self._starts, line) - 1
        return piece, self._of[piece][line - self._starts[piece]]


def lines_of(piece: Piece, width: int) -> list[Line]:
    """The lines of one piece, at least one. What is wider than the room is folded, never cut."""
    room = max(_LEAST, width - cell_len(piece.first))
    if piece.kind == "rule":
        bodies: list[Line] = [(Part(Content("─" * room)),)]
    elif piece.table is not None:
        bodies = _row(piece, piece.table.widths(room))
    elif piece.kind == "code":
        # A cell of ground stands on both sides.
        text = piece.content.plain
        parts = piece.content.divide(folds(text, max(2, room - 2)))
        bodies = [(Part(Content(" ")), part) for part in _placed(parts, text, 0)]
    else:
        parts = _wrapped(piece.content, room)
        bodies = [(part,) for part in _placed(parts, piece.content.plain, len(piece.lead))]
    first, rest = Part(Content(piece.first), 0 if piece.lead else None), Part(Content(piece.rest))
    return [(rest if number else first, *body) for number, body in enumerate(bodies)]


def _row(piece: Piece, widths: Sequence[int]) -> list[Line]:
    """The lines of a table's row: each cell is wrapped in its column."""
    columns: list[list[Part]] = []
    offset = len(piece.lead)
    for cell, width in zip(piece.cells, widths, strict=False):
        columns.append(_placed(_wrapped(cell, width), cell.plain, offset))
        offset += len(cell.plain) + len(" | ")
    aligned = piece.table.aligned if piece.table is not None else []
    lines: list[Line] = []
    for number in range(max(map(len, columns), default=1)):
        parts: list[Part] = []
        for at, (column, width) in enumerate(zip(columns, widths, strict=False)):
            part = column[number] if number < len(column) else Part(Content(""))
            free = max(0, width - cell_len(part.content.plain))
            way = aligned[at] if at < len(aligned) else "left"
            before = free if way == "right" else free // 2 if way == "center" else 0
            between = BETWEEN if at + 1 < len(widths) else ""
            parts += [Part(Content(" " * before)), part, Part(Content(" " * (free - before) + between))]
        lines.append(tuple(parts))
    return lines


def _wrapped(content: Content, width: int) -> list[Content]:
    return content.wrap(width) if cell_len(content.plain) > width else [content]


def _placed(contents: Sequence[Content], text: str, offset: int) -> list[Part]:
    """Consecutive stretches of a text that begins at `offset`; between them are only the spaces it was wrapped at."""
    parts: list[Part] = []
    at = 0
    for content in contents:
        at = text.index(content.plain, at)
        parts.append(Part(content, offset + at))
        at += len(content.plain)
    return parts
