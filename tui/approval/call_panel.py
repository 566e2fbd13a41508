"""The question whether a command, a request to the network or another call may run; knows no session and no files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from codeagent.agent.permissions import Answer, Question
from codeagent.agent.text import printable
from codeagent.tools.api import EffectKind, Output
from codeagent.tui.approval.drawable import drawable, folds
from codeagent.tui.approval.guard import GUARD_SECONDS
from codeagent.tui.approval.panel import ApprovalPanel

_ASKED = {
    EffectKind.READ: "read",
    EffectKind.REVEAL: "show what may hold secrets",
    EffectKind.WRITE: "write files",
    EffectKind.OVERRIDE: "write over read-only files",
    EffectKind.AUTORUN: "change what programs run by themselves",
    EffectKind.LOOK: "run a command that only looks",
    EffectKind.EXECUTE: "run a command",
    EffectKind.NETWORK: "use the network",
}
_WHY_NOT = "why not? (goes to the model; may be empty)"


class ExactText(Widget):
    """Text with every character in its place: folded where the line is full, and nothing taken away at the folds."""

    DEFAULT_CSS = "ExactText { height: auto; }"

    def __init__(self, text: str, classes: str) -> None:
        """The text may be raw."""
        super().__init__(classes=classes)
        self._lines = [Content(drawable(line).text) for line in text.split("\n")]

    def render(self) -> Content:
        """See Widget."""
        return Content("\n").join(self._folded(self.size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """See Widget."""
        return len(self._folded(width))

    def _folded(self, width: int) -> list[Content]:
        return [part for line in self._lines for part in line.divide(folds(line.plain, max(2, width)))]


class CallApproval(ApprovalPanel):
    """Asks whether a call may run that writes no single file. Enter does nothing here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "allow('once')", "Let it run this once", id="call.once"),
        Binding("s", "allow('session')", "Let exactly this run whenever it comes in this session", id="call.session"),
        Binding("n,r", "refuse", "Refuse it, with a sentence for the model", id="call.refuse"),
        Binding("down,j", "scroll(1)", "Scroll down", id="call.down"),
        Binding("up,k", "scroll(-1)", "Scroll up", id="call.up"),
        Binding("pagedown", "scroll(10)", "A page down", id="call.page_down"),
        Binding("pageup", "scroll(-10)", "A page up", id="call.page_up"),
    ]
    LABELS: ClassVar[dict[str, str]] = {
        "allow('once')": "yes, once",
        "allow('session')": "always in this session",
        "refuse": "no",
        "back": "go back",
        "explain": "keys",
    }
    DEFAULT_CSS = """
    CallApproval {
        VerticalScroll { height: auto; max-height: 60vh; scrollbar-size-vertical: 1; }
        .call--command { background: $panel; padding: 0 1; }
        .call--facts { color: $foreground-muted; }
    }
    """

    def __init__(self, question: Question, folder: Path | None, guard_seconds: float = GUARD_SECONDS) -> None:
        """`folder` is where commands run, if that is to be told."""
        super().__init__(question, guard_seconds)
        self._folder = folder
        self._body = VerticalScroll(can_focus=False, classes="approval--body")

    def compose_body(self) -> ComposeResult:
        """The call word for word, where it would run, what it does, and what "always" would allow."""
        with self._body:
            yield ExactText(self._exact(), "call--command")
            yield ExactText("\n".join(self._facts()), "call--facts")

    def on_mount(self) -> None:
        """Tell what asks for what."""
        asked = dict.fromkeys(_ASKED[effect.kind] for effect in self.question.call.effects)
        words = (f"asks to {' and '.join(asked)}", "not bold $foreground-muted")
        self._title.update(Content.assemble(printable(self.question.tool), "  ", words))

    def action_allow(self, decision: str) -> None:
        """Let it run."""
        if decision == "session":
            self.give(Answer("session"), "allowed for the session")
        else:
            self.give(Answer("once"), "allowed once")

    def action_refuse(self) -> None:
        """Refuse it, with a sentence."""
        self.ask_sentence(_WHY_NOT, self._refused)

    def action_scroll(self, lines: int) -> None:
        """Scroll through a long command."""
        self._body.scroll_relative(y=lines, animate=False)

    def _refused(self, reason: str) -> None:
        self.give(Answer("no", reason), f"refused: {reason}" if reason else "refused")

    def _exact(self) -> str:
        """What would run, in full: the command lines, or else what the tool shows of the call."""
        call = self.question.call
        commands = [effect.target for effect in call.effects if effect.kind in (EffectKind.EXECUTE, EffectKind.LOOK)]
        if commands:
            return "\n".join(commands)
        return call.preview.text if isinstance(call.preview, Output) else call.title

    def _facts(self) -> list[str]:
        exact = self._exact()
        call = self.question.call
        folder = self._folder or (call.binding.folder if call.binding is not None else None)
        facts = [f"in {folder}"] if folder is not None else []
        facts += [f"asked because it {reason}" for reason in call.why]
        others = [effect for effect in call.effects if effect.target != exact]
        facts += [f"{effect.kind}: {effect.target}" for effect in others]
        grants = [grant.replace(exact, _named(exact)) if "\n" in exact else grant for grant in self.question.grants]
        if call.binding is not None:
            scripts = [f"{Path(path).name} as it is ({digest[:12]})" for path, digest in call.binding.scripts]
            grants.append(", ".join([f"  in {folder}, with this environment", *scripts]))
        return [*facts, '"Always in this session" allows this and nothing else:', *(f"  {grant}" for grant in grants)]


def _named(command: str) -> str:
    return f"these {command.count(chr(10)) + 1} lines, letter for letter"
