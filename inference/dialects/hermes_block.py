"""The syntax of a Hermes block, a JSON object between <tool_call> tags; knows no engine."""

from __future__ import annotations

import re
from dataclasses import replace

from codeagent.inference.dialects.blocks import Extent, closed_by, json_end
from codeagent.inference.dialects.calls import FoundCall, decode_call

OPENER = "<tool_call>"
CLOSER = "</tool_call>"


class HermesForm:
    """The syntax of one Hermes block."""

    openers: tuple[str, ...] = (OPENER,)

    def extent(self, block: str, final: bool) -> Extent:
        """A finished JSON object ends the block, its tag being forgotten now and then."""
        start = header_start(block)
        if start == len(block):
            return Extent(start, final)
        if block[start] != "{":
            return closed_by(block, CLOSER, start, final)
        end = json_end(block, start)
        return Extent(len(block), final) if end is None else tag_after(block, end, final)

    def name(self, block: str) -> str | None:
        """See CallForm."""
        return header_name(block)

    def calls(self, block: str) -> list[FoundCall]:
        """See CallForm."""
        return [json_block(block, json_end(block, header_start(block)))]


def header_start(block: str) -> int:
    """Where the first character behind the opening tag and white space is."""
    return len(OPENER) + len(block[len(OPENER) :]) - len(block[len(OPENER) :].lstrip())


_NAME = re.compile(r'"name"\s*:\s*"([^"\\]+)"')


def header_name(block: str) -> str | None:
    """The tool's name in a header that may be unfinished."""
    match = _NAME.search(block)
    return match[1] if match else None


def tag_after(block: str, end: int, final: bool) -> Extent:
    """The extent of a block whose contents end at `end`: with the closing tag, if only brackets precede it."""
    rest = block[end:].lstrip("}] \t\r\n")
    start = len(block) - len(rest)
    if rest.startswith(CLOSER):
        return Extent(start + len(CLOSER), True)
    return Extent(end, final or not CLOSER.startswith(rest))


def json_block(block: str, end: int | None) -> FoundCall:
    """The call in a block whose JSON header ends at `end`."""
    start = header_start(block)
    if end is not None:
        return replace(decode_call(block[start:end]), text=block)
    if not block.rstrip().endswith(CLOSER):
        return FoundCall(block, error="The call is not finished: the reply ended inside it.")
    return replace(decode_call(block[start : block.rindex(CLOSER)].strip()), text=block)
