"""What goes to stdout: the final text, one result object, or Claude-compatible JSON lines; knows events, not how they
arose.
"""

from __future__ import annotations

import json
from typing import Any, Literal, Protocol, TextIO

from codeagent.agent.events import (
    CandidateChosen,
    CandidateFinished,
    Event,
    MessageAdded,
    SessionStarted,
    StepStarted,
    TurnStarted,
)
from codeagent.agent.headless.outcome import Outcome, usage_object
from codeagent.agent.text import printable
from codeagent.inference.client import Message, ReasoningDelta, TextDelta, Usage

OutputFormat = Literal["text", "json", "stream-json"]


class Writer(Protocol):
    """One output format."""

    def feed(self, event: Event) -> None:
        """Take one event."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """Write the end of the run. Called exactly once, whatever happened."""
        ...


def _line(out: TextIO, value: dict[str, Any]) -> None:
    out.write(json.dumps(value, ensure_ascii=True) + "\n")
    out.flush()


class TextWriter:
    """Only the final message."""

    def __init__(self, out: TextIO) -> None:
        """Writes to this stream."""
        self._out = out

    def feed(self, event: Event) -> None:
        """Nothing is written before the end."""

    def finish(self, outcome: Outcome) -> None:
        """The final message, made fit for a terminal, or the structured answer as one line of JSON."""
        text = json.dumps(outcome.structured) if outcome.structured is not None else printable(outcome.text)
        if text:
            self._out.write(text + "\n")
        self._out.flush()


class JsonWriter:
    """One result object."""

    def __init__(self, out: TextIO) -> None:
        """Writes to this stream."""
        self._out = out

    def feed(self, event: Event) -> None:
        """Nothing is written before the end."""

    def finish(self, outcome: Outcome) -> None:
        """The result object on one line."""
        _line(self._out, outcome.result())


class StreamJsonWriter:
    """One JSON object a line: system/init, assistant, user, with partial messages stream_event, and last result."""

    def __init__(self, out: TextIO, partial: bool) -> None:
        """`partial` adds the deltas."""
        self._out = out
        self._partial = partial
        self._session = ""
        self._model = ""
        self._spoken = 0
        self._block: str | None = None
        self._blocks = 0
        self._echoes = True

    def feed(self, event: Event) -> None:
        """Write what this event is in Claude's terms; events that have no counterpart are not written."""
        match event:
            case SessionStarted():
                self._init(event)
            case TurnStarted():
                self._echoes = False
            case StepStarted():
                self._begin()
            case TextDelta() | ReasoningDelta():
                self._delta(event)
            case MessageAdded():
                self._message(event)
            case CandidateFinished():
                self._system("candidate", event.report.model_dump(mode="json"))
            case CandidateChosen():
                self._system("candidate_chosen", {"candidate": event.candidate, "because": event.because})
            case _:
                pass

    def finish(self, outcome: Outcome) -> None:
        """The result object."""
        _line(self._out, outcome.result())

    def _init(self, event: SessionStarted) -> None:
        self._session, self._model = event.session_id, event.model
        _line(
            self._out,
            {
                "type": "system",
                "subtype": "init",
                "cwd": event.cwd,
                "session_id": event.session_id,
                "tools": list(event.tools),
                "mcp_servers": [],
                "model": event.model,
                "permissionMode": event.permission_mode,
                "slash_commands": [],
                "apiKeySource": "none",
            },
        )

    def _system(self, subtype: str, body: dict[str, Any]) -> None:
        _line(self._out, {"type": "system", "subtype": subtype, **body, "session_id": self._session})

    def _message(self, event: MessageAdded) -> None:
        message = event.message
        match message.role:
            case "assistant":
                self._end(message, event.usage)
                body = self._assistant(message, event.usage)
                self._wrap("assistant", body)
            case "tool":
                result = {
                    "tool_use_id": message.tool_call_id,
                    "type": "tool_result",
                    "content": message.content,
                    "is_error": event.is_error,
                }
                self._wrap("user", {"role": "user", "content": [result]})
            case "user":
                if self._echoes:  # what the caller said itself is not told back
                    self._wrap("user", {"role": "user", "content": [{"type": "text", "text": message.content}]})
                self._echoes = True
            case "system":
                pass

    def _wrap(self, kind: str, message: dict[str, Any]) -> None:
        _line(self._out, {"type": kind, "message": message, "parent_tool_use_id": None, "session_id": self._session})

    def _assistant(self, message: Message, usage: Usage | None) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        if message.reasoning:
            content.append({"type": "thinking", "thinking": message.reasoning, "signature": ""})
        if message.content:
            content.append({"type": "text", "text": message.content})
        content += [
            {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
            for call in message.tool_calls
        ]
        return {
            "id": f"msg_{self._spoken}",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
            "stop_reason": "tool_use" if message.tool_calls else "end_turn",
            "stop_sequence": None,
            "usage": usage_object(usage or Usage()),
        }

    def _stream(self, event: dict[str, Any]) -> None:
        _line(
            self._out,
            {"type": "stream_event", "event": event, "parent_tool_use_id": None, "session_id": self._session},
        )

    def _begin(self) -> None:
        self._spoken += 1
        self._blocks, self._block = 0, None
        if self._partial:
            empty = self._assistant(Message(role="assistant"), None) | {"stop_reason": None}
            self._stream({"type": "message_start", "message": empty})

    def _delta(self, event: TextDelta | ReasoningDelta) -> None:
        if not self._partial:
            return
        kind, name = ("text", "text_delta") if isinstance(event, TextDelta) else ("thinking", "thinking_delta")
        if self._block != kind:
            self._close_block()
            self._open_block(kind, {"type": kind, kind: ""})
        self._stream({"type": "content_block_delta", "index": self._blocks, "delta": {"type": name, kind: event.text}})

    def _open_block(self, kind: str, block: dict[str, Any]) -> None:
        self._block = kind
        self._stream({"type": "content_block_start", "index": self._blocks, "content_block": block})

    def _close_block(self) -> None:
        if self._block is not None:
            self._stream({"type": "content_block_stop", "index": self._blocks})
            self._blocks += 1
            self._block = None

    def _end(self, message: Message, usage: Usage | None) -> None:
        if not self._partial:
            return
        self._close_block()
        for call in message.tool_calls:
            self._open_block("tool_use", {"type": "tool_use", "id": call.id, "name": call.name, "input": {}})
            text = json.dumps(call.arguments)
            delta = {"type": "input_json_delta", "partial_json": text}
            self._stream({"type": "content_block_delta", "index": self._blocks, "delta": delta})
            self._close_block()
        reason = "tool_use" if message.tool_calls else "end_turn"
        self._stream(
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": None},
                "usage": usage_object(usage or Usage()),
            }
        )
        self._stream({"type": "message_stop"})


def make_writer(output_format: OutputFormat, out: TextIO, partial: bool) -> Writer:
    """The writer of an output format."""
    match output_format:
        case "text":
            return TextWriter(out)
        case "json":
            return JsonWriter(out)
        case "stream-json":
            return StreamJsonWriter(out, partial)
