"""Keeps a panel deaf until a person can have seen it; knows keys and clicks by their time only."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.timer import Timer

GUARD_SECONDS = 0.5


class Guard:
    """Opens some seconds after it was set, or after the last key that came too early: who types on has not seen it.

    What was typed or clicked before it opened never passes, however late it is delivered.
    """

    def __init__(self, seconds: float) -> None:
        """Closed until it is set."""
        self._seconds = seconds
        self._opened: float | None = None
        self._touched = 0.0

    @property
    def open(self) -> bool:
        """Whether anything passes by now."""
        return self._opened is not None

    def close(self) -> None:
        """Let nothing pass until it is set anew."""
        self._opened = None

    def set(self, set_timer: Callable[[float, Callable[[], None]], Timer], opened: Callable[[], None]) -> None:
        """Begin to wait; `opened` is called when it is over."""
        self._touched = time.monotonic()

        def look() -> None:
            left = self._touched + self._seconds - time.monotonic()
            if left > 0:
                set_timer(left, look)
            else:
                self._opened = time.monotonic()
                opened()

        look()

    def passes(self, moment: float) -> bool:
        """Whether what happened at this moment counts; if not, the wait begins anew."""
        if self._opened is not None:
            return moment >= self._opened
        self._touched = time.monotonic()
        return False
