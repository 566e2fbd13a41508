"""Tells text over which tree-sitter hangs or ends the process: too deeply nested, or hardly text; parses nothing."""

from __future__ import annotations

import re
from itertools import accumulate

MAX_BRACKETS = 5000
# The scanner of YAML keeps its levels in a buffer of 1024 bytes, 4 a level, and reads past its end beyond 253.
MAX_INDENTATION = 240
MAX_ILLEGIBLE = 20_000

_BRACKETS = re.compile(rb"[(\[{]|[)\]}]")
_ANGLES = re.compile(rb"(?<=\w)<(?=\w)|>")
_LONG_INDENTATION = re.compile(rb"^[ \t\-?:]{%d}" % (MAX_INDENTATION // 2), re.MULTILINE)
_INDENTATION = re.compile(rb"^([ \t]*)((?:[-?:][ \t]+)*)", re.MULTILINE)
_LEGIBLE = bytes(0 if re.match(rb"\w", bytes((byte,))) is None else 1 for byte in range(256))
_MARKER = re.compile(rb"[-?:][ \t]+")


def brackets_too_deep(source: bytes) -> bool:
    """Whether more than MAX_BRACKETS are open somewhere, be they in strings or not.

    With tens of thousands of open ones tree-sitter takes the square of that at the end of the text, in one step that
    cannot be broken off, and may overflow the stack when it frees its memory.
    """
    if sum(map(source.count, (b"(", b"[", b"{"))) > MAX_BRACKETS and _is_deep(_BRACKETS, source):
        return True
    return source.count(b"<") > MAX_BRACKETS and _is_deep(_ANGLES, source)


def indentation_too_deep(source: bytes) -> bool:
    """Whether YAML may have more than MAX_INDENTATION levels, counting two for each column in which one begins."""
    if not _LONG_INDENTATION.search(source):
        return False
    columns: list[int] = []
    for line in _INDENTATION.finditer(source):
        column = len(line[1])
        while columns and columns[-1] > column:
            columns.pop()
        for marker in (b"", *_MARKER.findall(line[2])):
            column += len(marker)
            if not columns or columns[-1] < column:
                columns.append(column)
        if 2 * len(columns) > MAX_INDENTATION:
            return True
    return False


def illegible(source: bytes) -> bool:
    """Whether so many bytes in a row have no letter, digit or underscore of ASCII among them."""
    return bytes(MAX_ILLEGIBLE) in source.translate(_LEGIBLE)


def _is_deep(brackets: re.Pattern[bytes], source: bytes) -> bool:
    steps = (1 if bracket[0] in b"([{<" else -1 for bracket in brackets.finditer(source))
    return any(depth > MAX_BRACKETS for depth in accumulate(steps, lambda depth, step: max(depth + step, 0)))
