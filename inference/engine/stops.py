"""Finds stop strings in text that arrives in pieces; knows no tokens."""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Passes text on, except what follows the first stop string and, until that is decided, what may begin one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.matched = False

    def feed(self, text: str) -> str:
        """The text that is certainly before any stop string. After a match there is none."""
        if self.matched or not self._stops:
            return "" if self.matched else text
        held = self._held + text
        found = [at for stop in self._stops if (at := held.find(stop)) >= 0]
        if found:
            self.matched, self._held = True, ""
            return held[: min(found)]
        keep = max(_overlap(held, stop) for stop in self._stops)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def finish(self) -> str:
        """What was held back and turned out to be text."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that begins `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
