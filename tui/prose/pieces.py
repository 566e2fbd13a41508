"""What prose is made of: logical lines with what stands before them; knows no Markdown, no width and no colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from textual.content import Content

LINK = "link:"
"""Spans of a content are named after component classes; one that begins so is a link, and the rest where it leads."""
BULLET, QUOTE = "•", "▌"
BETWEEN = "  "
_LEAST_COLUMN = 8


@dataclass(frozen=True, eq=False)
class Piece:
    """One logical line. `kind` names its ground's component class: text, h1 to h6, code, rule, head or row.

    `first` stands before its first drawn line and `rest`, as wide, before those that follow. A row of a table has
    `cells`; its content is what is copied of it.
    """

    content: Content
    kind: str = "text"
    first: str = ""
    rest: str = ""
    cells: tuple[Content, ...] = ()
    table: Table | None = None

    @property
    def lead(self) -> str:
        """What of `first` is copied with the line, as it is written in Markdown."""
        return "" if self.kind == "code" else self.first.replace(BULLET, "-").replace(QUOTE, ">")


@dataclass(eq=False)
class Table:
    """What the rows of a table share: how wide each column would like to be, and how it is aligned."""

    wanted: list[int]
    aligned: list[str]
    _widths: dict[int, list[int]] = field(default_factory=dict[int, list[int]])

    def widths(self, width: int) -> list[int]:
        """The cells of each column in so many; columns that want too much share what is left."""
        if width not in self._widths:
            self._widths[width] = _fitted(self.wanted, width - len(BETWEEN) * (len(self.wanted) - 1))
        return self._widths[width]


def row_of(cells: Sequence[Content], table: Table, kind: str, first: str, rest: str) -> Piece:
    """A row of a table as a piece."""
    return Piece(Content(" | ").join(cells), kind, first, rest, tuple(cells), table)


def table_of(rows: Sequence[Sequence[Content]], aligned: list[str]) -> Table:
    """The table of these rows, each as long as the first."""
    columns = len(rows[0]) if rows else 0
    wanted = [max(1, *(cell_len(row[i].plain) for row in rows)) for i in range(columns)]
    return Table(wanted, aligned)


def _fitted(wanted: Sequence[int], room: int) -> list[int]:
    """Narrow columns get what they want; the others share the rest evenly, never less than a few cells."""
    left, result = room, list(wanted)
    open_columns = sorted(range(len(wanted)), key=lambda i: wanted[i])
    while open_columns:
        column = open_columns.pop(0)
        share = max(_LEAST_COLUMN, left // (len(open_columns) + 1))
        result[column] = min(wanted[column], share)
        left -= result[column]
    return result
