"""What all dialects share whose chat template lists the tools and renders calls; knows no call syntax."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeagent.inference.client import Message, ToolSpec
from codeagent.inference.dialects.base import CallGrammar, CallParser
from codeagent.inference.dialects.blocks import CallForm
from codeagent.inference.dialects.call_grammar import framed
from codeagent.inference.dialects.calls import NewId, random_id
from codeagent.inference.dialects.gbnf import Grammar
from codeagent.inference.dialects.messages import message_dict, tool_dicts
from codeagent.inference.dialects.slots import NAMED_OBJECT, Slot, json_slot
from codeagent.inference.dialects.streaming import BlockParser, Thinking


@dataclass(frozen=True)
class TemplateDialect(ABC):
    """A Dialect but for its call syntax. `new_id` makes the ids of the calls that are read."""

    name: str = ""
    thinking: Thinking | None = None
    new_id: NewId = random_id

    def template_tools(self, tools: Sequence[ToolSpec]) -> list[dict[str, Any]] | None:
        """See Dialect."""
        return tool_dicts(tools) or None

    def instructions(self, tools: Sequence[ToolSpec]) -> str:
        """Empty: the template explains the tools."""
        return ""

    def template_message(self, message: Message, tools: Sequence[ToolSpec]) -> dict[str, Any]:
        """See Dialect."""
        return message_dict(message)

    def grammar(
        self, tools: Sequence[ToolSpec], required: bool, files: Sequence[str] = (), reason_first: bool = False
    ) -> CallGrammar | None:
        """See Dialect. Without tools there is no grammar."""
        if not tools:
            return None
        grammar = Grammar()
        calls = self.calls_rule(grammar, tools)
        return framed(grammar, calls, self.trigger, required=required, thinking=self.thinking)

    def parser(self, tools: Sequence[ToolSpec]) -> CallParser:
        """See Dialect."""
        return BlockParser(self.form(tools), tools, self.new_id, self.thinking)

    def slot(self, text: str, tools: Sequence[ToolSpec]) -> Slot | None:
        """See Dialect. Here for the forms whose calls are JSON objects that hold the tool's name."""
        return json_slot(text, tools, NAMED_OBJECT)

    @property
    @abstractmethod
    def trigger(self) -> str:
        """The literal text that begins the calls of a reply."""

    @abstractmethod
    def calls_rule(self, grammar: Grammar, tools: Sequence[ToolSpec]) -> str:
        """A GBNF expression for all calls of a reply, from the trigger on."""

    @abstractmethod
    def form(self, tools: Sequence[ToolSpec]) -> CallForm:
        """How a call block of this dialect is read."""
