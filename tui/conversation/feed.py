"""Turns the session's events into items of the conversation, in batches; knows no session and asks nothing back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codeagent.agent import events
from codeagent.agent.events import Event
from codeagent.inference.client import ReasoningDelta, TextDelta, ToolCallDelta
from codeagent.tui.conversation.items import Answered, Item, Said, Shell, Thought, Told, Tool
from codeagent.tui.conversation.view import ConversationView

_OUTPUT_KEPT = 64 * 1024
_NAMED = 4
_ENDINGS = {
    "interrupted": "Paused. Type to go on.",
    "max_turns": "Stopped: the limit of model calls for one message is reached. Type to go on.",
    "max_tokens": "Stopped: the limit of tokens for one message is reached. Type to go on.",
    "loop": "Stopped: the model repeats itself. Say it in other words.",
    "tool_failure": "Stopped: call after call failed. Say what to try instead.",
    "context_full": "The context window is full. Begin a new session with /new, or go back with /rewind.",
}


class Feed:
    """One conversation's items as its events build them."""

    def __init__(self, view: ConversationView) -> None:
        """Draws on this view."""
        self._view = view
        self._turn = 0
        self._answer: Answered | None = None
        self._thought: Thought | None = None
        self._draft: Tool | None = None
        self._calls: dict[str, Tool] = {}
        self._undone: list[tuple[int, list[Item]]] = []

    async def show_past(self, past: Iterable[Event]) -> None:
        """Draw the events of a session that is gone on with."""
        items: list[Item] = []
        for event in past:
            self._collect(event, items)
        self._calls.clear()
        await self._view.replace(items)

    async def feed(self, batch: Iterable[Event]) -> None:
        """Draw some events; deltas in a row are drawn as one."""
        for event in joined(batch):
            await self._feed(event)

    def _collect(self, event: Event, items: list[Item]) -> None:
        """The items of a past event, for which no delta came."""
        match event:
            case events.TurnStarted():
                self._turn += 1
                items.append(Said(self._turn, event.text))
            case events.Steered():
                items.append(Said(self._turn, event.text, steering=True))
            case events.MessageAdded() if event.message.role == "assistant":
                if event.message.reasoning.strip():
                    items.append(Thought(self._turn, event.message.reasoning))
                if prose := prose_of(event):
                    items.append(Answered(self._turn, prose))
            case events.ToolStarted():
                items.append(self._started(event, Tool(self._turn)))
            case events.ToolFinished():
                if call := self._calls.get(event.call_id):
                    _finish(call, event)
            case events.PermissionDenied():
                items.append(_denied(event, Tool(self._turn)))
            case events.ShellRan():
                items.append(Shell(self._turn, event.command, event.output, event.exit_code, shared=event.shared))
            case events.Rewound() if event.turn is not None:
                self._take_back(event, items)
            case events.Redone():
                self._bring_back(event, items)
            case events.Notice():
                items.append(Told(self._turn, event.text, event.level))
            case events.TurnFinished():
                items += self._ending(event)
            case _:
                pass

    async def _feed(self, event: Event) -> None:
        match event:
            case TextDelta():
                await self._write(event.text)
            case ReasoningDelta():
                await self._think(event.text)
            case ToolCallDelta():
                await self._write_call(event)
            case events.MessageAdded() if event.message.role == "assistant":
                await self._close(prose_of(event), replace=bool(event.message.tool_calls))
            case events.ToolStarted():
                known = self._calls.get(event.call_id)
                item = self._started(event, known or Tool(self._turn))
                await (self._view.changed(item) if known else self._view.add(item))
            case events.ToolOutput():
                if call := self._calls.get(event.call_id):
                    call.output = (call.output + event.text)[-_OUTPUT_KEPT:]
                    await self._view.changed(call)
            case events.ToolFinished():
                if call := self._calls.pop(event.call_id, None):
                    _finish(call, event)
                    await self._view.changed(call)
            case events.ShellRan():
                pass  # drawn by the app while it ran
            case events.TurnFinished():
                await self._close("")
                await self._view.add(*self._ending(event))
            case events.Redone() | events.Rewound() if event.turn is not None:
                await self._close("")
                items = list(self._view.items)
                self._collect(event, items)
                await self._view.replace(items)
            case events.Rewound():
                await self._close("")
                await self._view.add(Told(self._turn, f"↶ {event.reason}", "quiet"))
            case _:
                fresh: list[Item] = []
                self._collect(event, fresh)
                await self._view.add(*fresh)

    async def _write(self, text: str) -> None:
        if self._answer is None:
            if not text.strip():
                return
            self._answer = Answered(self._turn)
            await self._view.add(self._answer)
        await self._view.write(self._answer, text)

    async def _think(self, text: str) -> None:
        if self._thought is None:
            self._thought = Thought(self._turn)
            await self._view.add(self._thought)
        self._thought.text += text
        await self._view.changed(self._thought)

    async def _write_call(self, event: ToolCallDelta) -> None:
        if self._draft is None:
            self._draft = Tool(self._turn, title="writes a call")
            await self._view.add(self._draft)
        if event.name:
            self._draft.name = event.name
            self._draft.title = f"{event.name} …"
        self._draft.draft += event.text
        await self._view.changed(self._draft)

    async def _close(self, prose: str, replace: bool = False) -> None:
        """The model's message is whole: what streamed becomes final, and a draft gives way to its call.

        With `replace` code that streamed as part of the answer is a call's, which shows it as its diff.
        """
        if self._draft is not None:
            await self._view.drop(self._draft)
        if self._answer is not None:
            await self._view.finish(self._answer)
            if replace and "```" in self._answer.text:
                await self._view.rewrite(self._answer, prose)
        elif prose:
            await self._view.add(Answered(self._turn, prose))
        self._answer = self._thought = self._draft = None

    def _started(self, event: events.ToolStarted, item: Tool) -> Tool:
        item.call_id, item.name, item.title = event.call_id, event.name, event.title
        item.preview, item.state = event.preview, "running"
        self._calls[event.call_id] = item
        return item

    def _ending(self, event: events.TurnFinished) -> list[Item]:
        usage = event.usage
        if event.outcome == "done":
            if not usage.generated_tokens:
                return []
            rate = f" at {usage.decode_rate:.0f}/s" if usage.decode_rate >= 1 else ""
            text = f"{usage.generated_tokens:,} tokens{rate}"
            return [Told(self._turn, f"{text} · {event.steps} model call{'s' * (event.steps != 1)}", "quiet")]
        if event.outcome == "model_error":
            return []  # the notice before it has said what happened
        text = _ENDINGS.get(event.outcome) or event.error or event.outcome
        return [Told(self._turn, text, "info" if event.outcome == "interrupted" else "warning")]

    def _take_back(self, event: events.Rewound, items: list[Item]) -> None:
        turn = event.turn or 0
        gone = [item for item in items if item.turn >= turn] if event.conversation else []
        if event.conversation:
            items[:] = [item for item in items if item.turn < turn]
            self._turn = turn - 1
        self._undone.append((turn, gone))
        items.append(Told(self._turn, f"↶ {event.reason}{_files(len(event.files))}", "info"))
        items += _stayed(self._turn, event.stayed)

    def _bring_back(self, event: events.Redone, items: list[Item]) -> None:
        gone = self._undone.pop()[1] if self._undone else []
        items += gone
        self._turn = max([self._turn, *(item.turn for item in gone)])
        items.append(Told(self._turn, f"↷ brought back{_files(len(event.files))}", "info"))
        items += _stayed(self._turn, event.stayed)


def joined(batch: Iterable[Event]) -> list[Event]:
    """The same events, with deltas of one kind that follow one another made into one."""
    result: list[Event] = []
    for event in batch:
        last = result[-1] if result else None
        match last, event:
            case (TextDelta(), TextDelta()) | (ReasoningDelta(), ReasoningDelta()):
                result[-1] = last.model_copy(update={"text": last.text + event.text})
            case (ToolCallDelta(), ToolCallDelta()) if event.name in (None, last.name):
                result[-1] = last.model_copy(update={"text": last.text + event.text})
            case (events.ToolOutput(), events.ToolOutput()) if last.call_id == event.call_id:
                result[-1] = last.model_copy(update={"text": last.text + event.text})
            case _:
                result.append(event)
    return result


def prose_of(event: events.MessageAdded) -> str:
    """What a model's message says beside its calls."""
    text = event.message.content.strip()
    if not event.message.tool_calls:
        return text
    before = text.partition("```")[0].strip()
    rest, _, last = before.rpartition("\n")
    paths = {str(call.arguments.get("path")) for call in event.message.tool_calls}
    return rest.strip() if last.strip(" `:") in paths else before  # the line before the fence names the file


def _finish(call: Tool, event: events.ToolFinished) -> None:
    call.state = "failed" if event.is_error else "done"
    call.display, call.seconds = event.display, event.seconds
    failed_tests = event.display is not None and event.display.type == "test_report" and event.display.exit_code != 0
    if failed_tests:
        call.state = "failed"


def _denied(event: events.PermissionDenied, item: Tool) -> Tool:
    item.call_id, item.name, item.title = event.call_id, event.name, event.title or event.name
    item.state, item.reason = "denied", event.reason
    return item


def _files(count: int) -> str:
    return f", {count} file{'s' * (count != 1)} put back" if count else ""


def _stayed(turn: int, names: Sequence[str]) -> list[Item]:
    """What to say of files that could not go back or forth."""
    if not names:
        return []
    listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    text = f"Left as it is, since somebody else changed it or it cannot be replaced: {listed}."
    return [Told(turn, text, "warning")]
