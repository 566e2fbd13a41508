"""Headings of texts without a grammar."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot
from symbol_table import definitions

from codeagent.tools.symbols.extract import symbols_of

RST = """\
=======
Project
=======

Words before.

Install
=======

Text that is underlined
in the middle of a paragraph
============================

From source
-----------

=====  =====
a      b
=====  =====

Use
===
End.
"""


def test_underlined_titles_make_an_outline() -> None:
    found = symbols_of("README.rst", RST.encode())
    assert found.language is None
    assert found.partial == ""
    assert definitions(found) == snapshot(
        [
            "2-23 heading Project | Project",
            "  7-19 heading Project.Install | Install",
            "    14-19 heading Project.Install.From source | From source",
            "  21-23 heading Project.Use | Use",
        ]
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("guide.adoc", "= Guide\n\nWords.\n\n== Start\n\n=== Deep\n\n== End\n"),
        ("notes.org", "* Guide\n\nWords.\n\n** Start\n\n*** Deep\n\n** End\n"),
        ("README", "Guide\n=====\nWords.\n\nStart\n-----\n\nDeep\n~~~~\n\nEnd\n---\n"),
    ],
)
def test_leading_marks_and_plain_text_make_the_same_outline(name: str, text: str) -> None:
    found = symbols_of(name, text.encode())
    assert [symbol.qualified for symbol in found.definitions] == snapshot(
        ["Guide", "Guide.Start", "Guide.Start.Deep", "Guide.End"]
    )


def test_spans_are_those_of_the_text() -> None:
    data = "Größe\n=====\n\nText.\n\nEnde\n====\n".encode()
    first, last = symbols_of("a.txt", data).definitions
    assert data[first.start_byte : first.end_byte].decode() == "Größe\n=====\n\nText."
    assert data[last.start_byte : last.end_byte].decode() == "Ende\n===="


@pytest.mark.parametrize("name", ["Makefile", "photo.png", "a.unknown", "data.bin"])
def test_other_files_have_none_and_nothing_is_missing(name: str) -> None:
    for data in (b"Title\n=====\n", b"\0\1\2", b"", b"x" * 3_000_000):
        found = symbols_of(name, data)
        assert (found.language, found.definitions, found.partial) == (None, (), "")


def test_hostile_texts_end_and_give_text_that_can_be_written() -> None:
    for text in (
        b"=" * 1_000_000,
        b"a\n=\n" * 200_000,
        b"\xff\n===\n" * 10,
        b"= \xff" + b" " * 900_000,
        b"\n" * 900_000,
    ):
        for name in ("a.rst", "a.adoc", "README"):
            found = symbols_of(name, text)
            assert len(found.definitions) <= 1000
            assert all(symbol.name.encode() for symbol in found.definitions)
