"""Short stand-ins in the editor for long pastes and invisible characters; knows no widget."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from codeagent.agent.text import printable

LONG_LINES = 10
LONG_CHARACTERS = 1_000
REMEMBERED = 200
"""So many pastes can be folded again when their text comes back; those still in the editor are never forgotten."""

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".svg", ".tiff"})

# What programs write to colour their output, and what is left of it; the text between stays.
_ESCAPES = re.compile(r"\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-Z\\^-~]")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_TOKEN = re.compile(r"\[pasted text [0-9]+: [0-9,]+ (?:lines|characters)\]|<U\+[0-9A-F]{4,6}>")


def clean(text: str) -> str:
    """The text without terminal control sequences and control characters, except newline and tab."""
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", _ESCAPES.sub("", text)))


def pasted_image(text: str, root: Path) -> str | None:
    """The path of an existing image file if that is all the text is, relative to the root where it lies inside."""
    line = text.strip()
    if len(line) > 4_096 or "\n" in line or "\x00" in line:
        return None
    if line.startswith("file://"):
        line = unquote(urlsplit(line).path)
    elif len(line) > 1 and line[0] == line[-1] and line[0] in "'\"":
        line = line[1:-1]
    else:
        line = re.sub(r"\\(.)", r"\1", line)
    path = root / line
    try:
        if path.suffix.lower() not in IMAGES or not path.is_file():
            return None
    except OSError:
        return None
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


class Folds:
    """What the tokens in the editor stand for. A token in the text is replaced by its text when the text is sent."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._count = 0

    def paste(self, text: str) -> str:
        """What to put into the editor for pasted text: the text, or a token if it is long."""
        text = clean(text)
        lines = text.rstrip("\n").count("\n") + 1
        if lines <= LONG_LINES and len(text) <= LONG_CHARACTERS:
            return self._visible(text)
        return self._fold(text)

    def show(self, text: str) -> str:
        """What to put into the editor for text that was once sent from here: folded where it was folded before."""
        text = clean(text)
        known: dict[str, str] = {}
        patterns: list[str] = []
        for token, paste in sorted(self._texts.items(), key=lambda item: -len(item[1])):
            whole = paste in text
            paste = paste if whole else paste.rstrip()  # spaces at the end of a prompt are not sent
            if paste and not token.startswith("<") and (whole or text.endswith(paste)):
                known[paste] = token
                patterns.append(re.escape(paste) if whole else re.escape(paste) + r"\Z")
        parts = re.split(f"({'|'.join(patterns)})", text) if patterns else [text]
        return "".join(known.get(part) or self._visible(part) for part in parts)

    def restore(self, text: str, pastes: Mapping[str, str]) -> str:
        """A text with tokens from another time, with tokens that are good now."""
        known = {text: token for token, text in self._texts.items()}

        def renew(match: re.Match[str]) -> str:
            token, paste = match[0], clean(pastes.get(match[0], ""))
            if paste and printable(paste) == token:
                self._texts[token] = paste
                return token
            return (known.get(paste) or self._fold(paste)) if paste else token

        return _TOKEN.sub(renew, self._visible(clean(text)))

    def expand(self, text: str) -> str:
        """The text with each token replaced by what it stands for."""
        return _TOKEN.sub(lambda match: self._texts.get(match[0], match[0]), text)

    def opened(self, token: str) -> str:
        """A folded paste as it looks in the editor when it is not folded."""
        return self._visible(self._texts[token])

    def tokens(self, text: str) -> dict[str, str]:
        """The tokens in the text and what they stand for."""
        return {m[0]: self._texts[m[0]] for m in _TOKEN.finditer(text) if m[0] in self._texts}

    def spans(self, line: str) -> Iterator[tuple[int, int]]:
        """Where tokens stand in a line of the editor."""
        return (m.span() for m in _TOKEN.finditer(line) if m[0] in self._texts)

    def forget(self, keep: str) -> None:
        """Let go of the oldest pastes that are not in the text `keep`."""
        for token in [token for token in self._texts if token not in keep][: max(0, len(self._texts) - REMEMBERED)]:
            del self._texts[token]

    def _fold(self, text: str) -> str:
        self._count += 1
        lines = text.rstrip("\n").count("\n") + 1
        size = f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
        token = f"[pasted text {self._count}: {size}]"
        self._texts[token] = text
        return token

    def _visible(self, text: str) -> str:
        """Characters that cannot be seen become tokens, so that what is sent is what was pasted, and is seen."""
        names = {c: printable(c) for c in set(text)}
        hidden = {c: name for c, name in names.items() if name != c}
        self._texts.update((name, c) for c, name in hidden.items())
        return text.translate({ord(c): name for c, name in hidden.items()})
