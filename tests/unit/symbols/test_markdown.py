"""The symbols of Markdown."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, sample

from codeagent.tools.symbols.extract import symbols_of


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.md")) == snapshot(
        [
            "5-24 heading The shop | The shop",
            "  9-24 heading The shop.Getting started with shop | Getting started with shop",
            "    18-20 heading The shop.Getting started with shop.On Linux | On Linux",
            "    22-24 heading The shop.Getting started with shop.On Windows | On Windows",
            "26-59 heading Setext one | Setext one",
            "  31-37 heading Setext one.Setext two over two lines | Setext two over two lines",
            "  39-53 heading Setext one.Getting started | Getting started",
            "  55-59 heading Setext one.Last link # escaped | Last link # escaped",
        ]
    )


def test_a_heading_reaches_to_the_next_of_its_level_or_above() -> None:
    data = b"# a\n\n### deep\n\ntext\n\n## b\n\n\n# c\n"
    assert definitions(symbols_of("a.md", data)) == [
        "1-7 heading a | a",
        "  3-5 heading a.deep | deep",
        "  7-7 heading a.b | b",
        "10-10 heading c | c",
    ]


def test_marks_of_code_links_and_emphasis_are_no_part_of_a_heading() -> None:
    data = rb"""# The `run()` of [Session](session.md#x), *quickly* and __soon__ ##
## snake_case_name and a * b
## ![logo](logo.png) C\# [ref][1]
"""
    names = [symbol.name for symbol in symbols_of("a.md", data).definitions]
    assert names == snapshot(["The run() of Session, quickly and soon", "snake_case_name and a * b", "logo C# ref"])
