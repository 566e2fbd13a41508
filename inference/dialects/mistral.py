"""Mistral's forms: [TOOL_CALLS], then a JSON array, or a name and [ARGS]; knows no engine."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

from codeagent.inference.client import Message, ToolSpec
from codeagent.inference.dialects.blocks import CallForm, Extent, json_end
from codeagent.inference.dialects.call_grammar import one_of, several
from codeagent.inference.dialects.calls import FoundCall, call_of, decode_call, named_call
from codeagent.inference.dialects.gbnf import Grammar, literal
from codeagent.inference.dialects.messages import message_dict
from codeagent.inference.dialects.schema_grammar import json_rule
from codeagent.inference.dialects.slots import NAMED_OBJECT, Slot, json_slot
from codeagent.inference.dialects.template_dialect import TemplateDialect

_OPENER = "[TOOL_CALLS]"
_ARGS = "[ARGS]"
_CALL_ID = "[CALL_ID]"
_ID_RULE = "[a-zA-Z0-9]{9}"


@dataclass(frozen=True)
class MistralDialect(TemplateDialect):
    """`[TOOL_CALLS][{"name": …, "arguments": …}, …]`; with `named` `[TOOL_CALLS]name[ARGS]{…}` for each call."""

    name: str = "mistral"
    named: bool = False

    def template_message(self, message: Message, tools: Sequence[ToolSpec]) -> dict[str, Any]:
        """See Dialect. The templates insist on ids of nine letters and digits."""
        calls = tuple(call.model_copy(update={"id": _short_id(call.id)}) for call in message.tool_calls)
        answered = _short_id(message.tool_call_id) if message.tool_call_id else None
        return message_dict(message.model_copy(update={"tool_calls": calls, "tool_call_id": answered}))

    @property
    def trigger(self) -> str:
        """The token before calls."""
        return _OPENER

    def calls_rule(self, grammar: Grammar, tools: Sequence[ToolSpec]) -> str:
        """One array of calls, or calls one behind the other."""
        if self.named:
            call = one_of(grammar, tools, lambda tool: _named_rule(grammar, tool))
            return several(f"{literal(_OPENER)} {call}", "")
        call = one_of(grammar, tools, lambda tool: _object_rule(grammar, tool))
        return f'{literal(_OPENER)} " "? "[" {several(call, ", ")} "]"'

    def form(self, tools: Sequence[ToolSpec]) -> CallForm:
        """See TemplateDialect."""
        return _MistralForm()

    def slot(self, text: str, tools: Sequence[ToolSpec]) -> Slot | None:
        """See Dialect."""
        return json_slot(text, tools, _HEADER if self.named else NAMED_OBJECT)


def _short_id(call_id: str) -> str:
    return call_id if re.fullmatch(_ID_RULE, call_id) else sha256(call_id.encode()).hexdigest()[:9]


def _named_rule(grammar: Grammar, tool: ToolSpec) -> str:
    arguments = json_rule(grammar, tool.parameters, f"{tool.name}-arguments")
    return f"{literal(tool.name)} ({literal(_CALL_ID)} {_ID_RULE})? {literal(_ARGS)} {arguments}"


def _object_rule(grammar: Grammar, tool: ToolSpec) -> str:
    start = literal(f'{{"name": "{tool.name}", "arguments": ')
    arguments = json_rule(grammar, tool.parameters, f"{tool.name}-arguments")
    call_id = literal(', "id": "')
    return f'{start} {arguments} ({call_id} {_ID_RULE} "\\"")? "}}"'


class _MistralForm:
    """The syntax of one block: an array of calls, or one named call."""

    openers: tuple[str, ...] = (_OPENER,)

    def extent(self, block: str, final: bool) -> Extent:
        """JSON ends the block."""
        start = _json_start(block)
        end = json_end(block, start) if start is not None else None
        return Extent(len(block), final) if end is None else Extent(end, True)

    def name(self, block: str) -> str | None:
        """See CallForm."""
        match = _HEADER.match(block) or re.search(r'"name"\s*:\s*"([^"\\]+)"', block)
        return match[1] if match else None

    def calls(self, block: str) -> list[FoundCall]:
        """See CallForm."""
        start = _json_start(block)
        if start is None or json_end(block, start) is None:
            return [FoundCall(block, error="The call is not finished: the reply ended inside it.")]
        header = _HEADER.match(block)
        if header:
            return [named_call(block, header[1], block[start:])]
        if block[start] == "{":
            return [decode_call(block[start:])]
        try:
            values = cast("list[Any]", json.loads(block[start:], strict=False))
        except (ValueError, RecursionError) as error:
            return [FoundCall(block, error=f"The list of calls is not valid JSON: {error}.")]
        return [call_of(value, block) for value in values]


_HEADER = re.compile(r"\[TOOL_CALLS\]\s*([\w.-]+)\s*(?:\[CALL_ID\]\w*)?\[ARGS\]\s*")


def _json_start(block: str) -> int | None:
    """Where the JSON of a block begins, once that is known."""
    header = _HEADER.match(block)
    if header:
        return header.end() if header.end() < len(block) and block[header.end()] == "{" else None
    start = len(block) - len(block[len(_OPENER) :].lstrip())
    return start if block[start : start + 1] in ("[", "{") and len(block) > start else None
