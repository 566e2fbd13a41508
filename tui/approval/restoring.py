"""Text made fit for an editor on the screen, and taken back from it without losing what cannot be drawn; pure."""

from __future__ import annotations

import re

from codeagent.tools.hunks import hunks, split_lines
from codeagent.tui.approval.drawable import escaped

_ESCAPE = re.compile(r"<U\+[0-9A-F]{4,6}>")


class UnclearError(Exception):
    """An edited line cannot be taken back; the message says which and why."""


def editable(text: str) -> str:
    """The text with each character that cannot be drawn written as <U+XXXX>; tabs and line ends stay."""
    return "".join(character if character in "\t\n" else escaped(character) for character in text)


def restored(text: str, edited: str) -> str:
    """What the person made of `editable(text)`, with the characters of the text that could not be drawn.

    Lines that they left alone stay as they are; in the others <U+XXXX> is the character that it was written for.
    Raises UnclearError where the line held both that character and these very letters.
    """
    lines = split_lines(text)
    result: list[str] = []
    at = 0
    for hunk in hunks(editable(text), edited):
        result += lines[at : hunk.old_start]
        raw, new = "".join(lines[hunk.old_start : hunk.old_end]), "".join(hunk.new)
        meant = {escaped(c): c for c in set(raw) if c not in "\t\n" and escaped(c) != c}
        for name in meant:
            if name in raw and name in new:
                raise UnclearError(
                    f"Line {hunk.new_start + 1} holds {name} both as a character and as letters, so it cannot be told "
                    "which is meant. Edit it in your own editor."
                )
        result.append(_ESCAPE.sub(lambda found, meant=meant: meant.get(found[0], found[0]), new))
        at = hunk.old_end
    return "".join(result + lines[at:])
