"""A progress bar for long transfers on stderr: one line redrawn in a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import shutil
import time
from collections import deque
from typing import TextIO

_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 5.0
_WINDOW_SECONDS = 10.0


class ProgressBar:
    """Call it with the bytes done and the bytes in all, as often as you like; leave the `with` block to end the line.

    Speed and time left are those of the last seconds.
    """

    def __init__(self, label: str, stream: TextIO) -> None:
        self._label = label
        self._stream = stream
        self._terminal = stream.isatty()
        self._marks: deque[tuple[float, int]] = deque()
        self._drawn_at: float | None = None
        self._last: tuple[int, int] | None = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._last is not None and self._drawn_at is not None:
            self._draw(*self._last)
            if self._terminal:
                self._write("\n")

    def __call__(self, done: int, total: int) -> None:
        """Report that `done` of `total` bytes are there."""
        now = time.monotonic()
        self._last = (done, total)
        self._marks.append((now, done))
        while self._marks[0][0] < now - _WINDOW_SECONDS:
            self._marks.popleft()
        wait = _REDRAW_SECONDS if self._terminal else _LINE_SECONDS
        if self._drawn_at is None or now - self._drawn_at >= wait:
            self._drawn_at = now
            self._draw(done, total)

    def say(self, text: str) -> None:
        """A line of its own above the bar."""
        self._write(("\r\x1b[K" if self._terminal else "") + text + "\n")

    def _draw(self, done: int, total: int) -> None:
        share = done / total if total else 1.0
        facts = [f"{share:4.0%}", f"{size(done)} of {size(total)}"]
        (start, before), (end, now) = self._marks[0], self._marks[-1]
        if end > start and now > before:
            rate = (now - before) / (end - start)
            facts += [f"{size(int(rate))}/s"] + ([f"{duration((total - done) / rate)} left"] if done < total else [])
        line = f"{self._label}  {'  '.join(facts)}"
        if not self._terminal:
            self._write(line + "\n")
            return
        columns = shutil.get_terminal_size().columns
        width = min(30, columns - len(line) - 5)
        filled = int(share * width)
        bar = f"[{'#' * filled}{'.' * (width - filled)}]  " if width >= 5 else ""
        self._write("\r" + f"{self._label}  {bar}{'  '.join(facts)}"[: columns - 1] + "\x1b[K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def size(count: int) -> str:
    """Bytes for a person, in powers of ten as disks and downloads are sold."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.2f} {name}" if unit == 10**9 else f"{count / unit:.0f} {name}"
    return f"{count} B"


def duration(seconds: float) -> str:
    """Seconds for a person."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
