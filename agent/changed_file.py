"""A file that is not what it was, as it is shown, put back in part and written into a patch; reads no file."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from codeagent.agent.checkpoints.states import ABSENT, State
from codeagent.tools import hunks
from codeagent.tools.api import ToolError
from codeagent.tools.hunks import Hunk
from codeagent.tools.text import decode


@dataclass(frozen=True)
class ChangedFile:
    """A file that is not what it was: its bytes then and now, None where it was or is not there, and its states.

    `fault` says why its change cannot be shown as text: then it has no hunks and can only be put back whole.
    """

    path: Path
    shown: str
    old: bytes | None
    now: bytes | None
    fault: str = ""
    was: State = ABSENT
    state: State = ABSENT

    @classmethod
    def of(
        cls, path: Path, shown: str, was: tuple[State, bytes | None], now: tuple[State, bytes | None]
    ) -> ChangedFile:
        """The file with its states and what is kept of them."""
        fault = _fault(shown, was[1]) or _fault(shown, now[1])
        if "link" in (was[0].kind, now[0].kind):
            fault = f"{shown} {'was' if now[0].kind != 'link' else 'is'} a symbolic link."
        elif was[0].kind == "unknown":
            fault = f"{shown} could not be read before it was changed."
        elif was[0].has_data and was[1] is None:
            fault = f"What {shown} was before is not kept any more."
        elif now[0].kind in ("unknown", "folder"):
            fault = f"{shown} cannot be read now."
        elif was[0].same_content(now[0]):
            fault = f"Only who may run {shown} changed."
        return cls(path, shown, was[1], now[1], fault, was[0], now[0])

    @cached_property
    def before(self) -> str | None:
        """Its text then; None where it was not there or is no text. May hold lone surrogates, as the text now may."""
        return None if self.old is None or self.fault else decode(self.old, self.shown).text

    @cached_property
    def after(self) -> str | None:
        """Its text now; None where it is not there or is no text."""
        return None if self.now is None or self.fault else decode(self.now, self.shown).text

    @cached_property
    def hunks(self) -> tuple[Hunk, ...]:
        """What changed, in order; none where only bytes differ that are no text, such as line ends."""
        return () if self.fault else hunks.hunks(self.before or "", self.after or "")

    def without(self, hunk: int) -> bytes | None:
        """The bytes now with one hunk taken back. Raises ToolError where the encoding lacks a character of it."""
        text = hunks.take(self.before or "", self.hunks, set(range(len(self.hunks))) - {hunk})
        if text == (self.before or ""):
            return self.old
        kept = self.old if self.now is None else self.now
        return decode(kept or b"", self.shown).with_text(text).encode(self.shown)

    def turned_round(self) -> ChangedFile:
        """The way back: the change from what it is now to what it was."""
        return replace(self, old=self.now, now=self.old, was=self.state, state=self.was)

    def unified_diff(self) -> str:
        """The change as a patch in git's form."""
        lines = [f"diff --git {_quoted(f'a/{self.shown}')} {_quoted(f'b/{self.shown}')}\n"]
        old, new = _mode(self.was), _mode(self.state)
        if not old:
            lines.append(f"new file mode {new}\n")
        elif not new:
            lines.append(f"deleted file mode {old}\n")
        elif old != new:
            lines.append(f"old mode {old}\nnew mode {new}\n")
        if self.old == self.now:
            return "".join(lines)
        source = _quoted(f"a/{self.shown}") if old else "/dev/null"
        target = _quoted(f"b/{self.shown}") if new else "/dev/null"
        if b"\0" in (self.old or b"") + (self.now or b""):
            return "".join((*lines, f"Binary files {source} and {target} differ\n"))
        for line in difflib.unified_diff(_lines(self.old), _lines(self.now), source, target):
            lines.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
        return "".join(lines)


def _fault(shown: str, data: bytes | None) -> str:
    """Why the bytes are no text; empty where they are."""
    try:
        decode(data or b"", shown)
    except ToolError as e:
        return str(e)
    return ""


def _mode(state: State) -> str:
    """As git writes it; "" for no file."""
    if not state.has_data:
        return ""
    return "120000" if state.kind == "link" else "100755" if state.mode & 0o100 else "100644"


def _quoted(name: str) -> str:
    """A name as git writes it in a patch: in quotes where it holds what would end it."""
    if not any(c < " " or c in '"\\\x7f' for c in name):
        return name
    escaped = (f"\\{c}" if c in '"\\' else f"\\{ord(c):03o}" if c < " " or c == "\x7f" else c for c in name)
    return f'"{"".join(escaped)}"'


def _lines(data: bytes | None) -> list[str]:
    """Lines with their newline; only "\\n" separates, as git sees it."""
    parts = (data or b"").decode("utf-8", "replace").split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
