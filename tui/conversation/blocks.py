"""The widgets that draw the items of a conversation, one class a kind; knows no session and no order of things."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from codeagent.agent.text import printable
from codeagent.tui.conversation.bodies import body_of, summary_of
from codeagent.tui.conversation.items import Answered, Aside, Item, Said, Shell, Thought, Told, Tool
from codeagent.tui.prose.prose import Prose

_MARKS = {"writing": "…", "running": "◌", "done": "✓", "failed": "✗", "denied": "⊘"}
_COLOURS = {
    "writing": "$foreground 60%",
    "running": "$accent",
    "done": "$text-success",
    "failed": "$text-error",
    "denied": "$text-warning",
}
_TAIL = 6


class SaidBlock(Static):
    """What the person said."""

    DEFAULT_CSS = """
    SaidBlock { padding: 0 1; margin: 1 0 0 0; background: $boost; border-left: outer $primary; width: 1fr; }
    """

    def __init__(self, item: Said) -> None:
        mark = "» " if item.steering else ""
        super().__init__(Content(mark + printable(item.text)))


class AnswerBlock(Prose):
    """Prose of the model."""

    DEFAULT_CSS = """
    AnswerBlock { margin: 1 0 0 0; }
    """

    def __init__(self, item: Answered | Aside) -> None:
        self.item = item
        super().__init__(item.text)


class AsideBlock(Vertical):
    """A question beside the conversation with its answer."""

    DEFAULT_CSS = """
    AsideBlock { height: auto; margin: 1 0 0 0; border-left: outer $secondary; }
    AsideBlock > Static { padding: 0 1; color: $text-muted; }
    AsideBlock > AnswerBlock { margin: 0; }
    """

    def __init__(self, item: Aside) -> None:
        super().__init__()
        self.item = item
        self.answer = AnswerBlock(item)

    def compose(self) -> ComposeResult:
        """Question, then answer."""
        yield Static(Content(f"by the way: {printable(self.item.question)}"))
        yield self.answer


class Head(Static):
    """The line of a block that folds."""

    class Clicked(Message):
        """The line was clicked."""

    def on_click(self, event: Click) -> None:
        """Tell the block."""
        event.stop()
        self.post_message(self.Clicked())


class Folding(Vertical, can_focus=True):
    """A line that opens to a body. A click or Enter opens and closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "fold", "Open or close", show=False, id="block.fold"),
    ]
    DEFAULT_CSS = """
    Folding { height: auto; width: 1fr; margin: 0; }
    Folding > .head { padding: 0 1; width: 1fr; }
    Folding > .head:hover { background: $boost; }
    Folding:focus > .head { background: $boost; text-style: bold; }
    Folding > .body { padding: 0 1 0 3; height: auto; width: 1fr; }
    """

    def __init__(self, opened: bool = False) -> None:
        super().__init__()
        self._opened = opened
        self._head = Head(self.head(), classes="head")

    @property
    def opened(self) -> bool:
        """Whether the body is shown."""
        return self._opened

    def head(self) -> Content:
        """The line."""
        raise NotImplementedError

    def body(self) -> Widget | None:
        """What it opens to; None where there is nothing more."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The line, and the body if it is open."""
        yield self._head
        if self._opened and (body := self.body()) is not None:
            body.add_class("body")
            yield body

    async def redraw(self) -> None:
        """Draw the item as it now is."""
        self._head.update(self.head())
        await self.query(".body").remove()
        if self._opened and self.is_attached and (body := self.body()) is not None:
            body.add_class("body")
            await self.mount(body)

    async def action_fold(self) -> None:
        """Open or close."""
        self._opened = not self._opened
        await self.redraw()

    async def on_head_clicked(self, event: Head.Clicked) -> None:
        """A click on the line opens or closes it; one in the body is for selecting text."""
        event.stop()
        await self.action_fold()


class ThoughtBlock(Folding):
    """Reasoning, folded."""

    def __init__(self, item: Thought) -> None:
        self.item = item
        super().__init__()

    def head(self) -> Content:
        """How much was thought."""
        mark = "▾" if self.opened else "▸"
        return Content.styled(f"{mark} thinking ({len(self.item.text.split()):,} words)", "$foreground 60% italic")

    def body(self) -> Widget | None:
        """The thoughts."""
        return Static(Content.styled(printable(self.item.text.strip()), "$foreground 60%"))


class ToolBlock(Folding):
    """A tool call as one line that opens to what it showed; edits and failures are open from the start."""

    def __init__(self, item: Tool) -> None:
        self.item = item
        self._chosen = False
        super().__init__(opened=_worth_opening(item))

    def head(self) -> Content:
        """Mark, title, what came of it."""
        item = self.item
        title = printable(item.title or item.name or "call").replace("\n", " ")
        parts = [(f"{_MARKS[item.state]} ", _COLOURS[item.state]), (title, "bold" if item.state != "done" else "")]
        if summary := summary_of(item):
            parts.append((f"  {summary}", "$foreground 60%"))
        return Content.assemble(*parts)

    def body(self) -> Widget | None:
        """Arguments, output, diff, tests or plan."""
        if self.item.state == "writing":
            tail = "\n".join(printable(self.item.draft).splitlines()[-_TAIL:])
            return Static(Content.styled(tail, "$foreground 60%"), classes="draft")
        return body_of(self.item)

    async def redraw(self) -> None:
        """See Folding; what has become worth seeing opens and what is no longer closes, unless the person chose."""
        if not self._chosen:
            self._opened = _worth_opening(self.item)
        await super().redraw()

    async def action_fold(self) -> None:
        """See Folding."""
        self._chosen = True
        await super().action_fold()


def _worth_opening(item: Tool) -> bool:
    display = item.display or item.preview
    if item.state in ("writing", "running"):
        return True
    if display is None:
        return False
    return display.type in ("diff", "todo_list") or (display.type == "test_report" and item.state != "done")


class ShellBlock(Folding):
    """A command the person ran, open."""

    def __init__(self, item: Shell) -> None:
        self.item = item
        super().__init__(opened=True)

    def head(self) -> Content:
        """The command and how it ended."""
        item = self.item
        end = "" if item.running else "" if item.exit_code == 0 else f"  exit code {item.exit_code}"
        shared = "" if item.shared else "  (not told to the model)"
        colour = "$accent" if item.running else "$text-success" if item.exit_code == 0 else "$text-error"
        command = printable(item.command).replace("\n", " ")
        return Content.assemble(("$ ", colour), (command, "bold"), (end + shared, "$foreground 60%"))

    def body(self) -> Widget | None:
        """What it printed, last lines."""
        lines = printable(self.item.output.rstrip("\n")).splitlines()
        return Static(Content("\n".join(lines[-200:]))) if lines else None


class ToldBlock(Static):
    """A sentence of the program."""

    DEFAULT_CSS = """
    ToldBlock { padding: 0 1; width: 1fr; color: $text-muted; }
    ToldBlock.-warning { color: $text-warning; }
    ToldBlock.-error { color: $text-error; margin: 1 0 0 0; }
    """

    def __init__(self, item: Told) -> None:
        mark = {"error": "✗ ", "warning": "! "}.get(item.level, "")
        super().__init__(Content(mark + printable(item.text)), classes=f"-{item.level}")


def widget_for(item: Item) -> Widget:
    """The widget that draws an item."""
    match item:
        case Said():
            return SaidBlock(item)
        case Answered():
            return AnswerBlock(item)
        case Aside():
            return AsideBlock(item)
        case Thought():
            return ThoughtBlock(item)
        case Tool():
            return ToolBlock(item)
        case Shell():
            return ShellBlock(item)
        case Told():
            return ToldBlock(item)
        case _:
            raise TypeError(f"no widget draws {type(item).__name__}")
