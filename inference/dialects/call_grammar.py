"""The frame of every dialect's grammar: what may precede calls and how many there are; knows no call syntax."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.base import CallGrammar
from codeagent.inference.dialects.gbnf import Grammar, literal, until
from codeagent.inference.dialects.schema_grammar import json_rule
from codeagent.inference.dialects.streaming import Thinking

_MAX_CALLS = 8


def framed(
    grammar: Grammar,
    calls: str,
    opener: str,
    *,
    required: bool,
    thinking: Thinking | None = None,
) -> CallGrammar:
    """A grammar of `calls`, an expression that begins with the text `opener`.

    Lazy, waking at the opener, unless a call is required: then it is what comes first, after thinking where the dialect
    has it. A small model that may write a piece of prose before writes the call in it, in a form of its own.
    """
    if not required:
        return CallGrammar(gbnf=grammar.text(calls), trigger=opener)
    if not thinking:
        return CallGrammar(gbnf=grammar.text(calls))
    thought = f"{until(grammar, thinking.closer)} [\\n]{{0,2}}"
    before = thought if thinking.open_at_start else f"({literal(thinking.opener)} {thought})?"
    return CallGrammar(gbnf=grammar.text(f"{before} {calls}"))


def several(call: str, separator: str) -> str:
    """One call and up to seven more, each behind the separator."""
    return f"{call} ({literal(separator)} {call}){{0,{_MAX_CALLS - 1}}}"


def one_of(grammar: Grammar, tools: Sequence[ToolSpec], write: Callable[[ToolSpec], str]) -> str:
    """A rule for a call of any of the tools, each name bound to its own arguments by `write`."""
    return grammar.rule("call", " | ".join(grammar.rule(f"call-{tool.name}", write(tool)) for tool in tools))


def json_call(grammar: Grammar, tool: ToolSpec, arguments_key: str = "arguments") -> str:
    """A call as a JSON object: the name, then the arguments by the tool's own schema."""
    start = literal(f'{{"name": "{tool.name}", "{arguments_key}": ')
    return f'{start} {json_rule(grammar, tool.parameters, f"{tool.name}-arguments")} "}}"'
