"""Small questions over another screen: a line of text, yes or no, one of several; each knows only what it was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ScreenResultType
from textual.widgets import Button, Footer, Input, OptionList, Static

from codeagent.agent.text import printable
from codeagent.tui.screens.modal import Modal
from codeagent.tui.screens.rows import Rows


class Dialog(Modal[ScreenResultType]):
    """A box in the middle of the screen. Escape, or a click beside it, closes it without a result."""

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > .box {
        width: 90%; max-width: 88; height: auto; max-height: 90%; padding: 1 2;
        background: $panel; border: round $border;
    }
    Dialog .question { height: auto; margin: 0 0 1 0; }
    Dialog .error { height: auto; color: $text-error; display: none; margin: 0 0 1 0; }
    Dialog .error.-some { display: block; }
    Dialog Input { background: $surface; margin: 0 0 1 0; }
    Dialog Footer { background: transparent; padding: 0; }
    Dialog Rows { height: auto; max-height: 16; margin: 0 0 1 0; }
    Dialog .buttons { height: auto; }
    Dialog Button { width: auto; min-width: 0; padding: 0 2; margin: 0 1 0 0; }
    """

    def on_click(self, event: events.Click) -> None:
        """A click beside the box closes it."""
        if event.widget is self:
            self.action_close()


class AskText(Dialog[str | None]):
    """One line of text. `check` says what is wrong with it, as a sentence, or nothing; it must not block."""

    def __init__(
        self, question: str, value: str = "", placeholder: str = "", check: Callable[[str], str | None] | None = None
    ) -> None:
        super().__init__()
        self._question = question
        self._value = printable(value)
        self._placeholder = placeholder
        self._check = check

    def compose(self) -> ComposeResult:
        """The question, the line, and what is wrong with it."""
        with Vertical(classes="box"):
            yield Static(Content(printable(self._question)), classes="question")
            field = Input(self._value, placeholder=self._placeholder, compact=True, select_on_focus=False)
            field.cursor_blink = False
            yield field
            yield Static(classes="error")
            with Horizontal(classes="buttons"):
                yield Button(Content("OK (enter)"), id="ok", compact=True)
                yield Button(Content("Cancel (esc)"), id="cancel", compact=True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "ok":
            self._submit()
        else:
            self.action_close()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._submit()

    def _submit(self) -> None:
        text = self.query_one(Input).value
        wrong = self._check(text) if self._check else None
        if wrong is None:
            self.dismiss(text)
            return
        error = self.query_one(".error", Static)
        error.update(Content(printable(wrong)))
        error.add_class("-some")


class Confirm(Dialog[bool]):
    """Yes or no; no has the keys at first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n", "answer(False)", "No", id="confirm.no"),
        Binding("left,right", "app.focus_next", "Other", show=False, id="confirm.other"),
    ]

    def __init__(self, question: str, yes: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        """The question and two buttons."""
        with Vertical(classes="box"):
            yield Static(Content(printable(self._question)), classes="question")
            with Horizontal(classes="buttons"):
                yield Button(Content("No (n)"), id="no", compact=True)
                yield Button(Content(f"{self._yes} (y)"), id="yes", compact=True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Answer with a key."""
        self.dismiss(yes)

    def action_close(self) -> None:
        """Escape is no."""
        self.dismiss(False)


class Choose(Dialog[str | None]):
    """One of several names."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Choose", id="choose.choose")]

    def __init__(self, question: str, names: Sequence[str], present: str) -> None:
        super().__init__()
        self._question = question
        self._names = names
        self._present = present

    def compose(self) -> ComposeResult:
        """The question and the names."""
        with Vertical(classes="box"):
            yield Static(Content(printable(self._question)), classes="question")
            yield Rows()
            yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Mark what holds now."""
        rows = self.query_one(Rows)
        rows.show([(name, Content(printable(name))) for name in self._names], self._present)
        rows.focus()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)

    def action_choose(self) -> None:
        """Choose the marked name."""
        self.query_one(Rows).action_select()
