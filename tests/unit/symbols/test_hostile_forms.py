"""Texts that are made to be slow or deep: each costs seconds at worst and no more than its own symbols."""

from __future__ import annotations

import time

import pytest
from inline_snapshot import snapshot
from symbol_table import FILES

from codeagent.tools.symbols.extract import symbols_of

ENDINGS = ("kt", "swift", "scala", "lua", "ex", "hs", "sql", "html", "css", "json", "yaml", "toml", "md", "zig")
FORMS = {
    "opened and never closed": "([{" * 5_000,
    "opened and closed": "[" * 10_000 + "]" * 10_000,
    "a string without an end": '"' + "x\n" * 8_000,
    "a comment without an end": "/* {- <!-- --[[ " + "x\n" * 8_000,
    "one long name": "a" * 500_000,
    "a huge array": "[" + "1, " * 8_000 + "1]",
    "a chain of operators": "a+" * 5_000 + "a",
    "many attributes": "<a " + "id=b " * 3_000 + ">",
    "tags in tags": "<div>" * 5_000,
    "mappings in mappings": '{"a":' * 5_000,
    "markers": "- " * 10_000,
    "marks": "#" * 20_000,
    "tables": "|a" * 5_000 + "\n" + "|-" * 5_000,
    "links": "[a](" * 5_000,
    "queries in queries": "SELECT (" * 2_000,
    "blocks in blocks": "def a do " * 2_000,
    "strings in strings": '"${' * 5_000,
    "types in types": "A<" * 10_000,
    "indentation": "".join(f"{' ' * level}a:\n" for level in range(500)),
    "control characters": "".join(map(chr, range(1, 256))) * 100,
    "one kind opened": "(" * 200_000,
    "a chain of words": "a " * 20_000,
    "a chain of lines": "# a\n" * 10_000,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_text_takes_longer_than_seconds_or_ends_the_process(ending: str) -> None:
    seconds: dict[str, float] = {}
    for form, text in FORMS.items():
        start = time.process_time()
        found = symbols_of(f"file.{ending}", text.encode())
        seconds[form] = time.process_time() - start
        assert found.language is not None
        assert len(found.definitions) <= 20_000
        assert len(found.references) <= 100_000
    assert max(seconds.values()) < 12, seconds


def test_a_tree_deeper_than_tree_sitter_counts_is_searched_from_the_top() -> None:
    start = time.process_time()
    found = symbols_of("file.css", b"# a\n" * 100_000)
    assert time.process_time() - start < 12
    assert 0 < len(found.references) < 100_000


def test_a_row_of_marks_that_the_grammar_cannot_read_is_not_searched() -> None:
    found = symbols_of("file.json", b"," * 100_000)
    assert found.partial == snapshot("It can hardly be read as JSON, so that searching it would take too long.")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_text_cut_off_anywhere_gives_what_there_is(ending: str) -> None:
    data = (FILES / f"sample.{ending}").read_bytes()
    for end in range(0, len(data), 97):
        found = symbols_of(f"file.{ending}", data[:end])
        for symbol in found.definitions:
            assert 0 <= symbol.start_byte < symbol.end_byte <= end
            assert 1 <= symbol.start <= symbol.end
            assert symbol.parent is None or found.definitions[symbol.parent].end_byte >= symbol.end_byte
