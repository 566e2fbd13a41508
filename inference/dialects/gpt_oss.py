"""The harmony form of gpt-oss: messages in channels, calls as messages to functions; knows no engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeagent.inference.client import Message, ReasoningDelta, TextDelta, ToolCallDelta, ToolSpec
from codeagent.inference.dialects.base import CallGrammar, CallParser, ParsedEvent
from codeagent.inference.dialects.blocks import held_back
from codeagent.inference.dialects.call_grammar import one_of
from codeagent.inference.dialects.calls import FoundCall, NewId, checked, named_call, random_id
from codeagent.inference.dialects.gbnf import Grammar, literal, until
from codeagent.inference.dialects.messages import message_dict, tool_dicts
from codeagent.inference.dialects.rescue import rescue
from codeagent.inference.dialects.schema_grammar import json_rule
from codeagent.inference.dialects.slots import Slot, json_slot

_MESSAGE = "<|message|>"
_RECIPIENT = "to=functions."
_ENDS = ("<|end|>", "<|call|>", "<|return|>", "<|start|>")


@dataclass(frozen=True)
class GptOssDialect:
    """`<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{…}<|call|>`; analysis is thinking."""

    name: str = "gpt-oss"
    new_id: NewId = random_id

    def template_tools(self, tools: Sequence[ToolSpec]) -> list[dict[str, Any]] | None:
        """See Dialect."""
        return tool_dicts(tools) or None

    def instructions(self, tools: Sequence[ToolSpec]) -> str:
        """Empty: the template explains the tools."""
        return ""

    def template_message(self, message: Message, tools: Sequence[ToolSpec]) -> dict[str, Any]:
        """See Dialect. The template says `thinking` and takes no content beside it in a message with calls."""
        plain = message_dict(message)
        thinking = plain.pop("reasoning_content", "")
        if thinking:
            plain["thinking"] = thinking
            if message.tool_calls:
                plain["content"] = ""
        return plain

    def grammar(
        self, tools: Sequence[ToolSpec], required: bool, files: Sequence[str] = (), reason_first: bool = False
    ) -> CallGrammar | None:
        """See Dialect. One call: the token behind it ends the reply."""
        if not tools:
            return None
        grammar = Grammar()
        call = f"{literal(_RECIPIENT)} {one_of(grammar, tools, lambda tool: _call_rule(grammar, tool))}"
        if not required:
            return CallGrammar(gbnf=grammar.text(call), trigger=_RECIPIENT)
        thought = f"{literal('<|channel|>analysis<|message|>')} {until(grammar, '<|end|>')}"
        before = f"({thought} {literal('<|start|>assistant')})?"
        return CallGrammar(gbnf=grammar.text(f"{before} {literal('<|channel|>commentary ')} {call}"))

    def parser(self, tools: Sequence[ToolSpec]) -> CallParser:
        """See Dialect."""
        return _HarmonyParser(tools, self.new_id)

    def slot(self, text: str, tools: Sequence[ToolSpec]) -> Slot | None:
        """See Dialect."""
        return json_slot(text, tools, _HEAD)


def _call_rule(grammar: Grammar, tool: ToolSpec) -> str:
    kind = f'"<|channel|>commentary"? (" "? "<|constrain|>"? "json")? {literal(_MESSAGE)}'
    return f"{literal(tool.name)} {kind} {json_rule(grammar, tool.parameters, f'{tool.name}-arguments')}"


_HEAD = re.compile(r"to=functions\.([\w.-]+)[^{]*<\|message\|>(?=\{)")
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")
_CALLED = re.compile(r"to=(?:functions\.)?([\w.-]+)")


class _HarmonyParser:
    """A CallParser. A header ends with <|message|>, the message behind it with one of the end tokens."""

    def __init__(self, tools: Sequence[ToolSpec], new_id: NewId) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._new_id = new_id
        self._buffer = ""
        self._header: str | None = None
        self._body = ""
        self._text = ""
        self._calls = 0

    @property
    def thinking(self) -> bool:
        """Whether what comes next is thinking."""
        return self._header is not None and self._channel() == "analysis" and not self._called()

    @property
    def thinking_end(self) -> str:
        """See CallParser. What follows is another message."""
        return "<|end|><|start|>assistant" if self.thinking else ""

    def feed(self, text: str) -> list[ParsedEvent]:
        """See CallParser."""
        self._buffer += text
        return self._advance(final=False)

    def finish(self) -> list[ParsedEvent]:
        """See CallParser. A reply that never had a channel was read as a header and is text."""
        events = self._advance(final=True)
        if self._header is None and self._buffer.strip():
            if _CALLED.search(self._buffer):
                found = FoundCall(self._buffer, error="The call is not finished: the reply ended inside it.")
                events.append(self._judged(found))
            elif not self._text and "<|" not in self._buffer:
                self._text = self._buffer
                events.append(TextDelta(text=self._buffer))
        if not self._calls:
            events += [self._judged(found) for found in rescue(self._text, list(self._tools.values()))]
        return events

    def _advance(self, final: bool) -> list[ParsedEvent]:
        events: list[ParsedEvent] = []
        while True:
            if self._header is None:
                header, found, rest = self._buffer.partition(_MESSAGE)
                if not found:
                    return events
                self._header, self._buffer, self._body = header, rest, ""
            ends = [end for token in _ENDS if (end := self._buffer.find(token)) >= 0]
            keep = 0 if final else held_back(self._buffer, _ENDS)
            piece = self._buffer[: min(ends)] if ends else self._buffer[: len(self._buffer) - keep]
            self._buffer = self._buffer[len(piece) :]
            self._take(piece, events)
            if not (ends or final):
                return events
            self._end_message(events)
            if final and not ends:
                return events
            if not self._buffer.startswith("<|start|>"):
                self._buffer = self._buffer[self._buffer.index("|>") + 2 :]

    def _take(self, piece: str, events: list[ParsedEvent]) -> None:
        self._body += piece
        if not piece:
            return
        if self._called():
            events.append(ToolCallDelta(index=self._calls, name=self._called(), text=piece))
        elif self._channel() == "analysis":
            events.append(ReasoningDelta(text=piece))
        else:
            self._text += piece
            events.append(TextDelta(text=piece))

    def _end_message(self, events: list[ParsedEvent]) -> None:
        called = self._called()
        if called:
            events.append(self._judged(named_call(f"{self._header}{_MESSAGE}{self._body}".strip(), called, self._body)))
        self._header = None

    def _judged(self, found: FoundCall) -> ParsedEvent:
        self._calls += 1
        return checked(found, self._tools, self._new_id)

    def _channel(self) -> str:
        match = _CHANNEL.search(self._header or "")
        return match[1] if match else "final"

    def _called(self) -> str | None:
        match = _CALLED.search(self._header or "") if self._tools else None
        return None if match is None or match[1] == "assistant" else match[1]
