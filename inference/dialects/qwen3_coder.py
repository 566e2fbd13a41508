"""Qwen3-Coder's form: functions and parameters as tags (also Qwen3.5, Nemotron 3); knows no engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.blocks import CallForm
from codeagent.inference.dialects.call_grammar import one_of, several
from codeagent.inference.dialects.gbnf import Grammar, literal
from codeagent.inference.dialects.hermes_block import CLOSER, OPENER
from codeagent.inference.dialects.qwen3_coder_block import Qwen3CoderForm
from codeagent.inference.dialects.slots import Slot, open_block, tagged_slot
from codeagent.inference.dialects.tagged import tagged_rule
from codeagent.inference.dialects.template_dialect import TemplateDialect


@dataclass(frozen=True)
class Qwen3CoderDialect(TemplateDialect):
    """`<tool_call>`, `<function=NAME>`, `<parameter=KEY>`, each with its value and closing tag on own lines."""

    name: str = "qwen3-coder"

    @property
    def trigger(self) -> str:
        """The opening tag."""
        return OPENER

    def calls_rule(self, grammar: Grammar, tools: Sequence[ToolSpec]) -> str:
        """Blocks, one behind the other."""
        call = one_of(grammar, tools, lambda tool: _call_rule(grammar, tool))
        return several(grammar.rule("block", f"{literal(OPENER)} [\\n]? {call} {literal(CLOSER)}"), "\n")

    def form(self, tools: Sequence[ToolSpec]) -> CallForm:
        """See TemplateDialect."""
        return Qwen3CoderForm(tools)

    def slot(self, text: str, tools: Sequence[ToolSpec]) -> Slot | None:
        """See Dialect."""
        head = _HEAD.match(open_block(self.form(tools), text))
        tool = next((tool for tool in tools if head and tool.name == head[1]), None)
        return tagged_slot(head.string[head.end() :], tool, _OPENING, "\n</parameter>\n") if head and tool else None


_HEAD = re.compile(r"<tool_call>\n?<function=([^>\n]+)>\n")
_OPENING = re.compile(r"<parameter=([^>\n]+)>\n")


def _call_rule(grammar: Grammar, tool: ToolSpec) -> str:
    arguments = tagged_rule(grammar, tool, lambda key: literal(f"<parameter={key}>\n"), "\n</parameter>\n", "")
    return f"{literal(f'<function={tool.name}>' + chr(10))} {arguments} {literal('</function>' + chr(10))}"
