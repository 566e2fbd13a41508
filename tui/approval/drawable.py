"""One line of outside text as it can stand on a screen, with the place of each of its characters; knows no colours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from rich.cells import cell_len, chop_cells

from codeagent.agent.text import printable

TAB = 4


@dataclass(frozen=True)
class Drawable:
    """`text` is fit to be drawn; `at` says where in it a character of the raw line stands (None: where it stood)."""

    text: str
    starts: tuple[int, ...] | None = None

    def at(self, offset: int) -> int:
        """The place in `text` of the raw line's character at this offset; its length gives the end."""
        return offset if self.starts is None else self.starts[offset]


def drawable(line: str) -> Drawable:
    """A line without its "\\n" made fit to be drawn: tabs as spaces, what is invisible or no text as <U+XXXX>."""
    if line.isprintable() and (line.isascii() or printable(line) == line):
        return Drawable(line)
    pieces: list[str] = []
    for character in line:
        if character == "\t":
            pieces.append(" " * (TAB - cell_len("".join(pieces)) % TAB))
        else:
            pieces.append(escaped(character))
    return Drawable("".join(pieces), tuple(accumulate(map(len, pieces), initial=0)))


@lru_cache(maxsize=4096)
def escaped(character: str) -> str:
    """A character fit to be drawn; unlike `printable` it keeps apart the bytes that are no text."""
    return f"<U+{ord(character):04X}>" if "\ud800" <= character <= "\udfff" else printable(character)


def folds(text: str, width: int) -> list[int]:
    """Where a drawable text is cut so that no part is wider than `width` cells; no character is left out."""
    if text.isascii():
        return list(range(width, len(text), width))
    return list(accumulate(map(len, chop_cells(text, max(2, width)))))[:-1]
