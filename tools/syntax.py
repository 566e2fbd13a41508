"""Finds syntax errors in source text with tree-sitter, and for Python with its own parser; runs nothing of it."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codeagent.tools.api import ToolError
from codeagent.tools.symbols.languages import PYTHON, language_of
from codeagent.tools.symbols.parse import MAX_BYTES, NotParsedError, parse
from codeagent.tools.text import decode

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_PROBLEMS = 20

# What this Python says of syntax that only a newer one has, when tree-sitter finds nothing wrong with it.
_NEWER_PYTHON = ("invalid syntax", "expected '('", "f-string:", "multiple exception types must be parenthesized")


@dataclass(frozen=True)
class SyntaxProblem:
    """One error. `line` and `column` count from 1, `snippet` is the line it is on."""

    line: int
    column: int
    message: str
    snippet: str


def check(name: str, data: bytes) -> list[SyntaxProblem]:
    """The syntax errors of a file of this name, at most MAX_PROBLEMS, in order of lines.

    Empty also where nothing can be said: a language without a grammar whose errors can be relied on, no text, or one
    that is too long or takes too long.
    """
    if not is_checked(name, data):
        return []
    language = language_of(name, data)
    assert language is not None
    try:
        text = decode(data, name).shown
    except ToolError:
        return []
    source = text.encode()
    try:
        found = _tree_problems(parse(language, source).root_node, source, text.split("\n"))
        tree_is_clean = not found
    except NotParsedError:
        found, tree_is_clean = [], False
    return _python_problems(text, tree_is_clean) if language is PYTHON else found


def is_checked(name: str, data: bytes) -> bool:
    """Whether there may be anything to say of such a file."""
    language = language_of(name, data)
    return language is not None and language.checked and len(data) <= MAX_BYTES


def new_problems(before: Sequence[SyntaxProblem], after: Sequence[SyntaxProblem]) -> list[SyntaxProblem]:
    """The problems of `after` that `before` did not have; one that only moved to another line is not new."""
    known = Counter((p.message, p.snippet) for p in before)
    result: list[SyntaxProblem] = []
    for problem in after:
        key = (problem.message, problem.snippet)
        if known[key]:
            known[key] -= 1
        else:
            result.append(problem)
    return result


def _tree_problems(root: Node, source: bytes, lines: Sequence[str]) -> list[SyntaxProblem]:
    found: list[SyntaxProblem] = []
    for node in _error_nodes(root):
        row, column = min(node.start_point.row, len(lines) - 1), node.start_point.column
        while row and not lines[row].strip():
            row, column = row - 1, len(lines[row - 1])  # what is missing at the end is missing after the last line
        message = (
            f"`{node.type}` is missing" if node.is_missing else f"`{_first_word(node, source)}` is not expected here"
        )
        found.append(SyntaxProblem(row + 1, column + 1, message, lines[row].strip()[:120]))
        if len(found) == MAX_PROBLEMS:
            break
    return sorted(found, key=lambda problem: (problem.line, problem.column))


def _error_nodes(root: Node) -> Iterator[Node]:
    """The outermost error nodes and the missing ones; subtrees without errors are not entered."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.is_missing or node.is_error:
            yield node
        elif node.has_error:
            pending += reversed(node.children)


def _first_word(node: Node, source: bytes) -> str:
    words = source[node.start_byte : node.end_byte].decode("utf-8", "replace").split(maxsplit=1)
    return words[0][:40] if words else node.type


def _python_problems(text: str, tree_is_clean: bool) -> list[SyntaxProblem]:
    """What Python itself says: one error, in words that models have seen often."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as e:
        newer = not isinstance(e, IndentationError) and e.msg.startswith(_NEWER_PYTHON)
        if tree_is_clean and newer:
            return []
        lines = text.split("\n")
        line = min(max(e.lineno or 1, 1), len(lines))
        return [SyntaxProblem(line, max(e.offset or 1, 1), e.msg, lines[line - 1].strip()[:120])]
    except (ValueError, RecursionError, MemoryError):
        return []
    return []
