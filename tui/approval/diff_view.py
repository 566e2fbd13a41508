"""The widget that draws a diff line by line, side by side where there is room; decides nothing about its hunks."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style

from codeagent.tools.api import Diff
from codeagent.tui.approval.comparison import Comparison, from_unified
from codeagent.tui.approval.drawable import folds
from codeagent.tui.approval.painter import PREFIX, STYLES, Painter, State
from codeagent.tui.approval.rows import Cell, Row, side_by_side, unified
from codeagent.tui.approval.sureness import Sureness
from codeagent.tui.syntax_css import role_css

SPLIT_WIDTH = 140
"""From this width of the screen on the texts stand side by side."""
_SIGNS = {"context": " ", "removed": "-", "added": "+"}
_BAR, _DIVIDER = "▌", "│"

Line = list[Segment]


class DiffView(ScrollView, can_focus=False):
    """Draws a comparison. Long lines are folded, never cut: what is not seen cannot be approved."""

    PAINTER: ClassVar[type[Painter]] = Painter
    """What draws headers and code."""
    COMPONENT_CLASSES: ClassVar[set[str]] = STYLES
    DEFAULT_CSS = f"""
    DiffView {{
        height: auto; max-height: 60vh; overflow-x: hidden; overflow-y: auto;
        scrollbar-size: 0 1; scrollbar-gutter: stable;
        .diff--header {{ color: $foreground-muted; }}
        .diff--current {{ color: $foreground; text-style: bold; background: $primary 25%; }}
        .diff--bar {{ color: $accent; }}
        .diff--accepted {{ color: $text-success; text-style: bold; }}
        .diff--rejected {{ color: $text-error; text-style: bold; }}
        .diff--gutter {{ color: $foreground-muted; }}
        .diff--context {{ color: $foreground; }}
        .diff--added {{ color: $foreground; background: $success 12%; }}
        .diff--removed {{ color: $foreground; background: $error 14%; }}
        .diff--word-added {{ background: $success 30%; }}
        .diff--word-removed {{ background: $error 32%; }}
        .diff--unsure {{ background: $warning 25%; text-style: underline; }}
        .diff--doubtful {{ background: $warning 50%; text-style: underline bold; }}
        .diff--refused {{ color: $foreground-muted; }}
        .diff--note {{ color: $text-warning; }}
        {role_css(PREFIX)}
        &:ansi {{
            .diff--current {{ background: transparent; }}
            .diff--added {{ color: $success; background: transparent; }}
            .diff--removed {{ color: $error; background: transparent; }}
            .diff--word-added, .diff--word-removed {{ background: transparent; text-style: reverse; }}
            .diff--unsure {{ background: transparent; text-style: underline; }}
            .diff--doubtful {{ background: transparent; text-style: bold underline; }}
        }}
    }}
    """

    current: reactive[int | None] = reactive(None)
    """The hunk that is looked at, and kept in sight."""
    states: reactive[tuple[State, ...]] = reactive(())
    """What is decided on each hunk; empty where nothing is to be decided."""

    class HunkClicked(Message):
        """The person clicked on a hunk of this view; `clicked` is when."""

        def __init__(self, view: DiffView, hunk: int, clicked: float) -> None:
            super().__init__()
            self.view = view
            self.hunk = hunk
            self.clicked = clicked

        @property
        def control(self) -> DiffView:
            """The view, for selectors."""
            return self.view

    def __init__(
        self,
        comparison: Comparison,
        sureness: Sureness | None = None,
        states: tuple[State, ...] = (),
        *,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """With `states`, one for each hunk, every hunk has a header that tells its own."""
        super().__init__(id=id, classes=classes)
        self.set_reactive(DiffView.states, states)
        self.set_reactive(DiffView.current, 0 if states else None)
        self._show(comparison, sureness)

    def show(self, comparison: Comparison, sureness: Sureness | None, states: tuple[State, ...]) -> None:
        """Draw another comparison, from its first hunk on."""
        self._show(comparison, sureness)
        self.set_reactive(DiffView.current, None)
        self.states = states
        self.current = 0 if states else None
        self.scroll_to(y=0, animate=False, force=True)
        self._measure()
        self.refresh(layout=True)

    def scroll_hunk(self, direction: int) -> bool:
        """Scroll on within the current hunk, down (1) or up (-1); False if its end in that direction is in sight."""
        if self.current is None:
            return False
        top, bottom = self._lines_of(self.current)
        first, height = self.scroll_offset.y, self.size.height
        hidden = bottom - (first + height) if direction > 0 else first - top
        if hidden <= 0:
            return False
        self.scroll_to(y=first + direction * min(hidden, max(1, height // 2)), animate=False)
        return True

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        width = self.scrollable_content_region.width
        self._arrange(width)
        line = y + self.scroll_offset.y
        if line >= self._starts[-1]:
            return Strip.blank(width, self.rich_style)
        row = bisect_right(self._starts, line) - 1
        if row not in self._drawn:
            self._drawn[row] = [Strip(segments, width) for segments in self._draw(row, width)]
        return self._drawn[row][line - self._starts[row]]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """See Widget."""
        self._arrange(width - self.styles.scrollbar_size_vertical)
        return self._starts[-1]

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """See Widget. What is copied is the code; side by side, that of the right."""
        cells = [self._copied(row) for row in self._rows]
        return selection.extract("\n".join("" if cell is None else self._painter.text(cell) for cell in cells)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """See Widget."""
        self._redraw()

    def notify_style_update(self) -> None:
        """See Widget."""
        super().notify_style_update()
        self._drawn.clear()

    def on_resize(self) -> None:
        """Lay the lines out anew."""
        self._measure()
        if self.current is not None:
            top, bottom = self._lines_of(self.current)
            if bottom <= self.scroll_offset.y or top >= self.scroll_offset.y + self.size.height:
                self._keep_in_sight()

    def on_click(self, event: events.Click) -> None:
        """Tell which hunk was clicked."""
        line = event.y + self.scroll_offset.y
        if 0 <= line < self._starts[-1]:
            hunk = self._rows[bisect_right(self._starts, line) - 1].hunk
            self.post_message(self.HunkClicked(self, hunk, event.time))

    def watch_current(self) -> None:
        """Draw the hunk as the current one."""
        self._redraw()
        self._keep_in_sight()

    def watch_states(self) -> None:
        """Draw the hunks in their new states."""
        self._redraw()

    def _show(self, comparison: Comparison, sureness: Sureness | None) -> None:
        self._comparison = comparison
        self._painter = self.PAINTER(comparison, sureness or Sureness(comparison, None), self._style)
        self._all_rows: dict[bool, list[Row]] = {}
        self._rows: list[Row] = []
        self._starts = [0]
        self._drawn: dict[int, list[Strip]] = {}
        self._arranged: tuple[int, bool] | None = None
        numbers = (*comparison.before.numbers[-1:], *comparison.after.numbers[-1:])
        self._digits = len(str(max(numbers, default=0)))

    def _arrange(self, width: int) -> None:
        """Choose the rows and find out where each begins; does nothing while width and screen stay."""
        split = self.screen.size.width >= SPLIT_WIDTH
        if self._arranged == (width, split):
            return
        if split not in self._all_rows:
            rows = side_by_side(self._comparison) if split else unified(self._comparison)
            self._all_rows[split] = rows if self.states else rows[1:]
        self._arranged = (width, split)
        self._rows = self._all_rows[split]
        left, right = self._code_widths(width)
        heights = [max(self._height(row.left, left), self._height(row.right, right)) for row in self._rows]
        self._starts = list(accumulate(heights, initial=0))
        self._drawn.clear()

    def _measure(self) -> None:
        width = self.scrollable_content_region.width
        self._arrange(width)
        self.virtual_size = Size(width, self._starts[-1])

    def _code_widths(self, width: int) -> tuple[int, int]:
        """Cells for code, left and right; one column has no right side."""
        prefix = self._digits + 3
        if self._arranged is None or not self._arranged[1]:
            return max(2, width - 1 - prefix), 0
        left = (width - 2) // 2
        return max(2, left - prefix), max(2, width - 2 - left - prefix)

    def _height(self, cell: Cell | None, width: int) -> int:
        return 1 if cell is None else 1 + len(folds(self._painter.text(cell), width))

    def _lines_of(self, hunk: int) -> tuple[int, int]:
        """The first line of a hunk and the one after its last."""
        rows = [i for i, row in enumerate(self._rows) if row.hunk == hunk]
        return (self._starts[rows[0]], self._starts[rows[-1] + 1]) if rows else (0, 0)

    def _keep_in_sight(self) -> None:
        if self.current is None or not self.size.height:
            return
        top, bottom = self._lines_of(self.current)
        first, height = self.scroll_offset.y, self.size.height
        if top < first or bottom > first + height:
            self.scroll_to(y=top, animate=False, force=True)

    def _redraw(self) -> None:
        self._drawn.clear()
        self.refresh()

    def _copied(self, row: Row) -> Cell | None:
        """The cell of a row whose code can be marked and copied."""
        return row.right if self._arranged is not None and self._arranged[1] else row.left

    def _draw(self, number: int, width: int) -> list[Line]:
        row = self._rows[number]
        current = bool(self.states) and row.hunk == self.current
        state = self.states[row.hunk] if self.states else None
        bar = Segment(_BAR if current else " ", self._rich(f"{PREFIX}bar"))
        if row.left is None and row.right is None:
            style = self.get_visual_style(PREFIX + ("current" if current else "header"))
            return [
                [bar, *_padded(self._painter.header(row.hunk, state, current).truncate(width - 1), width - 1, style)]
            ]
        left, right = self._code_widths(width)
        columns = [self._column(number, row.left, left, state)]
        if right:
            columns.append(self._column(number, row.right, right, state))
        height = max(map(len, columns))
        for column, cells in zip(columns, (left, right), strict=False):
            blank = Segment(" " * (cells + self._digits + 3), self.rich_style)
            column += [[blank]] * (height - len(column))
        divider = Segment(_DIVIDER, self._rich(PREFIX + "gutter"))
        if right:
            return [[bar, *a, divider, *b] for a, b in zip(*columns, strict=True)]
        return [[bar, *line] for line in columns[0]]

    def _column(self, number: int, cell: Cell | None, width: int, state: State | None) -> list[Line]:
        """The lines of one cell, each as wide as its column."""
        if cell is None:
            return []
        row = self._rows[number]
        base = self._painter.base(cell, state)
        gutter = base + Style(foreground=self.get_visual_style(PREFIX + "gutter").foreground)
        place = f"{self._painter.number(row, cell):>{self._digits}} "
        first = [Segment(place, gutter.rich_style), Segment(f"{_SIGNS[cell.kind]} ", base.rich_style)]
        other = [Segment(" " * (len(place) + 2), base.rich_style)]
        code = self._painter.code(cell, state)
        if cell is not self._copied(row):
            parts = code.divide(folds(code.plain, width))
            return [[*(other if i else first), *_padded(part, width, base)] for i, part in enumerate(parts)]
        marked = self.text_selection.get_span(number) if self.text_selection is not None else None
        if marked is not None:
            end = len(code.plain) if marked[1] == -1 else marked[1]
            code = code.stylize(
                Style.from_styles(self.screen.get_component_styles("screen--selection")), marked[0], end
            )
        cuts = folds(code.plain, width)
        lines = zip((0, *cuts), code.divide(cuts), strict=True)
        return [[*(other if at else first), *_padded(part, width, base, (at, number))] for at, part in lines]

    def _style(self, *names: str) -> Style:
        style = self.get_visual_style(*names)
        turned = any(self.get_component_styles(name).text_style.reverse for name in names)  # which Textual leaves out
        return style + Style(reverse=True) if turned else style

    def _rich(self, name: str) -> RichStyle:
        return self._style(name).rich_style


def _padded(content: Content, width: int, style: Style, offset: tuple[int, int] | None = None) -> Line:
    """The content and spaces up to the width; with the place of its text where it can be marked."""
    strip = Strip(content.render_segments(style))
    if offset is not None:
        strip = strip.apply_offsets(*offset)
    missing = width - strip.cell_length
    return [*strip, Segment(" " * missing, style.rich_style)] if missing > 0 else list(strip)


class UnifiedDiffView(DiffView):
    """The diff of a finished edit, as the session's log holds it."""

    def __init__(self, diff: Diff) -> None:
        """Nothing is to be decided."""
        super().__init__(from_unified(diff.path, diff.unified))
