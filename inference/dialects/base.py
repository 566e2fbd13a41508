"""The contract of a dialect: how one family of models is shown tools and writes calls; knows no engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from codeagent.inference.client import (
    Frozen,
    MalformedCall,
    Message,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolSpec,
)
from codeagent.inference.dialects.slots import Slot

ParsedEvent = TextDelta | ReasoningDelta | ToolCallDelta | ToolCall | MalformedCall


class CallGrammar(Frozen):
    """A GBNF grammar whose rule `root` describes what follows.

    With `trigger` None the grammar holds from the first token (a call is required). Otherwise it is lazy: it wakes
    when the literal text `trigger` has been written, and then holds from the trigger's first character on.
    """

    gbnf: str
    trigger: str | None = None


class CallParser(Protocol):
    """Splits a reply into text, thinking and calls while it streams. Fed any partition of the text it gives the same
    calls.
    """

    @property
    def thinking(self) -> bool:
        """Whether what comes next is thinking, in which no call begins."""
        ...

    @property
    def thinking_end(self) -> str:
        """The text that ends the thinking under way; empty where there is none."""
        ...

    def feed(self, text: str) -> list[ParsedEvent]:
        """The events that this piece of raw text completes. Text that may yet turn out to open a call is held back."""
        ...

    def finish(self) -> list[ParsedEvent]:
        """What was held back, at the end of the reply: an unfinished call becomes a MalformedCall, never silence."""
        ...


class Dialect(Protocol):
    """One form of tool call."""

    @property
    def name(self) -> str:
        """Its name, as shown by `codeagent model show`."""
        ...

    def template_tools(self, tools: Sequence[ToolSpec]) -> list[dict[str, Any]] | None:
        """What the chat template gets as `tools` (OpenAI shape), or None when `instructions` say it instead."""
        ...

    def instructions(self, tools: Sequence[ToolSpec]) -> str:
        """Text appended to the system message that explains the tools; empty when the template does it."""
        ...

    def template_message(self, message: Message, tools: Sequence[ToolSpec]) -> dict[str, Any]:
        """One message as the chat template wants it. Used for messages whose generated tokens are not known."""
        ...

    def grammar(
        self, tools: Sequence[ToolSpec], required: bool, files: Sequence[str] = (), reason_first: bool = False
    ) -> CallGrammar | None:
        """The grammar that makes every call well-formed for these tools; None when the dialect cannot say one.

        `files` are paths that a required call may rewrite whole, for dialects with a form of their own for that; with
        `reason_first` such a call comes after a sentence of reasoning.
        """
        ...

    def parser(self, tools: Sequence[ToolSpec]) -> CallParser:
        """A fresh parser for one reply."""
        ...

    def slot(self, text: str, tools: Sequence[ToolSpec]) -> Slot | None:
        """The value that begins at the very end of `text`, if it names a file or quotes one; `text` is a reply held to
        the grammar, from its calls' trigger or from its start on.
        """
        ...
