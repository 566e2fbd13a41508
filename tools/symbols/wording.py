"""Makes the one-line signature and the first line of documentation out of source text; knows no tree."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_SIGNATURE = 300
MAX_DOC = 200

CUT = "…"
_AFTER_BRACKET = re.compile(r"([(\[]) ")
_BEFORE_BRACKET = re.compile(r",? ([)\]])")
# What joins a signature to the body that was cut off, or ends a declaration without one.
_JOINT = re.compile(r"[\s{:=;,\\]+$")
_END = re.compile(r"[\s;,]+$")
_STRING = re.compile(r"""[~rRbBuUfFsS]{0,2}(\"{3}|'{3}|["'`])""")
# What marks a line as a comment rather than being its text.
_MARKS = re.compile(r"(?:\s|/\*+!?|//+!?|\*+/?|#+[!:|]?|(?:--+|\{-)\s*[|^]|--+[!\[]*|\{-|;+|%+|<!--+|=begin\b)+")
_END_MARKS = re.compile(r"(?:\s|\*+/|--+>|-\}|\]\])+$")
_TAGS = re.compile(
    r"<see\w*\s+cref=\"(?:\w:)?([^\"]*)\"\s*/>|[@\\]brief\s+"
    r"|</?(?:summary|remarks|value|returns|inheritdoc|param|typeparam|para|see|code|pre|p|c|b|i|em)\b[^<>]*>"
)
_DIRECTIVE = re.compile(
    r"[@\\]\w|eslint|prettier-|biome-|noqa|pylint:|pragma\b|type: ?ignore|mypy:|ruff:|pyright:|-\*-|coding[:=]|go:[a-z]"
    r"|nolint|ts-|istanbul|c8 |rubocop:|shellcheck |swiftlint:|clang-format|region\b|endregion\b|usr/bin/|bin/"
)
_WORD = re.compile(r"\w")
_QUOTED = re.compile(r"""(["'`])(?:\\.|(?!\1).)+\1""")
_CLOSING_MARKS = re.compile(r"(?:^|\s)#+$")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_EMPHASIS = re.compile(r"(?<!\\)`+|(?<!\\)\*+(?=\S)|(?<=[^\s\\])\*+|(?<![\w\\])_+(?=\w)|(?<=\w)_+(?!\w)")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def signature(pieces: Iterable[str], has_body: bool) -> str:
    """One line out of the text of a definition, which comes in pieces because comments and the body are left out."""
    text = " ".join(" ".join(pieces).split())
    text = _BEFORE_BRACKET.sub(r"\1", _AFTER_BRACKET.sub(r"\1", text))
    text = (_JOINT if has_body else _END).sub("", text)
    return text if len(text) <= MAX_SIGNATURE else text[: MAX_SIGNATURE - 1] + CUT


def first_line(text: str) -> str:
    """The first line of a comment or docstring that says something, without the marks around it; "" if none does.

    Lines that only switch something on or off (`noqa`, `eslint-disable`) say nothing, nor do those of tags (`@param`).
    """
    if string := _STRING.match(text):
        text = text[string.end() :].removesuffix(string[1])
    for line in text.splitlines():
        marks = _MARKS.match(line)
        words = _END_MARKS.sub("", _TAGS.sub(r"\1", line[marks.end() :] if marks else line)).strip()
        if _WORD.search(words) and not _DIRECTIVE.match(words):
            return words if len(words) <= MAX_DOC else words[: MAX_DOC - 1] + CUT
    return ""


def title(text: str) -> str:
    """The words of a Markdown heading, without the marks of links, emphasis and code and those that close it."""
    text = _LINK.sub(r"\1", _CLOSING_MARKS.sub("", text))
    return " ".join(_ESCAPE.sub(r"\1", _EMPHASIS.sub("", text)).split())


def unquoted(name: str) -> str:
    """The name without the quotes that some languages allow around it."""
    return name[1:-1] if _QUOTED.fullmatch(name) else name
