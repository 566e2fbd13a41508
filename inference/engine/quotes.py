"""Follows, byte by byte, a text that is to be a part of a file or one of several names; knows no calls and no tokens.

What a span accepts is found by the tool that replaces text: it stands in the file exactly once, and if it ends with a
newline, it is whole lines. And a span never leads into a dead end: of all places where the text so far stands, the
first has what follows up to the end of the file, which stands nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from codeagent.inference.dialects.slots import Slot, Writing

Places = NDArray[np.int64]
_NEWLINE = 0x0A
_NO_BYTE = 0  # stands behind each name and at the end, and never in a text
_SHORT_ESCAPES = [ord(char) for char in '"\\\b\f\n\r\t']


@dataclass(frozen=True)
class Source:
    """What may be quoted, written as the slot wants it. A place is an index into `data`.

    `ends` are places between characters, `fresh` those at the beginning of a line. A text that does not begin at a
    fresh place stays before `limit`, where the last line ends. `whole`: in whole lines only; `names`: whole names only.
    """

    data: NDArray[np.uint8]
    starts: Places
    ends: NDArray[np.bool_]
    fresh: NDArray[np.bool_]
    limit: int
    whole: bool = False
    names: bool = False


def quoted_file(text: str, slot: Slot) -> Source | None:
    """The source for quoting this file, whose lines end at "\\n"; None where the form could not hold what is quoted."""
    if slot.writing == "lines":
        text = _in_whole_lines(text)
        ticks = slot.closer.strip()
        if any(line.startswith((ticks, "<tool_call>", "</tool_call>")) for line in text.split("\n")):
            return None
    if not text or "\0" in text or "\r\n" in text or not _is_unicode(text):
        return None
    if slot.writing == "raw" and slot.closer.strip() in text:
        return None
    data, places = _written(text, slot.writing)
    characters = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    fresh = np.zeros(len(data), np.bool_)
    fresh[places[np.concatenate(([True], characters == _NEWLINE))]] = True
    limit = int(places[len(text.rstrip("\n"))])
    starts = places[:-1]
    keep = fresh[starts] if slot.writing == "lines" else fresh[starts] | (starts < limit)
    ends = np.zeros(len(data), np.bool_)
    ends[places] = True
    return Source(data, starts[keep], ends, fresh, limit, whole=slot.writing == "lines")


def one_of_names(names: Sequence[str], slot: Slot) -> Source | None:
    """The source for writing one of these names; None if there are none that the slot can hold."""
    held = [name for name in names if name and name.isprintable() and slot.closer.strip() not in name]
    if not held:
        return None
    # A line a name, and the newline becomes the byte that no text has.
    text = "\n".join(held) + "\n"
    data, places = _written(text, slot.writing, newline_escaped=False)
    at_end = data == _NEWLINE
    data = np.where(at_end, _NO_BYTE, data).astype(np.uint8)
    starts = np.concatenate(([0], np.flatnonzero(at_end)[:-1] + 1)).astype(np.int64)
    ends = np.zeros(len(data), np.bool_)
    ends[places] = True
    return Source(data, starts, ends, ends, len(data), names=True)


def _in_whole_lines(text: str) -> str:
    """The text with a newline at its end, as a fence shows it. A last line without one that is blank or stands
    elsewhere too, be it with other spaces, would not be found again and is left out.
    """
    if not text or text.endswith("\n"):
        return text
    *others, last = text.split("\n")
    plain = last.split()
    if plain and all(line.split() != plain for line in others):
        return text + "\n"
    return "".join(f"{line}\n" for line in others)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _written(text: str, writing: Writing, newline_escaped: bool = True) -> tuple[NDArray[np.uint8], Places]:
    """The bytes of the text in this writing, with one more that no text has, and where each character begins."""
    characters = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    sizes = 1 + (characters > 0x7F) + (characters > 0x7FF) + (characters > 0xFFFF)
    if writing == "json":
        lines = [text] if newline_escaped else text.split("\n")
        encoded = "\n".join(json.dumps(line, ensure_ascii=False)[1:-1] for line in lines).replace("\x7f", "\\u007f")
        sizes = np.where((characters < 0x20) | (characters == 0x7F), 6, sizes)
        short = np.isin(characters, _SHORT_ESCAPES)
        sizes = np.where(short, 2, sizes)
        if not newline_escaped:
            sizes = np.where(characters == _NEWLINE, 1, sizes)
    else:
        encoded = text
    data = np.frombuffer(encoded.encode() + bytes([_NO_BYTE]), np.uint8)
    return data, np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Span:
    """A text being written that `source` holds: `places` are where it may end there, `size` is its bytes.

    `closing` says how much of the closer may have been written; while that is open the text may still go on instead.
    """

    source: Source
    closer: bytes
    places: Places
    size: int = 0
    closing: tuple[int, ...] = ()

    def step(self, byte: int) -> Span | bool:
        """The span after one more byte; True if that closes it, False if it may not come here."""
        if byte == _NO_BYTE:
            return False
        closing = [seen + 1 for seen in self.closing if self.closer[seen] == byte]
        if self.closer[0] == byte and self._may_end():
            closing.append(1)
        if len(self.closer) in closing:
            return True
        source = self.source
        places = self.places[source.data[self.places] == byte] + 1
        if places.size and places[-1] > source.limit:
            places = places[(places <= source.limit) | source.fresh[places - self.size - 1]]
        if not closing and not places.size:
            return False
        return replace(self, places=places, size=self.size + 1, closing=tuple(closing))

    def next_bytes(self) -> set[int]:
        """The bytes that step() may accept, and perhaps some that it does not."""
        following = set(np.unique(self.source.data[self.places]).tolist())
        return following | {self.closer[seen] for seen in (*self.closing, 0)}

    def _may_end(self) -> bool:
        places, source = self.places, self.source
        if not self.size or not places.size or not source.ends[places[0]]:
            return False
        if source.names:
            return bool((source.data[places] == _NO_BYTE).any())
        if not source.fresh[places[0]]:
            return not source.whole and places.size == 1
        return int(source.fresh[places - self.size].sum()) == 1
