"""A list of rows, a field to search it, and the columns of a row; knows nothing of what is listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from codeagent.agent.text import printable

_REVERSED = Style(reverse=True)
Row = tuple[str, Content]
"""What tells a row from the others, and what it shows."""


def one_line(text: str) -> str:
    """Outside text on one line, fit for a terminal."""
    return " ".join(printable(text).split())


def cell(text: str, width: int, style: str = "") -> Content:
    """Outside text on one line in a column of `width` cells, with a space behind it."""
    content = Content(one_line(text))
    return (content.stylize(style) if style else content).truncate(width, ellipsis=True, pad=True) + " "


class Rows(OptionList, inherit_bindings=False):
    """A list in which a click marks a row and a double click chooses it, so that no single click starts anything.

    Enter is left to the screen, which says in its own words what choosing does, and calls `action_select`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "Down", show=False, id="list.down"),
        Binding("up,k", "cursor_up", "Up", show=False, id="list.up"),
        Binding("home,g", "first", "First", show=False, id="list.first"),
        Binding("end,G", "last", "Last", show=False, id="list.last"),
        Binding("pagedown", "page_down", "Page down", show=False, id="list.page_down"),
        Binding("pageup", "page_up", "Page up", show=False, id="list.page_up"),
    ]
    DEFAULT_CSS = """
    Rows {
        height: 1fr; border: none; padding: 0; background: transparent; text-wrap: nowrap; text-overflow: ellipsis;
        scrollbar-size-vertical: 1;
        &:focus { border: none; background-tint: transparent; }
        & > .option-list--option { padding: 0 1; }
        &:ansi:focus > .option-list--option-highlighted { text-style: bold; }
    }
    """

    def show(self, rows: Sequence[Row], mark: str | None = None) -> None:
        """Show these rows, and mark the same one as before; at first `mark`, or else the first one."""
        wanted = self.marked or mark
        names = [name for name, _ in rows]
        self.set_options(Option(content, id=name) for name, content in rows)
        self.highlighted = (names.index(wanted) if wanted in names else 0) if names else None

    @property
    def marked(self) -> str | None:
        """The row that is marked."""
        option = self.highlighted_option
        return None if option is None else option.id

    def on_resize(self) -> None:
        """Keep the marked row in sight."""
        self.call_after_refresh(self.scroll_to_highlight)

    def render_line(self, y: int) -> Strip:
        """A line of the list; the marked row is reversed in themes of the terminal's own colours.

        A stylesheet cannot do that: of a component's text style Textual leaves `reverse` out.
        """
        strip = super().render_line(y)
        if not (self.has_focus and self.has_pseudo_class("ansi")):
            return strip
        options = (segment.style.meta.get("option") for segment in strip if segment.style is not None)
        return strip.apply_style(_REVERSED) if self.highlighted in options else strip

    async def _on_click(self, event: events.Click) -> None:
        # Replaces the base class's handler, in which every click chooses.
        event.prevent_default()
        index = event.style.meta.get("option")
        if isinstance(index, int) and index < self.option_count:
            self.highlighted = index
            if event.chain >= 2:
                self.action_select()


class SearchField(Input):
    """One line to search with. Enter and the arrow down leave it; escape empties it first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "leave", "To the list", id="search.leave"),
        Binding("escape", "drop", "Clear", id="search.drop"),
    ]
    DEFAULT_CSS = """
    SearchField { background: transparent; margin: 0 0 1 0; }
    SearchField:focus { background-tint: transparent; }
    """

    class Left(Message):
        """The person is done with the field."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, compact=True, select_on_focus=False)
        self.cursor_blink = False

    def action_leave(self) -> None:
        """Go back to the list."""
        self.post_message(self.Left())

    def action_drop(self) -> None:
        """Search for nothing any more."""
        self.value = ""
        self.post_message(self.Left())

    async def action_submit(self) -> None:
        """Go back to the list, too."""
        self.post_message(self.Left())
