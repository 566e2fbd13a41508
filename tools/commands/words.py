"""One word of a shell command as bash would pass it on; what bash would expand is not understood, but for * and ?."""

from __future__ import annotations

import glob
from dataclasses import dataclass

# What bash reads as itself outside quotes. Braces, brackets, parentheses, $, `, ~ and # are judged one by one.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=+@%^]!#~")
# After these a lone $ inside double quotes, or at their end, is only a $.
_AFTER_DOLLAR = frozenset(" |)/.,")
_ESCAPED_IN_QUOTES = frozenset('$`"\\')


class NotUnderstoodError(Exception):
    """What stands there is not of the closed list that is judged. The text says what, as the end of "it …"."""


@dataclass(frozen=True)
class Word:
    """A word with its quotes taken off. `pattern` is for glob.glob where the word is one that bash expands."""

    text: str
    pattern: str | None = None
    quoted: bool = False


def unquote(raw: str) -> Word:
    """The word that a piece of a command stands for. Raises NotUnderstoodError."""
    reader = _Reader(raw)
    while reader.more:
        reader.step()
    return Word("".join(reader.text), "".join(reader.pattern) if reader.expands else None, reader.quoted)


class _Reader:
    def __init__(self, raw: str) -> None:
        self._raw = raw
        self._at = 0
        self.text: list[str] = []
        self.pattern: list[str] = []
        self.expands = False
        self.quoted = False

    @property
    def more(self) -> bool:
        return self._at < len(self._raw)

    def step(self) -> None:
        character = self._take()
        if character == "'":
            self.quoted = True
            end = self._raw.find("'", self._at)
            if end < 0:
                raise NotUnderstoodError("has a quote without an end")
            self._literal(self._raw[self._at : end])
            self._at = end + 1
        elif character == '"':
            self.quoted = True
            self._double()
        elif character == "\\":
            self.quoted = True
            self._literal(self._escaped())
        elif character in "*?":
            self.expands = True
            self.text.append(character)
            self.pattern.append(character)
        else:
            self._unquoted(character)

    def _unquoted(self, character: str) -> None:
        before = self._raw[self._at - 2] if self._at >= 2 else ""
        if character in "{}":
            raise NotUnderstoodError("has braces, which bash may expand")
        if character in "$`":
            raise NotUnderstoodError("puts in what a variable or another command gives")
        if character == "~" and before in ("", "=", ":"):
            raise NotUnderstoodError("has a ~, which bash expands")
        if character == "[":
            raise NotUnderstoodError("has a [, which bash may expand")
        if (character not in _PLAIN and character < "\x7f") or (character == "#" and not before):
            raise NotUnderstoodError(f"has a {character!r} that is not quoted")
        self._literal(character)

    def _double(self) -> None:
        while self.more:
            character = self._take()
            if character == '"':
                return
            if character == "\\" and self.more and self._raw[self._at] in _ESCAPED_IN_QUOTES:
                self._literal(self._escaped())
            elif character == "\\" and self.more and self._raw[self._at] == "\n":
                raise NotUnderstoodError("goes on over a line end")
            elif character == "`" or (character == "$" and not self._lone_dollar()):
                raise NotUnderstoodError("puts in what a variable or another command gives")
            else:
                self._literal(character)
        raise NotUnderstoodError("has a quote without an end")

    def _lone_dollar(self) -> bool:
        following = self._raw[self._at : self._at + 1]
        return following == '"' or following in _AFTER_DOLLAR

    def _escaped(self) -> str:
        character = self._take() if self.more else ""
        if character in ("", "\n"):
            raise NotUnderstoodError("goes on over a line end")
        return character

    def _literal(self, text: str) -> None:
        self.text.append(text)
        self.pattern.append(glob.escape(text))

    def _take(self) -> str:
        character = self._raw[self._at]
        self._at += 1
        return character
