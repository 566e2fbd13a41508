"""The fenced form for small code models, whose code is better outside JSON; knows no engine.

A whole file is written as such models write it by themselves, its path on a line and its content in a fence; every
other call is a block as fenced_block describes it. Measured on the default model (bench/formats.md): of 28 tasks it
solves ten this way in one try, and six when the same file stands behind a call header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeagent import prompts
from codeagent.inference.client import Message, ToolSpec
from codeagent.inference.dialects.base import CallGrammar, CallParser
from codeagent.inference.dialects.blocks import CallForm
from codeagent.inference.dialects.call_grammar import framed, json_call, one_of, several
from codeagent.inference.dialects.calls import decode_call, is_object
from codeagent.inference.dialects.fenced_block import FENCE, FencedForm, render_call
from codeagent.inference.dialects.file_fences import can_be_stated, file_writer
from codeagent.inference.dialects.gbnf import Grammar, line_avoiding, literal
from codeagent.inference.dialects.hermes_block import CLOSER, OPENER
from codeagent.inference.dialects.schema_grammar import object_without, required_of
from codeagent.inference.dialects.signatures import signature
from codeagent.inference.dialects.slots import Slot, open_block
from codeagent.inference.dialects.streaming import BlockParser
from codeagent.inference.dialects.template_dialect import TemplateDialect


@dataclass(frozen=True)
class FencedDialect(TemplateDialect):
    """Calls as fenced_block describes them. With `tool_role` the template knows messages of role tool."""

    name: str = "fenced"
    tool_role: bool = False

    def template_tools(self, tools: Sequence[ToolSpec]) -> list[dict[str, Any]] | None:
        """None: the instructions list the tools, at a third of the template's tokens."""
        return None

    def instructions(self, tools: Sequence[ToolSpec]) -> str:
        """See Dialect."""
        if not tools:
            return ""
        writer = file_writer(tools)
        return prompts.render(
            "dialects/fenced.md",
            tools=[signature(tool) for tool in tools if tool is not writer],
            edit=next((tool.name for tool in tools if tool.fenced == ("old", "new")), None),
            write=writer is not None,
        )

    def template_message(self, message: Message, tools: Sequence[ToolSpec]) -> dict[str, Any]:
        """See Dialect."""
        if message.role == "tool":
            if self.tool_role:
                return {"role": "tool", "content": message.content, "name": message.tool_name or ""}
            return {"role": "user", "content": f"<tool_response>\n{message.content}\n</tool_response>"}
        known = {tool.name: tool for tool in tools}
        calls = [render_call(call, known.get(call.name)) for call in message.tool_calls]
        return {"role": message.role, "content": "\n".join(filter(None, [message.content, *calls]))}

    def grammar(
        self, tools: Sequence[ToolSpec], required: bool, files: Sequence[str] = (), reason_first: bool = False
    ) -> CallGrammar | None:
        """See Dialect. Where files may be rewritten, that is how; a required call is one."""
        files = [file for file in files if can_be_stated(file)]
        if not required or not files or file_writer(tools) is None:
            return super().grammar(tools, required)
        grammar = Grammar()
        others = [tool for tool in tools if tool is not file_writer(tools)]
        calls = _file_rule(grammar, files) + (f" | {_block_rule(grammar, others)}" if others else "")
        if reason_first:
            calls = f'[A-Z] [^<\\n]{{20,300}} "\\n" "\\n"? ({calls})'
        return framed(grammar, f"({calls})", self.trigger, required=True, thinking=self.thinking)

    def parser(self, tools: Sequence[ToolSpec]) -> CallParser:
        """See Dialect."""
        return BlockParser(self.form(tools), tools, self.new_id, self.thinking, files=True)

    @property
    def trigger(self) -> str:
        """The opening tag."""
        return OPENER

    def calls_rule(self, grammar: Grammar, tools: Sequence[ToolSpec]) -> str:
        """Blocks, one behind the other."""
        return several(_block_rule(grammar, tools), "\n")

    def form(self, tools: Sequence[ToolSpec]) -> CallForm:
        """See TemplateDialect."""
        return FencedForm({tool.name: tool for tool in tools})

    def slot(self, text: str, tools: Sequence[ToolSpec]) -> Slot | None:
        """See Dialect. A file that is written whole may hold anything, and has no slots."""
        opener, fence = text.find(OPENER), text.find(FENCE)
        if opener < 0 or 0 <= fence < opener:
            return None
        begun = _BEGUN.fullmatch(open_block(self.form(tools), text))
        if not begun:
            return None
        if not begun["ticks"]:
            return super().slot(begun["header"], tools)
        header = decode_call(begun["header"])
        tool = next((tool for tool in tools if tool.name == header.name), None)
        if not tool or not is_object(header.arguments) or begun["parameter"] not in tool.anchors:
            return None
        return Slot(begun["parameter"], "lines", begun["ticks"] + "\n", header.arguments.get(tool.existing))


_BEGUN = re.compile(rf"{OPENER}\n?(?P<header>\{{[^\n]*)(?:\n(?P<ticks>`{{3,}})(?P<parameter>\w+)\n)?")


def _file_rule(grammar: Grammar, files: Sequence[str]) -> str:
    """One of the files, its path and a fence; no line of it may begin like a fence, so that it is plain where it
    ends.
    """
    path = grammar.rule("path", " | ".join(literal(file) for file in files))
    # What begins indented is a piece of a file.
    first, line = line_avoiding(grammar, [""], [FENCE, " ", "\t"]), line_avoiding(grammar, [], [FENCE])
    return grammar.rule("file", f'{path} "\\n{FENCE}" [a-z0-9+#-]{{1,12}} "\\n" {first} {line}* "{FENCE}" [\\n]?')


def _block_rule(grammar: Grammar, tools: Sequence[ToolSpec]) -> str:
    call = one_of(grammar, tools, lambda tool: _call_rule(grammar, tool))
    return grammar.rule("block", f"{literal(OPENER)} [\\n]? {call} {literal(CLOSER)}")


def _call_rule(grammar: Grammar, tool: ToolSpec) -> str:
    header_only = tool.model_copy(update={"parameters": object_without(tool.parameters, tool.fenced)})
    return f'{json_call(grammar, header_only)} "\\n" {_fences_rule(grammar, tool, 0)}'.rstrip()


def _fences_rule(grammar: Grammar, tool: ToolSpec, first: int) -> str:
    """The fences of a tool from the one numbered `first` on; those the schema does not require may be left out."""
    if first == len(tool.fenced):
        return ""
    name = tool.fenced[first]
    # A model that begins a line like the fence means its end, so no such line is content; text that holds fences of
    # its own stands in a longer one.
    bodies: list[str] = []
    for ticks in (FENCE, FENCE + "`"):
        line = line_avoiding(grammar, [], [CLOSER, OPENER, ticks])
        bodies.append(f"{literal(ticks + name)} [\\n] {line}* {literal(ticks)} [\\n]")
    body = grammar.rule(f"{tool.name}-{name}-text", " | ".join(bodies))
    rest = _fences_rule(grammar, tool, first + 1)
    fence = grammar.rule(f"{tool.name}-{name}", f"{body} {rest}".rstrip())
    if name in required_of(tool.parameters):
        return fence
    return grammar.rule(f"{tool.name}-from-{name}", f"{fence} | {rest or literal('')}")
