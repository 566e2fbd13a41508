"""Sorts what a query found in a tree into drafts of definitions and places of references; knows no language.

The captures of `queries/*.scm`, the same for all languages:

- `@definition.<kind>`: the span of a definition; `<kind>` is one of `Kind`. Needs a `@name` in the same match.
- `@name`: its name. Matches with the same name node are one definition: the kind is that of the pattern that stands
  first in the file, the span the widest, `@body`, `@doc` and `@qualifier` may come from any of them.
- `@name.path`: the same for a name that brings its scopes along, as in `Server::run`, `M.run` and `App\\Http`.
- `@qualifier`: the name of what the definition belongs to, where that does not enclose it, as Go's receiver.
- `@span`: what only widens the span of the definition of its `@name`, such as `export`.
- `@body`: what the signature leaves out; it ends where the body begins.
- `@head`: all that the signature shows, where no node says where the body begins.
- `@doc`: the docstring. Needs a `@name`.
- `@scope`: what encloses definitions and is none itself but gives its `@name` to their qualified names, as Rust's
  `impl`; the functions in it are methods.
- `@comment`: a comment; the one right above a definition without `@doc` is its documentation.
- `@attribute`: a decorator, annotation or attribute. It belongs to the span of the definition right below it and is
  left out of signatures.
- `@clause`, with a definition: the next one with the same name and kind is a further clause of it, as Haskell's
  equations; the signature is that of the first.
- `@level.<number>`, with a heading: it reaches to the next one of this level or a lower number.
- `@reference`: the name that is used. One that is the `@name` of a definition as well is none.
- `@reference.path`: the same for a name that brings its scopes along; only its last part is kept.
- `@import`: a name that an import binds: a reference, and no definition whatever other patterns say.
- `@text`: the text of strings, in which languages with `capitals` have no references.
- Others, such as `@_word`, serve conditions only.

A pattern with `(#set! <capture> "<expression>")` matches only where the regular expression fits the whole text of that
capture. Tree-sitter's own predicates (`#match?`, `#eq?`) do not work here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codeagent.tools.symbols.parse import Condition, Match, Query

if TYPE_CHECKING:
    from tree_sitter import Node

SCOPE = "scope"
_DEFINITION = "definition."
_LEVEL = "level."
_MARKS = (b":", b".", b"\\")
# Begins with a plain set of letters, which `re` looks for fast; what stands before is looked at afterwards.
_CAPITALIZED = re.compile(
    rb"[A-Z_](?<![\w\x80-\xff].)(?:(?<=[A-Z])|_*[A-Z])(?!(?<=T)rue\b|(?<=F)alse\b|(?<=N)one\b)[\w\x80-\xff]*"
)


@dataclass(slots=True)
class Draft:
    """A definition as the query found it, in offsets of the source; `kind` is "" until a pattern has told it."""

    name_start: int
    name_end: int
    kind: str = ""
    pattern: int = 1 << 30
    start: int = -1
    end: int = -1
    body: int | None = None
    doc: tuple[int, int] | None = None
    qualifier: tuple[int, int] | None = None
    path: bool = False
    clause: bool = False
    level: int = 0

    def add(self, pattern: int, captures: dict[str, list[Node]]) -> None:
        """Joins what another match says of the same name."""
        for capture, nodes in captures.items():
            start, end = nodes[0].byte_range
            if capture in (SCOPE, "span") or capture.startswith(_DEFINITION):
                self.start, self.end = start if self.start < 0 else min(self.start, start), max(self.end, end)
                if pattern < self.pattern and capture != "span":
                    self.pattern, self.kind = pattern, capture.removeprefix(_DEFINITION)
            elif capture == "body":
                self.body = start if self.body is None else min(self.body, start)
            elif capture == "head":
                self.body = nodes[0].end_byte
            elif capture == "doc":
                self.doc = start, nodes[-1].end_byte
            elif capture == "qualifier":
                self.qualifier = start, end
            elif capture == "name.path":
                self.path = True
            elif capture == "clause":
                self.clause = True
            elif capture.startswith(_LEVEL):
                self.level = int(capture.removeprefix(_LEVEL))

    def last_step(self, source: bytes) -> int:
        """Where the name without its scopes begins."""
        if not self.path:
            return self.name_start
        return max(self.name_start, *(source.rfind(mark, self.name_start, self.name_end) + 1 for mark in _MARKS))


@dataclass(slots=True)
class Found:
    """All that the query found. Comments and attributes are spans by their end, without white space there."""

    drafts: dict[int, Draft] = field(default_factory=dict[int, Draft])
    references: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    comments: dict[int, int] = field(default_factory=dict[int, int])
    attributes: dict[int, int] = field(default_factory=dict[int, int])


def collect(matches: Iterable[Match], query: Query, source: bytes) -> Found:
    """What the matches of the query say: drafts by where their names begin, the rest in the order of the matches."""
    found, conditions = Found(), query.conditions
    references, drafts = found.references, found.drafts
    paths: list[tuple[int, int]] = []
    texts: list[tuple[int, int]] = []
    imports: list[tuple[int, int]] = []
    for pattern, captures in matches:
        if pattern in conditions and not _fits(conditions[pattern], captures, source):
            continue
        if nodes := captures.get("reference"):
            references.append(nodes[0].byte_range)
        elif nodes := captures.get("text"):
            texts.append(nodes[0].byte_range)
        elif nodes := captures.get("name") or captures.get("name.path"):
            start, end = nodes[0].byte_range
            draft = drafts.get(start)
            if draft is None:
                draft = drafts[start] = Draft(start, end)
            draft.add(pattern, captures)
        elif nodes := captures.get("reference.path"):
            paths.append(nodes[0].byte_range)
        elif nodes := captures.get("import"):
            imports.append(nodes[0].byte_range)
        elif nodes := captures.get("comment"):
            _put(found.comments, nodes[0], source)
        elif nodes := captures.get("attribute"):
            _put(found.attributes, nodes[0], source)
    for start, end in imports:
        drafts.pop(start, None)
        references.append((start, end))
    references += [(max(a, source.rfind(b".", a, b) + 1), b) for a, b in paths if a not in drafts]
    if query.capitals:
        texts += [(start, end) for end, start in found.comments.items()]
        texts += [(draft.last_step(source), draft.name_end) for draft in drafts.values() if draft.kind != SCOPE]
        references += _capitals(texts, source)
    return found


def _fits(conditions: Iterable[Condition], captures: dict[str, list[Node]], source: bytes) -> bool:
    return all(expression.fullmatch(source, *captures[name][0].byte_range) for name, expression in conditions)


def _capitals(texts: Iterable[tuple[int, int]], source: bytes) -> list[tuple[int, int]]:
    """The words of the code, not of its texts, that begin with a capital letter."""
    code = bytearray(source)
    for start, end in texts:
        code[start:end] = b" " * (end - start)
    return [match.span() for match in _CAPITALIZED.finditer(code)]


def _put(spans: dict[int, int], node: Node, source: bytes) -> None:
    start, end = node.byte_range
    if source[end - 1 : end].isspace():
        end = start + len(source[start:end].rstrip())
    spans[end] = start
