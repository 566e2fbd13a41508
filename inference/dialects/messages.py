"""Messages and tools in the shapes that chat templates know (OpenAI's); knows no call syntax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codeagent.inference.client import Message, ToolCall, ToolSpec


def tool_dicts(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """The tools as a template's `tools`."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in tools
    ]


def message_dict(message: Message) -> dict[str, Any]:
    """A message as a template that knows tools wants it: calls with decoded arguments, answers with names."""
    plain: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.reasoning:
        plain["reasoning_content"] = message.reasoning
    if message.tool_calls:
        plain["tool_calls"] = [call_dict(call) for call in message.tool_calls]
    if message.role == "tool":
        plain |= {"tool_call_id": message.tool_call_id or "", "name": message.tool_name or ""}
    return plain


def call_dict(call: ToolCall) -> dict[str, Any]:
    """A call inside an assistant message."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
