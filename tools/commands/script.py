"""A shell command as its simple commands, by tree-sitter and a closed list of what it may hold; judges none of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import tree_sitter
import tree_sitter_bash

from codeagent.tools.commands.characters import unreadable
from codeagent.tools.commands.words import NotUnderstoodError, Word, unquote

MAX_CHARACTERS = 10_000
MAX_COMMANDS = 50
PARSE_SECONDS = 0.5

Operator = Literal["&&", "||", ";", "|"]
Redirect = Literal["out to nothing", "errors to nothing", "errors to out", "out to errors"]

_CONTAINERS = frozenset({"program", "list", "pipeline", "redirected_statement"})
_OPERATORS: dict[str, Operator] = {"&&": "&&", "||": "||", ";": ";", "|": "|"}
_ARGUMENTS = frozenset({"word", "number", "raw_string", "string", "concatenation"})
_PARTS = frozenset({"word", "number", "raw_string", "string", "string_content", "$", '"'})
_WORDS = {
    "file_redirect": "redirects into or from a file",
    "herestring_redirect": "has a text for the command to read",
    "heredoc_redirect": "has a text for the command to read",
    "variable_assignment": "sets a variable",
    "variable_assignments": "sets a variable",
    "declaration_command": "sets a variable",
    "subshell": "has a part in parentheses",
    "compound_statement": "has a part in braces",
    "command_substitution": "puts in what another command gives",
    "process_substitution": "puts in what another command gives",
    "simple_expansion": "puts in what a variable holds",
    "expansion": "puts in what a variable holds",
    "ansi_c_string": "has a string of escapes ($'…')",
    "translated_string": "has a string to be translated",
    "brace_expression": "has braces, which bash may expand",
    "function_definition": "defines a function",
    "comment": "has a comment",
    "&": "starts something in the background",
    "|&": "has a |&",
    "&>": "redirects into a file",
    "negated_command": "turns a result around with !",
}


@dataclass(frozen=True)
class Simple:
    """One simple command. `raw` is how it is written, without its redirections; `operator` ties it to the one
    before.
    """

    raw: str
    words: tuple[Word, ...]
    operator: Operator = ";"
    redirects: tuple[Redirect, ...] = ()


@cache
def _language() -> tree_sitter.Language:
    return tree_sitter.Language(tree_sitter_bash.language())


def parse(source: bytes, seconds: float = PARSE_SECONDS) -> tree_sitter.Tree | None:
    """The syntax tree; None if that took too long."""
    until = time.monotonic() + seconds

    def late(*_: object) -> bool:
        return time.monotonic() > until

    try:
        tree = tree_sitter.Parser(_language()).parse(lambda at, _: source[at : at + 512], progress_callback=late)
    except ValueError:  # what it says when it was stopped
        return None
    return None if late() else tree


def simple_commands(command: str, seconds: float = PARSE_SECONDS) -> tuple[Simple, ...]:
    """The simple commands of a script in order, each tied to the one before. Raises NotUnderstoodError if the script
    holds anything but words, quotes, the four operators and redirections to /dev/null or between the two outputs.
    """
    if len(command) > MAX_CHARACTERS:
        raise NotUnderstoodError(f"is longer than {MAX_CHARACTERS:,} characters")
    hidden = unreadable(command)
    if hidden is not None:
        raise NotUnderstoodError(f"holds the character {hidden}")
    source = command.encode()
    tree = parse(source, seconds)
    if tree is None:
        raise NotUnderstoodError("took too long to read")
    if tree.root_node.has_error:
        raise NotUnderstoodError("is not understood")
    found = _Sequence(source).read(tree.root_node)
    if not found:
        raise NotUnderstoodError("holds no command")
    if len(found) > MAX_COMMANDS:
        raise NotUnderstoodError(f"has more than {MAX_COMMANDS} parts")
    return tuple(found)


def is_plain(command: str) -> bool:
    """Whether a text is one simple command, of which bash expands no word and redirects nothing."""
    try:
        (only,) = simple_commands(command)
    except (NotUnderstoodError, ValueError):
        return False
    return not only.redirects and all(word.pattern is None for word in only.words)


class _Sequence:
    """Reads commands, operators and redirections in the order in which they stand: a redirection belongs to the command
    before it, as for bash, whatever the tree says.
    """

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._found: list[Simple] = []
        self._at = 0
        self._operator: Operator | None = ";"

    def read(self, root: tree_sitter.Node) -> list[Simple]:
        for node in _items(root):
            newline = self._gap(node)
            if node.type == "command":
                if self._operator is None and not newline:
                    raise NotUnderstoodError("is not understood")
                simple = self._simple(node)
                self._found.append(replace(simple, operator=self._operator or ";"))
                self._operator = None
            elif self._operator is not None or newline:
                raise NotUnderstoodError("is not understood")
            elif node.type == "file_redirect":
                last = self._found[-1]
                self._found[-1] = replace(last, redirects=(*last.redirects, self._redirect(node)))
            else:
                self._operator = _OPERATORS[node.type]
            self._at = node.end_byte
        if self._source[self._at :].strip(b" \n") or self._operator not in (None, ";"):
            raise NotUnderstoodError("is not understood")
        return self._found

    def _gap(self, node: tree_sitter.Node) -> bool:
        """Whether a line ends between the token before and this one; nothing but blanks may stand there."""
        between = self._source[self._at : node.start_byte]
        if between.strip(b" \n"):
            raise NotUnderstoodError("is not understood")
        return b"\n" in between

    def _simple(self, node: tree_sitter.Node) -> Simple:
        words: list[Word] = []
        end = node.start_byte
        for child in node.children:
            between = self._source[end : child.start_byte]
            if between.strip(b" ") or (words and not between):
                raise NotUnderstoodError("is not understood")
            inner = child.children[0] if child.type == "command_name" and len(child.children) == 1 else child
            if inner.type not in _ARGUMENTS:
                raise NotUnderstoodError(_WORDS.get(inner.type, "is not understood"))
            self._check_parts(inner)
            words.append(unquote(self._text(inner)))
            end = child.end_byte
        return Simple(self._text(node), tuple(words))

    def _check_parts(self, node: tree_sitter.Node) -> None:
        """All of a word is of the closed list, and leaves no gap."""
        for part in node.children:
            if part.type not in _PARTS:
                raise NotUnderstoodError(_WORDS.get(part.type, "is not understood"))
            if part.type in ("string", "raw_string"):
                self._check_parts(part)
        if node.type == "concatenation":
            ends = [node.start_byte, *(part.end_byte for part in node.children)]
            if any(part.start_byte != end for part, end in zip(node.children, ends, strict=False)):
                raise NotUnderstoodError("is not understood")

    def _redirect(self, node: tree_sitter.Node) -> Redirect:
        match [self._text(child) for child in node.children]:
            case [">", "/dev/null"] | ["1", ">", "/dev/null"]:
                return "out to nothing"
            case ["2", ">", "/dev/null"]:
                return "errors to nothing"
            case ["2", ">&", "1"]:
                return "errors to out"
            case ["1", ">&", "2"] | [">&", "2"]:
                return "out to errors"
            case _:
                raise NotUnderstoodError("redirects into or from a file")

    def _text(self, node: tree_sitter.Node) -> str:
        return self._source[node.start_byte : node.end_byte].decode()


def _items(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """The commands, operators and redirections below a node, in order; without recursion, as chains are deep."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type in _CONTAINERS:
            waiting += reversed(node.children)
        elif node.type in ("command", "file_redirect") or node.type in _OPERATORS:
            yield node
        else:
            raise NotUnderstoodError(_WORDS.get(node.type, f"has a part ({node.type}) that is not judged"))
