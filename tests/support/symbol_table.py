"""The symbols of the sample files as short lines, for comparing them whole."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from textwrap import wrap

from codeagent.tools.symbols.api import FileSymbols
from codeagent.tools.symbols.extract import symbols_of

FILES = Path(__file__).parents[1] / "unit" / "symbols" / "files"


def sample(name: str) -> FileSymbols:
    """The symbols of a sample file, which must be complete and whose offsets and nesting must fit the text."""
    data = (FILES / name).read_bytes()
    found = symbols_of(name, data)
    assert found.partial == ""
    for index, symbol in enumerate(found.definitions):
        text = data[symbol.start_byte : symbol.end_byte].decode()
        assert text.strip()
        assert data[: symbol.start_byte].count(b"\n") + 1 == symbol.start
        assert symbol.start + text.rstrip("\n").count("\n") == symbol.end
        if symbol.parent is not None:
            outer = found.definitions[symbol.parent]
            assert symbol.parent < index
            assert outer.start_byte <= symbol.start_byte
            assert outer.end_byte >= symbol.end_byte
    return found


def definitions(found: FileSymbols) -> list[str]:
    """`first-last kind qualified | signature | documentation` of each definition, indented as it is nested."""
    lines: list[str] = []
    depths: list[int] = []
    for symbol in found.definitions:
        depths.append(0 if symbol.parent is None else depths[symbol.parent] + 1)
        head = f"{symbol.start}-{symbol.end} {symbol.kind} {symbol.qualified}"
        lines += _wrapped("  " * depths[-1], " | ".join(filter(None, (head, symbol.signature, symbol.doc))))
    return lines


def references(found: FileSymbols) -> list[str]:
    """`name:line …` of the references in each definition, after its qualified name."""
    lines: list[str] = []
    for index, group in groupby(found.references, lambda reference: reference.inside):
        inside = "" if index is None else found.definitions[index].qualified
        lines += _wrapped("", " ".join([f"{inside}:", *(f"{reference.name}:{reference.line}" for reference in group)]))
    return lines


def _wrapped(indent: str, text: str) -> list[str]:
    return wrap(text, 96, initial_indent=indent, subsequent_indent=f"{indent}      ", break_on_hyphens=False, tabsize=4)
