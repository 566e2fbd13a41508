"""What every approval panel has: the guard, the legend, the line for a sentence, the answer; knows no diff."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Static

from codeagent.agent.permissions import Answer, Question
from codeagent.agent.text import printable
from codeagent.tui.approval.guard import GUARD_SECONDS, Guard
from codeagent.tui.approval.legend import Legend, keys_of

_SEND = Binding("enter", "send", "Go on with this sentence")
_CLOSED = "The question was taken away before it was answered."


class SentenceInput(Input):
    """One line from the person, into which nothing unprintable can be pasted."""

    def on_paste(self, event: events.Paste) -> None:
        """Take the first line as text that is fit to be drawn."""
        event.prevent_default()
        event.stop()
        line = next(iter(event.text.splitlines()), "")
        self.insert_text_at_cursor(printable(line).replace("\t", " "))


class ApprovalPanel(Widget, can_focus=True):
    """Asks one question. For a moment it hears no key and no click, and pasted text never answers it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Go back to the question", id="approval.back", show=False),
        Binding("question_mark", "explain", "Tell what the keys do", id="approval.keys", show=False),
    ]
    LABELS: ClassVar[dict[str, str]] = {"explain": "keys"}
    """A word or two for the actions that stand in the legend's line."""
    MODES: ClassVar[tuple[str, ...]] = ("sentence", "keys")
    """The modes beside "deciding"; in each the panel has a class of its name."""
    DEFAULT_CSS = """
    ApprovalPanel {
        height: auto; padding: 0 1; margin: 1 0; border-left: outer $warning;
        &:focus, &:focus-within { border-left: outer $accent; }
        .approval--title { text-style: bold; height: auto; }
        .approval--note { color: $text-warning; height: auto; display: none; }
        .approval--note.-some { display: block; }
        SentenceInput.-textual-compact { height: auto; background: $surface; }
        &.-keys .approval--body { display: none; }
    }
    """

    mode: reactive[str] = reactive("deciding", init=False)
    """What the keys mean now: "deciding", or what MODES names: a "sentence" is typed, the "keys" are told."""

    class Answered(Message):
        """The person answered; `record` is their decision in a few words, for the line that takes the panel's place."""

        def __init__(self, panel: ApprovalPanel, question: Question, answer: Answer, record: str) -> None:
            super().__init__()
            self.panel = panel
            self.question = question
            self.answer = answer
            self.record = record

        @property
        def control(self) -> ApprovalPanel:
            """The panel, for selectors."""
            return self.panel

    def __init__(self, question: Question, guard_seconds: float = GUARD_SECONDS) -> None:
        """Nothing is heard before `guard_seconds` have passed since it was drawn."""
        super().__init__()
        self.question = question
        self._guard = Guard(guard_seconds)
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()
        self._answered = False
        self._then: Callable[[str], None] | None = None
        self._title = Static(classes="approval--title")
        self._note = Static(classes="approval--note")
        self._sentence = SentenceInput(compact=True, select_on_focus=False)
        self._sentence.display = False
        self._legend = Legend(classes="-closed")

    async def answer(self) -> Answer:
        """The answer, once it is given. A panel that goes away without one says no."""
        return await self._answers.get()

    def compose(self) -> ComposeResult:
        """Title, what is asked about, notes, keys."""
        yield self._title
        yield from self.compose_body()
        yield self._note
        yield self._sentence
        yield self._legend

    def compose_body(self) -> ComposeResult:
        """What is asked about, in widgets of the class `approval--body`."""
        yield from ()

    def on_mount(self) -> None:
        """Begin to listen some time after the first drawing."""
        self._draw_legend()
        self.listen_later()

    def on_unmount(self) -> None:
        """Silence means no."""
        if not self._answered:
            self._answered = True
            self._answers.put_nowait(Answer("no", _CLOSED))

    def on_key(self, event: events.Key) -> None:
        """Keys that were pressed before the panel could be read do nothing at all."""
        if not self._guard.passes(event.time):
            event.stop()
            event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text is no answer."""
        event.stop()

    def on_focus(self) -> None:
        """Tell the keys as they are bound now."""
        self._draw_legend()

    def on_descendant_focus(self) -> None:
        """Tell the keys as they are bound now."""
        self._draw_legend()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys mean something in which mode."""
        if action == "back":
            return self.mode != "deciding"
        if action == "send":
            return self.mode == "sentence"
        if action == "explain":
            return self.mode in ("deciding", "keys")
        return self.mode == "deciding" if action in self._own_actions else True

    def action_explain(self) -> None:
        """Tell every key in a sentence instead of the question, or go back to it."""
        if self.mode == "keys":
            self.action_back()
        else:
            self._legend.whole = True
            self.mode = "keys"

    async def action_send(self) -> None:
        """Go on with the sentence as it stands; its line does so by itself on enter."""
        await self._sentence.action_submit()

    def action_back(self) -> None:
        """Go back to the question; what was typed is dropped."""
        self._then = None
        self._sentence.display = False
        self._legend.whole = False
        self.mode = "deciding"
        self.screen.set_focus(self)

    def watch_mode(self) -> None:
        """Show what belongs to the mode."""
        for mode in self.MODES:
            self.set_class(self.mode == mode, f"-{mode}")
        self.refresh_bindings()
        if self.mode != "keys":
            self._draw_legend()

    def tell(self, sentence: str) -> None:
        """Say something to the person; "" takes it back."""
        self._note.update(Content(printable(sentence)))
        self._note.set_class(bool(sentence), "-some")

    def listen_later(self) -> None:
        """Hear nothing until some time after the next drawing."""
        self._guard.close()
        self._legend.add_class("-closed")
        self.call_after_refresh(lambda: self._guard.set(self.set_timer, self._armed))

    def ask_sentence(self, words: str, then: Callable[[str], None]) -> None:
        """Ask for a sentence, which may be empty, and go on with it."""
        self._then = then
        self._sentence.placeholder = words
        self._sentence.value = ""
        self.type_in(self._sentence, "sentence")

    def type_in(self, widget: Widget, mode: str) -> None:
        """Open a part that is typed in. It has the focus at once, so that no key goes elsewhere."""
        widget.display = True
        self.mode = mode
        self.screen.set_focus(widget)

    def give(self, answer: Answer, record: str) -> None:
        """Answer the question, once and for all."""
        if self._answered:
            return
        self._answered = True
        self._answers.put_nowait(answer)
        self.post_message(self.Answered(self, self.question, answer, record))
        self.disabled = True

    @on(Input.Submitted)
    def _sentence_said(self, event: Input.Submitted) -> None:
        event.stop()
        then = self._then
        if then is not None:
            self.action_back()
            then(event.value.strip())

    @on(Legend.Chosen)
    async def _key_clicked(self, event: Legend.Chosen) -> None:
        event.stop()
        if self._guard.passes(event.clicked):
            await self.run_action(event.action)

    def _armed(self) -> None:
        self._legend.remove_class("-closed")

    @property
    def _own_actions(self) -> set[str]:
        return {_name(binding) for bindings in self._bindings.key_to_bindings.values() for binding in bindings}

    def _draw_legend(self) -> None:
        """Tell the keys as they are bound, which a person may have changed, in the order of the labels."""
        active = [b.binding for b in self.screen.active_bindings.values() if b.node is self]
        bound = active or [b for bindings in self._bindings.key_to_bindings.values() for b in bindings]
        order = {action: place for place, action in enumerate(self.LABELS)}
        bound = sorted(bound, key=lambda binding: order.get(binding.action, len(order)))
        bound = [binding for binding in bound if self.check_action(_name(binding), ())]
        named = self.app.get_key_display  # pyright: ignore[reportUnknownMemberType]  # an app of any result
        told = [(named(b), b.action, b.description) for b in bound]
        if self.mode == "sentence":
            told.insert(0, (named(_SEND), _SEND.action, _SEND.description))
        self._legend.keys = keys_of(told, self.LABELS | {_SEND.action: "send it"})


def _name(binding: Binding) -> str:
    return binding.action.partition("(")[0]
