"""The question whether to trust a folder, asked before anything in it is read; knows nothing of what trust allows."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from codeagent.agent.text import printable
from codeagent.tui.screens.modal import Modal

Answer = Literal["once", "always"] | None


class Trust(Modal[Answer]):
    """Dismissed with "once", "always", or None for no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer('always')", "Trust it", id="trust.always"),
        Binding("o", "answer('once')", "This time", id="trust.once"),
        Binding("n,escape", "answer('')", "No", id="trust.no"),
    ]
    DEFAULT_CSS = """
    Trust { align: center middle; }
    Trust > Vertical {
        width: 72; max-width: 95%; height: auto; padding: 1 2; background: $surface; border: round $warning;
    }
    Trust Static { height: auto; margin: 0 0 1 0; }
    Trust Horizontal { height: auto; }
    Trust Button { margin: 0 1 0 0; }
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def compose(self) -> ComposeResult:
        """The question and three answers."""
        with Vertical():
            yield Static(Content.assemble("Do you trust the files in ", (printable(str(self._root)), "bold"), "?"))
            yield Static(
                Content(
                    "If you do, codeagent reads them, obeys the folder's settings in .codeagent/config.toml, and runs "
                    "its tests when you allow it. Nothing there was read so far."
                )
            )
            with Horizontal():
                yield Button("Trust it (y)", id="always", variant="primary")
                yield Button("This time (o)", id="once")
                yield Button("No (n)", id="no")

    @on(Button.Pressed)
    def choose(self, event: Button.Pressed) -> None:
        """A click answers as its key does."""
        self.action_answer(event.button.id if event.button.id != "no" else "")

    def action_answer(self, answer: str | None) -> None:
        """Close with the answer."""
        self.dismiss("always" if answer == "always" else "once" if answer == "once" else None)
