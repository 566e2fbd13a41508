"""The symbols of a file as blocks of numbers and text, for a pipe and for a database row; knows neither.

Numbers of names are local to the file: places in its list of names. Everything is checked when it is unpacked, since a
worker whose memory a parser has damaged may write anything.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from codeagent.tools.symbols.api import FileSymbols, Kind, Symbol
from codeagent.tools.symbols.frames import DamagedError

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
COLUMNS: Final = 8
"""Numbers a definition has in its block: name, scope, kind, start, end, start_byte, end_byte, parent."""
NONE: Final = 0xFFFFFFFF
"""Stands for no scope and no parent."""
MAX_NAME: Final = 256
MAX_TEXT: Final = 400
MAX_DEFINITIONS: Final = 20_000
MAX_REFERENCES: Final = 200_000
MAX_TEXTS: Final = MAX_DEFINITIONS * 2 * (MAX_TEXT + 1) * 4

_HUMP: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]")
_KIND_NUMBERS: Final = {kind: number for number, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class Packed:
    """The symbols of a file. `humps` are the first letters of the words of each name that is defined, "" for others;
    `counts` says of each name how often it is used; `uses` are the lines of these uses, grouped by name, and after them
    the number of the definition around each, plus one."""

    names: bytes
    humps: bytes
    counts: bytes
    definitions: bytes
    uses: bytes
    texts: bytes
    partial: str


def pack(symbols: FileSymbols) -> Packed:
    """What is too long is cut, and what is too much left out; `partial` says so."""
    numbers: dict[str, int] = {}
    rows: list[int] = []
    texts: list[str] = []
    definitions = symbols.definitions[:MAX_DEFINITIONS]
    for d in definitions:
        scope = d.qualified[: -len(d.name) - 1] if d.qualified.endswith("." + d.name) else ""
        rows += (
            numbers.setdefault(_name(d.name), len(numbers)),
            numbers.setdefault(_line(scope, MAX_TEXT), len(numbers)) if scope else NONE,
            _KIND_NUMBERS[d.kind],
            d.start,
            d.end,
            d.start_byte,
            d.end_byte,
            NONE if d.parent is None else d.parent,
        )
        texts += (_line(d.signature, MAX_TEXT), _line(d.doc, MAX_TEXT))
    places: dict[int, list[tuple[int, int]]] = {}
    for reference in symbols.references[:MAX_REFERENCES]:
        number = numbers.setdefault(_name(reference.name), len(numbers))
        inside = 0 if reference.inside is None or reference.inside >= len(definitions) else reference.inside + 1
        places.setdefault(number, []).append((reference.line, inside))
    lines = [line for number in range(len(numbers)) for line, _ in places.get(number, ())]
    insides = [inside for number in range(len(numbers)) for _, inside in places.get(number, ())]
    defined = set(rows[0::COLUMNS])
    small = max(lines, default=0) < 1 << 16 and len(definitions) < (1 << 16) - 1
    partial = symbols.partial
    if len(symbols.definitions) > MAX_DEFINITIONS or len(symbols.references) > MAX_REFERENCES:
        limits = f"{MAX_DEFINITIONS:,} definitions and {MAX_REFERENCES:,} references"
        partial = partial or f"It has too many symbols: only the first {limits} are kept."
    return Packed(
        names="\n".join(numbers).encode("utf-8", "replace"),
        humps="\n".join(humps_of(name) if number in defined else "" for name, number in numbers.items()).encode(),
        counts=array("I", [len(places.get(number, ())) for number in range(len(numbers))]).tobytes(),
        definitions=array("I", rows).tobytes(),
        uses=array("H" if small else "I", lines + insides).tobytes(),
        texts=zlib.compress("\n".join(texts).encode("utf-8", "replace"), 1) if texts else b"",
        partial=partial,
    )


def humps_of(name: str) -> str:
    """The first letters of a name's words, small: `rfb` for ReadFileBytes and for read_file_bytes; never ""."""
    return "".join([word[0] for word in _HUMP.findall(name)]).lower() or "-"


def _line(text: str, limit: int) -> str:
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return text.replace("\n", " ").replace("\0", " ") if "\n" in text or "\0" in text else text


def _name(text: str) -> str:
    return _line(text, MAX_NAME) or "?"


def unpack_names(block: bytes) -> list[str]:
    """The names. Raises DamagedError."""
    try:
        return block.decode().split("\n") if block else []
    except UnicodeDecodeError as e:
        raise DamagedError("names") from e


def unpack_numbers(block: bytes) -> array[int]:
    """A block of 32-bit numbers. Raises DamagedError."""
    numbers = array("I")
    if len(block) % numbers.itemsize:
        raise DamagedError("numbers")
    numbers.frombytes(block)
    return numbers


def unpack_uses(block: bytes, total: int) -> tuple[Sequence[int], Sequence[int]]:
    """The lines of all uses, and the definition around each, plus one. Raises DamagedError."""
    numbers = array("H" if len(block) == total * 4 else "I")
    if len(block) != 2 * total * numbers.itemsize:
        raise DamagedError("uses")
    numbers.frombytes(block)
    return numbers[:total], numbers[total:]


def check(packed: Packed) -> tuple[list[str], list[str], array[int], array[int]]:
    """The names, their humps and counts, and the definitions, if all blocks fit together. Raises DamagedError."""
    names, counts, rows = unpack_names(packed.names), unpack_numbers(packed.counts), unpack_numbers(packed.definitions)
    humps = unpack_names(packed.humps) or [""] * len(names)  # one name without any is no text at all
    columns = [rows[i::COLUMNS] for i in range(COLUMNS)]
    definitions = len(columns[0])
    fits = (
        len(rows) == definitions * COLUMNS
        and len(counts) == len(humps) == len(names)
        and len(packed.uses) in (4 * sum(counts), 8 * sum(counts))
        and max(columns[0], default=0) < max(len(names), 1)
        and all(scope < len(names) or scope == NONE for scope in columns[1])
        and max(columns[2], default=0) < len(KINDS)
        and all(parent < i or parent == NONE for i, parent in enumerate(columns[7]))
    )
    if not fits:
        raise DamagedError("symbols")
    return names, humps, counts, rows


def unpack_texts(block: bytes, definitions: int) -> tuple[list[str], list[str]]:
    """The signature and the documentation of each definition. Raises DamagedError."""
    if not block:
        return [""] * definitions, [""] * definitions
    try:
        inflate = zlib.decompressobj()
        texts = inflate.decompress(block, MAX_TEXTS).decode().split("\n")
    except (zlib.error, UnicodeDecodeError) as e:
        raise DamagedError("texts") from e
    if len(texts) != 2 * definitions:
        raise DamagedError("texts")
    return texts[0::2], texts[1::2]


def unpack_symbol(row: Sequence[int], name_of: Callable[[int], str], signature: str, doc: str) -> Symbol:
    """A definition, `name_of` giving the name for a local number. Raises LookupError for what no row is."""
    if len(row) != COLUMNS:
        raise IndexError(len(row))
    name, scope, kind, start, end, start_byte, end_byte, parent = row
    return Symbol(
        name=name_of(name),
        qualified=name_of(name) if scope == NONE else f"{name_of(scope)}.{name_of(name)}",
        kind=KINDS[kind],
        signature=signature,
        doc=doc,
        start=start,
        end=end,
        start_byte=start_byte,
        end_byte=end_byte,
        parent=None if parent == NONE else parent,
    )
