"""The symbols of JSON."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, sample

from codeagent.tools.symbols.extract import symbols_of


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.json")) == snapshot(
        [
            '2-2 key $schema | "$schema": "https://json.schemastore.org/package.json"',
            '3-3 key name | "name": "shop"',
            '4-4 key version | "version": "1.2.0"',
            '5-5 key private | "private": true',
            '6-10 key scripts | "scripts"',
            '  7-7 key scripts.build | "build": "tsc --build"',
            '  8-8 key scripts.test:unit | "test:unit": "vitest run"',
            '  9-9 key scripts.say \\"hi\\" | "say \\"hi\\"": "echo hi"',
            '11-14 key dependencies | "dependencies"',
            '  12-12 key dependencies.left-pad | "left-pad": "^1.3.0"',
            '  13-13 key dependencies.@scope/money | "@scope/money": "2.0.0"',
            '15-15 key files | "files": ["dist", "README.md"]',
            '16-19 key contributors | "contributors": […',
            '20-34 key config | "config"',
            '  21-28 key config.server | "server"',
            '    22-22 key config.server.port | "port": 8080',
            '    23-27 key config.server.tls | "tls"',
            '  29-29 key config.empty | "empty"',
            '  30-33 key config.flags | "flags": […',
            '35-35 key "" | "": "no name"',
            '36-36 key größe | "größe": 3',
            '38-38 key matrix | "matrix": [[1, 2], [3, 4]]',
            '39-39 key description | "description": "A very long text that goes on and on, far further than',
            '      anybody would want to read in an outline of a file that has only keys, so that it is cut"',
        ]
    )


def test_keys_are_listed_to_the_third_level_and_none_of_arrays() -> None:
    data = b'{"a": {"b": {"c": {"d": 1}, "l": [{"e": 1}]}}, "l": [{"f": {"g": 1}}]}'
    names = [symbol.qualified for symbol in symbols_of("data.json", data).definitions]
    assert names == ["a", "a.b", "a.b.c", "a.b.l", "l"]
    assert symbols_of("data.json", b'[{"a": 1}, {"a": 2}]').definitions == ()


def test_of_many_keys_the_first_are_kept_and_it_says_so() -> None:
    mappings = ",".join(f'"m{m}": {{{",".join(f""""k{k}": {{"x": {k}}}""" for k in range(200))}}}' for m in range(30))
    found = symbols_of("data.json", f"{{{mappings}}}".encode())
    names = [symbol.qualified for symbol in found.definitions]
    assert len(names) == 1000
    assert names[:3] == ["m0", "m0.k0", "m0.k0.x"]
    assert "m0.k99.x" in names
    assert "m0.k100" not in names
    assert "m0.x" not in names
    assert "m1.k0" in names
    assert found.partial == "Keys after the first 100 of a mapping or 1,000 of the file are left out."
