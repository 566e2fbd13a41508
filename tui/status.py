"""The line that says how things stand: model, context, speed, mode, branch; knows events only."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from codeagent.agent import events
from codeagent.agent.events import Event
from codeagent.agent.text import printable
from codeagent.inference.client import Prefill, ReasoningDelta, TextDelta, ToolCallDelta

_MODES = {
    "plan": "plan: reads only",
    "default": "asks",
    "acceptEdits": "edits freely",
    "dontAsk": "refuses what it may not",
    "bypassPermissions": "asks nothing",
}
_SANDBOXES = {"reduced": "reduced sandbox", "none": "no sandbox", "off": "sandbox off"}
_BAR = 8


@dataclass
class Standing:
    """How things stand. Sizes in tokens, rates in tokens a second, `eta` in seconds; `asking` is what is waited for."""

    model: str = ""
    state: str = "starting"
    mode: str = "default"
    branch: str = ""
    dirty: bool = False
    used: int = 0
    cached: int = 0
    window: int = 0
    rate: float = 0.0
    reading: tuple[int, int] | None = None
    eta: float | None = None
    working: bool = False
    asking: str = ""
    sandbox: str = ""

    def feed(self, event: Event) -> bool:
        """Learn from an event; whether anything changed that is shown."""
        match event:
            case events.SessionStarted():
                self.model, self.mode, self.sandbox = event.model, event.permission_mode, event.sandbox
            case events.ModeChanged():
                self.mode = event.mode
            case events.ModelState():
                percent = "" if event.progress is None else f" {event.progress:.0%}"
                self.state = event.state + percent
            case Prefill():
                self.state, self.eta = "reading", event.eta_s
                self.reading = (event.done, event.total)
            case TextDelta() | ReasoningDelta() | ToolCallDelta():
                if self.state == "writing":
                    return False
                self.state, self.reading = "writing", None
            case events.MessageAdded() if event.usage is not None:
                usage = event.usage
                self.used, self.cached = usage.prompt_tokens + usage.generated_tokens, usage.cached_tokens
                self.rate, self.state, self.reading = usage.decode_rate, "working", None
            case events.TurnStarted():
                self.working, self.state = True, "working"
            case events.TurnFinished():
                self.working, self.state, self.reading = False, "ready", None
            case events.ToolStarted():
                self.state = "runs a tool"
            case _:
                return False
        return True


class StatusLine(Static):
    """One line, the least important left out first where it is narrow."""

    DEFAULT_CSS = """
    StatusLine { height: 1; padding: 0 1; width: 1fr; background: $surface; color: $text-muted; }
    """

    class ModeClicked(Message):
        """The person clicked the line to change the permission mode."""

    def __init__(self) -> None:
        super().__init__()
        self.standing = Standing()

    def on_resize(self) -> None:
        """Fit the new width."""
        self.redraw()

    def on_click(self) -> None:
        """Change the mode, as its key does."""
        self.post_message(self.ModeClicked())

    def feed(self, event: Event) -> None:
        """Learn from an event and draw what changed."""
        if self.standing.feed(event):
            self.redraw()

    def redraw(self) -> None:
        """Draw how things stand now."""
        self.update(line(self.standing, max(20, self.size.width)))


def line(now: Standing, width: int) -> Content:
    """The status in at most `width` cells."""
    state = now.state
    if now.asking:
        state = now.asking
    elif now.reading is not None:
        left = f", {now.eta:.0f} s left" if now.eta and now.eta >= 1 else ""
        state = f"reading {now.reading[0]:,}/{now.reading[1]:,}{left}"
    mark = ("◆ ", "$warning") if now.asking else ("● ", "$accent") if now.working else ("● ", "$success")
    if now.state.startswith("failed"):
        mark = ("● ", "$error")
    parts: list[tuple[int, Content]] = [
        (0, Content.assemble(mark, printable(state))),
        (1, Content(_MODES.get(now.mode, now.mode))),
        (3, Content(printable(now.model))),
    ]
    if now.sandbox in _SANDBOXES:
        parts.append((1, Content.styled(_SANDBOXES[now.sandbox], "$warning")))
    if now.used:
        parts.append((2, _context(now)))
    if now.rate:
        parts.append((5, Content(f"{now.rate:.0f} tok/s")))
    if now.branch:
        parts.append((4, Content(f"{printable(now.branch)}{'*' if now.dirty else ''}")))
    order = [0, 3, 2, 5, 1, 4]
    parts.sort(key=lambda part: order.index(part[0]))
    while len(parts) > 1 and sum(content.cell_length + 3 for _, content in parts) - 3 > width:
        parts.remove(max(parts, key=lambda part: part[0]))
    return Content(" · ").join(content for _, content in parts)


def _context(now: Standing) -> Content:
    if not now.window:
        return Content(f"{now.used:,} tokens, {now.cached:,} cached")
    share = min(1.0, now.used / now.window)
    filled = round(share * _BAR)
    colour = "$error" if share > 0.9 else "$warning" if share > 0.7 else "$primary"
    return Content.assemble(
        ("━" * filled, colour),
        ("─" * (_BAR - filled), "$foreground 30%"),
        f" {share:.0%} of {now.window // 1024}k, {now.cached:,} cached",
    )
