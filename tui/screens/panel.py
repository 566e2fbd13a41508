"""The frame of the screens: a title, a body, the keys at the bottom; with a list, a search and details where there is
something to choose from. Knows nothing of what is in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ScreenResultType
from textual.widgets import Footer, OptionList, Static

from codeagent.agent.text import printable
from codeagent.tui.screens.dialogs import Dialog
from codeagent.tui.screens.modal import Modal
from codeagent.tui.screens.rows import Row, Rows, SearchField

T = TypeVar("T")


class Panel(Modal[ScreenResultType]):
    """A screen over the conversation. Escape closes it without a result."""

    HEADING: ClassVar[str] = ""
    DEFAULT_CSS = """
    Panel { align: center middle; }
    Panel > .panel { width: 100%; max-width: 112; height: 100%; max-height: 38; background: $surface; }
    Panel .heading { height: 1; padding: 0 2; background: $panel; text-style: bold; text-wrap: nowrap; }
    Panel .body { height: 1fr; padding: 1 2 0 2; }
    Panel Footer { padding: 0 1; }
    Panel .says { height: auto; max-height: 6; padding: 0 1; display: none; }
    Panel .says.-some { display: block; }
    Panel .says.-error { color: $text-error; }
    Panel .columns { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    Panel .details { height: auto; max-height: 40%; margin: 1 0; padding: 0 1; scrollbar-size-vertical: 1; }
    Panel .details > Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        """The frame with what `compose_body` gives."""
        with Vertical(classes="panel"):
            yield Static(Content(printable(self.HEADING)), classes="heading")
            with Vertical(classes="body"):
                yield from self.compose_body()
                yield Static(classes="says")
            yield Footer(show_command_palette=False)

    def compose_body(self) -> ComposeResult:
        """What stands between the title and the keys."""
        raise NotImplementedError

    def say(self, text: str, error: bool = False) -> None:
        """One sentence above the keys; "" takes the last one away."""
        says = self.query_one(".says", Static)
        says.update(Content(printable(text)))
        says.set_class(bool(text), "-some")
        says.set_class(error, "-error")

    async def ask(self, dialog: Dialog[T]) -> T | None:
        """The answer to a question over this screen; None where it was closed. Only from within a worker."""
        return await self.app.push_screen_wait(dialog)  # pyright: ignore[reportUnknownMemberType]  # the app's own result


class ListPanel(Panel[ScreenResultType]):
    """A panel to choose from: `/` searches, the marked row is described below the list."""

    COLUMNS: ClassVar[Content] = Content("")
    PLACEHOLDER: ClassVar[str] = "Press / to search"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/", id="panel.search"),
        Binding("enter", "choose", "Choose", id="panel.choose"),
    ]

    def compose_body(self) -> ComposeResult:
        """Search field, list and details."""
        yield SearchField(self.PLACEHOLDER)
        if self.COLUMNS:
            yield Static(self.COLUMNS, classes="columns")
        yield Rows()
        with VerticalScroll(classes="details"):
            yield Static(classes="description")

    def on_mount(self) -> None:
        """The list has the keys first."""
        self.query_one(Rows).focus()

    @property
    def marked(self) -> str | None:
        """The row that is marked."""
        return self.query_one(Rows).marked

    @property
    def sought(self) -> str:
        """What is searched for."""
        return self.query_one(SearchField).value.strip()

    def show(self, rows: Sequence[Row], mark: str | None = None) -> None:
        """Show these rows, and describe the one that is marked then; at first that is `mark`."""
        self.query_one(Rows).show(rows, mark)
        self.redescribe()

    def redescribe(self) -> None:
        """Describe the marked row anew."""
        marked = self.marked
        self.query_one(".description", Static).update(Content("") if marked is None else self.describe(marked))
        self.refresh_bindings()

    def describe(self, name: str) -> Content:
        """What stands below the list when a row is marked."""
        raise NotImplementedError

    def refill(self) -> None:
        """Show the rows that what is searched for leaves."""
        raise NotImplementedError

    def choose(self, name: str) -> None:
        """A row was chosen with enter or a second click."""
        raise NotImplementedError

    def action_choose(self) -> None:
        """Choose the marked row."""
        self.query_one(Rows).action_select()

    def action_search(self) -> None:
        """Go to the search field."""
        self.query_one(SearchField).focus()

    @on(SearchField.Changed)
    def _search_changed(self, event: SearchField.Changed) -> None:
        if isinstance(event.input, SearchField):
            event.stop()
            self.refill()

    @on(SearchField.Left)
    def _search_left(self, event: SearchField.Left) -> None:
        event.stop()
        self.query_one(Rows).focus()

    @on(OptionList.OptionHighlighted)
    def _row_marked(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.redescribe()

    @on(OptionList.OptionSelected)
    def _row_chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id is not None:
            self.choose(event.option_id)

    def possible(self, action: str) -> bool:
        """Whether an action can be done with the marked row now; what cannot is not among the keys."""
        return self.marked is not None or action != "choose"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are shown and work only where they do something."""
        if not self.query(Rows):
            return True
        return not self.query_one(SearchField).has_focus if action == "search" else self.possible(action)
