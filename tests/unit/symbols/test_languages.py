"""Which language a file is in, and that each has a query that fits its grammar."""

from __future__ import annotations

from typing import get_args

import pytest

from codeagent.tools.symbols.api import Kind
from codeagent.tools.symbols.languages import LANGUAGES, Language, language_of
from codeagent.tools.symbols.parse import query

# What a capture in queries/*.scm may be called beside `definition.<kind>`, `level.<n>` and `_word`.
CAPTURES = {"name", "name.path", "qualifier", "span", "body", "head", "doc", "scope", "comment", "attribute", "clause"}
CAPTURES |= {"reference", "reference.path", "import", "text"}


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("a.py", "Python"),
        ("src/deep/a.PY", "Python"),
        ("a.d.ts", "TypeScript"),
        ("a.tsx", "TSX"),
        ("a.h", "C++"),
        ("Gemfile", "Ruby"),
        ("home/.bashrc", "Bash"),
        (".zshrc", "Shell"),
        ("Cargo.lock", "TOML"),
        ("README.md", "Markdown"),
        ("gemfile", None),
        ("Makefile", None),
        ("README", None),
        ("a.unknown", None),
        ("py", None),
        (".py", None),
        ("", None),
        ("..", None),
    ],
)
def test_the_name_tells_the_language(name: str, language: str | None) -> None:
    found = language_of(name)
    assert (found.name if found else None) == language


@pytest.mark.parametrize(
    ("first_line", "language"),
    [
        (b"#!/bin/sh\n", "Bash"),
        (b"#!/usr/bin/env python3.12\n", "Python"),
        (b"#! /usr/bin/env -S A=1 node --harmony\nx", "JavaScript"),
        (b"#!/usr/local/bin/ruby2.7 -w\r\n", "Ruby"),
        (b"#!/bin/zsh", "Shell"),
        (b"#!/usr/bin/env\n", None),
        (b"#!\n", None),
        (b"#! \xff\xfe\n", None),
        (b" #!/bin/sh\n", None),
        (b"", None),
    ],
)
def test_the_first_line_tells_the_language_of_files_whose_name_does_not(
    first_line: bytes, language: str | None
) -> None:
    found = language_of("run", first_line)
    assert (found.name if found else None) == language


def test_the_name_weighs_more_than_the_first_line() -> None:
    found = language_of("a.rb", b"#!/bin/sh\n")
    assert found is not None
    assert found.name == "Ruby"


def test_all_languages_of_the_design_are_known() -> None:
    names = {language.name for language in LANGUAGES}
    assert names >= {"Python", "JavaScript", "TypeScript", "TSX", "Go", "Rust", "Java", "C", "C++", "C#", "Ruby", "PHP"}
    assert names >= {"Bash", "Kotlin", "Swift", "Scala", "Lua", "Elixir", "Haskell", "SQL", "HTML", "CSS", "JSON"}
    assert names >= {"YAML", "TOML", "Markdown", "Zig"}


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_queries_fit_the_grammar_and_use_known_captures(language: Language) -> None:
    compiled = query(language)
    patterns = compiled.patterns
    captures = {patterns.capture_name(index) for index in range(patterns.capture_count)}
    kinds = {capture.removeprefix("definition.") for capture in captures if capture.startswith("definition.")}
    others = {c for c in captures if not c.startswith(("definition.", "level.", "_"))}
    assert kinds
    assert kinds <= set(get_args(Kind))
    assert others <= CAPTURES
    # Tree-sitter's own predicates need the text of nodes, which trees that were parsed with a time limit lack.
    assert not any(patterns.pattern_assertions(number) for number in range(patterns.pattern_count))


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_conditions_name_captures_that_a_match_always_has(language: Language) -> None:
    compiled = query(language)
    captures = {compiled.patterns.capture_name(index): index for index in range(compiled.patterns.capture_count)}
    for pattern, conditions in compiled.conditions.items():
        for name, _ in conditions:
            assert compiled.patterns.capture_quantifier(pattern, captures[name]) in ("", "+")
