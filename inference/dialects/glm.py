"""GLM's form: a name, then keys and values between tags (GLM 4.5 and later); knows no engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.blocks import CallForm, Extent
from codeagent.inference.dialects.call_grammar import one_of, several
from codeagent.inference.dialects.calls import FoundCall
from codeagent.inference.dialects.gbnf import Grammar, literal
from codeagent.inference.dialects.hermes_block import CLOSER, OPENER
from codeagent.inference.dialects.slots import Slot, open_block, tagged_slot
from codeagent.inference.dialects.tagged import tagged_arguments, tagged_rule
from codeagent.inference.dialects.template_dialect import TemplateDialect

_GAP = "[\\n]?"


@dataclass(frozen=True)
class GlmDialect(TemplateDialect):
    """`<tool_call>NAME`, `<arg_key>…</arg_key>`, `<arg_value>…</arg_value>`: one a line (4.5, 4.6) or all on one."""

    name: str = "glm"

    @property
    def trigger(self) -> str:
        """The opening tag."""
        return OPENER

    def calls_rule(self, grammar: Grammar, tools: Sequence[ToolSpec]) -> str:
        """Blocks, one behind the other."""
        call = one_of(grammar, tools, lambda tool: _call_rule(grammar, tool))
        block = grammar.rule("block", f"{literal(OPENER)} {call} {literal(CLOSER)} {_GAP}")
        return several(block, "")

    def form(self, tools: Sequence[ToolSpec]) -> CallForm:
        """See TemplateDialect."""
        return _GlmForm(tools)

    def slot(self, text: str, tools: Sequence[ToolSpec]) -> Slot | None:
        """See Dialect."""
        block = open_block(self.form(tools), text)
        name = _NAME.match(block)
        tool = next((tool for tool in tools if name and tool.name == name[1]), None)
        return tagged_slot(block[name.end() :], tool, _OPENING, "</arg_value>") if name and tool else None


def _call_rule(grammar: Grammar, tool: ToolSpec) -> str:
    arguments = tagged_rule(grammar, tool, _opening, "</arg_value>", _GAP)
    return f"{literal(tool.name)} {_GAP} {arguments}"


def _opening(key: str) -> str:
    return f"{literal(f'<arg_key>{key}</arg_key>')} {_GAP} {literal('<arg_value>')}"


_OPENING = re.compile(r"\n?<arg_key>([^<]+)</arg_key>\n?<arg_value>")
_NAME = re.compile(r"<tool_call>\s*([^\s<]+)(?=[\s<])")
_END = re.compile(r"(?:</arg_value>|<tool_call>\s*[^\s<]+)\s*</tool_call>")
_PAIR = re.compile(
    r"<arg_key>([^<]+)</arg_key>\s*<arg_value>(.*?)</arg_value>(?=\s*(?:<arg_key>[^<]+</arg_key>|</tool_call>))",
    re.DOTALL,
)


class _GlmForm:
    """The syntax of one block."""

    openers: tuple[str, ...] = (OPENER,)

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    def extent(self, block: str, final: bool) -> Extent:
        """The closing tag ends a block where it follows a value, so that a value may hold it."""
        end = _END.search(block)
        return Extent(end.end(), True) if end else Extent(len(block), final)

    def name(self, block: str) -> str | None:
        """See CallForm."""
        match = _NAME.match(block)
        return match[1] if match else None

    def calls(self, block: str) -> list[FoundCall]:
        """See CallForm."""
        name = _NAME.match(block)
        if not name or not block.endswith(CLOSER):
            return [FoundCall(block, error="The call is not finished: the reply ended inside it.")]
        return [FoundCall(block, name[1], tagged_arguments(self._tools.get(name[1]), _PAIR.findall(block)))]
