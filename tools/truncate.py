"""Keeps the head and the tail of text that is too long and says how much was left out; knows no source of it."""

from __future__ import annotations


class HeadTail:
    """Takes any amount of bytes and keeps the first and the last of them, in bounded memory."""

    def __init__(self, limit: int) -> None:
        """At most `limit` bytes are kept: the first quarter, which says what was run, and the end, where errors are."""
        self._head_size = limit // 4
        self._tail_size = limit - self._head_size
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        self.total += len(data)
        room = self._head_size - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room > 0 else data
        if len(self._tail) > 2 * self._tail_size:
            del self._tail[: -self._tail_size]

    @property
    def left_out(self) -> int:
        """How many bytes were not kept."""
        return max(0, self.total - self._head_size - self._tail_size)

    def beginning(self) -> bytes:
        """All bytes if none were left out, else the head."""
        return bytes(self._head if self.left_out else self._head + self._tail)

    def text(self) -> str:
        """What was kept, decoded as UTF-8 (what is not becomes U+FFFD), with a note where something is left out."""
        if not self.left_out:
            return (self._head + self._tail).decode("utf-8", "replace")
        head = self._head.decode("utf-8", "replace")
        # A tail may begin within a character; its rest would show as U+FFFD.
        tail = bytes(self._tail[-self._tail_size :]).lstrip(bytes(range(0x80, 0xC0))).decode("utf-8", "replace")
        return _joined(head, f"[... {self.left_out:,} bytes left out ...]", tail)


def head_and_tail(text: str, limit: int) -> str:
    """The text, or if it has more than `limit` characters its first quarter and its end, with a note between them."""
    if len(text) <= limit:
        return text
    head, tail = text[: limit // 4], text[len(text) - (limit - limit // 4) :]
    return _joined(head, f"[... {len(text) - limit:,} characters left out ...]", tail)


def _joined(head: str, note: str, tail: str) -> str:
    return f"{head}{'' if head.endswith(chr(10)) else chr(10)}{note}{'' if tail.startswith(chr(10)) else chr(10)}{tail}"
