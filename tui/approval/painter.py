"""Draws the code and the headers of a comparison as styled text; knows no widths and no widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from textual.content import Content, Span
from textual.style import Style

from codeagent.agent.text import printable
from codeagent.tui.approval.comparison import Comparison
from codeagent.tui.approval.drawable import Drawable, drawable
from codeagent.tui.approval.rows import Cell, Row
from codeagent.tui.approval.sureness import Sureness
from codeagent.tui.approval.words import changed_words
from codeagent.tui.syntax import ROLES, Highlighter, RoleSpan, lexer_for_file

State = Literal["undecided", "accepted", "rejected"]
GetStyle = Callable[..., Style]
"""The complete style of component classes laid over each other, the first lowest."""

MARKS: dict[State, str] = {"undecided": "○", "accepted": "✓", "rejected": "✗"}
PREFIX = "diff--"
STYLES = {
    f"{PREFIX}{name}"
    for name in (
        *ROLES,
        "header",
        "current",
        "accepted",
        "rejected",
        "gutter",
        "context",
        "added",
        "removed",
        "refused",
        "bar",
        "word-added",
        "word-removed",
        "unsure",
        "doubtful",
        "note",
    )
}
_UNENDED = "  (no newline at end of file)"


class Painter:
    """What is drawn for the rows of one comparison."""

    def __init__(self, comparison: Comparison, sureness: Sureness, style: GetStyle) -> None:
        """`style` is asked anew each time, so that it may follow the theme."""
        self._comparison = comparison
        self._sureness = sureness
        self._style = style
        lexer = lexer_for_file(comparison.name)
        self._before = Highlighter(comparison.before.lines, lexer)
        self._after = Highlighter(comparison.after.lines, lexer)
        self._drawables: dict[tuple[bool, int], Drawable] = {}

    def text(self, cell: Cell) -> str:
        """The plain text of a cell, as it is drawn."""
        return self._drawable(cell).text + (_UNENDED if self._unended(cell) else "")

    def base(self, cell: Cell, state: State | None) -> Style:
        """The style under a cell's code."""
        return self._style(*self._classes(cell, state))

    def code(self, cell: Cell, state: State | None) -> Content:
        """The code of a cell: kinds of words in colours, changed words and unsure ones marked."""
        line, text = self._drawable(cell), self.text(cell)
        spans: list[Span] = []
        if state != "rejected" or cell.kind == "context":
            classes = self._classes(cell, state)
            for start, end, role in self._roles(cell):
                spans.append(Span(line.at(start), line.at(end), _ink(self._style(*classes, PREFIX + role))))
            if marks := self._changed(cell):
                text = _with_tabs(text, self._raw(cell), line, marks)
                paint = _paint(self._style(*classes, f"{PREFIX}word-{cell.kind}"))
                spans += [Span(line.at(start), line.at(end), paint) for start, end in marks]
            if cell.kind == "added":
                raw = self._raw(cell)
                for start, end, level in self._sureness.spans(cell.line):
                    words = raw[start:end]
                    if words.strip():  # a token begins with the space before it; of an indentation that is all there is
                        start, end = end - len(words.lstrip()), start + len(words.rstrip())
                    spans.append(Span(line.at(start), line.at(end), _paint(self._style(*classes, PREFIX + level))))
        elif cell.kind == "added":
            start = len(line.text) - len(line.text.lstrip())
            spans.append(Span(start, len(line.text), Style(strike=True)))
        if self._unended(cell):
            spans.append(Span(len(line.text), len(text), _ink(self._style(PREFIX + "note"))))
        return Content(text, spans)

    def number(self, row: Row, cell: Cell) -> int:
        """The number of a cell's line in the file."""
        if row.before is not None and cell is row.left:
            return self._comparison.before.numbers[row.before]
        version = self._comparison.before if cell.kind == "removed" else self._comparison.after
        return version.numbers[cell.line]

    def header(self, hunk: int, state: State | None, current: bool) -> Content:
        """The line above a hunk: its number, state, place and size, and where the model was least sure."""
        base = self._style(PREFIX + "current" if current else PREFIX + "header")
        if state is None:
            return Content("⋯")
        comparison = self._comparison
        at = comparison.hunks[hunk]
        numbers = comparison.after.numbers
        line = numbers[at.new_start] if at.new_start < len(numbers) else len(numbers)
        parts = [f"hunk {hunk + 1} of {len(comparison.hunks)}", f"line {line}", comparison.counts(hunk)]
        mark = Content.styled(
            f"{MARKS[state]} {state}", base if state == "undecided" else base + _ink(self._style(PREFIX + state))
        )
        content = Content("  ").join([mark, *map(Content, parts)])
        spot = self._sureness.weakest(hunk)
        if spot is None:
            return content
        return Content("  ").join([content, Content.styled(printable(str(spot)), _ink(self._style(PREFIX + "note")))])

    def _roles(self, cell: Cell) -> Sequence[RoleSpan]:
        """The kinds of words in a line; none where a theme tells a change by the colour of its letters alone."""
        plain = self._style(f"{PREFIX}context").background
        if cell.kind != "context" and self._style(PREFIX + cell.kind).background == plain:
            return ()
        return (self._before if cell.kind == "removed" else self._after).line(cell.line)

    def _classes(self, cell: Cell, state: State | None) -> tuple[str, ...]:
        name = "refused" if state == "rejected" and cell.kind == "added" else cell.kind
        if state == "rejected" and cell.kind == "removed":
            name = "context"
        return (PREFIX + name,)

    def _raw(self, cell: Cell) -> str:
        version = self._comparison.before if cell.kind == "removed" else self._comparison.after
        return version.lines[cell.line].rstrip("\n")

    def _drawable(self, cell: Cell) -> Drawable:
        key = (cell.kind == "removed", cell.line)
        if key not in self._drawables:
            self._drawables[key] = drawable(self._raw(cell))
        return self._drawables[key]

    def _unended(self, cell: Cell) -> bool:
        version = self._comparison.before if cell.kind == "removed" else self._comparison.after
        return not version.lines[cell.line].endswith("\n")

    def _changed(self, cell: Cell) -> tuple[tuple[int, int], ...]:
        if cell.partner is None:
            return ()
        lines = self._comparison.before.lines, self._comparison.after.lines
        removed = cell.kind == "removed"
        old, new = (cell.line, cell.partner) if removed else (cell.partner, cell.line)
        found = changed_words(lines[0][old].rstrip("\n"), lines[1][new].rstrip("\n"))
        return () if found is None else found[0 if removed else 1]


def _with_tabs(text: str, raw: str, line: Drawable, marks: tuple[tuple[int, int], ...]) -> str:
    """Tabs that changed are told apart from spaces."""
    tabs = {line.at(i) for start, end in marks for i in range(start, end) if raw[i] == "\t"}
    return "".join("→" if i in tabs else character for i, character in enumerate(text)) if tabs else text


def _ink(style: Style) -> Style:
    """What a style does to the letters."""
    return Style(
        foreground=style.foreground, bold=style.bold, dim=style.dim, italic=style.italic, underline=style.underline
    )


def _paint(style: Style) -> Style:
    """What a style does to the ground."""
    return Style(background=style.background, bold=style.bold, underline=style.underline, reverse=style.reverse)
