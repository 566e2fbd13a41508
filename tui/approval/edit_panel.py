"""The question whether a file may be written: its diff, decided hunk by hunk, edited or refused; knows no session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from textual import events, on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import TextArea

from codeagent.agent.permissions import Answer, Question
from codeagent.agent.text import printable
from codeagent.tools.api import EffectKind, ToolError
from codeagent.tui.approval.decisions import Decisions
from codeagent.tui.approval.diff_view import DiffView
from codeagent.tui.approval.editors import EditorError, edited_outside
from codeagent.tui.approval.guard import GUARD_SECONDS
from codeagent.tui.approval.painter import State
from codeagent.tui.approval.panel import ApprovalPanel
from codeagent.tui.approval.restoring import UnclearError, editable, restored

_WHY_NOT = "why not? (goes to the model; may be empty)"
_WHY_PARTLY = "why not the rest? (goes to the model; may be empty)"


class ProposedText(TextArea):
    """The proposed text, in place. Escape leaves it; what is pasted is made fit to be drawn."""

    def on_key(self, event: events.Key) -> None:
        """Leave escape to the panel."""
        if event.key == "escape":
            event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Take the text as it can be drawn."""
        event.prevent_default()
        event.stop()
        self.insert(editable(event.text.replace("\r\n", "\n").replace("\r", "\n")))


class EditApproval(ApprovalPanel):
    """Asks whether a file may be written, and how much of what is proposed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,space", "decide('accepted')", "Accept this hunk", id="edit.accept"),
        Binding("n", "decide('rejected')", "Reject this hunk", id="edit.reject"),
        Binding("a", "accept_all", "Accept every hunk and write the file", id="edit.all"),
        Binding("f", "apply('once')", "Write the file with every hunk that is not rejected", id="edit.file"),
        Binding("enter", "apply_decided", "Write the file as decided", id="edit.apply"),
        Binding("r", "refuse", "Refuse it all, with a sentence for the model", id="edit.refuse"),
        Binding("e", "edit", "Edit the proposed text here", id="edit.edit"),
        Binding("E", "edit_outside", "Edit the proposed text in $VISUAL or $EDITOR", id="edit.outside"),
        Binding("s", "apply('session')", "As f, and allow edits of this file for the session", id="edit.session"),
        Binding("w", "walk", "Walk the hunks least sure first, or in order again", id="edit.walk"),
        Binding("j", "move(1)", "Next hunk", id="edit.next"),
        Binding("k", "move(-1)", "Previous hunk", id="edit.previous"),
        Binding("down", "onward(1)", "On in this hunk, then to the next", id="edit.down"),
        Binding("up", "onward(-1)", "Back in this hunk, then to the previous", id="edit.up"),
        Binding("pagedown", "page(1)", "A page down", id="edit.page_down"),
        Binding("pageup", "page(-1)", "A page up", id="edit.page_up"),
        Binding("ctrl+s", "keep", "Keep the text as edited", id="edit.keep"),
    ]
    LABELS: ClassVar[dict[str, str]] = {
        "decide('accepted')": "accept",
        "decide('rejected')": "reject",
        "accept_all": "all",
        "apply('once')": "file",
        "apply_decided": "apply",
        "refuse": "refuse",
        "edit": "edit",
        "edit_outside": "editor",
        "apply('session')": "session",
        "walk": "least sure",
        "keep": "keep this text",
        "back": "go back",
        "explain": "keys",
    }
    MODES: ClassVar[tuple[str, ...]] = (*ApprovalPanel.MODES, "editing")
    DEFAULT_CSS = """
    EditApproval {
        ProposedText { height: auto; min-height: 5; max-height: 60vh; }
        &.-editing DiffView { display: none; }
    }
    """

    def __init__(
        self,
        question: Question,
        decisions: Decisions,
        environ: Mapping[str, str],
        guard_seconds: float = GUARD_SECONDS,
    ) -> None:
        """`decisions` are those on the question's call; `environ` names the person's editor."""
        super().__init__(question, guard_seconds)
        self._decisions = decisions
        self._environ = environ
        self._least_sure_first = False
        self._view = DiffView(
            self._decisions.comparison,
            self._decisions.sureness,
            self._decisions.states,
            classes="approval--body",
        )
        self._editor = ProposedText(
            soft_wrap=False, show_line_numbers=True, tab_behavior="indent", compact=True, highlight_cursor_line=False
        )

        self._editor.display = False

    def compose_body(self) -> ComposeResult:
        """The diff, and the editor that may take its place."""
        yield self._view
        yield self._editor

    def on_mount(self) -> None:
        """Draw what is proposed."""
        self._draw_title()
        self._tell_if_nothing()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """See ApprovalPanel."""
        if action == "keep":
            return self.mode == "editing"
        if action == "walk" and not self._decisions.sureness.known:
            return False
        return super().check_action(action, parameters)

    def action_decide(self, state: State) -> None:
        """Decide on the current hunk and go on to the next undecided one; the last of all that are accepted answers."""
        hunk = self._view.current
        if hunk is None:
            return
        self._decisions.decide(hunk, state)
        self._view.states = self._decisions.states
        self._draw_title()
        following = self._decisions.next_undecided(hunk)
        if following is not None:
            self._view.current = following
            self.tell("")
        elif state == "accepted" and len(self._decisions.accepted) == len(self._decisions.states):
            self.action_apply("once")
        elif self._decisions.nothing:
            self.tell("Every hunk is rejected: enter refuses the edit.")
        else:
            self.tell("Every hunk is decided: enter writes the file so.")

    def action_move(self, step: int) -> None:
        """Go to the hunk before or after."""
        if self._view.current is not None:
            self._view.current = self._decisions.beside(self._view.current, step)

    def action_onward(self, step: int) -> None:
        """Scroll to the end of the current hunk, and only then go to the next one."""
        if not self._view.scroll_hunk(step):
            self.action_move(step)

    def action_page(self, step: int) -> None:
        """Scroll by a page."""
        self._view.scroll_relative(y=step * max(1, self._view.size.height - 1), animate=False)

    def action_walk(self) -> None:
        """Change the order in which the hunks are walked, and begin with its first."""
        self._least_sure_first = not self._least_sure_first
        self._decisions.walk(self._least_sure_first)
        self._view.current = self._decisions.order[0]
        self._draw_title()

    def action_accept_all(self) -> None:
        """Accept every hunk and answer."""
        self._decisions.accept_all()
        self._view.states = self._decisions.states
        self._draw_title()
        self.action_apply("once")

    def action_apply_decided(self) -> None:
        """Answer as decided, if everything is."""
        undecided = self._decisions.undecided
        if undecided:
            self._view.current = undecided[0]
            count = "1 hunk is" if len(undecided) == 1 else f"{len(undecided)} hunks are"
            self.tell(f"{count} not decided yet: y or n for each, or f to accept what is left.")
        else:
            self.action_apply("once")

    def action_apply(self, decision: Literal["once", "session"]) -> None:
        """Answer with all hunks that are not rejected; where some are, ask why."""
        if self._decisions.nothing:
            self.action_refuse()
        elif len(self._decisions.accepted) < len(self._decisions.states):
            self.ask_sentence(_WHY_PARTLY, lambda reason: self._answer(decision, reason))
        else:
            self._answer(decision, "")

    def action_refuse(self) -> None:
        """Refuse everything, with a sentence."""
        self.ask_sentence(_WHY_NOT, lambda reason: self._give(Answer("no", reason)))

    def action_edit(self) -> None:
        """Open the proposed text in place of the diff."""
        text = editable(self._decisions.text)
        self._editor.load_text(text)
        self._editor.indent_type = "tabs" if "\n\t" in f"\n{text}" else "spaces"
        self.type_in(self._editor, "editing")
        if self._view.current is not None:
            line = self._decisions.comparison.hunks[self._view.current].new_start
            self._editor.move_cursor((line, 0), center=True)

    def action_keep(self) -> None:
        """Take the text from the editor."""
        try:
            text = restored(self._decisions.text, self._editor.text)
        except UnclearError as e:
            self.tell(str(e))
            return
        self.action_back()
        self._propose(text)

    def action_back(self) -> None:
        """See ApprovalPanel."""
        self._editor.display = False
        super().action_back()

    def action_edit_outside(self) -> None:
        """Hand the terminal to the person's own editor, and take the text from it."""
        text: str | None = None
        try:
            with self.app.suspend():  # pyright: ignore[reportUnknownMemberType]  # an app of any result
                try:
                    text = edited_outside(self._decisions.text, self._decisions.change.path.name, self._environ)
                except EditorError as e:  # Textual takes the terminal back only if nothing is raised in here
                    self.tell(str(e))
        except SuspendNotSupported:
            self.tell("This terminal cannot be handed to another program. Edit the text here with e.")
        self.listen_later()  # keys that were meant for the editor may still come
        if text is not None:
            self._propose(text)

    @on(DiffView.HunkClicked)
    def _hunk_clicked(self, event: DiffView.HunkClicked) -> None:
        event.stop()
        if self._guard.passes(event.clicked) and self.mode == "deciding":
            self._view.current = event.hunk

    def _propose(self, text: str) -> None:
        if text == self._decisions.text:
            return
        self._decisions.edit(text)
        self._decisions.walk(self._least_sure_first)
        self._view.show(self._decisions.comparison, self._decisions.sureness, self._decisions.states)
        self._draw_title()
        self._tell_if_nothing()

    def _tell_if_nothing(self) -> None:
        decisions = self._decisions
        if decisions.states:
            self.tell("")
        elif decisions.nothing:
            self.tell("The text is now what the file holds already: enter refuses the edit.")
        else:
            self.tell("The file will be empty: enter makes it.")

    def _answer(self, decision: Literal["once", "session"], reason: str) -> None:
        try:
            answer = self._decisions.answer(decision, reason)
        except ToolError as e:
            self.tell(str(e))
        else:
            self._give(answer)

    def _give(self, answer: Answer) -> None:
        self.give(answer, self._decisions.record(answer))

    def _draw_title(self) -> None:
        decisions = self._decisions
        kinds = {effect.kind for effect in decisions.change.effects}
        count = len(decisions.states)
        decided = count - len(decisions.undecided)
        notes = [
            "new file" if decisions.change.before is None else "",
            "read-only" if EffectKind.OVERRIDE in kinds else "",
            "programs run it by themselves" if EffectKind.AUTORUN in kinds else "",
            "may hold secrets" if EffectKind.REVEAL in kinds else "",
            "edited by you" if decisions.edited else "",
            f"{decided} of {count} hunks decided" if count > 1 else "",
            "least sure first" if self._least_sure_first else "",
        ]
        added, removed = decisions.comparison.counts().split()
        self._title.update(
            Content("  ").join(
                [
                    Content(printable(decisions.change.shown)),
                    Content.assemble((added, "$text-success"), " ", (removed, "$text-error")),
                    Content.styled(" · ".join(filter(None, notes)), "not bold $foreground-muted"),
                ]
            )
        )
