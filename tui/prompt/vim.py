"""Vim's insert and normal mode for a text area, as much of it as a prompt needs; knows nothing of the prompt."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from textual.widgets import TextArea
from textual.widgets.text_area import Location

_WORD = re.compile(r"\w+|[^\w\s]+")


class Vim:
    """Turns keys into edits. Unknown letters in normal mode do nothing; keys that are no letters stay with others."""

    def __init__(self, editor: TextArea, mode_changed: Callable[[], None]) -> None:
        self._editor = editor
        self._mode_changed = mode_changed
        self._pending = ""
        self.mode: Literal["insert", "normal"] = "insert"
        self._motions: dict[str, Callable[[], Location]] = {
            "h": lambda: (self._row, max(0, self._column - 1)),
            "l": lambda: (self._row, min(len(self._line), self._column + 1)),
            "w": self._word_forward,
            "e": self._word_end,
            "b": self._word_back,
            "0": lambda: (self._row, 0),
            "^": lambda: (self._row, len(self._line) - len(self._line.lstrip())),
            "$": lambda: (self._row, len(self._line)),
            "G": lambda: (editor.document.line_count - 1, 0),
        }
        self._commands: dict[str, Callable[[], None]] = {
            "j": editor.action_cursor_down,
            "k": editor.action_cursor_up,
            "x": lambda: self._delete(editor.cursor_location, self._motions["l"]()),
            "D": lambda: self._delete(editor.cursor_location, self._motions["$"]()),
            "C": lambda: self._delete(editor.cursor_location, self._motions["$"](), insert=True),
            "u": editor.undo,
            "i": self._insert,
            "a": lambda: self._insert(self._motions["l"]()),
            "A": lambda: self._insert(self._motions["$"]()),
            "I": lambda: self._insert(self._motions["^"]()),
            "o": lambda: self._open(below=True),
            "O": lambda: self._open(below=False),
        }

    def take(self, key: str, character: str | None) -> bool:
        """Handle a key; False if it is not vim's."""
        if key == "escape":
            return self._escape()
        if self.mode == "insert" or character is None or not character.isprintable():
            return False
        pending, self._pending = self._pending, ""
        if pending == "g":
            if character == "g":
                self._editor.move_cursor((0, 0))
        elif pending:
            self._operate(pending, character)
        elif character in "gdc":
            self._pending = character
        elif character in self._motions:
            self._editor.move_cursor(self._motions[character]())
        elif character in self._commands:
            self._commands[character]()
        self.settle()
        return True

    def settle(self) -> None:
        """In normal mode the cursor stands on a character, not after the last one."""
        if self.mode == "normal" and self._line and self._column >= len(self._line):
            self._editor.move_cursor((self._row, len(self._line) - 1))

    @property
    def _row(self) -> int:
        return self._editor.cursor_location[0]

    @property
    def _column(self) -> int:
        return self._editor.cursor_location[1]

    @property
    def _line(self) -> str:
        return self._editor.document[self._row]

    def _escape(self) -> bool:
        """Leave insert mode, or drop a begun command; with neither the key is the parent's."""
        if self.mode == "normal":
            begun, self._pending = bool(self._pending), ""
            return begun
        self.mode = "normal"
        self._editor.history.checkpoint()
        self._editor.move_cursor(self._motions["h"]())
        self.settle()
        self._mode_changed()
        return True

    def _insert(self, location: Location | None = None) -> None:
        self.mode = "insert"
        self._editor.history.checkpoint()
        if location is not None:
            self._editor.move_cursor(location)
        self._mode_changed()

    def _open(self, *, below: bool) -> None:
        self._insert((self._row, len(self._line) if below else 0))
        at = self._editor.cursor_location
        self._editor.insert("\n", at, maintain_selection_offset=False)
        if not below:
            self._editor.move_cursor(at)

    def _operate(self, operator: str, motion: str) -> None:
        """`d` or `c` with a motion, or doubled for the whole line."""
        insert = operator == "c"
        if motion == operator:
            self._whole_line(insert)
        elif motion in "jkG":
            return
        elif insert and motion == "w":
            self._delete(self._editor.cursor_location, self._after(self._word_end()), insert=True)
        elif motion in self._motions:
            target = self._motions[motion]()
            if motion == "w" and target[0] != self._row:
                target = (self._row, len(self._line))
            self._delete(self._editor.cursor_location, self._after(target) if motion == "e" else target, insert=insert)

    def _whole_line(self, insert: bool) -> None:
        row, last = self._row, self._editor.document.line_count - 1
        if insert or last == 0:
            start, end = (row, 0), (row, len(self._line))
        elif row < last:
            start, end = (row, 0), (row + 1, 0)
        else:
            start, end = (row - 1, len(self._editor.document[row - 1])), (row, len(self._line))
        self._delete(start, end, insert=insert)
        if not insert:
            self._editor.move_cursor((min(row, self._editor.document.line_count - 1), 0))

    def _delete(self, start: Location, end: Location, *, insert: bool = False) -> None:
        self._editor.history.checkpoint()
        if start != end:
            self._editor.delete(start, end, maintain_selection_offset=False)
        if insert:
            self._insert()

    def _after(self, location: Location) -> Location:
        row, column = location
        return row, min(column + 1, len(self._editor.document[row]))

    def _word_forward(self) -> Location:
        for row in range(self._row, self._editor.document.line_count):
            for match in _WORD.finditer(self._editor.document[row]):
                if row > self._row or match.start() > self._column:
                    return row, match.start()
        return self._row, len(self._line)

    def _word_end(self) -> Location:
        for row in range(self._row, self._editor.document.line_count):
            for match in _WORD.finditer(self._editor.document[row]):
                if row > self._row or match.end() - 1 > self._column:
                    return row, match.end() - 1
        return self._row, max(0, len(self._line) - 1)

    def _word_back(self) -> Location:
        for row in range(self._row, -1, -1):
            for match in reversed(list(_WORD.finditer(self._editor.document[row]))):
                if row < self._row or match.start() < self._column:
                    return row, match.start()
        return 0, 0
