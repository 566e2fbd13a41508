"""Llama 3's form: a bare JSON object with name and parameters, one a reply (Llama 3.1, 3.2, 3.3); knows no engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.blocks import CallForm, Extent, json_end
from codeagent.inference.dialects.call_grammar import json_call, one_of
from codeagent.inference.dialects.calls import FoundCall, decode_call
from codeagent.inference.dialects.gbnf import Grammar
from codeagent.inference.dialects.hermes_block import header_name
from codeagent.inference.dialects.template_dialect import TemplateDialect

_OPENER = '{"name"'
_PYTHON_TAG = "<|python_tag|>"


@dataclass(frozen=True)
class Llama3Dialect(TemplateDialect):
    """`{"name": …, "parameters": {…}}`, sometimes behind <|python_tag|>.

    The trigger ends before the colon: tokenizers of this family join what follows it with the value's quotation mark.
    """

    name: str = "llama3"

    @property
    def trigger(self) -> str:
        """How the object begins."""
        return _OPENER

    def calls_rule(self, grammar: Grammar, tools: Sequence[ToolSpec]) -> str:
        """One call: the template refuses more."""
        return one_of(grammar, tools, lambda tool: json_call(grammar, tool, "parameters"))

    def form(self, tools: Sequence[ToolSpec]) -> CallForm:
        """See TemplateDialect."""
        return _Llama3Form()


class _Llama3Form:
    """The syntax of one object."""

    openers: tuple[str, ...] = (_OPENER, _PYTHON_TAG)

    def extent(self, block: str, final: bool) -> Extent:
        """The object's own end; whatever else stands behind the tag is no call of ours and reaches to the end."""
        start = block.find("{")
        end = json_end(block, start) if start >= 0 else None
        return Extent(len(block), final) if end is None else Extent(end, True)

    def name(self, block: str) -> str | None:
        """See CallForm."""
        return header_name(block)

    def calls(self, block: str) -> list[FoundCall]:
        """See CallForm."""
        start = block.find("{")
        if start < 0:
            return [FoundCall(block, error="The call is no JSON object with a name and parameters.")]
        if json_end(block, start) is None:
            return [FoundCall(block, error="The call is not finished: the reply ended inside it.")]
        return [decode_call(block[start:])]
