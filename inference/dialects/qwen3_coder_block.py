"""The syntax of a Qwen3-Coder block: a function and its parameters as tags; knows no engine."""

from __future__ import annotations

import re
from collections.abc import Sequence

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.blocks import Extent
from codeagent.inference.dialects.calls import FoundCall
from codeagent.inference.dialects.hermes_block import OPENER, HermesForm
from codeagent.inference.dialects.tagged import tagged_arguments

_NAME = re.compile(r"<function=([^>\n]+)>")
_END = re.compile(r"(?:</parameter>|<function=[^>\n]*>)\s*</function>\s*</tool_call>")
_PAIR = re.compile(
    r"<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>(?=\s*(?:<parameter=[^>\n]+>|</function>|\Z))", re.DOTALL
)


class Qwen3CoderForm:
    """The syntax of one block. The model now and then forgets the outer tag."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    @property
    def openers(self) -> tuple[str, ...]:
        """The outer tag, and the inner one for tools there are: `<function` alone may be C++."""
        return (OPENER, *(f"<function={name}>" for name in self._tools))

    def extent(self, block: str, final: bool) -> Extent:
        """Closing tags end a block where they follow each other, so that a value may hold one of them."""
        if _is_json(block):
            return HermesForm().extent(block, final)
        end = _END.search(block)
        return Extent(end.end(), True) if end else Extent(len(block), final)

    def name(self, block: str) -> str | None:
        """See CallForm."""
        match = _NAME.search(block)
        return match[1] if match else None

    def calls(self, block: str) -> list[FoundCall]:
        """See CallForm."""
        if _is_json(block):
            return HermesForm().calls(block)
        name = _NAME.search(block)
        if not name:
            return [FoundCall(block, error="The call has no <function=NAME> tag.")]
        if "</function>" not in block:
            return [FoundCall(block, error="The call is not finished: the reply ended inside it.")]
        body = block[name.end() : block.rindex("</function>")]
        tool = self._tools.get(name[1])
        return [FoundCall(block, name[1], tagged_arguments(tool, _PAIR.findall(body)))]


def _is_json(block: str) -> bool:
    return block.startswith(OPENER) and block[len(OPENER) :].lstrip().startswith("{")
