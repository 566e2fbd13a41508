"""Which kind of word stands where in code; knows pygments, no screen and no colours."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Literal, get_args

from pygments.lexer import Lexer
from pygments.lexers import (  # pyright: ignore[reportUnknownVariableType]  # untyped
    find_lexer_class_by_name,  # pyright: ignore[reportUnknownVariableType]  # untyped
    find_lexer_class_for_filename,  # pyright: ignore[reportUnknownVariableType]  # untyped
)
from pygments.token import Comment, Keyword, Name, Number, Operator, String
from pygments.util import ClassNotFound

Role = Literal["comment", "string", "number", "keyword", "function", "type", "builtin", "decorator"]
ROLES: tuple[Role, ...] = get_args(Role)
RoleSpan = tuple[int, int, Role]
TokenType = tuple[str, ...]
"""As pygments names kinds of tokens, the most general part first."""

_LONGEST_TEXT = 400_000
_LONGEST_LINE = 2_000
_ROLES: dict[TokenType, Role] = {
    Comment: "comment",
    String: "string",
    Number: "number",
    Keyword: "keyword",
    Operator.Word: "keyword",
    Keyword.Type: "type",
    Name.Function: "function",
    Name.Class: "type",
    Name.Exception: "type",
    Name.Builtin: "builtin",
    Name.Decorator: "decorator",
    Name.Tag: "keyword",
    Name.Attribute: "function",
}


def lexer_for_file(name: str) -> type[Lexer] | None:
    """The lexer of the language that a file's name tells."""
    try:
        return find_lexer_class_for_filename(name)
    except Exception:  # patterns of names are many and of mixed quality
        return None


def lexer_for_language(name: str) -> type[Lexer] | None:
    """The lexer of a language by one of its names, as it stands after a code fence."""
    try:
        return find_lexer_class_by_name(name)
    except ClassNotFound:
        return None


class Highlighter:
    """The kinds of words of one text, line by line. The text is lexed once, and only as far as it is looked at."""

    def __init__(self, lines: Sequence[str], lexer: type[Lexer] | None) -> None:
        """Lines keep their "\\n". Without a lexer nothing has a kind, nor in very long texts."""
        self._starts = list(accumulate(map(len, lines), initial=0))
        self._spans: dict[int, list[RoleSpan]] = {}
        self._lexed = 0
        short = self._starts[-1] <= _LONGEST_TEXT
        self._tokens = _tokens("".join(lines), lexer) if lexer is not None and short else iter(())

    def line(self, number: int) -> Sequence[RoleSpan]:
        """The kinds of words in a line (from 0), as offsets in it."""
        end = self._starts[number + 1]
        while self._lexed < end:
            token = next(self._tokens, None)
            if token is None:
                self._lexed = self._starts[-1]
                break
            self._add(*token)
        return self._spans.get(number, ()) if end - self._starts[number] <= _LONGEST_LINE else ()

    def _add(self, start: int, kind: TokenType, text: str) -> None:
        self._lexed = start + len(text)
        role = _role(kind)
        if role is None:
            return
        number = bisect_right(self._starts, start) - 1
        for part in text.split("\n"):
            column = start - self._starts[number]
            if part:
                self._spans.setdefault(number, []).append((column, column + len(part), role))
            start += len(part) + 1
            number += 1


def _role(kind: TokenType) -> Role | None:
    while kind and kind not in _ROLES:
        kind = kind[:-1]
    return _ROLES.get(kind)


def _tokens(text: str, lexer: type[Lexer]) -> Iterator[tuple[int, TokenType, str]]:
    """The text's tokens with their places; fewer where the lexer fails, since colours are no reason to fail."""
    try:
        yield from lexer().get_tokens_unprocessed(text)
    except Exception:  # lexers are many and of mixed quality
        return
