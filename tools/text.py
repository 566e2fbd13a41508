"""A file's bytes as text and back, so that what is not edited keeps its every byte; knows no file system."""

from __future__ import annotations

import codecs
import difflib
import re
from collections import Counter
from dataclasses import dataclass

from codeagent.tools.api import ToolError

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class TextFile:
    """Text whose line ends are "\\n" alone, with all it takes to make the bytes again.

    `endings` holds the real end of each line that has one. `text` may hold lone surrogates for bytes not UTF-8.
    """

    text: str
    endings: tuple[str, ...] = ()
    encoding: str = "utf-8"
    bom: bytes = b""

    @property
    def newline(self) -> str:
        """The line end that most lines have."""
        counts = Counter(self.endings)
        return max(("\n", "\r\n", "\r"), key=lambda ending: counts[ending])

    @property
    def lines(self) -> list[str]:
        """The lines without their ends; a final line end begins no further line."""
        parts = self.text.split("\n")
        return parts if parts[-1] else parts[:-1]

    @property
    def shown(self) -> str:
        """The text as valid Unicode, for showing only: bytes that are none become U+FFFD."""
        return _SURROGATES.sub("\ufffd", self.text)

    def encode(self, shown: str) -> bytes:
        """The bytes. Raises ToolError naming a character that the file's encoding lacks."""
        parts = self.text.split("\n")
        text = "".join(part + end for part, end in zip(parts, (*self.endings, ""), strict=True))
        errors = "surrogateescape" if self.encoding == "utf-8" else "strict"
        try:
            return self.bom + text.encode(self.encoding, errors)
        except UnicodeEncodeError as e:
            character = text[e.start]
            raise ToolError(
                f"{shown} is encoded in {self.encoding}, which has no {character!r}. Write it another way."
            ) from e

    def with_text(self, text: str) -> TextFile:
        """The same file with other text, whose lines end at "\\n".

        Lines that stay keep their real ends; new ones get that of the line they replace, or else the most frequent.
        """
        count = text.count("\n")
        if len(set(self.endings)) <= 1:
            endings = (self.newline,) * count
        else:
            endings = self._aligned_endings(text.split("\n"))[:count]
        return TextFile(text, endings, self.encoding, self.bom)

    def _aligned_endings(self, new: list[str]) -> tuple[str, ...]:
        """A line end for each new line; the last one is to spare."""
        old, ends = self.text.split("\n"), [*self.endings, self.newline]
        same = zip(old, new, strict=False)
        head = next((i for i, (a, b) in enumerate(same) if a != b), min(len(old), len(new)))
        back = zip(reversed(old[head:]), reversed(new[head:]), strict=False)
        tail = next((i for i, (a, b) in enumerate(back) if a != b), min(len(old), len(new)) - head)
        old_tail, new_tail = len(old) - tail, len(new) - tail
        result = ends[:head]
        matcher = difflib.SequenceMatcher(None, old[head:old_tail], new[head:new_tail])
        for _, old_start, old_end, new_start, new_end in matcher.get_opcodes():
            kept = ends[head + old_start : head + old_end][: new_end - new_start]
            result += kept + [self.newline] * (new_end - new_start - len(kept))
        return (*result, *ends[old_tail:])


def decode(data: bytes, shown: str) -> TextFile:
    """The text of a file's bytes: UTF-8, UTF-16 with a byte order mark, or where bytes are neither, Latin-1.

    A file that is UTF-8 but for single bytes keeps those as surrogates. Raises ToolError for what is no text.
    """
    bom, encoding = next(((mark, name) for mark, name in _BOMS if data.startswith(mark)), (b"", "utf-8"))
    body = data[len(bom) :]
    if encoding == "utf-8" and b"\0" in body:
        raise _binary(shown)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise _binary(shown) from None
        text = body.decode("utf-8", "surrogateescape")
        if not bom and all(c.isascii() or "\udc80" <= c <= "\udcff" for c in text):
            # Not one character of more than a byte was UTF-8, so the file is in an encoding of single bytes.
            text, encoding = body.decode("latin-1"), "latin-1"
    if "\0" in text:
        raise _binary(shown)
    return _split(text, encoding, bom)


def _split(text: str, encoding: str, bom: bytes) -> TextFile:
    """A lone carriage return ends lines only in files that have no line feed."""
    if "\r" not in text:
        return TextFile(text, ("\n",) * text.count("\n"), encoding, bom)
    pattern = "\r\n|\n" if "\n" in text else "\r"
    return TextFile(re.sub(pattern, "\n", text), tuple(re.findall(pattern, text)), encoding, bom)


def _binary(shown: str) -> ToolError:
    return ToolError(f"{shown} is a binary file, not text.")
