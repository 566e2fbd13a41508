"""The Hermes form: JSON between <tool_call> tags (Qwen2.5, Qwen3, Hermes); knows no engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.blocks import CallForm
from codeagent.inference.dialects.call_grammar import json_call, one_of, several
from codeagent.inference.dialects.gbnf import Grammar, literal
from codeagent.inference.dialects.hermes_block import CLOSER, OPENER, HermesForm
from codeagent.inference.dialects.template_dialect import TemplateDialect


@dataclass(frozen=True)
class HermesDialect(TemplateDialect):
    """`<tool_call>\\n{"name": …, "arguments": {…}}\\n</tool_call>`, as often as there are calls."""

    name: str = "hermes"

    @property
    def trigger(self) -> str:
        """The opening tag."""
        return OPENER

    def calls_rule(self, grammar: Grammar, tools: Sequence[ToolSpec]) -> str:
        """Blocks, one behind the other."""
        call = one_of(grammar, tools, lambda tool: json_call(grammar, tool))
        block = grammar.rule("block", f"{literal(OPENER)} [\\n]? {call} [\\n]? {literal(CLOSER)}")
        return several(block, "\n")

    def form(self, tools: Sequence[ToolSpec]) -> CallForm:
        """See TemplateDialect."""
        return HermesForm()
