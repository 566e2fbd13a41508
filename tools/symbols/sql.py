"""Rewrites SQL of dialects that the grammar does not know as such as it does, byte for byte; parses nothing."""

from __future__ import annotations

import re

# The end of a batch in Transact-SQL; its names in brackets, which are none after a word or bracket, as in `array[n]`.
_GO = re.compile(rb"^[ \t]*GO[ \t]*$", re.MULTILINE | re.IGNORECASE)
_BRACKETS = re.compile(rb"(?<![\w\])\"'])\[([A-Za-z_][\w $#]*)\]")
# What ends a statement in MySQL's client from here on.
_DELIMITER = re.compile(rb"^[ \t]*DELIMITER[ \t]+(\S+)[ \t]*$", re.MULTILINE | re.IGNORECASE)


def readable(source: bytes) -> bytes:
    """The same text with every byte where it was, and these as standard SQL: `GO`, `[names]` and `DELIMITER`."""
    source = _GO.sub(lambda match: b";".ljust(len(match[0])), source)
    source = _BRACKETS.sub(rb'"\1"', source)
    if not _DELIMITER.search(source):
        return source
    before, *parts = _DELIMITER.split(source)
    pieces, at = [before], len(before)
    for delimiter, statements in zip(parts[::2], parts[1::2], strict=True):
        line = _DELIMITER.match(source, at)
        assert line  # the text was split there
        pieces += [b" " * len(line[0]), statements.replace(delimiter, b";".ljust(len(delimiter)))]
        at = line.end() + len(statements)
    return b"".join(pieces)
