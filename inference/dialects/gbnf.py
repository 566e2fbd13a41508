"""Building blocks for GBNF, the grammar notation of llama.cpp; knows no tools and no JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable


class Grammar:
    """Rules under construction. The same body asked for twice is one rule, so shared parts cost nothing."""

    def __init__(self) -> None:
        self._bodies: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def rule(self, hint: str, body: str) -> str:
        """The name of a rule with this body; `hint` becomes part of the name, in the letters GBNF allows."""
        if body in self._names:
            return self._names[body]
        name = self.reserve(hint)
        self.define(name, body)
        return name

    def reserve(self, hint: str) -> str:
        """A fresh name for a rule that is defined later: what recursion needs."""
        base = re.sub(r"[^a-z0-9]+", "-", hint.lower()).strip("-") or "rule"
        base = "root-rule" if base == "root" else base
        name, count = base, 1
        while name in self._bodies:
            count += 1
            name = f"{base}-{count}"
        self._bodies[name] = ""
        return name

    def define(self, name: str, body: str) -> None:
        """Give a reserved name its body."""
        self._bodies[name] = body
        self._names.setdefault(body, name)

    def text(self, root: str) -> str:
        """The whole grammar, with `root` for the body of its root rule."""
        lines = [f"root ::= {root}", *(f"{name} ::= {body}" for name, body in self._bodies.items())]
        return "\n".join(lines) + "\n"


def literal(text: str) -> str:
    """A quoted GBNF terminal that matches exactly this text; empty text matches nothing at all being there."""
    return '"' + "".join(_escape(char, '"') for char in text) + '"'


def none_of(chars: Iterable[str], *, line: bool = False) -> str:
    """A GBNF class of every character but these; with `line` the newline is left out too."""
    left_out = "".join(_escape(char, "]-^[") for char in sorted(set(chars) | ({"\n"} if line else set())))
    return f"[^{left_out}]"


def _escape(char: str, special: str) -> str:
    code = ord(char)
    if char == "\n":
        return "\\n"
    if code < 0x20 or char in special + "\\" or code == 0x7F:
        return f"\\x{code:02X}"
    return char


def until(grammar: Grammar, end: str) -> str:
    """A rule for any text up to and including the first `end`.

    The states of the Knuth-Morris-Pratt automaton of `end` are its rules, so that no text can hold `end` and go on.
    """
    names = [grammar.reserve("until") for _ in end]
    alphabet = sorted(set(end))
    for state, name in enumerate(names):
        options: list[str] = []
        for char in alphabet:
            target = _step(end, state, char)
            options.append(literal(char) + ("" if target == len(end) else f" {names[target]}"))
        options.append(f"{none_of(alphabet)} {names[0]}")
        grammar.define(name, " | ".join(options))
    return names[0]


def _step(word: str, state: int, char: str) -> int:
    seen = word[:state] + char
    return next(size for size in range(len(seen), -1, -1) if size <= len(word) and seen.endswith(word[:size]))


def line_avoiding(grammar: Grammar, whole: Iterable[str], starts: Iterable[str]) -> str:
    """A rule for one line with its newline that is none of `whole` and begins with none of `starts`."""
    banned_whole, banned_starts = frozenset(whole), frozenset(starts)
    rest = grammar.rule("rest", '[^\\n]* "\\n"')

    def node(prefix: str) -> str:
        following = sorted(
            {w[len(prefix)] for w in banned_whole | banned_starts if w != prefix and w.startswith(prefix)}
        )
        options = [] if prefix in banned_whole else ['"\\n"']
        options.append(f"{none_of(following, line=True)} {rest}")
        options += [
            f"{literal(char)} {node(prefix + char)}" for char in following if prefix + char not in banned_starts
        ]
        return grammar.rule("line", " | ".join(options))

    return node("")
