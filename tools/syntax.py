"""Finds syntax errors in source text with tree-sitter, and for Python with its own parser; runs nothing of it."""

from __future__ import annotations

import ast
import importlib
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from codeagent.tools.api import ToolError
from codeagent.tools.text import decode

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

MAX_BYTES = 1024 * 1024
MAX_PROBLEMS = 20

# By file ending: the grammar's package, and its function that gives the language.
_GRAMMARS = {
    ".py": ("tree_sitter_python", "language"),
    ".pyi": ("tree_sitter_python", "language"),
    ".js": ("tree_sitter_javascript", "language"),
    ".jsx": ("tree_sitter_javascript", "language"),
    ".mjs": ("tree_sitter_javascript", "language"),
    ".cjs": ("tree_sitter_javascript", "language"),
    ".ts": ("tree_sitter_typescript", "language_typescript"),
    ".mts": ("tree_sitter_typescript", "language_typescript"),
    ".cts": ("tree_sitter_typescript", "language_typescript"),
    ".tsx": ("tree_sitter_typescript", "language_tsx"),
    ".json": ("tree_sitter_json", "language"),
    ".sh": ("tree_sitter_bash", "language"),
    ".bash": ("tree_sitter_bash", "language"),
    ".c": ("tree_sitter_c", "language"),
    ".h": ("tree_sitter_cpp", "language"),
    ".cc": ("tree_sitter_cpp", "language"),
    ".cpp": ("tree_sitter_cpp", "language"),
    ".cxx": ("tree_sitter_cpp", "language"),
    ".hpp": ("tree_sitter_cpp", "language"),
    ".go": ("tree_sitter_go", "language"),
    ".java": ("tree_sitter_java", "language"),
    ".rs": ("tree_sitter_rust", "language"),
}
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

    Empty also where nothing can be said: an unknown ending, no grammar installed, no text, or too long a one.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in _GRAMMARS or len(data) > MAX_BYTES:
        return []
    try:
        text = decode(data, name).shown
    except ToolError:
        return []
    tree = _parse(suffix, text)
    found = [] if tree is None else _tree_problems(tree, text.split("\n"))
    if suffix not in (".py", ".pyi"):
        return found
    return _python_problems(text, tree_is_clean=tree is not None and not found)


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


def _parse(suffix: str, text: str) -> Tree | None:
    from tree_sitter import Language, Parser  # native code, needed after an edit only

    package, function = _GRAMMARS[suffix]
    try:
        language: object = getattr(importlib.import_module(package), function)()
    except ImportError:
        return None
    return Parser(Language(language)).parse(text.encode())


def _tree_problems(tree: Tree, lines: Sequence[str]) -> list[SyntaxProblem]:
    found: list[SyntaxProblem] = []
    for node in _error_nodes(tree.root_node):
        row, column = min(node.start_point.row, len(lines) - 1), node.start_point.column
        while row and not lines[row].strip():
            row, column = row - 1, len(lines[row - 1])  # what is missing at the end is missing after the last line
        message = f"`{node.type}` is missing" if node.is_missing else f"`{_first_word(node)}` is not expected here"
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


def _first_word(node: Node) -> str:
    words = (node.text or b"").decode("utf-8", "replace").split(maxsplit=1)
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
