"""Symbols of files that were made to break things, or that are odd by accident: always an answer, and soon."""

from __future__ import annotations

import codecs
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeagent.tools.symbols.extract import MAX_NAME, MAX_REFERENCES, symbols_of
from codeagent.tools.symbols.nesting import MAX_DEPTH
from codeagent.tools.symbols.wording import MAX_DOC, MAX_SIGNATURE
from codeagent.tools.text import decode

NAMES = ["a.py", "a.js", "a.ts", "a.tsx", "a.go", "a.rs", "a.java", "a.c", "a.cpp", "a.cs", "a.rb", "a.php", "a.sh"]
DAMAGED = {
    "parentheses": b"(" * 200_000,
    "closed parentheses": b"(" * 200_000 + b")" * 200_000,
    "brackets": b"[" * 200_000,
    "braces": b"{" * 200_000,
    "braces and minus": b"{-" * 200_000,
    "calls": b"f(" * 100_000,
    "generics": b"A<" * 100_000,
    "minus": b"-" * 200_000 + b"1",
    "dots": b"a." * 20_000,
    "commas": b"a," * 20_000,
    "quotes": b'"' * 20_000,
    "backticks": b"`" * 10_000,
    "dollars": b"${" * 20_000,
    "comments": b"/*" * 50_000,
    "heredocs": b"<<A\n" * 3000,
    "functions": b"def f():\n" * 2000,
    "classes": b"class A {\n" * 2000,
    "one word": b"a" * 1_000_000,
    "lines": b"\n" * 1_000_000,
    "backslashes": b"\\" * 20_000,
    "nothing": b"",
    "a space": b" ",
}


@pytest.mark.parametrize("form", DAMAGED)
@pytest.mark.parametrize("name", NAMES)
def test_each_language_gives_an_answer_in_seconds(name: str, form: str) -> None:
    began = time.monotonic()
    found = symbols_of(name, DAMAGED[form])
    assert time.monotonic() - began < 20
    assert found.language is not None
    assert found.partial == "" or found.partial.endswith(".")


def test_nested_brackets_cost_the_symbols_of_the_file_and_say_so() -> None:
    found = symbols_of("a.py", b"def f(): pass\n" + b"(" * 200_000 + b")" * 200_000)
    assert found.definitions == ()
    assert found.partial == "It has more than 5,000 brackets open at once, which takes too long to parse."


def test_a_name_of_a_megabyte_is_left_out_and_nothing_else() -> None:
    name = b"a" * 500_000
    found = symbols_of("a.py", b"def " + name + b"(): pass\ndef f():\n    g()\n    " + name + b"()\n")
    assert [symbol.name for symbol in found.definitions] == ["f"]
    assert [reference.name for reference in found.references] == ["g"]
    assert found.partial == f"Names of more than {MAX_NAME} bytes are left out."


def test_long_signatures_and_documentation_are_cut() -> None:
    parameters = ", ".join(f"parameter{i}: int" for i in range(5000))
    found = symbols_of("a.py", f"def f({parameters}):\n    '''{'word ' * 5000}'''\n".encode())
    (symbol,) = found.definitions
    assert (len(symbol.signature), len(symbol.doc)) == (MAX_SIGNATURE, MAX_DOC)
    assert symbol.signature.startswith("def f(parameter0: int, parameter1: int")
    assert symbol.signature.endswith("…")


def test_definitions_nested_deeply_are_left_out_from_a_depth() -> None:
    text = "".join(f"{'  ' * depth}class A{depth}:\n" for depth in range(100)) + "  " * 100 + "pass\n"
    found = symbols_of("a.py", text.encode())
    assert len(found.definitions) == MAX_DEPTH
    assert found.partial == f"Definitions in more than {MAX_DEPTH} others are left out."


def test_endless_references_are_cut() -> None:
    found = symbols_of("a.py", b"f(x)\n" * 150_000)
    assert len(found.references) == MAX_REFERENCES
    assert found.partial == f"References after the first {MAX_REFERENCES:,} are left out."


def test_large_files_are_not_parsed() -> None:
    found = symbols_of("a.js", b"f();" * 1_000_000)
    assert (found.language, found.definitions, found.references) == ("JavaScript", (), ())
    assert found.partial == "It has 3.8 MiB; no symbols are looked for in files above 1 MiB."


@pytest.mark.parametrize("data", [b"def f(): pass\0\n", b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xfea", b"\0" * 100])
def test_bytes_that_are_no_text_are_said_to_be_none(data: bytes) -> None:
    found = symbols_of("a.py", data)
    assert found.definitions == ()
    assert found.partial == "It is a binary file, not text, so no symbols are looked for in it."


SOURCE = "# Größe\ndef größe(x):\n    '''Wie groß es ist.'''\n    return f(x)\n\n\nclass Läufer:\n    pass\n"


@pytest.mark.parametrize(
    "data",
    [
        SOURCE.encode(),
        SOURCE.replace("\n", "\r\n").encode(),
        SOURCE.replace("\n", "\r").encode(),
        codecs.BOM_UTF8 + SOURCE.encode(),
        codecs.BOM_UTF16_LE + SOURCE.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + SOURCE.replace("\n", "\r\n").encode("utf-16-be"),
        SOURCE.encode("latin-1"),
        SOURCE.encode() + b"# \xff\xfe\n",
    ],
    ids=["utf-8", "crlf", "cr", "bom", "utf-16-le", "utf-16-be crlf", "latin-1", "bytes that are no UTF-8"],
)
def test_every_encoding_and_line_end_gives_the_same_symbols_at_offsets_in_the_decoded_text(data: bytes) -> None:
    found = symbols_of("a.py", data)
    assert found.partial == ""
    assert [(s.name, s.doc, s.start, s.end) for s in found.definitions] == [
        ("größe", "Wie groß es ist.", 2, 4),
        ("Läufer", "", 7, 8),
    ]
    assert [(r.name, r.line, r.inside) for r in found.references] == [("f", 4, 0)]
    text = decode(data, "a.py").text.encode("utf-8", "surrogateescape")
    assert [text[s.start_byte : s.end_byte].decode() for s in found.definitions] == [
        "def größe(x):\n    '''Wie groß es ist.'''\n    return f(x)",
        "class Läufer:\n    pass",
    ]


def test_offsets_stay_right_behind_bytes_that_are_no_utf8() -> None:
    data = "ü = 1\n".encode() + b"# \xe9\xff\ndef f(): return '\xe9'\n\ndef g(): pass\n"
    found = symbols_of("a.py", data)
    assert [data[s.start_byte : s.end_byte] for s in found.definitions] == [
        "ü = 1".encode(),
        b"def f(): return '\xe9'",
        b"def g(): pass",
    ]


def test_half_a_file_gives_what_is_whole() -> None:
    found = symbols_of("a.py", b"class A:\n    def f(self):\n        return 1\n\ndef g(:\n    )))\n\ndef h(): pass\n")
    assert {"A", "A.f", "h"} <= {symbol.qualified for symbol in found.definitions}


WORDS = ["def", "class", "struct", "fn", "func", "impl", "end", "f", "A", "é", "1", *"(){}[]<>:;,.=@$#'\"`\n\t"]
WORDS += ["=>", "->", "//", "/*", "*/"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from([*NAMES, "README", "a.rst", "x"]),
    data=st.one_of(
        st.binary(max_size=300),
        st.lists(
            st.sampled_from(WORDS),
            max_size=80,
        ).map(lambda words: " ".join(words).encode()),
    ),
)
def test_no_bytes_make_it_raise_and_all_it_says_can_be_written(name: str, data: bytes) -> None:
    found = symbols_of(name, data)
    repr(found).encode()
    for index, symbol in enumerate(found.definitions):
        assert symbol.name
        assert 1 <= symbol.start <= symbol.end
        assert 0 <= symbol.start_byte < symbol.end_byte
        assert symbol.parent is None or symbol.parent < index
        assert "\n" not in symbol.signature + symbol.doc
    assert all(r.inside is None or r.inside < len(found.definitions) for r in found.references)
