"""What all files define and use as flat arrays, for ranking; knows no database and computes nothing.

A *file* is a row of `paths`, a *name* a row of `names`, a *definition* a row of the `def_…` arrays: other arrays refer
to them by these numbers, which hold for one `SymbolGraph` and no other. Texts are kept as one block of bytes, since a
million Python strings would take many times the room.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from codeagent.agent.context.index.packing import KINDS as KINDS  # what the numbers of kinds mean


class Strings(Sequence[str]):
    """An immutable list of texts (none holds a NUL) in little memory; made by `Strings.of`."""

    def __init__(self, block: bytes, starts: NDArray[np.int64]) -> None:
        """`block` is every text, UTF-8 (other bytes as surrogates), with a line feed before the first and after each,
        and NUL for a line feed within one;
        `starts` is where in it each text begins, and after them the length of the block.
        """
        self._block = block
        self._starts = starts

    @classmethod
    def of(cls, texts: Iterable[str]) -> Strings:
        """These texts."""
        return cls.of_bytes(text.encode("utf-8", "surrogateescape") for text in texts)

    @classmethod
    def of_bytes(cls, texts: Iterable[bytes]) -> Strings:
        """As `of`, of texts that are encoded already."""
        block = b"\n" + b"".join(text.replace(b"\n", b"\0") + b"\n" for text in texts)
        return cls(block, np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1)

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        text = self._block[int(self._starts[index]) : int(self._starts[index + 1]) - 1]
        return text.decode("utf-8", "surrogateescape").replace("\0", "\n")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    @property
    def block(self) -> bytes:
        """Every text, UTF-8, with a line feed before the first and after each, and NUL for a line feed within one."""
        return self._block

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where in the block each text begins, and after them the length of the block."""
        return self._starts

    def find(self, text: str) -> int:
        """The number of the first that is exactly this text, -1 where none is. A few milliseconds for a million."""
        try:
            wanted = text.replace("\n", "\0").encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return -1
        at = self._block.find(b"\n" + wanted + b"\n")
        return -1 if at < 0 else int(np.searchsorted(self._starts, at + 1))


@dataclass(frozen=True)
class SymbolGraph:
    """All files, definitions and references of one moment of the index.

    Definitions stand in the order of their files, and in a file in the order in which they begin: those of file `f` are
    the rows `first_def[f]` to `first_def[f + 1]`. References are added up: a row says that the file `ref_file` uses the
    name `ref_name` `ref_count` times (calls, types, imports; never the place of definition itself), and those of file
    `f` are the rows `first_ref[f]` to `first_ref[f + 1]`, each name once. That a name is used does not say which
    definition of that name is meant. `names` may hold some that no file uses any more.
    """

    generation: int
    """The index's generation this was taken of."""

    paths: Strings
    """F files, sorted, relative to the root, with "/"; surrogates stand for bytes that are not UTF-8."""
    contents: NDArray[np.int64]
    """F: what identifies a file's content. Equal numbers mean equal symbols, and a number never gets another meaning as
    long as the database lives, so what was computed of a content can be kept by it. -1: could not be read or parsed."""
    languages: tuple[str, ...]
    """The names of the languages; `file_language` are places in it."""
    file_language: NDArray[np.int16]
    """F: -1 where no grammar fits."""
    file_lines: NDArray[np.int32]
    """F: the number of lines."""

    names: Strings
    """N names: of definitions, of what encloses them, and of references; each once."""

    def_file: NDArray[np.int32]
    """D: the file that holds the definition."""
    def_name: NDArray[np.int32]
    """D: its own name, without what encloses it."""
    def_scope: NDArray[np.int32]
    """D: the name of what encloses it, so that its qualified name is scope + "." + name; -1 for none."""
    def_kind: NDArray[np.uint8]
    """D: a place in `KINDS`."""
    def_start: NDArray[np.int32]
    """D: the first line, from 1."""
    def_end: NDArray[np.int32]
    """D: the last line."""
    def_parent: NDArray[np.int32]
    """D: the row of the definition that encloses it, -1 for none."""
    first_def: NDArray[np.int64]
    """F + 1."""

    ref_file: NDArray[np.int32]
    """R: the file that uses the name."""
    ref_name: NDArray[np.int32]
    """R: the name."""
    ref_count: NDArray[np.int32]
    """R: how often, at least 1."""
    first_ref: NDArray[np.int64]
    """F + 1."""

    def qualified(self, definition: int) -> str:
        """The qualified name of a definition."""
        name = self.names[int(self.def_name[definition])]
        scope = int(self.def_scope[definition])
        return name if scope < 0 else f"{self.names[scope]}.{name}"


@dataclass(frozen=True)
class FileWords:
    """The words of one file beside its names: one signature and one first line of documentation a definition, in the
    order of the graph's rows `first_def[file]` to `first_def[file + 1]`; both empty where the file went meanwhile.
    """

    file: int
    signatures: Sequence[str]
    docs: Sequence[str]
