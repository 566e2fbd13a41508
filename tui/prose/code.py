"""The lines of a code block with the kinds of their words, also while it is written; knows no Markdown."""

from __future__ import annotations

from textual.content import Content, Span

from codeagent.tui.prose.pieces import Piece
from codeagent.tui.syntax import Highlighter, lexer_for_language

_TAB = 4
_LONGEST_LOOK_BACK = 8_000


class CodeLines:
    """One code block. What is added is coloured from the last line on at which code begins anew, so that a long block
    costs no more than a short one; where that goes wrong, it does for some lines' colours only.
    """

    def __init__(self, language: str, first: str = "", rest: str = "") -> None:
        """`language` is what stands after the fence; `first` and `rest` stand before the lines."""
        self._lexer = lexer_for_language(language.split()[0]) if language.strip() else None
        self._first, self._rest = first, rest
        self._lines: list[str] = []
        self._open = ""
        self._restart = 0
        self.pieces: list[Piece] = []

    def write(self, text: str) -> int:
        """Add text; the number of the first line that may be another now."""
        lines = (self._open + text).split("\n")
        self._open = lines.pop()
        self._lines += lines
        lines = self._lines[self._restart :] + ([self._open] if self._open else [])
        begin = self._restart
        self._colour(begin, lines)
        return begin

    def _colour(self, begin: int, lines: list[str]) -> None:
        shown = [f"{line.expandtabs(_TAB)}\n" for line in lines]
        known = Highlighter(shown, self._lexer if sum(map(len, shown)) <= _LONGEST_LOOK_BACK or not begin else None)
        del self.pieces[begin:]
        for number, line in enumerate(shown):
            roles = known.line(number)
            if self._begins_anew(lines, number) and not (roles and roles[0][0] == 0 and roles[0][2] in _LASTING):
                self._restart = begin + number
            content = Content(line[:-1], [Span(start, end, role) for start, end, role in roles])
            self.pieces.append(Piece(content, "code", self._rest if self.pieces else self._first, self._rest))

    def _begins_anew(self, lines: list[str], number: int) -> bool:
        """Whether a line stands at the margin after an empty one, and is complete."""
        whole = number < len(lines) - 1 or not self._open
        return whole and number > 0 and lines[number][:1].strip() != "" and not lines[number - 1].strip()


_LASTING = ("string", "comment")
"""Kinds that may have begun lines before."""


def code_pieces(text: str, language: str, first: str, rest: str) -> list[Piece]:
    """A whole code block."""
    code = CodeLines(language, first, rest)
    code.write(text.removesuffix("\n") + "\n")
    return code.pieces
