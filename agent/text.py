"""Text from outside made fit for a terminal; knows nothing of where it comes from."""

from __future__ import annotations

import re
import unicodedata

# C0 except tab and newline, DEL, C1, bidi controls, zero-width, tag and selector characters: what moves a cursor or
# hides text. U+FE0E and U+FE0F stay, since they only choose between the two looks of an emoji.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0d\ufeff"
    "\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)


def printable(text: str) -> str:
    """The text with each control, bidi or invisible character written as <U+XXXX>, and CR LF as LF."""
    text = text.replace("\r\n", "\n").encode("utf-8", "replace").decode("utf-8")
    return _UNSAFE.sub(lambda m: f"<U+{ord(m[0]):04X}>", text)


def without_invisible(text: str) -> tuple[str, list[str]]:
    """The text less what `printable` would mark, and that as U+XXXX in order. A joiner inside an emoji stays."""
    taken: list[str] = []

    def drop(found: re.Match[str]) -> str:
        beside = text[max(0, found.start() - 1) : found.start()], text[found.end() : found.end() + 1]
        if found[0] == "\u200d" and all(map(_is_emoji, beside)):
            return found[0]
        taken.append(f"U+{ord(found[0]):04X}")
        return ""

    return _UNSAFE.sub(drop, text), taken


def _is_emoji(character: str) -> bool:
    """Whether it can stand beside the joiner in an emoji: a symbol, a skin colour, or the mark of the emoji's look."""
    return character == "\ufe0f" or (character > "\u2000" and unicodedata.category(character) in ("So", "Sk"))
