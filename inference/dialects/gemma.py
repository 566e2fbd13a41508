"""Gemma 4's form: its own notation of values between its own tokens; knows no engine.

Gemma 2 and 3 have no tokens for tools and their templates list none: they are served by the plain dialect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.blocks import CallForm, Extent, closed_by
from codeagent.inference.dialects.call_grammar import one_of, several
from codeagent.inference.dialects.calls import FoundCall, decode_call, named_call
from codeagent.inference.dialects.gbnf import Grammar, literal, until
from codeagent.inference.dialects.schema_grammar import Notation, json_rule, properties_of
from codeagent.inference.dialects.slots import Slot, is_slot, open_block
from codeagent.inference.dialects.template_dialect import TemplateDialect

_OPENER = "<|tool_call>"
_CLOSER = "<tool_call|>"
_QUOTE = '<|"|>'


@dataclass(frozen=True)
class GemmaDialect(TemplateDialect):
    """`<|tool_call>call:NAME{key:<|"|>text<|"|>,count:5}<tool_call|>`, keys in alphabetical order."""

    name: str = "gemma"

    @property
    def trigger(self) -> str:
        """The opening token."""
        return _OPENER

    def calls_rule(self, grammar: Grammar, tools: Sequence[ToolSpec]) -> str:
        """Blocks, one behind the other."""
        call = one_of(grammar, tools, lambda tool: _call_rule(grammar, tool))
        return several(grammar.rule("block", f"{literal(_OPENER)} {call} {literal(_CLOSER)}"), "")

    def form(self, tools: Sequence[ToolSpec]) -> CallForm:
        """See TemplateDialect."""
        return _GemmaForm()

    def slot(self, text: str, tools: Sequence[ToolSpec]) -> Slot | None:
        """See Dialect."""
        block = open_block(self.form(tools), text)
        head = _HEADER.match(block)
        tool = next((tool for tool in tools if head and tool.name == head[1]), None)
        if not head or not tool:
            return None
        pieces = block[head.end() :].split(_QUOTE)  # every second piece is a string
        key = _KEY_ENDS.search(pieces[-2]) if len(pieces) % 2 == 0 and not pieces[-1] else None
        if not key or not is_slot(tool, key[1]):
            return None
        pairs = [(_KEY_ENDS.search(before), value) for before, value in zip(pieces[:-2:2], pieces[1:-2:2], strict=True)]
        path = next((value for found, value in pairs if found and found[1] == tool.existing), None)
        return Slot(key[1], "raw", _QUOTE, path)


def _call_rule(grammar: Grammar, tool: ToolSpec) -> str:
    # The template prints arguments sorted, without regard to case; what quotes a file must know which.
    properties = list(properties_of(tool.parameters).items())
    if not tool.anchors:
        properties.sort(key=lambda item: item[0].lower())
    schema = {**tool.parameters, "properties": dict(properties)}
    arguments = json_rule(grammar, schema, f"{tool.name}-arguments", _GemmaNotation())
    return f"{literal('call:' + tool.name)} {arguments}"


class _GemmaNotation(Notation):
    """Keys as they are, strings as they are between a token of their own."""

    def string(self, grammar: Grammar, count: str) -> str:
        """Text up to the closing token; lengths are left to validation."""
        return grammar.rule("string", f"{literal(_QUOTE)} {until(grammar, _QUOTE)}")

    def any_key(self, grammar: Grammar) -> str:
        """A key that cannot be taken for anything else."""
        return grammar.rule("key", "[a-zA-Z_] [a-zA-Z0-9_-]{0,60}")

    def key(self, name: str) -> str:
        """The name."""
        return literal(name)

    def constant(self, value: Any) -> str:
        """Strings between their tokens, the rest as in JSON."""
        return literal(f"{_QUOTE}{value}{_QUOTE}" if isinstance(value, str) else json.dumps(value))


_HEADER = re.compile(r"<\|tool_call>\s*call:\s*([\w.-]+)(?=\s*\{)")


class _GemmaForm:
    """The syntax of one block."""

    openers: tuple[str, ...] = (_OPENER,)

    def extent(self, block: str, final: bool) -> Extent:
        """The closing token ends a block; one inside a string does not."""
        start = 0
        while (quote := block.find(_QUOTE, start)) >= 0:
            if 0 <= block.find(_CLOSER, start) < quote:
                break
            end = block.find(_QUOTE, quote + len(_QUOTE))
            if end < 0:
                return Extent(len(block), final)
            start = end + len(_QUOTE)
        return closed_by(block, _CLOSER, start, final)

    def name(self, block: str) -> str | None:
        """See CallForm."""
        match = _HEADER.match(block)
        return match[1] if match else None

    def calls(self, block: str) -> list[FoundCall]:
        """See CallForm."""
        header = _HEADER.match(block)
        if not block.endswith(_CLOSER):
            return [FoundCall(block, error="The call is not finished: the reply ended inside it.")]
        if not header:
            return [decode_call(block[len(_OPENER) : -len(_CLOSER)])]
        return [named_call(block, header[1], _as_json(block[header.end() : -len(_CLOSER)]))]


_KEY_ENDS = re.compile(r"[{,]\s*([A-Za-z_][\w.-]*)\s*:\s*\Z")
_KEY = re.compile(r"([{,]\s*)([A-Za-z_][\w.-]*)(\s*:)")


def _as_json(text: str) -> str:
    """The notation as JSON: every second piece between the quoting tokens is a string, the others hold bare keys."""
    pieces = text.split(_QUOTE)
    for index, piece in enumerate(pieces):
        pieces[index] = json.dumps(piece) if index % 2 else _KEY.sub(r'\1"\2"\3', piece)
    return "".join(pieces)
