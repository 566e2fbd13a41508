"""Text from outside made fit for a terminal; knows nothing of where it comes from."""

from __future__ import annotations

import re

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
