"""Which characters a command may hold to be judged at all; knows no grammar."""

from __future__ import annotations

import unicodedata

# Letters and symbols that are drawn as nothing.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\U0001d159")
_SEEN = ("L", "N", "P", "S")


def unreadable(text: str) -> str | None:
    """The first character that a person may not see as what it is, or that shells and parsers read differently, as
    U+XXXX; None if there is none. Of ASCII, all but control characters are fine, and the line end. A tab is named only
    where there is nothing worse.
    """
    found = [character for character in dict.fromkeys(text) if not _is_fine(character)]
    worst = min(found, key=lambda character: character == "\t", default=None)
    return None if worst is None else f"U+{ord(worst):04X}"


def _is_fine(character: str) -> bool:
    if character < "\x7f":
        return character >= "\x20" or character == "\n"
    return unicodedata.category(character)[0] in _SEEN and character not in _BLANK
