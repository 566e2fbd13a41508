"""The symbols of TOML."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, sample

from codeagent.tools.symbols.extract import symbols_of


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.toml")) == snapshot(
        [
            '2-2 key title | title = "Shop" | Who we are.',
            "3-3 key version | version = 1",
            "5-11 key project | [project]",
            '  6-6 key project.name | name = "shop"',
            "  7-10 key project.dependencies | dependencies = […",
            '  11-11 key project.authors | authors = [{ name = "Ada", email = "ada@example.com" }]',
            "13-14 key project.urls | [project.urls]",
            '  14-14 key project.urls.Home page | "Home page" = "https://example.com"',
            "17-19 key tool.ruff | [tool.ruff] | What the tools do.",
            "  18-18 key tool.ruff.line-length | line-length = 120",
            '  19-19 key tool.ruff.lint.select | lint.select = ["E", "F"]',
            "21-22 key tool.ruff.lint.per-file-ignores | [tool.ruff.lint.per-file-ignores]",
            '  22-22 key tool.ruff.lint.per-file-ignores.tests/* | "tests/*" = ["S101"]',
            '24-25 key tool."quoted name".literal | [tool."quoted name".\'literal\']',
            '  25-25 key tool."quoted name".literal.owner | owner = { name = "Ada", address.city = "London" }',
            '    25-25 key tool."quoted name".literal.owner.name | name = "Ada"',
            '    25-25 key tool."quoted name".literal.owner.address.city | address.city = "London"',
            "28-30 key package | [[package]] | One of many.",
            '  29-29 key package.name | name = "money"',
            '  30-30 key package.source | source = { registry = "local" }',
            "35-36 key package.metadata | [package.metadata]",
            "  36-36 key package.metadata.checked | checked = 2024-01-01",
            "38-38 key empty | [empty]",
            "40-44 key database | [database]",
            '  41-44 key database.text | text = """…',
        ]
    )


def test_of_an_array_of_tables_the_first_stands_for_all() -> None:
    data = "".join(f'[[package]]\nname = "p{n}"\n[[package.source]]\nurl = "u"\n' for n in range(2000))
    found = symbols_of("some.lock.toml", f"{data}[last]\n".encode())
    assert [symbol.qualified for symbol in found.definitions] == [
        "package",
        "package.name",
        "package.source",
        "package.source.url",
        "last",
    ]
    assert found.partial == ""
