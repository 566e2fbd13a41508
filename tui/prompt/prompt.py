"""The prompt as one widget: wires editor, history, completion and pastes, and says what was entered; runs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Self

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static, TextArea

from codeagent.tui.prompt.completer import Completer
from codeagent.tui.prompt.completion import SlashCommandInfo, Source, SymbolSearch, nearest_command, one_line
from codeagent.tui.prompt.editor import PromptEditor
from codeagent.tui.prompt.history import Entry, History, Walk
from codeagent.tui.prompt.pastes import Folds
from codeagent.tui.prompt.popup import Popup
from codeagent.tui.prompt.suggestions import Suggestions

PAUSE = 0.5
"""Seconds without a key that make a pause."""
_COMMAND = re.compile(r"/(?P<name>[A-Za-z][\w:-]*)(?:\s+(?P<argument>.*))?", re.DOTALL)


class Prompt(Widget):
    """Where the person writes. It takes keys at any time, whatever the agent is doing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send, or take the candidate", id="prompt.submit", show=False),
        Binding("ctrl+s", "steer", "Send into the running turn", id="prompt.steer", show=False),
        Binding("shift+enter,ctrl+j,alt+enter", "newline", "New line", id="prompt.newline", show=False),
        Binding("up", "up", "Row above, candidate above or earlier prompt", id="prompt.up", show=False),
        Binding("down", "down", "Row below, candidate below or later prompt", id="prompt.down", show=False),
        Binding("ctrl+r", "search", "Search earlier prompts", id="prompt.search", show=False),
        Binding("tab", "complete", "Take the candidate", id="prompt.complete", show=False),
        Binding("escape", "close", "Close the candidates", id="prompt.close", show=False),
    ]
    DEFAULT_CSS = """
    Prompt {
        height: auto;
        background: $surface;
        & > Horizontal {
            height: auto;
            padding: 0 1;
        }
        & .prompt--marker {
            width: 2;
            color: $text-muted;
            text-style: bold;
        }
        &:focus-within .prompt--marker { color: $text-primary; }
        &.-shell .prompt--marker { color: $text-warning; }
        & .prompt--hint {
            display: none;
            padding: 0 1 0 3;
            height: auto;
            max-height: 2;
            color: $text-muted;
        }
        & .prompt--hint.-error { color: $text-error; }
    }
    """

    class Submitted(Message):
        """A prompt was sent; folded pastes are in full."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Steer(Submitted):
        """A prompt was sent that is meant for the turn now running; `@on(Prompt.Submitted)` gets it too."""

    class Shell(Message):
        """A command line was entered with `!`, then the model gets its output too, or with `!!`, then it does not."""

        def __init__(self, command: str, share: bool) -> None:
            super().__init__()
            self.command = command
            self.share = share

    class SlashCommand(Message):
        """A known command was entered, without its slash, with what followed it."""

        def __init__(self, name: str, argument: str) -> None:
            super().__init__()
            self.name = name
            self.argument = argument

    class Unknown(Message):
        """A command was entered that there is not. The text is still in the prompt; `suggestion` is a known name."""

        def __init__(self, text: str, suggestion: str | None) -> None:
            super().__init__()
            self.text = text
            self.suggestion = suggestion

    class Notice(Message):
        """Something the person should know, in a sentence."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(
        self,
        *,
        history: Path,
        root: Path,
        files: Source,
        symbols: SymbolSearch | None = None,
        commands: Sequence[SlashCommandInfo] = (),
        placeholder: str = "",
        vim: bool = False,
        drafting: Callable[[str], None] = lambda text: None,
        id: str | None = None,
    ) -> None:
        """`drafting` is told, when the person pauses, what stands there of a request to the model."""
        super().__init__(id=id)
        self._drafting = drafting
        self._pause: Timer | None = None
        self._commands = commands
        self._history = History(history)
        self._folds = Folds()
        self._editor = PromptEditor(
            self._folds, root, self, placeholder=placeholder, vim=vim, mode_changed=self._show_state
        )
        self._popup = Popup()
        self._suggestions = Suggestions(
            self._editor,
            self._popup,
            self._folds,
            Completer(commands, files, symbols),
            self._history,
            lambda problem: self._notice("completion", problem),
        )
        self._marker = Static(classes="prompt--marker")
        self._hint = Static(classes="prompt--hint")
        self._walk: Walk | None = None
        self._noticed: set[str] = set()

    def compose(self) -> ComposeResult:
        """The candidates lie over what is above the prompt; the hint is a line below it, when there is one."""
        yield self._popup
        with Horizontal():
            yield self._marker
            yield self._editor
        yield self._hint

    def on_mount(self) -> None:
        """Show the marker."""
        self._show_state()

    @property
    def text(self) -> str:
        """What would be sent now, folded pastes in full."""
        return self._folds.expand(self._editor.text)

    def set_text(self, text: str) -> None:
        """Replace what is in the prompt; one step for undo. What was folded when it was sent is folded again."""
        self._walk = None
        self._become(self._folds.show(text))

    def insert(self, text: str) -> None:
        """Insert at the cursor as if it were pasted."""
        self._editor.put(text)

    def copy_selection(self) -> bool:
        """Copy what is selected in the editor; False if nothing is."""
        if self._editor.selection.is_empty:
            return False
        self._editor.action_copy()
        return True

    def focus(self, scroll_visible: bool = True) -> Self:
        """Give the keyboard to the editor."""
        self._editor.focus(scroll_visible)
        return self

    # What was entered

    def action_submit(self) -> None:
        """Take the candidate if there is one and something is left to take of it; otherwise send."""
        before = self._editor.text.rstrip()
        candidate = self._suggestions.candidate()
        if self._suggestions.is_searching and candidate is None:
            return
        if candidate is not None:
            self._suggestions.take(candidate)
            is_whole = candidate.kind == "command" and not candidate.insert.endswith(" ")
            if candidate.kind == "prompt" or not (is_whole or self._editor.text.rstrip() == before):
                return
        self._send(self.Submitted)

    def action_steer(self) -> None:
        """Send into the running turn; commands are commands all the same."""
        if not self._suggestions.is_searching:
            self._send(self.Steer)

    def _send(self, message: type[Submitted]) -> None:
        shown = self._editor.text
        text = self._folds.expand(shown).strip("\n").rstrip()
        if not text.strip() or not text.lstrip("!"):
            return
        if text.startswith("!"):
            share = not text.startswith("!!")
            entered = self.Shell(text[1 if share else 2 :].strip(), share)
        elif match := _COMMAND.fullmatch(text):
            name = match["name"]
            if name not in {command.name for command in self._commands}:
                self._refuse(name, text)
                return
            entered = self.SlashCommand(name, (match["argument"] or "").strip())
        else:
            entered = message(text)
        self._remember(Entry(shown.strip("\n").rstrip(), self._folds.tokens(shown)))
        self._become("")
        self._folds.forget(keep=self._editor.text)
        self.post_message(entered)

    def _refuse(self, name: str, text: str) -> None:
        suggestion = nearest_command(name, self._commands)
        meant = f" Did you mean /{suggestion}?" if suggestion else ""
        self._say(f"There is no command /{name}.{meant} A space before the slash sends it as text.", error=True)
        self.post_message(self.Unknown(text, suggestion))

    def _remember(self, entry: Entry) -> None:
        self._walk = None
        if problem := self._history.add(entry):
            self._notice("history", problem)

    def _notice(self, subject: str, text: str) -> None:
        if subject not in self._noticed:
            self._noticed.add(subject)
            self.post_message(self.Notice(text))

    # Editing

    def action_newline(self) -> None:
        """Begin a new line."""
        self._editor.insert("\n", maintain_selection_offset=False)

    def action_up(self) -> None:
        """Move in the candidates, in the text, or to the earlier prompt."""
        if self._popup.is_open:
            self._popup.action_cursor_up()
        elif not self._editor.on_first_row:
            self._editor.action_cursor_up()
        else:
            self._step(-1)

    def action_down(self) -> None:
        """Move in the candidates, in the text, or to the later prompt and at last the draft."""
        if self._popup.is_open:
            self._popup.action_cursor_down()
        elif not self._editor.on_last_row:
            self._editor.action_cursor_down()
        elif self._walk is not None:
            self._step(1)

    def _step(self, by: int) -> None:
        if self._walk is None:
            self._walk = Walk(self._history.entries, self._entry())
        if (entry := self._walk.step(by, self._entry())) is not None:
            self._become(self._folds.restore(entry.text, entry.pastes), at_first_row=by < 0)

    def _entry(self) -> Entry:
        return Entry(self._editor.text, self._folds.tokens(self._editor.text))

    def _become(self, text: str, *, at_first_row: bool = False) -> None:
        self._editor.become(text, at_first_row=at_first_row)
        self._suggestions.settle()
        self._show_state()

    def action_search(self) -> None:
        """Offer the earlier prompts that hold what is in the editor now or is typed from now on."""
        self._suggestions.search()
        self._show_state()

    def action_complete(self) -> None:
        """Take the highlighted candidate."""
        if (candidate := self._suggestions.candidate()) is None:
            raise SkipAction
        self._suggestions.take(candidate)

    def action_close(self) -> None:
        """Close the candidates; a search puts the draft back."""
        if not self._suggestions.close():
            raise SkipAction
        self._show_state()

    @on(TextArea.Changed)
    def _changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._suggestions.update()
        self._show_state()
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE, self._paused)

    def _paused(self) -> None:
        text = self._editor.text
        if text.strip() and text[0] not in "/!":
            self._drafting(text)

    @on(TextArea.SelectionChanged)
    def _moved(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        self._suggestions.cursor_moved()

    def on_descendant_focus(self) -> None:
        """Offer again what was offered before the keyboard went elsewhere."""
        self._suggestions.update()

    def on_descendant_blur(self) -> None:
        """Leave the screen to what has the keyboard now."""
        self._suggestions.hide()

    @on(Popup.Taken)
    def _clicked(self, event: Popup.Taken) -> None:
        event.stop()
        self._suggestions.take(event.candidate)
        self._editor.focus()

    # Marker and hint

    def _show_state(self) -> None:
        first = self._editor.document[0]
        shell = first.startswith("!")
        self.set_class(shell, "-shell")
        self._marker.update(Content("$" if shell else "\u276e" if self._editor.in_command_mode else "\u276f"))
        if self._suggestions.is_searching:
            none = "" if self._popup.is_open else "none fits · "
            self._say(f"earlier prompts · {none}type to search · enter takes · esc puts the draft back")
        elif shell:
            own = first.startswith("!!")
            self._say(
                "shell · the model does not see the output"
                if own
                else "shell · the model sees the output (not with !!)"
            )
        else:
            self._say(self._usage(self._editor.text))

    def _usage(self, text: str) -> str:
        match = _COMMAND.fullmatch(text)
        if match is None or match["argument"] is None:
            return ""
        usages = (f"/{c.name} {c.argument_hint} · {c.description}" for c in self._commands if c.name == match["name"])
        return next(usages, "")

    def _say(self, text: str, *, error: bool = False) -> None:
        self._hint.set_class(error, "-error")
        self._hint.update(Content(one_line(text)))
        self._hint.display = bool(text)
