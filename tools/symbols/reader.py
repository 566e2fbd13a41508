"""What a tool may ask of an index of the whole workspace; knows no index: whoever keeps one hands it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from codeagent.tools.symbols.api import Symbol


@dataclass(frozen=True)
class Found:
    """A definition and the file it stands in: `path` is relative to the workspace, with "/" between its parts."""

    path: str
    symbol: Symbol


@dataclass(frozen=True)
class FoundReference:
    """A use of a name in a file; `inside` is the innermost definition around it, None at the top of the file."""

    path: str
    line: int
    name: str
    inside: Symbol | None


class SymbolReader(Protocol):
    """Reads an index that may lag behind the disk. Every call is quick and may come from any thread."""

    def find(self, name: str, limit: int = 50) -> Sequence[Found]:
        """The definitions of a name, best first: equal qualified name, equal name, equal but for case, then those whose
        qualified name ends in it."""
        ...

    def references(self, name: str, limit: int = 200) -> Sequence[FoundReference]:
        """Where the plain name is used."""
        ...

    def symbols(self, path: str) -> Sequence[Symbol]:
        """The definitions of a file in the order in which they begin; none for a file it does not know."""
        ...

    def complete(self, part: str, limit: int = 50) -> Sequence[Found]:
        """Definitions whose name begins with the part, then those that hold it or whose humps spell it."""
        ...
