"""Every way to read which commands stand in a text, for rules that forbid some; generous, as judge.py is strict."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import tree_sitter

from codeagent.tools.commands.programs import WRAPPERS
from codeagent.tools.commands.script import parse

MAX_CHARACTERS = 200_000
_MAX_DEPTH = 4
_SEPARATORS = re.compile(r"[;&|\n\r(){}`]+")
_QUOTES = re.compile(r"""\\\n|\\(.)|\$?(['"])""", re.DOTALL)
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*+)\"""", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\[[^]]*\])?\+?=")
_STARTERS = WRAPPERS | {"find", "trap"}


@lru_cache(maxsize=4)
def readings(command: str) -> frozenset[str]:
    """Texts of commands that this one holds or may hold, each as it is written and with its words bare: parts of
    compounds, substitutions, what a wrapper starts, what a shell is given as text. Holds the command itself.

    A text that is too long, or that no parser understands, is at least split at every operator.
    """
    found: set[str] = set()
    waiting = [(command, 0)]
    while waiting:
        text, depth = waiting.pop()
        split: list[str] = _SEPARATORS.split(text)
        parsed = _parsed(text) if len(text) <= MAX_CHARACTERS else ()
        fresh = {part.strip() for part in (text, *split, *parsed)} - found
        found |= fresh
        for part in fresh:
            for words in _bare(part):
                found.add(" ".join(words))
                found.add(" ".join([words[0].rpartition("/")[2], *words[1:]]))
            if depth < _MAX_DEPTH:
                waiting += [(inner, depth + 1) for inner in _given_to_shells(part) if inner not in found]
    return frozenset(found - {""})


def _parsed(text: str) -> Iterator[str]:
    source = text.encode("utf-8", "replace")
    tree = parse(source)
    waiting: list[tree_sitter.Node] = [tree.root_node] if tree is not None else []
    while waiting:
        node = waiting.pop()
        if node.type in ("command", "declaration_command", "unset_command", "test_command"):
            yield source[node.start_byte : node.end_byte].decode("utf-8", "replace")
        waiting += node.children


def _bare(part: str) -> Iterator[list[str]]:
    """The words without quotes and assignments before them; of a wrapper also those from each word on."""
    words = _unquoted(part).split()
    while words and _ASSIGNMENT.match(words[0]):
        words = words[1:]
    if not words:
        return
    yield words
    if words[0].rpartition("/")[2] in _STARTERS:
        yield from (words[at:] for at in range(1, min(len(words), 50)))


def _given_to_shells(part: str) -> list[str]:
    """Quoted texts of a command that starts others: that of `sh -c` and `eval` is a command again."""
    if not {word.rpartition("/")[2] for word in _unquoted(part).split()} & _STARTERS:
        return []
    return [found[1] or found[2] or "" for found in _QUOTED.finditer(part)]


def _unquoted(part: str) -> str:
    return _QUOTES.sub(lambda found: found[1] or "", part)
