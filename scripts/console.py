"""Where things are and how the scripts talk; standard library only, because it runs before anything is installed."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"


class MissingError(Exception):
    """Something on this machine stands in the way; the text is one sentence and says what to do."""


def say(text: str) -> None:
    """Print one line at once, so that it stands before what a child process prints next."""
    print(text, flush=True)


def headline(text: str) -> None:
    """Print a line that separates the parts of a longer run; bold on a terminal."""
    say(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}")


def clock(seconds: float) -> str:
    """Seconds as a person reads them: `47 s`, `3:07`."""
    whole = int(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02d}"
