"""The syntax of a fenced block: a Hermes header, then long text in fences instead of JSON; knows no engine.

    <tool_call>
    {"name": "edit", "arguments": {"path": "a.py"}}
    ```old
        return a - b
    ```
    ```new
        return a + b
    ```
    </tool_call>

A fence holds whole lines: its value is the lines between the fences, each with its newline, and an empty fence is "".
So a value that is neither empty nor ends with a newline cannot stand in a fence and stays in the header. A fence closes
at a line of as many backticks as it opened with, and nothing else, that is followed by the next fence of this tool or
by </tool_call>; any other such line is content, so Markdown needs no care. Text that holds such a pair of lines is
written in a longer fence. The grammar is stricter: it keeps lines that look like the end of the call or like a later
fence out of the content, because a small model that writes one has forgotten to close the fence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from codeagent.inference.client import ToolCall, ToolSpec
from codeagent.inference.dialects.blocks import Extent, closed_by, json_end
from codeagent.inference.dialects.calls import FoundCall, is_object
from codeagent.inference.dialects.hermes_block import (
    CLOSER,
    OPENER,
    HermesForm,
    header_name,
    header_start,
    json_block,
    tag_after,
)
from codeagent.inference.dialects.schema_grammar import required_of

FENCE = "```"


def render_call(call: ToolCall, tool: ToolSpec | None) -> str:
    """The call as a model would write it; long text goes into fences where a fence can hold it exactly."""
    fenced = [name for name in (tool.fenced if tool else ()) if _fits_fence(call.arguments.get(name))]
    arguments = {key: value for key, value in call.arguments.items() if key not in fenced}
    text = f"{OPENER}\n{json.dumps({'name': call.name, 'arguments': arguments}, ensure_ascii=False)}\n"
    for name in fenced:
        value: str = call.arguments[name]
        ticks = _ticks(value)
        text += f"{ticks}{name}\n{value}{ticks}\n"
    return text + CLOSER


def _fits_fence(value: object) -> bool:
    return isinstance(value, str) and (not value or value.endswith("\n"))


def _ticks(value: str) -> str:
    """Three backticks, or more if the value holds what would be read as the end of a fence of three."""
    if not re.search(rf"^`{{3,}}\n(?:{CLOSER}|`{{3,}}\w)", value, re.MULTILINE):
        return FENCE
    return "`" * (1 + max(len(line) for line in re.findall("^`{3,}$", value, re.MULTILINE)))


@dataclass(frozen=True)
class _Scan:
    """A block as far as it could be read. `error` is set when it cannot become a call however it goes on."""

    extent: Extent
    header_end: int | None = None
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    error: str = ""


_OPENING = re.compile(r"(`{3,})([^\n`]*)\n")
_OPENING_BEGUN = re.compile(r"`{1,2}|`{3,}[^\n`]*")


class FencedForm:
    """The syntax of one block with fences."""

    openers: tuple[str, ...] = (OPENER,)

    def __init__(self, tools: Mapping[str, ToolSpec]) -> None:
        self._tools = tools

    def extent(self, block: str, final: bool) -> Extent:
        """See CallForm."""
        return self._scan(block, final).extent

    def name(self, block: str) -> str | None:
        """See CallForm."""
        return header_name(block)

    def calls(self, block: str) -> list[FoundCall]:
        """See CallForm."""
        scan = self._scan(block, final=True)
        found = json_block(block, scan.header_end)
        if found.error or not is_object(found.arguments):
            return [found]
        arguments = found.arguments | dict(scan.values)
        tool = self._tools.get(found.name)
        needed = [name for name in tool.fenced if name in required_of(tool.parameters)] if tool else []
        missing = [name for name in needed if name not in arguments]
        error = scan.error or (f"The call of {found.name} lacks the fence {FENCE}{missing[0]}." if missing else "")
        return [replace(found, arguments=arguments, error=error)]

    def _scan(self, block: str, final: bool) -> _Scan:
        start = header_start(block)
        end = json_end(block, start) if block[start : start + 1] == "{" else None
        if end is None:
            return _Scan(HermesForm().extent(block, final))
        tool = self._tools.get(header_name(block[start:end]) or "")
        fenced = tool.fenced if tool else ()
        values: dict[str, str] = {}
        position = end
        while True:
            rest = block[position:].lstrip("}] \t\r\n")
            opening = _OPENING.match(rest)
            if opening is None:
                begun = not final and _OPENING_BEGUN.fullmatch(rest)
                extent = Extent(position, False) if begun else tag_after(block, position, final)
                return _Scan(extent, end, values)
            info, missing = opening[2].strip(), [name for name in fenced if name not in values]
            if not missing or (info in fenced and info not in missing):
                extent = closed_by(block, CLOSER, position, final)
                return _Scan(extent, end, values, f"A fence {FENCE}{info} does not belong in this call.")
            # A fence with another label, the language for instance, is the next one that is due.
            name = info if info in missing else missing[0]
            missing.remove(name)
            opened = len(block) - len(rest) + opening.end()
            closing = _closing(block, opened, opening[1], missing, final)
            if closing is None:
                error = f"The fence {FENCE}{name} is not closed by a line {opening[1]} before {CLOSER}."
                return _Scan(Extent(len(block), final), end, values, error)
            values[name] = block[opened : closing[0]]
            position = closing[1]


def _closing(block: str, start: int, ticks: str, later: Sequence[str], final: bool) -> tuple[int, int] | None:
    """Where the text of a fence ends and where what follows the fence begins; None if that is not known yet."""
    for line in re.compile(f"^{ticks}\n", re.MULTILINE).finditer(block, start):
        rest = block[line.end() :]
        opening = _OPENING.match(rest)
        if rest.startswith(CLOSER) or (opening and opening[2].strip() in later):
            return line.start(), line.end()
        if not final and (CLOSER.startswith(rest) or (later and _OPENING_BEGUN.fullmatch(rest))):
            return None
    last = block.rfind(f"\n{CLOSER}", start - 1)
    if final and last >= 0 and not block[last + 1 + len(CLOSER) :].strip():
        # The reply ends with the tag: only the closing fence was forgotten.
        return last + 1, last + 1
    return None
