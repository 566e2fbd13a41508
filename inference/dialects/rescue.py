"""What small models write instead of a call, read as the call it was meant to be; knows no engine.

Only what can mean nothing else is read: a JSON object that names a known tool beside its arguments, function tags, and
code fences that say which file they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.blocks import json_end
from codeagent.inference.dialects.calls import FoundCall, call_of, decode_call, decoded, is_object
from codeagent.inference.dialects.fenced_block import FencedForm
from codeagent.inference.dialects.file_fences import file_writer, named_files, path_parameter, stated_files
from codeagent.inference.dialects.hermes_block import CLOSER, OPENER
from codeagent.inference.dialects.qwen3_coder_block import Qwen3CoderForm
from codeagent.inference.dialects.schema_grammar import required_of


def rescue(text: str, tools: Sequence[ToolSpec]) -> list[FoundCall]:
    """The calls that a reply without any call was meant to make; none when that is not plain."""
    known = {tool.name: tool for tool in tools}
    return _json_calls(text, known) or _function_tags(text, tools) or written_files(text, tools, loosely=True)


# An object may stand in a fence or between tags of any spelling; bare, it must be the last thing said.
_FENCED = re.compile(r"```(?:json|tool_call|tool_code|xml)?[ \t]*\n\s*(?=[{\[])")
_TAGGED = re.compile(
    r"<(?:tools?|tool[-_ ]?calls?|function[-_ ]?calls?|call)>\s*(?:```\w*\s*)?(?=[{\[])", re.IGNORECASE
)
_MAX_TRIES = 200  # each looks through the rest of the text
_BARE = re.compile(r"^(?=[{\[])", re.MULTILINE)
_FENCE = r"\s*```[^\n`]*\n(?:.*\n)*?```[ \t]*(?:\n|\Z)"
_REST = re.compile(r"(?:\s|```|</[\w -]+>)*")


def _json_calls(text: str, known: Mapping[str, ToolSpec]) -> list[FoundCall]:
    found: list[FoundCall] = []
    position = 0
    starts = sorted({match.end() for pattern in (_FENCED, _TAGGED, _BARE) for match in pattern.finditer(text)})
    enclosed = {match.end() for pattern in (_FENCED, _TAGGED) for match in pattern.finditer(text)}
    for start in starts[:_MAX_TRIES]:
        end = json_end(text, start) if start >= position else None
        if end is None:
            continue
        calls, used = _calls_in(text[start:end], text[end:], known)
        if calls and (start in enclosed or _REST.fullmatch(text, end + used)):
            found += calls
            position = end + used
    return found


def _calls_in(written: str, rest: str, known: Mapping[str, ToolSpec]) -> tuple[list[FoundCall], int]:
    """The calls of one object or list, if all of it are calls of known tools, and how much of the rest is theirs."""
    value, _ = decoded(written)
    calls = [_call(one, written) for one in (cast("list[object]", value) if isinstance(value, list) else [value])]
    if not all(call.name in known and is_object(call.arguments) for call in calls):
        return [], 0
    if isinstance(value, list):
        return calls, 0
    tool = known[calls[0].name]
    missing = [name for name in tool.fenced if name in required_of(tool.parameters) and name not in calls[0].arguments]
    if not missing:
        return calls, 0
    # Its long text may follow in fences of its own, behind the one the object stands in.
    fences = re.match(rf"(?:\s*```[ \t]*\n)?((?:{_FENCE}){{{len(missing)}}})", rest)
    behind, used = (fences[1].strip() + "\n", fences.end()) if fences else ("", 0)
    return FencedForm(known).calls(f"{OPENER}\n{written}\n{behind}{CLOSER}"), used


def _call(value: object, written: str) -> FoundCall:
    if is_object(value) and is_object(value.get("function")):
        return call_of(value["function"], written)
    return call_of(value, written)


_FUNCTION = re.compile(r"<function=([\w.-]+)>(.*?)</function>", re.DOTALL)


def _function_tags(text: str, tools: Sequence[ToolSpec]) -> list[FoundCall]:
    """Function tags around parameter tags or around a JSON object of arguments."""
    found: list[FoundCall] = []
    for match in _FUNCTION.finditer(text):
        if match[1] not in {tool.name for tool in tools}:
            continue
        if match[2].lstrip().startswith("{"):
            found.append(decode_call(f'{{"name": "{match[1]}", "arguments": {match[2]}}}'))
        else:
            found += Qwen3CoderForm(tools).calls(match[0])
    return found


def written_files(text: str, tools: Sequence[ToolSpec], loosely: bool = False) -> list[FoundCall]:
    """A call of the tool that writes files for each fence that states one; `loosely` also where that is only plain."""
    tool = file_writer(tools)
    if tool is None:
        return []
    path = path_parameter(tool)
    files = stated_files(text) or (named_files(text) if loosely else [])
    return [FoundCall(f.text, tool.name, {path: f.path, "content": f.content}, f.fault) for f in files]
