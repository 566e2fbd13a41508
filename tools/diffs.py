"""The unified diff of one file's old and new text, for people; knows no file."""

from __future__ import annotations

import difflib

from codeagent.tools.api import Diff


def diff(shown: str, before: str, after: str) -> Diff:
    """What an edit changes. The texts must be valid Unicode; lines end at "\\n" alone, as git sees them."""
    lines: list[str] = []
    added = removed = 0
    for line in difflib.unified_diff(_lines(before), _lines(after), f"a/{shown}", f"b/{shown}"):
        header = line.startswith(("--- ", "+++ ")) and len(lines) < 2
        added += line.startswith("+") and not header
        removed += line.startswith("-") and not header
        lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return Diff(path=shown, unified="".join(lines), added=added, removed=removed)


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
