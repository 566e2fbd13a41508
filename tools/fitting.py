"""Indents code that a model wrote as the place it goes to is indented; knows no file and no parser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_NARROWEST, _WIDEST = 2, 8
_CLOSERS = ("}", ")", "]", ">", "/>", "end")


@dataclass(frozen=True)
class Layout:
    """How the place is indented: by `indent` at its beginning, by one `unit` more for each level inside."""

    indent: str
    unit: str


def indent_of(line: str) -> str:
    """The blank space a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def unit_of(lines: Iterable[str], default: str = "    ") -> str:
    """What lines are indented one level by: a tab, or so many spaces as a line most often has more than that above."""
    indents = [indent_of(line) for line in lines if line.strip()]
    tabs = sum(indent.startswith("\t") for indent in indents)
    if tabs > sum(indent.startswith(" " * _NARROWEST) for indent in indents):
        return "\t"
    steps = Counter(len(b) - len(a) for a, b in pairwise(indents) if "\t" not in a + b)
    likely = [step for step, _ in steps.most_common() if _NARROWEST <= step <= _WIDEST]
    return " " * likely[0] if likely else default


def code_lines(code: str) -> list[str]:
    """The lines of given code without blank ones around it."""
    lines = [line.rstrip() if not line.strip() else line for line in code.replace("\r\n", "\n").split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def fitted(code: Sequence[str], layout: Layout, literals: Sequence[tuple[int, int]] = ()) -> list[str]:
    """The lines indented for the place: they are moved as far as the first one has to be, and what is indented less
    than that one stays where it is. Tabs become spaces or spaces tabs where the file has the other.

    A model that repeats lines of the file but begins at the name leaves the first line alone without its indentation:
    then only that one is moved. `literals` are the first and last lines of text literals. One moves with the code
    around it where all of it stands as far in as its beginning, and is left as it is otherwise: it is text.
    """
    inner = {i for first, last in literals for i in range(first + 1, last + 1)}
    plain = [line for i, line in enumerate(code) if i not in inner]
    own, first = unit_of(plain, layout.unit), indent_of(code[0])
    if not first and _stands_already([_respaced(line, own, layout.unit) for line in plain], layout):
        lines = [line if i in inner else _respaced(line, own, layout.unit) for i, line in enumerate(code)]
        return [layout.indent + lines[0], *lines[1:]]
    kept = {i for literal in literals if not _moves(code, literal) for i in range(literal[0] + 1, literal[1] + 1)}
    return [line if i in kept else _moved(line, first, own, layout) for i, line in enumerate(code)]


def _moves(code: Sequence[str], literal: tuple[int, int]) -> bool:
    first, last = literal
    least = len(indent_of(code[first])) + (first == 0)  # below the first line of all, what stands out is text
    return all(len(indent_of(line)) >= least for line in code[first + 1 : last + 1] if line.strip())


def _moved(line: str, first: str, own: str, layout: Layout) -> str:
    if not line.strip() or not line.startswith(first):
        return line
    return layout.indent + _respaced(line[len(first) :], own, layout.unit)


def _stands_already(lines: Sequence[str], layout: Layout) -> bool:
    """Whether the lines behind an unindented first one are indented as the place is."""
    rest = [line for line in lines[1:] if line.strip()]
    if not layout.indent or not rest or not all(line.startswith(layout.indent) for line in rest):
        return False
    beside = [line for line in rest if indent_of(line) == layout.indent]
    return lines[0].startswith("@") or all(line.lstrip().startswith(_CLOSERS) for line in beside)


def _respaced(line: str, own: str, unit: str) -> str:
    indent = indent_of(line)
    if not indent or ("\t" in own) == ("\t" in unit):
        return line
    levels, rest = divmod(len(indent.expandtabs(len(own))), len(own)) if own != "\t" else (indent.count("\t"), 0)
    return unit * levels + " " * rest + line[len(indent) :]
