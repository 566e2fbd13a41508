"""Parses source text with tree-sitter and runs a language's query over the tree; knows what the binding cannot do."""

from __future__ import annotations

import functools
import importlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from codeagent.tools.symbols.depth import (
    MAX_BRACKETS,
    MAX_ILLEGIBLE,
    MAX_INDENTATION,
    brackets_too_deep,
    illegible,
    indentation_too_deep,
)
from codeagent.tools.symbols.languages import BASH, LUA, RUBY, SCALA, SHELL, SQL, SWIFT, YAML, Language, language_of
from codeagent.tools.symbols.searchable import is_searchable

if TYPE_CHECKING:
    import tree_sitter

MAX_BYTES = 1024 * 1024
SECONDS = 2.0
# Matches that a query may have begun at the same time. Source code needs less than a hundred; the time a search takes
# grows with the square.
MAX_STATES = 256
# Nodes that stand in more than so many others are not searched; tree-sitter counts no further than 65,535.
MAX_DEPTH = 10_000
# For these grammars each character that begins no word at all costs as much as there are such around it.
_SLOW_TO_SKIP = frozenset({BASH, LUA, RUBY, SCALA, SHELL, SQL, SWIFT})

Match = tuple[int, dict[str, "list[tree_sitter.Node]"]]
"""The number of a pattern, and the nodes it captured by the names of the captures."""

Condition = tuple[str, re.Pattern[bytes]]
"""The name of a capture, and the expression that must fit its whole text."""


class NotParsedError(Exception):
    """The text was not parsed; says in a sentence why."""


@dataclass(frozen=True)
class Query:
    """A language's query. `conditions` has what else must hold for a pattern to match, by the pattern's number;
    `capitals` is that of the language."""

    patterns: tree_sitter.Query
    conditions: dict[int, tuple[Condition, ...]]
    capitals: bool


@functools.cache
def grammar(language: Language) -> tree_sitter.Language:
    """The grammar, loaded once a process. Raises NotParsedError where it is not installed."""
    from tree_sitter import Language as Grammar  # native code, needed where a file is parsed only

    try:
        pointer: object = getattr(importlib.import_module(language.package), language.function)()
    except ImportError as e:
        raise NotParsedError(f"The grammar for {language.name} is not installed ({language.package}).") from e
    return Grammar(pointer)


@functools.cache
def query(language: Language) -> Query:
    """What finds the definitions and references in a tree of the language; compiled once a process.

    Conditions stand in the files as `(#set! <capture> "<expression>")`: the binding's own `#match?` needs the text of
    nodes, which it cannot read in trees that were parsed with a time limit.
    """
    from tree_sitter import Query as Patterns

    folder = resources.files("codeagent.tools.symbols") / "queries"
    patterns = Patterns(
        grammar(language), "\n".join((folder / f"{name}.scm").read_text("utf-8") for name in language.queries)
    )
    conditions = {
        number: tuple((capture, re.compile((text or "").encode())) for capture, text in settings.items())
        for number in range(patterns.pattern_count)
        if (settings := patterns.pattern_settings(number))
    }
    return Query(patterns, conditions, language.capitals)


def parse(language: Language, source: bytes, seconds: float = SECONDS) -> tree_sitter.Tree:
    """The tree of UTF-8 text, of any nesting and size; its nodes have no `text`.

    Raises NotParsedError: after `seconds`, where the grammar is not installed or cannot take such a text.
    """
    from tree_sitter import Parser

    if brackets_too_deep(source):
        raise NotParsedError(f"It has more than {MAX_BRACKETS:,} brackets open at once, which takes too long to parse.")
    if language is YAML and indentation_too_deep(source):
        raise NotParsedError(
            f"It may be indented in more than {MAX_INDENTATION} levels, which the grammar cannot take."
        )
    if language in _SLOW_TO_SKIP and illegible(source):
        raise NotParsedError(f"It has {MAX_ILLEGIBLE:,} bytes without a letter or digit, hardly {language.name}.")

    parser = Parser(grammar(language))
    whole, end, late = memoryview(source), time.monotonic() + seconds, False
    views = [whole]

    def read(offset: int, _: object) -> memoryview:
        views.append(whole[offset:])
        return views[-1]

    def stop(_offset: int, _has_error: bool) -> bool:
        nonlocal late
        late = late or time.monotonic() > end
        return late

    try:
        return parser.parse(read, progress_callback=stop)
    except ValueError as e:
        if not late:
            raise
        raise NotParsedError(f"Parsing it as {language.name} takes more than {seconds:g} s.") from e
    finally:
        for view in reversed(views):
            view.release()  # the binding never lets go of what it has read


def matches(language: Language, tree: tree_sitter.Tree) -> tuple[list[Match], bool]:
    """What the language's query finds in the tree, conditions aside, in the order of the text; and whether that is all.

    Raises NotParsedError for trees that it would search for minutes.
    """
    from tree_sitter import QueryCursor

    if not is_searchable(tree):
        raise NotParsedError(f"It can hardly be read as {language.name}, so that searching it would take too long.")
    # Not with the cursor's progress callback: it keeps a pointer to memory that is gone by then (0.26).
    cursor = QueryCursor(query(language).patterns, match_limit=MAX_STATES)
    cursor.set_max_start_depth(MAX_DEPTH)
    found = cursor.matches(tree.root_node)
    return found, not cursor.did_exceed_match_limit


def nodes(name: str, source: bytes, first: int, last: int) -> Iterator[tree_sitter.Node]:
    """The nodes of the text's tree that touch the lines `first` to `last`, counted from 0, outer ones first; none where
    there is no grammar or parsing takes too long."""
    language = language_of(name, source)
    if language is None:
        return
    try:
        pending = [parse(language, source).root_node]
    except NotParsedError:
        return
    while pending:
        node = pending.pop()
        yield node
        inside = [n for n in node.children if n.end_point.row >= first and n.start_point.row <= last]
        pending += reversed(inside)
