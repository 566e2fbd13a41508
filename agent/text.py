"""Text from outside made fit for a terminal; knows nothing of where it comes from."""

from __future__ import annotations

import re

# C0 except tab and newline, DEL, C1, bidi controls, zero-width and tag characters: what moves a cursor or hides text.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")


def printable(text: str) -> str:
    """The text with each control, bidi or invisible character written as <U+XXXX>, and CR LF as LF."""
    text = text.replace("\r\n", "\n").encode("utf-8", "replace").decode("utf-8")
    return _UNSAFE.sub(lambda m: f"<U+{ord(m[0]):04X}>", text)
