"""Where in a call a value begins that names a file or quotes it, and how it is written; knows no files.

All texts are what a grammar has held to a dialect's form, so only that form has to be understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.blocks import CallForm
from codeagent.inference.dialects.schema_grammar import properties_of

Writing = Literal["json", "raw", "lines"]
"""Inside a JSON string; as it is; or as it is in whole lines, the last of which has its newline."""


@dataclass(frozen=True)
class Slot:
    """The value of `parameter` begins here and ends before `closer`. `path` is the file that the call has named."""

    parameter: str
    writing: Writing
    closer: str
    path: str | None = None


NAMED_OBJECT = re.compile(r'"name": "([^"\\]+)", "(?:arguments|parameters)": (?=\{)')
_STRING_OPENS = re.compile(r'"(\w+)": ?"\Z')


def json_slot(text: str, tools: Sequence[ToolSpec], head: re.Pattern[str]) -> Slot | None:
    """The slot at the end of `text`, whose calls are JSON objects behind a `head` that holds the tool's name.

    No string can be taken for a head or a key: in a string each quotation mark has a backslash before it.
    """
    heads = list(head.finditer(text))
    name = next(filter(None, heads[-1].groups()), "") if heads else ""
    tool = next((tool for tool in tools if tool.name == name), None)
    return string_slot(text[heads[-1].end() :], tool) if tool else None


def string_slot(arguments: str, tool: ToolSpec) -> Slot | None:
    """The slot at the end of an unfinished JSON object of arguments."""
    opens = _STRING_OPENS.search(arguments)
    if opens is None or not is_slot(tool, opens[1]):
        return None
    named = re.search(rf'"{re.escape(tool.existing)}": ?("(?:[^"\\]|\\.)*")', arguments) if tool.existing else None
    return Slot(opens[1], "json", '"', json.loads(named[1]) if named else None)


def is_slot(tool: ToolSpec, parameter: str) -> bool:
    """Whether the parameter names a file or quotes it."""
    return parameter in tool.anchors or parameter == tool.existing


def tagged_slot(arguments: str, tool: ToolSpec, opening: re.Pattern[str], closing: str) -> Slot | None:
    """The slot at the end of arguments between tags; `opening` holds the parameter's name."""
    path: str | None = None
    position = 0
    while opened := opening.match(arguments, position):
        key, start = opened[1], opened.end()
        end = arguments.find(closing, start)
        if end >= 0:
            path = arguments[start:end] if key == tool.existing else path
            position = end + len(closing)
            continue
        if is_slot(tool, key):
            return Slot(key, "raw", closing, path) if start == len(arguments) else None
        if properties_of(tool.parameters).get(key, {}).get("type") == "string":
            return None
        inner = _STRING_OPENS.search(arguments, start)  # in a list of edits, which is JSON
        return Slot(inner[1], "json", '"', path) if inner and inner[1] in tool.anchors else None
    return None


def open_block(form: CallForm, text: str) -> str:
    """The call block that `text` ends in; empty if it ends in none."""
    while starts := [start for opener in form.openers if (start := text.find(opener)) >= 0]:
        block = text[min(starts) :]
        extent = form.extent(block, final=False)
        if not extent.done:
            return block
        text = block[extent.sure :]
    return ""
