"""The changed files as rows with their hunks below them; knows no widget and changes no file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from codeagent.agent.changes import ChangedFile
from codeagent.agent.text import printable
from codeagent.tui.approval.comparison import Comparison, compare
from codeagent.tui.screens.rows import Row, one_line


@dataclass(frozen=True)
class Entry:
    """A changed file with the comparison that its hunks are drawn from."""

    file: ChangedFile
    comparison: Comparison

    @property
    def counts(self) -> str:
        """How many lines came and went; "" where that cannot be said."""
        return self.comparison.counts() if self.comparison.hunks else ""

    @property
    def kind(self) -> str:
        """What happened to the file."""
        return "new" if self.file.old is None else "removed" if self.file.now is None else "changed"

    @property
    def instead(self) -> str:
        """The sentence that stands where there is no diff; "" where there is one."""
        if self.file.fault:
            return self.file.fault
        if self.comparison.hunks:
            return ""
        return "The file is empty." if self.kind != "changed" else "Only line ends or the encoding changed."


@dataclass(frozen=True)
class Place:
    """A row's file and hunk, by index; None is the whole file."""

    file: int
    hunk: int | None


def entries(files: Sequence[ChangedFile]) -> list[Entry]:
    """The files with their comparisons; takes a moment where files are long."""
    return [Entry(file, compare(file.shown, file.before or "", file.after or "")) for file in files]


def rows(listed: Sequence[Entry], width: int) -> Iterator[tuple[Row, Place]]:
    """A row for each file and each of its hunks, in a column of `width` cells."""
    for number, entry in enumerate(listed):
        yield (f"{number}", _file_row(entry, width)), Place(number, None)
        for hunk in range(len(entry.comparison.hunks)):
            yield (f"{number} {hunk}", _hunk_row(entry.comparison, hunk, width)), Place(number, hunk)


_MARKS = {"new": ("A", "$text-success"), "removed": ("D", "$text-error"), "changed": ("M", "$text-warning")}


def _file_row(entry: Entry, width: int) -> Content:
    mark, colour = _MARKS[entry.kind]
    counts = coloured(entry.counts)
    room = max(8, width - 2 - (counts.cell_length + 2 if entry.counts else 0))
    return Content.assemble((mark, colour), " ", (name_in(entry.file.shown, room), "bold"), "  ", counts)


def _hunk_row(comparison: Comparison, hunk: int, width: int) -> Content:
    counts = coloured(comparison.counts(hunk))
    added, removed = comparison.added(hunk), comparison.removed(hunk)
    at = comparison.hunks[hunk].new_start + 1
    line = comparison.after.lines[added[0]] if added else comparison.before.lines[removed[0]] if removed else ""
    head = Content.assemble("    ", (f"line {at}", "$text-muted"), "  ", counts, "  ")
    return Content.assemble(head, Content(one_line(line)).truncate(max(1, width - head.cell_length), ellipsis=True))


def coloured(counts: str) -> Content:
    """Counts of lines in the colours of what came and what went."""
    if not counts:
        return Content("")
    added, removed = counts.split()
    return Content.assemble((added, "$text-success"), " ", (removed, "$text-error"))


def name_in(name: str, width: int) -> str:
    """A file's name in at most so many cells; the end is what tells it, so a long one loses its beginning."""
    shown = printable(name).replace("\n", "<U+000A>")
    if cell_len(shown) <= width:
        return shown
    kept = shown
    while cell_len(kept) > width - 1:
        kept = kept[1:]
    return set_cell_size(f"…{kept}", width).rstrip()
