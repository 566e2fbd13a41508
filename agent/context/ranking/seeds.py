"""What a ranking starts from: names and paths that a request, a traceback or the session itself point at; knows no
graph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 200_000
"""Characters of a request or a traceback that are looked at: the first half and the last."""
MOST = 100
"""Names, paths or places taken from one text."""

# What a path may begin after. Without it each letter of a long word would be tried as a beginning.
_FRESH = r"(?<![\w.@~+:/\\-])"
_PLACE = r"""(?<![^\s()"'<>,=])(?P<path>(?:[A-Za-z]:|file://)?[^\s()"'<>:,=]{1,300}?\.\w{1,6})"""
_CODE = re.compile(r"`{1,3}([^`\n]+)`{1,3}")
_WORD = re.compile(r"[^\W\d]\w*(?:(?:\.|::|#|->)[^\W\d]\w*)*(?:\(\))?")
_PATH = re.compile(
    _FRESH + r"(?:[A-Za-z]:)?[/\\]?(?:(?:[\w.@~+-]+[/\\])+[\w.@+-]+|[\w@+-][\w.@+-]*\.[A-Za-z][A-Za-z0-9]{0,5}\b)"
)
_CODELIKE = re.compile(r"[a-z0-9][A-Z]|[A-Za-z0-9]_+[A-Za-z0-9]|^_|_$|\(\)$|\.|::|#|->|^[A-Z]{2,}[a-z]")
_JOINTS = re.compile(r"::|#|->")
# In the order of how sure they are: Python, PHP and C# with the word "line", TypeScript's (12,5), all others' name:12.
_PLACES = (
    re.compile(r'File "(?P<path>[^"\n]+)", line (?P<line>\d+)'),
    re.compile(_PLACE + r"(?::line| on line|, line) (?P<line>\d+)"),
    re.compile(_PLACE + r"\((?P<line>\d+)(?:,\d+)?\)"),
    re.compile(_PLACE + r":(?P<line>\d+)"),
)
_JAVA = re.compile(
    r"at (?:[\w.@-]*/)*(?P<name>[\w.$]+)\.[\w$<>]+\((?P<file>[\w$-]+\.(?:java|kt|scala|groovy)):(?P<line>\d+)\)"
)


@dataclass(frozen=True)
class Place:
    """A line of a file as a traceback or a compiler names it. `path` may be absolute, or the end of a path."""

    path: str
    line: int


@dataclass(frozen=True)
class Seeds:
    """What is known to matter before anything is ranked. Paths are relative to the workspace with "/", the last ones of
    `touched` and the first ones of `recent` count most; what is not in the index is passed over.
    """

    names: tuple[str, ...] = ()
    """Symbols that are certainly meant: plain or qualified names."""
    paths: tuple[str, ...] = ()
    """Files or folders that are certainly meant; the end of a path is enough."""
    places: tuple[Place, ...] = ()
    """Where tests fail."""
    touched: tuple[str, ...] = ()
    """Files edited or read in this session, in that order."""
    recent: tuple[str, ...] = ()
    """Files of the latest commits, the latest first."""


@dataclass(frozen=True)
class Named:
    """What a text names: `code` are names written as code, `words` plain words that might be names, both in the order
    in which they stand."""

    code: tuple[str, ...]
    words: tuple[str, ...]
    paths: tuple[str, ...]


def named_in(text: str) -> Named:
    """The names and paths in a request. A name counts as written as code in backticks, with an underscore, a dot,
    a hump or a call's parentheses; joints of other languages become dots."""
    text = _bounded(text)
    code: dict[str, None] = {}
    words: dict[str, None] = {}
    quoted = {match[0]: None for span in _CODE.findall(text) for match in _WORD.finditer(span)}
    for match in _WORD.finditer(text):
        name = _JOINTS.sub(".", match[0]).removesuffix("()")
        if match[0] in quoted or _CODELIKE.search(match[0]):
            code.setdefault(name)
        else:
            words.setdefault(name)
    paths = dict.fromkeys(match[0].replace("\\", "/").rstrip(".") for match in _PATH.finditer(text))
    return Named(tuple(code)[:MOST], tuple(words)[:MOST], tuple(paths)[:MOST])


def places_in(text: str) -> tuple[Place, ...]:
    """The places that a traceback, a panic or a compiler's message names, in the order in which they stand: those of
    Python, Node, Rust, Go, Java, C, C#, Ruby, PHP and Elixir."""
    text = _bounded(text)
    found: dict[tuple[int, int], Place] = {}
    for match in _JAVA.finditer(text):
        folder = match["name"].rpartition(".")[0].replace(".", "/")
        found[match.span("line")] = Place(f"{folder}/{match['file']}" if folder else match["file"], int(match["line"]))
    for pattern in _PLACES:
        for match in pattern.finditer(text):
            path = match["path"].removeprefix("file://").replace("\\", "/")
            found.setdefault(match.span("line"), Place(path, int(match["line"][:9])))
    return tuple(dict.fromkeys(found[at] for at in sorted(found)))[:MOST]


def _bounded(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST // 2] + "\n" + text[-LONGEST // 2 :]
