"""Makes the text of a file in which one definition is replaced, removed, or has code put beside it; writes nothing.

Decorators, attributes and modifiers belong to a definition. So does the comment right above it: code goes above that
comment, a definition that is removed takes it along, and code that begins with a comment replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from codeagent.tools.api import ToolError
from codeagent.tools.fitting import Layout, code_lines, fitted, indent_of, unit_of
from codeagent.tools.source import Source, utf8
from codeagent.tools.symbols.api import Symbol
from codeagent.tools.symbols.extract import symbols_of
from codeagent.tools.symbols.parse import nodes

Action = Literal["replace", "insert_before", "insert_after", "delete"]

_BLOCKS = frozenset({"class", "interface", "struct", "enum", "trait", "function", "method", "module", "heading"})
_STRING = re.compile("string|heredoc")
_OF_FILE = re.compile(rb"#!|#.*coding[:=]")  # first lines that are comments and must stay first
_LONGEST_COMMENT = 200


@dataclass(frozen=True)
class Spliced:
    """The new text, the first and last line of what was put in (None for a removal), and what else changed."""

    text: str
    lines: tuple[int, int] | None
    note: str = ""


@dataclass(frozen=True)
class _Site:
    """Where a definition stands: its lines from `first` to `last`, counted from 0, those of the comment above from
    `comment`; `before` and `after` are what else stands on its first and last line."""

    first: int
    last: int
    comment: int
    before: str
    after: str


def splice(source: Source, symbol: Symbol, action: Action, code: str) -> Spliced:
    """The file's text after the action. Raises ToolError where the code is not fit for it or other code is in the way.

    The code gets the indentation of the place, whatever it has.
    """
    lines = code_lines(code)
    if action == "delete":
        if lines:
            raise ToolError("delete takes no code. To put something in the place of the definition, use replace.")
        return _deleted(source, symbol)
    if not lines:
        raise ToolError("`code` is empty. Give the whole definition; to remove one, use delete.")
    put = _replaced if action == "replace" else _inserted
    first = put(source, symbol, action, lines, ())
    literals = _literals(source, first, lines)
    return put(source, symbol, action, lines, literals) if literals else first


def _replaced(
    source: Source, symbol: Symbol, _action: Action, code: Sequence[str], literals: Sequence[tuple[int, int]]
) -> Spliced:
    text = source.file.text
    start, end = source.span(symbol)
    site = _site(source, symbol)
    opening = start - len(site.before)
    lines = fitted(code, _layout(source, site, code), literals)
    if _is_comment(source.path.name, "\n".join(code)) and site.comment < site.first:
        start = _offset(source.file.lines, site.comment) + len(indent_of(source.file.lines[site.comment]))
    elif site.before.strip() and code[0].lstrip().startswith(site.before.strip()):
        start = opening + len(indent_of(site.before))  # the code brings along what stands before the definition
    new = "\n".join(lines)[len(indent_of(lines[0])) :]
    if site.after[:1] in (",", ";") and new.endswith(site.after[:1]):
        new = new[:-1]
    row = text.count("\n", 0, start)
    return Spliced(text[:start] + new + text[end:], (row + 1, row + len(lines)), _lost(source, symbol, site, code))


def _inserted(
    source: Source, symbol: Symbol, action: Action, code: Sequence[str], literals: Sequence[tuple[int, int]]
) -> Spliced:
    site = _site(source, symbol)
    _check_alone(source, symbol, site)
    lines = source.file.text.split("\n")
    new = fitted(code, _layout(source, site, code), literals)
    previous, following = _neighbours(source, symbol, site)
    above, below = _blank_above(lines, site.comment), _blank_below(lines, site.last)
    gap = _gap(source, symbol, code, ((following, below), (previous, above)))
    if action == "insert_after":
        at, head, tail = site.last + 1, gap, max(0, gap - below) if following else 0
    else:
        at, head, tail = site.comment, max(0, gap - above) if previous else 0, gap
    put = [""] * head + new + [""] * tail
    text = "\n".join([*lines[:at], *put, *lines[at:]])
    return Spliced(text, (at + head + 1, at + head + len(new)))


def _deleted(source: Source, symbol: Symbol) -> Spliced:
    site = _site(source, symbol)
    _check_alone(source, symbol, site)
    lines = source.file.text.split("\n")
    previous, following = _neighbours(source, symbol, site)
    below = _blank_below(lines, site.last)
    # A comment over several definitions that stand close together is not about the first one alone.
    first = site.first if following and not below else site.comment
    above = _blank_above(lines, first)
    at_end = not any(line.strip() for line in lines[site.last + 1 :])
    blank = max(above, below) if previous and following else above if following else 0 if at_end else below
    rest = lines[site.last + 1 + below :]
    if at_end:
        rest = [""] if source.file.text.endswith("\n") and first > above else []
    return Spliced("\n".join([*lines[: first - above], *[""] * blank, *rest]), None)


def _site(source: Source, symbol: Symbol) -> _Site:
    text = source.file.text
    start, end = source.span(symbol)
    first, last = text.count("\n", 0, start), text.count("\n", 0, end)
    line_start, line_end = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    before, after = text[line_start:start], text[end : line_end if line_end >= 0 else len(text)]
    return _Site(first, last, first if before.strip() else _comment_above(source, first), before, after)


def _layout(source: Source, site: _Site, code: Sequence[str]) -> Layout:
    lines = source.file.lines
    # A file that has both may have its tabs, though they are few: its long texts are indented with spaces.
    tabs = unit_of(code) == "\t" and any(line.startswith("\t") for line in lines)
    return Layout(indent_of(lines[site.first]), "\t" if tabs else unit_of(lines))


def _check_alone(source: Source, symbol: Symbol, site: _Site) -> None:
    """Raise ToolError if other code shares the definition's first or last line."""
    row = None
    if site.before.strip():
        row = site.first
    elif site.after.strip(" \t,;") and not _is_comment_behind(source, site):
        row = site.last
    if row is not None:
        raise ToolError(
            f"{symbol.qualified} shares line {row + 1} of {source.shown} with other code, so its lines cannot be told "
            "apart. Change it with edit."
        )


def _neighbours(source: Source, symbol: Symbol, site: _Site) -> tuple[Symbol | None, Symbol | None]:
    """The definitions of the same parent that stand right above this one and right below it, but for blank lines."""
    lines = source.file.lines
    above = site.comment - _blank_above(lines, site.comment)
    below = site.last + 1 + _blank_below(lines, site.last)
    same = [s for s in source.symbols.definitions if s.parent == symbol.parent and s is not symbol]
    before = next((s for s in same if s.end == above), None)
    behind = next((s for s in same if s.start > below), None)
    if behind is not None and _comment_above(source, behind.start - 1) != below:
        behind = None
    return before, behind


def _gap(source: Source, symbol: Symbol, code: Sequence[str], beside: Iterable[tuple[Symbol | None, int]]) -> int:
    """How many blank lines go between the definition and the code: as many as there are `beside` it, between it and a
    neighbour of the code's sort, else as is usual."""
    text = "\n".join(_dedented(code)) + "\n"
    given = symbols_of(source.path.name, utf8(text)).definitions
    spaced = _is_block(symbol) or _is_block(given[0] if given else symbol)
    for neighbour, blank in beside:
        if neighbour is not None and spaced == (_is_block(symbol) or _is_block(neighbour)):
            return blank
    if not spaced:
        return 0
    return 2 if source.symbols.language == "Python" and symbol.parent is None else 1


def _dedented(code: Sequence[str]) -> list[str]:
    first = indent_of(code[0])
    return [line.removeprefix(first) for line in code]


def _is_block(symbol: Symbol) -> bool:
    return symbol.kind in _BLOCKS


def _blank_above(lines: Sequence[str], row: int) -> int:
    return next((n for n in range(row) if lines[row - 1 - n].strip()), row)


def _blank_below(lines: Sequence[str], row: int) -> int:
    rest = lines[row + 1 :]
    return next((n for n, line in enumerate(rest) if line.strip()), len(rest))


def _offset(lines: Sequence[str], row: int) -> int:
    return sum(len(line) + 1 for line in lines[:row])


def _lost(source: Source, symbol: Symbol, site: _Site, code: Sequence[str]) -> str:
    """A sentence on decorators that the old definition had, where the new one has none."""
    old = _decorators(source.file.lines[site.first : site.last + 1], symbol.name)
    return f" `{old[0][:80]}` stood above it and is gone." if old and not _decorators(code, symbol.name) else ""


def _decorators(lines: Sequence[str], name: str) -> list[str]:
    """The lines of decorators and attributes that stand above a name."""
    above = takewhile(lambda line: name not in line, lines)
    return [line.strip() for line in above if line.lstrip().startswith(("@", "#["))]


def _literals(source: Source, spliced: Spliced, code: Sequence[str]) -> list[tuple[int, int]]:
    """The first and the last line of each text literal in the code that has several, counted in the code."""
    assert spliced.lines is not None
    base = spliced.lines[0] - 1
    found: list[tuple[int, int]] = []
    for node in nodes(source.path.name, utf8(spliced.text), base, base + len(code) - 1):
        first, last = node.start_point.row - base, min(node.end_point.row - base, len(code) - 1)
        outside = not found or first >= found[-1][1]
        if outside and 0 <= first < last and _STRING.search(node.type):
            found.append((first, last))
    return found


def _comment_above(source: Source, row: int) -> int:
    """The first of the lines right above that hold comments and nothing else; the row itself where there are none."""
    lines = source.data.split(b"\n")
    rows: set[int] = set()
    for node in nodes(source.path.name, source.data, row - _LONGEST_COMMENT, row - 1):
        (first, begin), (last, end) = node.start_point, node.end_point
        if last > first and end == 0:
            last, end = last - 1, len(lines[last - 1])  # its line end is a part of it
        if "comment" in node.type and not lines[first][:begin].strip() and not lines[last][end:].strip():
            rows.update(range(first, last + 1))
    while row - 1 in rows and not _OF_FILE.match(lines[row - 1]):
        row -= 1
    return row


def _is_comment(name: str, text: str) -> bool:
    """Whether code begins with a comment."""
    return any("comment" in node.type and node.start_byte == 0 for node in nodes(name, utf8(text.lstrip()), 0, 0))


def _is_comment_behind(source: Source, site: _Site) -> bool:
    """Whether what stands behind the definition on its last line is a comment."""
    line = source.data.split(b"\n")[site.last]
    column = len(line) - len(site.after.lstrip(" \t,;").encode("utf-8", "surrogateescape"))
    return any(
        "comment" in node.type and node.start_point == (site.last, column)
        for node in nodes(source.path.name, source.data, site.last, site.last)
    )
