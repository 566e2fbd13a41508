"""What fills the context window, by category, counted by the model's own tokenizer; knows no screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeagent.inference.client import ChatRequest, Message, ModelClient, ToolSpec

CATEGORIES = ("instructions", "tools", "your messages", "answers", "tool results")
_OF_ROLE = {"system": "instructions", "user": "your messages", "assistant": "answers", "tool": "tool results"}


@dataclass(frozen=True)
class ContextUse:
    """Tokens by category, and the window's size. The categories add up to `total`, which is exact."""

    window: int
    total: int
    tokens: dict[str, int]


async def context_use(client: ModelClient, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> ContextUse:
    """Count the next request. Runs of messages of one kind are counted as what they add to the prompt before them.

    Raises ModelError.
    """
    info = await client.info()
    tokens: dict[str, int] = dict.fromkeys(CATEGORIES, 0)

    async def count(upto: int, with_tools: bool) -> int:
        request = ChatRequest(messages=tuple(messages[:upto]), tools=tuple(tools) if with_tools else ())
        return await client.count_tokens(request)

    if not messages:
        return ContextUse(info.context_length, 0, tokens)
    total = before = 0
    for at, message in enumerate(messages, 1):
        if at < len(messages) and messages[at].role == message.role:
            continue
        total = await count(at, with_tools=True)
        if not before:
            bare = await count(at, with_tools=False)
            tokens["tools"] = total - bare
            before = total - bare
        tokens[_OF_ROLE[message.role]] += total - before
        before = total
    return ContextUse(info.context_length, total, tokens)
