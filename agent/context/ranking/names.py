"""Finds the names and paths of a graph by their text; knows no weight."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codeagent.agent.context.index.graph import Strings
from codeagent.agent.context.ranking.words import fingerprints


class NameTable:
    """Where each of many texts is, whatever the case of its letters."""

    def __init__(self, texts: Strings) -> None:
        """Takes twelve bytes a text."""
        self._texts = texts
        prints = fingerprints(texts, fold=True)
        self._order = np.argsort(prints, kind="stable").astype(np.int32)
        self._prints = prints[self._order]

    def find(self, text: str) -> list[int]:
        """The text, if it is there, else those that differ from it in the case of ASCII letters."""
        text = text.encode("utf-8", "replace").decode()
        wanted = fingerprints(Strings.of([text]), fold=True)
        first = np.asarray(np.searchsorted(self._prints, wanted, "left"), np.int64)
        last = np.asarray(np.searchsorted(self._prints, wanted, "right"), np.int64)
        places: list[int] = self._order[int(first[0]) : int(last[0])].tolist()
        alike = [(row, self._texts[row]) for row in sorted(places)]
        same = [row for row, found in alike if found == text]
        return same or [row for row, found in alike if found.lower() == text.lower()]


def ending_in(paths: Strings, path: str) -> list[int]:
    """The paths that are this one or end in it at a folder's border."""
    return sorted({row for joint in ("\n", "/") for row in _holding(paths, f"{joint}{path}\n")} if path else ())


def stems_ending_in(paths: Strings, stem: str) -> list[int]:
    """As `ending_in`, of paths whose file ending is left off."""
    ends = [row for joint in ("\n", "/") for row in _holding(paths, f"{joint}{stem}.")] if stem else []
    return sorted({row for row in ends if "/" not in paths[row].rpartition(f"{stem}.")[2]})


def below(paths: Strings, folder: str, limit: int) -> list[int]:
    """The first files of the folders whose path ends in this one."""
    rows: dict[int, None] = {}
    for joint in ("\n", "/") if folder else ():
        for row in _holding(paths, f"{joint}{folder}/"):
            rows.setdefault(row)
            if len(rows) >= limit:
                break
    return sorted(rows)


def _holding(paths: Strings, part: str) -> Iterator[int]:
    """The paths that hold a part, which begins with the line feed before a path or lies within one."""
    try:
        wanted = part.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return
    if b"\n" in wanted[1:-1]:
        return
    at = paths.block.find(wanted)
    while at >= 0:
        yield int(np.searchsorted(paths.starts, at + 1, "right")) - 1
        at = paths.block.find(wanted, at + 1)
