"""Turns drafts of definitions into symbols: what stands in what, qualified names, spans and documentation."""

from __future__ import annotations

import bisect
import re
from collections import Counter
from typing import cast

from codeagent.tools.symbols.api import Kind, Symbol
from codeagent.tools.symbols.captures import SCOPE, Draft, Found
from codeagent.tools.symbols.spans import end_sections, joined, trim
from codeagent.tools.symbols.wording import CUT, first_line, signature, title, unquoted

MAX_DEFINITIONS = 20_000
MAX_NAME = 256
MAX_DEPTH = 40
MAX_KEYS = 1000
MAX_SIBLINGS = 100
# Of a signature or documentation this many bytes are looked at.
_LOOK = 2000
# So many comments and attributes above a definition, and bytes of white space between them, are looked at.
_MAX_ABOVE = 200
_MAX_GAP = 200

_LEFT_OUT = "left out"
_TYPES = frozenset({"class", "interface", "struct", "enum", "trait", SCOPE})
_FUNCTIONS = frozenset({"function", "method", "macro"})
_VALUES = frozenset({"variable", "constant", "field"})
_ANGLES = re.compile(r"<[^<>]*>")
_CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]*")
_STEPS = re.compile(r"::|[.:\\]")


def nested(found: Found, source: bytes) -> tuple[tuple[Symbol, ...], list[str]]:
    """The symbols in the order in which they begin, and sentences on what is left out."""
    builder = _Builder(found, source)
    drafts = [draft for draft in found.drafts.values() if draft.kind]
    end_sections(drafts, source)
    trim(drafts, found, source)
    above = {draft.name_start: _above(draft.start, found, source) for draft in drafts}
    drafts.sort(key=lambda draft: (above[draft.name_start][0], -draft.end, draft.name_start))
    for draft in joined(drafts, source):
        start, doc = above[draft.name_start]
        builder.add(draft, start, doc)
    return tuple(builder.symbols), builder.missing()


class _Open:
    """A definition or scope that the next one may stand in."""

    __slots__ = ("end", "index", "kind", "qualified", "start")

    def __init__(self, start: int, end: int, kind: str, qualified: str, index: int | None) -> None:
        self.start, self.end, self.kind, self.qualified, self.index = start, end, kind, qualified, index


class _Builder:
    """Takes drafts in the order in which they begin, outer before inner ones."""

    def __init__(self, found: Found, source: bytes) -> None:
        self.symbols: list[Symbol] = []
        self._source = source
        self._comments = sorted(found.comments.values())
        self._skipped = {start: end for end, start in (found.attributes | found.comments).items()}
        self._open: list[_Open] = []
        self._values: set[str] = set()
        self._siblings: Counter[int | None] = Counter()
        self._many_keys = False
        self._keys = self._long = self._deep = self._many = 0
        self._line, self._counted = 1, 0

    def missing(self) -> list[str]:
        result: list[str] = []
        if self._long:
            result.append(f"Names of more than {MAX_NAME} bytes are left out.")
        if self._deep:
            result.append(f"Definitions in more than {MAX_DEPTH} others are left out.")
        if self._many:
            result.append(f"Definitions after the first {MAX_DEFINITIONS:,} are left out.")
        if self._many_keys:
            result.append(f"Keys after the first {MAX_SIBLINGS} of a mapping or {MAX_KEYS:,} of the file are left out.")
        return result

    def add(self, draft: Draft, start: int, doc: tuple[int, int] | None) -> None:
        opened = self._open
        # Of two with the same span, such as `var a, b int`, none stands in the other.
        while opened and (opened[-1].end < draft.end or (opened[-1].start, opened[-1].end) == (start, draft.end)):
            opened.pop()
        around = opened[-1] if opened else None
        if draft.kind in _VALUES and around and around.kind in _FUNCTIONS:
            return
        if around and around.kind == _LEFT_OUT:
            return
        name, scopes = self._name(draft)
        if not name:
            return
        kind = _kind(draft.kind, name, around)
        qualified = ".".join(filter(None, (around.qualified if around else "", *scopes, name)))
        if kind in _VALUES:
            if qualified in self._values:
                return
            self._values.add(qualified)
        if kind == "key":
            kind = self._key(qualified, around)
        if len(opened) >= MAX_DEPTH:
            self._deep += 1
            return
        if kind in (SCOPE, _LEFT_OUT):
            opened.append(_Open(start, draft.end, kind, qualified, around.index if around else None))
            return
        last = self.symbols[-1] if self.symbols else None
        if last and (last.start_byte, last.end_byte, last.qualified) == (start, draft.end, qualified):
            opened.append(_Open(start, draft.end, kind, qualified, len(self.symbols) - 1))
            return  # `typedef struct name {…} name`
        if len(self.symbols) == MAX_DEFINITIONS:
            self._many += 1
            return
        opened.append(_Open(start, draft.end, kind, qualified, len(self.symbols)))
        source = self._source
        self._line += source.count(b"\n", self._counted, start)
        self._counted = start
        end = self._line + source.count(b"\n", start, draft.end)
        if end > self._line and source[draft.end - 1 : draft.end] == b"\n":
            end -= 1  # a span that takes its line end with it does not reach the next line
        span = draft.doc or doc
        self.symbols.append(
            Symbol(
                name,
                qualified,
                cast(Kind, kind),
                name if draft.level else self._signature(draft, start),
                first_line(_text(source[span[0] : min(span[1], span[0] + _LOOK)])) if span else "",
                self._line,
                end,
                start,
                draft.end,
                around.index if around else None,
            )
        )

    def _key(self, qualified: str, around: _Open | None) -> str:
        """The kind of a key: one that was there before, as in an array of tables, is but a scope for what it holds."""
        if qualified in self._values:
            return SCOPE
        self._values.add(qualified)
        mapping = around.index if around else None
        if self._siblings[mapping] == MAX_SIBLINGS or self._keys == MAX_KEYS:
            self._many_keys = True
            return _LEFT_OUT
        self._siblings[mapping] += 1
        self._keys += 1
        return "key"

    def _name(self, draft: Draft) -> tuple[str, list[str]]:
        """The plain name, "" where it cannot be kept, and the names of scopes that stand in front of it."""
        if draft.name_end - draft.name_start > MAX_NAME:
            self._long += 1
            return "", []
        name = unquoted(" ".join(_text(self._source[draft.name_start : draft.name_end]).split()))
        scopes = [unquoted(_text(self._source[slice(*draft.qualifier)][:MAX_NAME]))] if draft.qualifier else []
        if draft.path:
            head, operator, tail = name.partition("operator")
            tail = tail.partition("(")[0] if tail.startswith(" ") else tail  # `operator bool() const`
            *steps, last = _STEPS.split(_ANGLES.sub("", _ANGLES.sub("", head)))
            scopes += [step.strip() for step in steps]
            name = (last + operator + tail).strip()
        return title(name) if draft.level else name, scopes

    def _signature(self, draft: Draft, start: int) -> str:
        """The text from the end of the attributes to the body, without comments; of a value its first line only."""
        source = self._source
        while start < draft.end:
            if source[start : start + 1].isspace():
                start += 1
            elif start in self._skipped and self._skipped[start] < draft.end:
                start = self._skipped[start]
            else:
                break
        has_body = draft.body is not None and draft.body > start
        stop = min(draft.body if has_body and draft.body else draft.end, start + _LOOK)
        line_end = source.find(b"\n", start, stop)
        if line_end < 0:
            pieces = [_text(source[start:stop])]
        elif not has_body and draft.kind in _VALUES | {"key"}:
            return signature(self._without_comments(start, line_end), has_body) + CUT
        else:
            pieces = self._without_comments(start, stop)
        if has_body and stop < draft.name_start:  # `typedef struct {…} name`
            pieces += ["{" + CUT + "}", _text(source[draft.name_start : draft.name_end])]
        return signature(pieces, has_body)

    def _without_comments(self, start: int, stop: int) -> list[str]:
        pieces: list[str] = []
        for comment in self._comments[bisect.bisect_left(self._comments, start) :]:
            if comment >= stop:
                break
            pieces.append(_text(self._source[start:comment]))
            start = self._skipped[comment]
        return [*pieces, _text(self._source[start:stop])]


def _kind(kind: str, name: str, around: _Open | None) -> str:
    if kind == "variable" and _CONSTANT.fullmatch(name):
        return "constant"
    if around and around.kind in _TYPES:
        return {"function": "method", "variable": "field"}.get(kind, kind)
    return kind


def _above(start: int, found: Found, source: bytes) -> tuple[int, tuple[int, int] | None]:
    """Where a definition begins with the attributes above it, and the span of the comment above it."""
    at, doc_start, doc_end = start, -1, -1
    for _ in range(_MAX_ABOVE):
        gap = source[max(0, at - _MAX_GAP) : at]
        before = gap.rstrip()
        end = at - len(gap) + len(before)
        if gap.count(b"\n", len(before)) > 1:
            break
        if end in found.attributes:
            at = start = found.attributes[end]
        elif end in found.comments and _begins_line(found.comments[end], source):
            at = doc_start = found.comments[end]
            doc_end = max(doc_end, end)
        else:
            break
    return start, (doc_start, doc_end) if doc_end >= 0 else None


def _begins_line(start: int, source: bytes) -> bool:
    line = source.rfind(b"\n", 0, start) + 1
    return not source[line:start].strip()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
