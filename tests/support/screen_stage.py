"""An app with one screen over nothing, what it shows as text, and waiting with a bound."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from codeagent.tui import themes


class ScreenStage(App[None]):
    """Pushes the screen; `results` are what it was dismissed with."""

    CSS = themes.THEME_CSS
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, make: Callable[[], Screen[Any]], theme: str = "dark") -> None:
        super().__init__()
        self._make = make
        self._first_theme = theme
        self.results: list[Any] = []

    def on_mount(self) -> None:
        """Themes first, then the screen."""
        themes.register(self)
        self.theme = self._first_theme
        self.open()

    def open(self) -> None:
        """Push the screen anew."""
        self.push_screen(self._make(), self.results.append)


def shown(app: App[Any]) -> str:
    """All text on the screen, piece by piece."""
    pieces = re.findall(r"<text[^>]*>([^<]*)</text>", app.export_screenshot())
    return "".join(html.unescape(piece) for piece in pieces).replace("\xa0", " ")


async def until(pilot: Pilot[Any], condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for a condition, no longer than this."""
    for _ in range(int(seconds / 0.05)):
        await pilot.pause(0.05)
        if condition():
            return
    raise AssertionError(f"it did not happen in {seconds} seconds; the screen shows:\n{shown(pilot.app)}")


async def until_shown(pilot: Pilot[Any], *texts: str, seconds: float = 20) -> None:
    """Wait until the screen has these texts, wherever their lines break."""
    await until(pilot, lambda: all(text in " ".join(shown(pilot.app).split()) for text in texts), seconds)


async def typed(pilot: Pilot[Any], text: str) -> None:
    """Type a text, letter by letter."""
    names = {" ": "space", "/": "slash", ".": "full_stop", "-": "minus", "_": "underscore", "~": "tilde"}
    await pilot.press(*(names.get(letter, letter) for letter in text))


def content(path: Path) -> str:
    """The text of a file."""
    return path.read_text(encoding="utf-8")


def put(path: Path, text: str) -> None:
    """Give a file this text."""
    path.write_text(text, encoding="utf-8")
