"""The questions whether to trust a folder, before anything in it is read, and whether to obey what changed in it; know
nothing of what trust allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from codeagent.agent.project_files import ProjectFiles
from codeagent.agent.text import printable
from codeagent.tui.screens.modal import Modal

Answer = Literal["once", "always"] | None
NAMED = 8
SHOWN = 20_000


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

    def __init__(self, root: Path, obeyed: Sequence[str] = (), problem: str = "") -> None:
        """`obeyed` names the files there that could make codeagent do things; `problem` is why it has to be asked."""
        super().__init__()
        self._root = root
        self._obeyed = obeyed
        self._problem = problem

    def compose(self) -> ComposeResult:
        """The question and three answers."""
        with Vertical():
            yield Static(Content.assemble("Do you trust the files in ", (printable(str(self._root)), "bold"), "?"))
            if self._problem:
                yield Static(Content(printable(self._problem)))
            found = f"It has {_named(self._obeyed)}." if self._obeyed else "It has none now."
            yield Static(
                Content(
                    "If you do, codeagent reads them, obeys the folder's settings in .codeagent/config.toml, and runs "
                    f"its tests when you allow it. {found} Nothing there was read so far."
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


class ProjectChanged(Modal[Answer]):
    """Dismissed with "once", "always", or None to go on without what changed."""

    BINDINGS: ClassVar[list[BindingType]] = Trust.BINDINGS
    DEFAULT_CSS = (
        Trust.DEFAULT_CSS.replace("Trust", "ProjectChanged")
        + """
    ProjectChanged VerticalScroll { height: auto; max-height: 16; margin: 0 0 1 0; background: $panel; }
    """
    )

    def __init__(self, root: Path, project: ProjectFiles, changed: Sequence[str]) -> None:
        """Shows the files of `project` that are named in `changed`, as they were read."""
        super().__init__()
        self._root = root
        self._project = project
        self._changed = changed

    def compose(self) -> ComposeResult:
        """What changed, its text, and three answers."""
        with Vertical():
            yield Static(
                Content.assemble(
                    ("What makes codeagent do things in ", ""),
                    (printable(str(self._root)), "bold"),
                    (f" is not as you trusted it: {_named(self._changed)}. Obey it as it is now?", ""),
                )
            )
            with VerticalScroll():
                yield Static(Content(self._text()))
            with Horizontal():
                yield Button("Obey it (y)", id="always")
                yield Button("This time (o)", id="once")
                yield Button("Without it (n)", id="no", variant="primary")

    def _text(self) -> str:
        parts = [
            f"{name}\n{self._project.files[name].decode('utf-8', 'backslashreplace').rstrip()}"
            for name in self._changed
        ]
        text = printable("\n\n".join(parts))
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}\n[... {len(text) - SHOWN:,} more characters ...]"

    @on(Button.Pressed)
    def choose(self, event: Button.Pressed) -> None:
        """A click answers as its key does."""
        self.action_answer(event.button.id if event.button.id != "no" else "")

    def action_answer(self, answer: str | None) -> None:
        """Close with the answer."""
        self.dismiss("always" if answer == "always" else "once" if answer == "once" else None)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
