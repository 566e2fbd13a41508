"""One source file as it is on disk now, with its symbols and the ways to name one; knows no index and no tool.

Positions are characters of the decoded text with "\\n" line ends, whatever the file's encoding and line ends are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from codeagent.tools.files import digest, read_bytes
from codeagent.tools.symbols.api import FileSymbols, Symbol
from codeagent.tools.text import TextFile, decode

SymbolsOf = Callable[[str, bytes], FileSymbols]
"""What tells the symbols of a text by the name of its file."""

_LINE = re.compile(r":(\d{1,9})$")
_CALL = re.compile(r"\([^()]*\)$")
_SEPARATORS = re.compile(r"::|->|[#/\\]")
_NONE = 9
_FOLDERS = ("__init__", "index", "mod", "lib")  # files that stand for their folder


@dataclass(frozen=True)
class Source:
    """A file's text and symbols. `data` is the text in UTF-8, which the symbols' bytes count in."""

    path: Path
    shown: str
    sha256: str
    file: TextFile
    data: bytes
    symbols: FileSymbols

    def span(self, symbol: Symbol) -> tuple[int, int]:
        """Where a symbol begins and ends in the text, less the blank space behind it."""
        start = self._character(symbol.start_byte)
        end = self._character(symbol.end_byte)
        return start, start + len(self.file.text[start:end].rstrip())

    def _character(self, offset: int) -> int:
        return len(self.data[:offset].decode("utf-8", "surrogateescape"))


def read_source(path: Path, shown: str, symbols_of: SymbolsOf) -> Source:
    """Read and parse a file. Raises NotThereError, or ToolError for what is no text or too large."""
    raw = read_bytes(path, shown)
    return source_of(path, shown, decode(raw, shown), symbols_of, digest(raw))


def source_of(path: Path, shown: str, file: TextFile, symbols_of: SymbolsOf, sha256: str = "") -> Source:
    """A text that a file may have, with its symbols."""
    data = utf8(file.text)
    return Source(path, shown, sha256, file, data, symbols_of(path.name, data))


def utf8(text: str) -> bytes:
    """A text in UTF-8; bytes that are no text stay as they were."""
    return text.encode("utf-8", "surrogateescape")


def matching(definitions: Sequence[Symbol], name: str) -> list[Symbol]:
    """The definitions that a name may mean: those of the most exact kind of match there is.

    A name is qualified or plain, and may end in ":" and the line on which the definition begins, to choose one of
    several. "Class::method", "Class#method", "Class/method" and "method(x)" are understood as well.
    """
    bare, line = split_line(name)
    ranked = [(_rank(symbol, bare), symbol) for symbol in definitions]
    best = min((rank for rank, _ in ranked), default=_NONE)
    found = [symbol for rank, symbol in ranked if rank == best < _NONE]
    return [symbol for symbol in found if symbol.start == line] or found


def _rank(symbol: Symbol, name: str) -> int:
    """How exactly a symbol is named: 0 is best, _NONE not at all."""
    plain = plain_name(name)
    folded = plain.casefold()
    fits = (
        symbol.qualified == name,
        symbol.qualified == plain,
        symbol.name in (name, plain),
        symbol.qualified.endswith(f".{plain}"),
        folded in (symbol.qualified.casefold(), symbol.name.casefold()),
    )
    return fits.index(True) if True in fits else _NONE


def split_line(name: str) -> tuple[str, int | None]:
    """A name and the line behind it, as `labels` writes them."""
    name = name.strip()
    found = _LINE.search(name)
    return (name[: found.start()], int(found[1])) if found else (name, None)


def plain_name(name: str) -> str:
    """A qualified name as the symbols have it, from the ways in which languages and models write one."""
    return _SEPARATORS.sub(".", _CALL.sub("", name.strip())).strip(".")


def less_module(name: str, path: str) -> str:
    """A name without the module before it where that is the file's, as in `tools.source.matching` for the file
    tools/source.py; "" where it has none."""
    parts = plain_name(split_line(name)[0]).split(".")
    file = PurePosixPath(path)
    modules = {file.stem, file.parent.name} if file.stem in _FOLDERS else {file.stem}
    at = next((i for i, part in enumerate(parts[:-1]) if part in modules), len(parts))
    return ".".join(parts[at + 1 :])


def labels(symbols: Iterable[Symbol]) -> str:
    """Symbols as they can be named each, with their lines."""
    return ", ".join(f"{s.qualified}:{s.start}" for s in symbols)


def near_symbols(definitions: Sequence[Symbol], name: str) -> list[Symbol]:
    """The definitions whose names come nearest to one that is not there, the best first."""
    wanted = plain_name(split_line(name)[0])
    names: dict[str, Symbol] = {}
    for symbol in definitions:
        names.setdefault(symbol.qualified, symbol)
        names.setdefault(symbol.name, symbol)
    leaf = wanted.rpartition(".")[2]
    close = [
        *difflib.get_close_matches(wanted, names, n=4),
        *difflib.get_close_matches(leaf, names, n=4),
    ]
    return list(dict.fromkeys(names[found] for found in close))[:5]
