"""DeepSeek's forms: calls between its own tool tokens (V3, R1 and its distillations, V3.1); knows no engine."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeagent import prompts
from codeagent.inference.client import Message, ToolSpec
from codeagent.inference.dialects.blocks import CallForm, Extent, closed_by
from codeagent.inference.dialects.call_grammar import one_of, several
from codeagent.inference.dialects.calls import FoundCall, named_call
from codeagent.inference.dialects.gbnf import Grammar, literal
from codeagent.inference.dialects.messages import message_dict
from codeagent.inference.dialects.schema_grammar import json_rule
from codeagent.inference.dialects.signatures import signature
from codeagent.inference.dialects.slots import Slot, json_slot
from codeagent.inference.dialects.template_dialect import TemplateDialect

# The tokens hold a full-width bar and the word-boundary sign, not ASCII.
_CALLS_BEGIN, _CALLS_END = "<\uff5ctool▁calls▁begin\uff5c>", "<\uff5ctool▁calls▁end\uff5c>"
_CALL_BEGIN, _CALL_END = "<\uff5ctool▁call▁begin\uff5c>", "<\uff5ctool▁call▁end\uff5c>"
_SEPARATOR = "<\uff5ctool▁sep\uff5c>"


@dataclass(frozen=True)
class DeepseekDialect(TemplateDialect):
    """Calls in one block; with `json_fence` (V3, R1) `function<sep>NAME` and a JSON fence, else `NAME<sep>{…}`.

    With `text_arguments` the template wants the arguments of a call as text. Most of the family's templates render
    calls and answers but list no tools: then `lists_tools` is false.
    """

    name: str = "deepseek"
    json_fence: bool = True
    lists_tools: bool = False
    text_arguments: bool = False

    def template_tools(self, tools: Sequence[ToolSpec]) -> list[dict[str, Any]] | None:
        """See Dialect."""
        return super().template_tools(tools) if self.lists_tools else None

    def instructions(self, tools: Sequence[ToolSpec]) -> str:
        """See Dialect."""
        if self.lists_tools or not tools:
            return ""
        example = self._written(literal_name="NAME", arguments='{"PARAMETER": "VALUE"}')
        call = _CALLS_BEGIN + "".join(example) + _CALLS_END
        return prompts.render("dialects/deepseek.md", tools=[signature(tool) for tool in tools], call=call)

    def template_message(self, message: Message, tools: Sequence[ToolSpec]) -> dict[str, Any]:
        """See Dialect. Empty content beside calls would be rendered as a second message."""
        plain = message_dict(message)
        if message.tool_calls:
            plain["content"] = message.content or None
        if self.text_arguments:
            for call in plain.get("tool_calls", []):
                call["function"]["arguments"] = json.dumps(call["function"]["arguments"], ensure_ascii=False)
        return plain

    @property
    def trigger(self) -> str:
        """The token before calls."""
        return _CALLS_BEGIN

    def calls_rule(self, grammar: Grammar, tools: Sequence[ToolSpec]) -> str:
        """One block of calls."""
        call = one_of(grammar, tools, lambda tool: self._call_rule(grammar, tool))
        return f"{literal(_CALLS_BEGIN)} {several(call, chr(10) if self.json_fence else '')} {literal(_CALLS_END)}"

    def _call_rule(self, grammar: Grammar, tool: ToolSpec) -> str:
        before, _, after = self._written(literal_name=tool.name, arguments="")
        arguments = json_rule(grammar, tool.parameters, f"{tool.name}-arguments")
        return f"{literal(before)} {arguments} {literal(after)}"

    def _written(self, literal_name: str, arguments: str) -> tuple[str, str, str]:
        if self.json_fence:
            return f"{_CALL_BEGIN}function{_SEPARATOR}{literal_name}\n```json\n", arguments, f"\n```{_CALL_END}"
        return f"{_CALL_BEGIN}{literal_name}{_SEPARATOR}", arguments, _CALL_END

    def form(self, tools: Sequence[ToolSpec]) -> CallForm:
        """See TemplateDialect."""
        return _DeepseekForm()

    def slot(self, text: str, tools: Sequence[ToolSpec]) -> Slot | None:
        """See Dialect."""
        return json_slot(text, tools, _HEAD)


_HEAD = re.compile(f"{_SEPARATOR}([^\\s<{{]+)\n```json\n(?={{)|{_CALL_BEGIN}([^<{{]+){_SEPARATOR}(?={{)")
_CALL = re.compile(f"{_CALL_BEGIN}(.*?){_SEPARATOR}(.*?){_CALL_END}", re.DOTALL)
_FENCED = re.compile(r"\s*(\S+)\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)


class _DeepseekForm:
    """The syntax of one block, in both forms."""

    openers: tuple[str, ...] = (_CALLS_BEGIN,)

    def extent(self, block: str, final: bool) -> Extent:
        """See CallForm."""
        return closed_by(block, _CALLS_END, 0, final)

    def name(self, block: str) -> str | None:
        """See CallForm."""
        match = re.search(f"{_CALL_BEGIN}(?:function{_SEPARATOR}([^\\s<]+)\\s|(?!function<)([^<]+){_SEPARATOR})", block)
        return (match[1] or match[2]) if match else None

    def calls(self, block: str) -> list[FoundCall]:
        """See CallForm. Some of the templates themselves forget the last token, so only the calls must be whole."""
        found = [_read(block, match[1], match[2]) for match in _CALL.finditer(block)]
        if not found or len(found) < block.count(_CALL_BEGIN):
            found.append(FoundCall(block, error="The call is not finished: the reply ended inside it."))
        return found


def _read(block: str, head: str, rest: str) -> FoundCall:
    fenced = _FENCED.fullmatch(rest)
    if fenced and head.strip() == "function":
        return named_call(block, fenced[1], fenced[2])
    return named_call(block, head.strip(), rest)
