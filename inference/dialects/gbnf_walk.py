"""Walks through a GBNF grammar character by character and tells where it leaves no choice; knows no tokens.

llama.cpp answers whether one token may come next. What must come next it could only be asked 150,000 questions at a
time; the grammar's own text says it at once. The automaton is built as it is walked through: each state and each step
is worked out once, so that a character costs one look into a dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

MAX_WAYS = 4_000
MAX_STATES = 20_000
MAX_FORCED = 4_000

_TOKEN = re.compile(
    r'(?P<space>[ \t]+|\#[^\n]*)|(?P<newline>\r?\n)|(?P<name>[A-Za-z0-9_-]+)|(?P<is>::=)|(?P<text>"(?:\\.|[^"\\])*")'
    r"|(?P<chars>\[(?:\\.|[^\]\\])*\])|(?P<count>[*+?]|\{\s*\d+\s*(?:,\s*\d*\s*)?\})|(?P<sign>[()|.])",
    re.DOTALL,
)
_CHAR = re.compile(r"\\x([0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\([nrt\\\"\[\]])|([^\\])", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_COUNTS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class UnwalkableError(Exception):
    """The grammar uses what is not known here, or branches too much. Nothing follows from that but plain sampling."""


@dataclass(eq=False)
class _Node:
    """A part of a rule. Parts are the same only if they are the same object."""


@dataclass(eq=False)
class _Text(_Node):
    text: str


@dataclass(eq=False)
class _Chars(_Node):
    ranges: tuple[tuple[str, str], ...]
    negated: bool

    def __contains__(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) != self.negated


@dataclass(eq=False)
class _Sequence(_Node):
    parts: tuple[_Node, ...]


@dataclass(eq=False)
class _Options(_Node):
    options: tuple[_Node, ...]


@dataclass(eq=False)
class _Rule(_Node):
    name: str


@dataclass(eq=False)
class _Repeat(_Node):
    part: _Node
    fewest: int
    most: int | None


_Way = tuple[_Node, int, "_Way | None"]
"""What is still to come: a part, how much of it has been walked through, and what follows it."""


@dataclass(eq=False)
class _State:
    ways: frozenset[_Way | None]
    steps: dict[str, _State | None] = field(default_factory=dict[str, "_State | None"])
    forced: str | None = None


class Automaton:
    """A grammar to walk through. Raises UnwalkableError where that is beyond what is understood here."""

    def __init__(self, gbnf: str) -> None:
        self._rules = _Reader(gbnf).rules()
        self._fewer: dict[tuple[int, int, int | None], _Repeat] = {}
        self._states: dict[frozenset[_Way | None], _State] = {}
        self.start = self._state([(_Rule("root"), 0, None)])

    def step(self, state: _State, char: str) -> _State | None:
        """Where a character leads; None when it may not come."""
        if char not in state.steps:
            behind = [_behind(way) for way in state.ways if way is not None and _admits(way, char)]
            state.steps[char] = self._state(behind) if behind else None
        return state.steps[char]

    def forced(self, state: _State) -> str:
        """The longest text that every way on begins with; empty where there is a choice, or the end may be."""
        if state.forced is None:
            text = ""
            at: _State | None = state
            while at is not None and len(text) < MAX_FORCED and (char := _only_char(at)):
                text += char
                at = self.step(at, char)
            state.forced = text
        return state.forced

    def _state(self, ways: Iterable[_Way | None]) -> _State:
        found: set[_Way | None] = set()
        seen: set[_Way | None] = set()
        waiting = list(ways)
        while waiting:
            way = waiting.pop()
            if way in seen:
                continue
            seen.add(way)
            if len(seen) > MAX_WAYS:
                raise UnwalkableError("too many ways")
            if way is None or isinstance(way[0], _Text | _Chars):
                found.add(way)
            else:
                waiting += self._into(way)
        key = frozenset(found)
        if key not in self._states:
            if len(self._states) >= MAX_STATES:
                raise UnwalkableError("too many states")
            self._states[key] = _State(key)
        return self._states[key]

    def _into(self, way: _Way) -> list[_Way | None]:
        """The ways that begin with what a part is made of."""
        node, at, rest = way
        match node:
            case _Rule(name=name):
                return [(self._rules[name], 0, rest)]
            case _Options(options=options):
                return [(option, 0, rest) for option in options]
            case _Sequence(parts=parts) if at < len(parts):
                after = rest if at + 1 == len(parts) else (node, at + 1, rest)
                return [(parts[at], 0, after)]
            case _Repeat(part=part, fewest=fewest, most=most):
                if most == 0:
                    return [rest]
                once: _Way = (part, 0, (self._less(node), 0, rest))
                return [once] if fewest else [once, rest]
            case _:
                return [rest]

    def _less(self, node: _Repeat) -> _Repeat:
        """The same repetition with one time less to come."""
        if node.fewest == 0 and node.most is None:
            return node
        fewest, most = max(0, node.fewest - 1), None if node.most is None else node.most - 1
        key = (id(node.part), fewest, most)
        return self._fewer.setdefault(key, _Repeat(node.part, fewest, most))


class Walk:
    """One text that is being written under a grammar."""

    def __init__(self, automaton: Automaton) -> None:
        self._automaton = automaton
        self._state: _State | None = automaton.start

    def feed(self, text: str) -> None:
        """The text goes on so. After what the grammar does not admit nothing is known any more."""
        try:
            for char in text:
                if self._state is not None:
                    self._state = self._automaton.step(self._state, char)
        except UnwalkableError:
            self._state = None

    def forced(self) -> str:
        """The text that must come next; empty where there is a choice."""
        try:
            return self._automaton.forced(self._state) if self._state is not None else ""
        except UnwalkableError:
            return ""


def _admits(way: _Way, char: str) -> bool:
    node, at, _ = way
    return node.text[at] == char if isinstance(node, _Text) else isinstance(node, _Chars) and char in node


def _behind(way: _Way) -> _Way | None:
    node, at, rest = way
    return (node, at + 1, rest) if isinstance(node, _Text) and at + 1 < len(node.text) else rest


def _only_char(state: _State) -> str:
    """The one character that may come; empty if there are several, or the text may end here."""
    chars: set[str] = set()
    for way in state.ways:
        match way:
            case (_Text(text=text), at, _):
                chars.add(text[at])
            case (_Chars(ranges=((low, high),), negated=False), _, _) if low == high:
                chars.add(low)
            case _:
                return ""
    return chars.pop() if len(chars) == 1 else ""


class _Reader:
    """Reads GBNF as llama.cpp does."""

    def __init__(self, gbnf: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(gbnf):
            match = _TOKEN.match(gbnf, at)
            if match is None or match.lastgroup is None:
                raise UnwalkableError(f"what is {gbnf[at : at + 10]!r}?")
            if match.lastgroup != "space":
                self._tokens.append((match.lastgroup, match[0]))
            at = match.end()
        self._at = 0

    def rules(self) -> dict[str, _Node]:
        """The rules by name; every name that is used is there."""
        rules: dict[str, _Node] = {}
        used = {"root"}
        while self._skip_newlines():
            kind, name = self._next()
            if kind != "name" or self._next()[0] != "is":
                raise UnwalkableError("no rule begins here")
            rules[name] = self._options(0)
            if self._peek()[0] not in ("newline", ""):
                raise UnwalkableError("the rule does not end here")
        used |= {text for kind, text in self._tokens if kind == "name"}
        if used - rules.keys():
            raise UnwalkableError("a rule is missing")
        return rules

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _skip_newlines(self) -> bool:
        while self._peek()[0] == "newline":
            self._at += 1
        return self._at < len(self._tokens)

    def _options(self, depth: int) -> _Node:
        if depth > 200:
            raise UnwalkableError("too deep")
        self._skip_newlines()
        options = [self._sequence(depth)]
        while self._peek() == ("sign", "|"):
            self._at += 1
            self._skip_newlines()
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else _Options(tuple(options))

    def _sequence(self, depth: int) -> _Node:
        parts: list[_Node] = []
        while True:
            if depth:
                self._skip_newlines()
            kind, text = self._peek()
            match kind:
                case "text":
                    chars = "".join(char for char, _ in _chars(text[1:-1]))
                    parts.append(_Text(chars) if chars else _Sequence(()))
                case "chars":
                    parts.append(_char_class(text[1:-1]))
                case "name":
                    parts.append(_Rule(text))
                case "sign" if text == ".":
                    parts.append(_Chars((), negated=True))
                case "sign" if text == "(":
                    self._at += 1
                    parts.append(self._options(depth + 1))
                    if self._peek() != ("sign", ")"):
                        raise UnwalkableError("a bracket is not closed")
                case "count" if parts:
                    fewest, most = _count(text)
                    parts[-1] = _Repeat(parts[-1], fewest, most)
                case _:
                    return parts[0] if len(parts) == 1 else _Sequence(tuple(parts))
            self._at += 1


def _chars(text: str) -> list[tuple[str, bool]]:
    """The characters that a literal or a class spells, and whether each was written plainly."""
    found: list[tuple[str, bool]] = []
    at = 0
    while at < len(text):
        match = _CHAR.match(text, at)
        if match is None:
            raise UnwalkableError("an escape is unknown")
        code = match[1] or match[2] or match[3]
        if code and int(code, 16) > 0x10FFFF:
            raise UnwalkableError("there is no such character")
        found.append((chr(int(code, 16)) if code else _ESCAPED.get(match[4], match[4]) or match[5], bool(match[5])))
        at = match.end()
    return found


def _char_class(text: str) -> _Node:
    negated = text.startswith("^")
    chars = _chars(text[1:] if negated else text)
    ranges: list[tuple[str, str]] = []
    at = 0
    while at < len(chars):
        low = high = chars[at][0]
        if chars[at + 1 : at + 2] == [("-", True)] and at + 2 < len(chars):
            high = chars[at + 2][0]
            at += 2
        ranges.append((low, high))
        at += 1
    return _Chars(tuple(ranges), negated)


def _count(text: str) -> tuple[int, int | None]:
    if text in _COUNTS:
        return _COUNTS[text]
    fewest, comma, most = (part.strip() for part in text[1:-1].partition(","))
    return int(fewest), int(most) if most else None if comma else int(fewest)
