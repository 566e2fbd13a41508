"""A diff of changes that are made already: its hunks have a place and a size, and nothing is to be decided on them."""

from __future__ import annotations

from textual.content import Content

from codeagent.tui.approval.comparison import Comparison, compare
from codeagent.tui.approval.diff_view import DiffView
from codeagent.tui.approval.painter import Painter, State


class MadePainter(Painter):
    """Draws headers that tell no decision."""

    def header(self, hunk: int, state: State | None, current: bool) -> Content:
        """The line above a hunk: its number, place and size."""
        comparison = self._comparison
        parts = (
            f"hunk {hunk + 1} of {len(comparison.hunks)}",
            f"line {comparison.hunks[hunk].new_start + 1}",
            comparison.counts(hunk),
        )
        return Content("  ").join(map(Content, parts))


class MadeDiff(DiffView):
    """The diff of one file."""

    PAINTER = MadePainter
    DEFAULT_CSS = """
    MadeDiff { height: 1fr; max-height: 100%; }
    """

    def __init__(self) -> None:
        super().__init__(compare("", "", ""))

    def show_made(self, comparison: Comparison) -> None:
        """Draw the change of another file from its beginning on."""
        self.show(comparison, None, ("accepted",) * len(comparison.hunks))
        self.current = None
