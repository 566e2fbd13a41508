"""Draws a terminal run that `script` captured as an SVG picture: record_demo.py CAPTURE PICTURE."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from console import say

COLUMNS = 100
SCRIPT_NOTE = re.compile(r"^Script (?:started|done) on .*$\n?", re.MULTILINE)
# Everything but colours: cursor movements, window titles, erasing.
OTHER_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]")
# Where this machine keeps things is nobody's business.
MACHINE_PATH = re.compile(r"(?:/[\w.+-]+)+/(?=codeagent-demo-|\.venv/)")


def settle(capture: str) -> str:
    """What stands on the screen at the end: of a line that was written over, the last version."""
    text = OTHER_SEQUENCE.sub("", SCRIPT_NOTE.sub("", capture).replace("\r\n", "\n"))
    lines = (line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n"))
    return MACHINE_PATH.sub("", "\n".join(lines)).strip("\n")


def main(arguments: list[str]) -> int:
    """Draw; 0 when the picture is written."""
    if len(arguments) != 2:
        sys.exit("usage: record_demo.py CAPTURE PICTURE")
    capture, picture = map(Path, arguments)
    text = Text.from_ansi(settle(capture.read_bytes().decode(errors="replace")))
    picture.parent.mkdir(parents=True, exist_ok=True)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(text)
    console.save_svg(str(picture), title="make demo")
    say(f"{picture}: {len(text.plain.splitlines())} lines")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as error:
        sys.exit(f"The picture was not drawn: {error.filename}: {error.strerror}.")
