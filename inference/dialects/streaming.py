"""The parser all dialects share: text, thinking and call blocks told apart as they stream; knows no call syntax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codeagent.inference.client import (
    MalformedCall,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolSpec,
)
from codeagent.inference.dialects.base import ParsedEvent
from codeagent.inference.dialects.blocks import CallForm, held_back
from codeagent.inference.dialects.calls import FoundCall, NewId, checked
from codeagent.inference.dialects.rescue import rescue, written_files


@dataclass(frozen=True)
class Thinking:
    """The tags around a model's thinking. With `open_at_start` the prompt has already opened it."""

    opener: str = "<think>"
    closer: str = "</think>"
    open_at_start: bool = False

    @property
    def end(self) -> str:
        """How a model ends its thinking: a tag stands on a line of its own."""
        return f"\n{self.closer}\n\n" if self.closer.startswith("</") else self.closer


class BlockParser:
    """A CallParser for replies of the shape: thinking, text, call blocks.

    White space around a block belongs to nobody. Thinking is recognised only before the first word of text, so that an
    answer may write about the tags. A reply without a call is searched for what a small model writes instead of one.
    With `files`, files that the text states are calls, too, and come before the block that follows them.
    """

    def __init__(
        self,
        form: CallForm,
        tools: Sequence[ToolSpec],
        new_id: NewId,
        thinking: Thinking | None = None,
        files: bool = False,
    ) -> None:
        self._form = form
        self._tools = {tool.name: tool for tool in tools}
        self._new_id = new_id
        self._thinking = thinking
        self._state = self._in_thinking if thinking and thinking.open_at_start else self._in_text
        self._buffer: str = ""
        self._shown = 0
        self._files = files
        self._text = ""
        self._unread = 0
        self._blocks = 0
        self._fresh = True

    @property
    def thinking(self) -> bool:
        """Whether what comes next is thinking: a grammar must not wake there."""
        return self._state == self._in_thinking

    @property
    def thinking_end(self) -> str:
        """See CallParser."""
        return self._thinking.end if self._thinking and self.thinking else ""

    def feed(self, text: str) -> list[ParsedEvent]:
        """See CallParser."""
        self._buffer += text
        return self._advance(final=False)

    def finish(self) -> list[ParsedEvent]:
        """See CallParser."""
        events = self._advance(final=True)
        self._read_files(events)
        if not self._blocks:
            events += [self._event(found) for found in rescue(self._text, list(self._tools.values()))]
        return events

    def _advance(self, final: bool) -> list[ParsedEvent]:
        events: list[ParsedEvent] = []
        state: Callable[..., object] | None = None
        size = -1
        # A state that neither ends nor consumes anything waits for more text.
        while (state, size) != (self._state, len(self._buffer)):
            state, size = self._state, len(self._buffer)
            self._state(events, final)
        return events

    def _in_text(self, events: list[ParsedEvent], final: bool) -> None:
        if self._fresh:
            self._buffer = self._buffer.lstrip()
        thinking = self._thinking if self._fresh else None
        if thinking and self._buffer.startswith(thinking.opener):
            self._buffer = self._buffer[len(thinking.opener) :]
            self._state = self._in_thinking
            return
        if thinking and thinking.opener.startswith(self._buffer) and not final:
            return
        openers = self._form.openers if self._tools else ()
        starts = [start for opener in openers if (start := self._buffer.find(opener)) >= 0]
        if starts:
            self._emit_text(self._buffer[: min(starts)].rstrip(), events)
            self._buffer = self._buffer[min(starts) :]
            self._read_files(events)
            self._state = self._in_call
            return
        keep = 0 if final else held_back(self._buffer, openers)
        ready = self._buffer[: len(self._buffer) - keep]
        if not final:
            ready = ready.rstrip()
        self._buffer = self._buffer[len(ready) :]
        self._emit_text(ready, events)

    def _emit_text(self, text: str, events: list[ParsedEvent]) -> None:
        if text:
            self._fresh = False
            self._text += text
            events.append(TextDelta(text=text))

    def _read_files(self, events: list[ParsedEvent]) -> None:
        """Make calls of the files stated since the last block."""
        if self._files:
            found = written_files(self._text[self._unread :], list(self._tools.values()))
            self._blocks += len(found)
            events += [self._event(each) for each in found]
        self._unread = len(self._text)

    def _in_thinking(self, events: list[ParsedEvent], final: bool) -> None:
        assert self._thinking
        closer = self._thinking.closer
        if not self._shown:
            self._buffer = self._buffer.lstrip()
        end = self._buffer.find(closer)
        keep = 0 if final or end >= 0 else held_back(self._buffer, [closer])
        ready = (self._buffer[:end] if end >= 0 else self._buffer[: len(self._buffer) - keep]).rstrip()
        self._shown += len(ready)
        self._buffer = self._buffer[end + len(closer) if end >= 0 else len(ready) :]
        if ready:
            events.append(ReasoningDelta(text=ready))
        if end >= 0:
            self._leave_block()

    def _in_call(self, events: list[ParsedEvent], final: bool) -> None:
        extent = self._form.extent(self._buffer, final)
        if extent.sure > self._shown:
            name = self._form.name(self._buffer[: extent.sure])
            text = self._buffer[self._shown : extent.sure]
            events.append(ToolCallDelta(index=self._blocks, name=name, text=text))
            self._shown = extent.sure
        if extent.done:
            block = self._buffer[: extent.sure]
            self._buffer = self._buffer[extent.sure :]
            self._blocks += 1
            events += [self._event(found) for found in self._form.calls(block)]
            self._leave_block()

    def _leave_block(self) -> None:
        self._state, self._shown, self._fresh = self._in_text, 0, True

    def _event(self, found: FoundCall) -> ToolCall | MalformedCall:
        return checked(found, self._tools, self._new_id)
