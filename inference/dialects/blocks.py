"""What a call block is: the contract of a call syntax, and where tags and JSON end; knows no dialect."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from codeagent.inference.dialects.calls import FoundCall


@dataclass(frozen=True)
class Extent:
    """How far a call block reaches: its first `sure` characters belong to it, and if `done` they are all of it."""

    sure: int
    done: bool


class CallForm(Protocol):
    """The syntax of one dialect's call blocks."""

    @property
    def openers(self) -> Sequence[str]:
        """The literal texts that begin a call block."""
        ...

    def extent(self, block: str, final: bool) -> Extent:
        """How far the block at the start of `block` reaches.

        An answer must hold whatever follows, so that it is the same however the text was cut. With `final` nothing
        follows and the answer is done, be the block finished or not.
        """
        ...

    def name(self, block: str) -> str | None:
        """The name of the tool in an unfinished block, once it is known."""
        ...

    def calls(self, block: str) -> list[FoundCall]:
        """What the finished block says, one entry a call."""
        ...


def held_back(text: str, literals: Sequence[str]) -> int:
    """The length of the longest end of `text` that may be the beginning of one of the literals."""
    longest = max(map(len, literals), default=0)
    for size in range(min(longest - 1, len(text)), 0, -1):
        if any(one.startswith(text[-size:]) for one in literals):
            return size
    return 0


def closed_by(block: str, closer: str, start: int, final: bool) -> Extent:
    """The extent of a block that ends behind the first `closer` at or after `start`."""
    end = block.find(closer, start)
    if end >= 0:
        return Extent(end + len(closer), True)
    return Extent(len(block) if final else len(block) - held_back(block[start:], [closer]), final)


_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*(?:"|(\\?)\Z)|[{}\[\]]', re.DOTALL)


def json_end(text: str, start: int) -> int | None:
    """Where the JSON object or array at `start` ends, by its brackets outside strings; None if unfinished."""
    depth = 0
    for match in _STRUCTURE.finditer(text, start):
        token = match[0]
        if token in ("{", "["):
            depth += 1
        elif token in ("}", "]"):
            depth -= 1
            if depth <= 0:
                return match.end()
    return None
