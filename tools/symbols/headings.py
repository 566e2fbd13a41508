"""Finds the headings of texts that no grammar fits, where the way they are written tells them; knows no tree."""

from __future__ import annotations

import re
from pathlib import PurePath

from codeagent.tools.symbols.api import Symbol
from codeagent.tools.symbols.wording import MAX_DOC

MAX_HEADINGS = 1000

_PROSE = frozenset({".rst", ".rest", ".txt", ".text", ".adoc", ".asciidoc", ".org"})
_UNDERLINE = re.compile(r"([=\-~^\"'`#*+.:_])\1{2,}\s*$")
_MARKED = {
    ".adoc": re.compile(r"(={1,6})\s+(\S.*)"),
    ".asciidoc": re.compile(r"(={1,6})\s+(\S.*)"),
    ".org": re.compile(r"(\*{1,8})\s+(\S.*)"),
}


def headings(name: str, text: str) -> tuple[Symbol, ...]:
    """The headings of a text file, each reaching to the next one of its level or above; none for other files.

    Known are titles underlined with a row of one punctuation mark (reStructuredText, plain text, README), the levels in
    the order in which the marks appear, and the leading marks of AsciiDoc and Org.
    """
    path = PurePath(name)
    suffix = path.suffix.lower()
    if suffix not in _PROSE and not (path.name.isupper() and not suffix):
        return ()
    lines = text.split("\n")
    found = _marked(lines, _MARKED[suffix]) if suffix in _MARKED else _underlined(lines)
    return _symbols(found[:MAX_HEADINGS], lines)


def _marked(lines: list[str], pattern: re.Pattern[str]) -> list[tuple[int, int, str]]:
    """Line from 0, level and title of each heading with leading marks."""
    matches = ((number, pattern.match(line)) for number, line in enumerate(lines))
    return [(number, len(match[1]), match[2].strip()) for number, match in matches if match]


def _underlined(lines: list[str]) -> list[tuple[int, int, str]]:
    """The same for titles with a row of marks below, and perhaps above."""
    found: list[tuple[int, int, str]] = []
    styles: list[str] = []
    for number in range(1, len(lines)):
        match, title = _UNDERLINE.match(lines[number]), lines[number - 1]
        if not match or not re.search(r"\w", title) or len(lines[number].rstrip()) < len(title.strip()):
            continue
        above = lines[number - 2] if number > 1 else ""
        overlined = above.strip() == lines[number].strip()
        if above.strip() and not overlined:
            continue  # a row below a paragraph or in a table
        style = match[1] * (2 if overlined else 1)
        if style not in styles:
            styles.append(style)
        found.append((number - 1, styles.index(style) + 1, title.strip()))
    return found


def _symbols(found: list[tuple[int, int, str]], lines: list[str]) -> tuple[Symbol, ...]:
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line.encode("utf-8", "surrogateescape")) + 1)
    result: list[Symbol] = []
    outer: list[tuple[int, int]] = []  # level and index of the headings that are open
    for index, (line, level, title) in enumerate(found):
        while outer and outer[-1][0] >= level:
            outer.pop()
        parent = outer[-1][1] if outer else None
        end = next((other for other, depth, _ in found[index + 1 :] if depth <= level), len(lines))
        while end > line + 1 and not lines[end - 1].strip():
            end -= 1
        name = title[:MAX_DOC].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        qualified = f"{result[parent].qualified}.{name}" if parent is not None else name
        result.append(
            Symbol(name, qualified, "heading", name, "", line + 1, end, offsets[line], offsets[end] - 1, parent)
        )
        outer.append((level, index))
    return tuple(result)
