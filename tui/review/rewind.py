"""The choice of a request to go back to, and of what goes back with it; goes nowhere itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Footer, OptionList, Static

from codeagent.agent.changes import ChangeLog, Prospect
from codeagent.agent.text import printable
from codeagent.agent.timeline import Checkpoint
from codeagent.tui.screens.dialogs import Dialog
from codeagent.tui.screens.figures import plural
from codeagent.tui.screens.rows import Rows, one_line

_NAMED = 4


@dataclass(frozen=True)
class RewindChoice:
    """Go back to before request `turn`: with the conversation, with the files, or with both."""

    turn: int
    conversation: bool
    files: bool


class Rewind(Dialog[RewindChoice | None]):
    """Dismissed with the choice; with None if none was made."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go(True, True)", "Both", id="rewind.both"),
        Binding("c", "go(True, False)", "Conversation", id="rewind.conversation"),
        Binding("f", "go(False, True)", "Files", id="rewind.files"),
    ]
    DEFAULT_CSS = """
    Rewind {
        Rows { max-height: 50vh; margin: 0 0 1 0; }
        .about { height: auto; min-height: 2; margin: 0 0 1 0; color: $text-muted; }
    }
    """

    def __init__(self, points: Sequence[Checkpoint], changes: ChangeLog) -> None:
        """The turns that stand, oldest first."""
        super().__init__()
        self._points = list(points)
        self._changes = changes
        self._prospects: dict[int, Prospect] = {}

    def compose(self) -> ComposeResult:
        """The turns, what going back to the marked one would do, and the ways to go."""
        with Vertical(classes="box"):
            yield Static(Content("Go back to before which request?"), classes="question")
            yield Rows()
            yield Static(classes="about")
            yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show the turns, the latest marked, and look at the files beside the event loop."""
        self._show()
        rows = self.query_one(Rows)
        rows.highlighted = len(self._points) - 1 if self._points else None
        rows.focus()
        self.run_worker(self._look())

    def on_resize(self) -> None:
        """Requests are cut to the width there is."""
        self._show()

    async def _look(self) -> None:
        known = [(point.turn, point.files) for point in self._points if point.files is not None]
        prospects = await asyncio.to_thread(self._changes.prospects, [files for _, files in known])
        self._prospects = dict(zip((turn for turn, _ in known), prospects, strict=True))
        self._show()
        self._describe()

    def _show(self) -> None:
        self.query_one(Rows).show([(str(point.turn), self._row(point)) for point in self._points])

    def _row(self, point: Checkpoint) -> Content:
        digits = len(str(len(self._points)))
        width = min(88, self.size.width * 9 // 10) - 9 - digits - 16
        text = Content(_first_line(point.text)).truncate(max(10, width), ellipsis=True, pad=True)
        files = (self._files(point), "$text-muted")
        return Content.assemble((f"{point.turn:>{digits}}", "$text-muted"), "  ", text, "  ", files)

    def _files(self, point: Checkpoint) -> str:
        if point.files is None:
            return "files unknown"
        prospect = self._prospects.get(point.turn)
        if prospect is None:
            return ""
        return plural(len(prospect.back), "file") if prospect.back else "no files"

    @property
    def _marked(self) -> Checkpoint | None:
        at = self.query_one(Rows).highlighted
        return self._points[at] if at is not None and at < len(self._points) else None

    def _describe(self) -> None:
        point = self._marked
        prospect = None if point is None else self._prospects.get(point.turn)
        if point is None:
            text = "There is no request to go back to."
        elif point.files is None:
            text = "What the files were then is not kept any more. The conversation can go back."
        elif prospect is None:
            text = ""
        elif prospect.back or prospect.stay:
            text = self._tell(prospect)
        else:
            text = "No file has changed since."
        self.query_one(".about", Static).update(Content(printable(text)))
        self.refresh_bindings()

    def _tell(self, prospect: Prospect) -> str:
        sentences: list[str] = []
        if prospect.back:
            names = [one_line(path.name) for path in prospect.back[:_NAMED]]
            more = f" and {len(prospect.back) - _NAMED} more" if len(prospect.back) > _NAMED else ""
            sentences.append(f"Puts back {', '.join(names)}{more}.")
        if prospect.stay:
            names = ", ".join(one_line(path.name) for path in prospect.stay[:_NAMED])
            sentences.append(f"{plural(len(prospect.stay), 'file')} changed by somebody else since will stay: {names}.")
        return " ".join(sentences)

    @on(OptionList.OptionHighlighted)
    def _row_marked(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._describe()

    @on(OptionList.OptionSelected)
    def _row_chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_go(True, True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Files alone go back where there are any."""
        if action == "go" and self.is_mounted:
            point = self._marked
            prospect = None if point is None else self._prospects.get(point.turn)
            return True if prospect and prospect.back else None if parameters == (False, True) else point is not None
        return True

    def action_go(self, conversation: bool, files: bool) -> None:
        """Choose the marked turn."""
        point = self._marked
        if point is not None:
            self.dismiss(RewindChoice(point.turn, conversation, files and point.files is not None))


def _first_line(text: str) -> str:
    lines = printable(text).strip().splitlines()
    return lines[0].strip() + (" …" if len(lines) > 1 else "") if lines else "(nothing)"
