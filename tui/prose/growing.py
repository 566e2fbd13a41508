"""Markdown that is still being written: only its end is parsed again; knows no width and no widget."""

from __future__ import annotations

import re

from textual.content import Content

from codeagent.tui.prose.code import CodeLines
from codeagent.tui.prose.markdown import blocks_of
from codeagent.tui.prose.pieces import Piece

_FENCE = re.compile(r"(?P<indent> {0,3})(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)\n")
_UNSETTLED = 2
"""So many of the last blocks may still become others: what looks like a paragraph may yet be a list's next item."""


class GrowingMarkdown:
    """The pieces of a text that grows at its end. `pieces` is what is to be drawn now."""

    def __init__(self, text: str = "") -> None:
        """Begin with some text."""
        self.pieces: list[Piece] = []
        self._text = ""
        self._settled = 0
        self._fence: _OpenFence | None = None
        self.write(text)

    def write(self, text: str) -> int:
        """Add text; the number of the first piece that is another now."""
        first = len(self.pieces)
        while text:
            if self._fence is None:
                first = min(first, self._settled)
                self._text += text
                self._parse()
                break
            changed, text = self._fence.write(text)
            first = min(first, self._fence.begin + changed)
            self.pieces[self._fence.begin :] = self._fence.code.pieces
            if self._fence.closed:
                self._settled, self._fence = len(self.pieces), None
        return first

    def finish(self) -> int:
        """No more text comes; the number of the first piece that is another now."""
        if self._fence is None:
            return len(self.pieces)
        first = self._fence.begin + self._fence.finish()
        self.pieces[self._fence.begin :] = self._fence.code.pieces
        return first

    def _parse(self) -> None:
        """Parse what is not settled, and settle all but its last blocks; an open fence is read line by line then."""
        blocks = blocks_of(self._text)
        del self.pieces[self._settled :]
        starts: list[int] = []
        for block in blocks:
            if self.pieces:
                self.pieces.append(Piece(Content("")))
            starts.append(len(self.pieces))
            self.pieces += block.pieces
        if blocks and blocks[-1].type == "fence" and (fence := _open_fence(_from_line(self._text, blocks[-1].line))):
            self._text, self._fence, self._settled = "", fence, starts[-1]
            fence.begin = starts[-1]
            self.pieces[fence.begin :] = fence.code.pieces
        elif len(blocks) > _UNSETTLED:
            keep = len(blocks) - _UNSETTLED
            self._text = _from_line(self._text, blocks[keep].line)
            self._settled = starts[keep] - 1  # the empty line before it is written anew with it


class _OpenFence:
    """A code block at the margin whose end is not yet written."""

    def __init__(self, indent: str, mark: str, info: str) -> None:
        self.code = CodeLines(info)
        self.begin = 0
        self.closed = False
        self._indent = len(indent)
        self._end = re.compile(rf" {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*")
        self._may_end = re.compile(rf"[ \t]*{re.escape(mark[0])}*[ \t]*")
        self._line = ""
        self._drawn = 0

    def write(self, text: str) -> tuple[int, str]:
        """Add text; the first line of code that changed, and what stands after the block's end."""
        first = len(self.code.pieces)
        *lines, last = text.split("\n")
        for number, line in enumerate(lines):
            self._line += line
            if self._end.fullmatch(self._line):
                self.closed = True
                return first, "\n".join([*lines[number + 1 :], last])
            first = min(first, self._draw("\n"))
            self._line, self._drawn = "", 0
        self._line += last
        if not self._may_end.fullmatch(self._line):
            first = min(first, self._draw(""))
        return first, ""

    def finish(self) -> int:
        """Nothing more comes; the first line of code that changed."""
        self.closed = self._end.fullmatch(self._line) is not None
        return len(self.code.pieces) if self.closed else self._draw("")

    def _draw(self, end: str) -> int:
        line = self._line[min(self._indent, len(self._line) - len(self._line.lstrip(" "))) :]
        fresh, self._drawn = line[self._drawn :] + end, len(line)
        return self.code.write(fresh) if fresh else len(self.code.pieces)


def _open_fence(block: str) -> _OpenFence | None:
    """The code block that a text begins with, if its end is missing."""
    begin = _FENCE.match(block)
    if begin is None:
        return None
    fence = _OpenFence(begin["indent"], begin["mark"], begin["info"])
    fence.write(block[begin.end() :])
    return None if fence.closed else fence


def _from_line(text: str, line: int) -> str:
    at = 0
    for _ in range(line):
        at = text.index("\n", at) + 1
    return text[at:]
