"""Keeps what is pasted from becoming keys: no escape character reaches the app inside a paste; knows no widget.

Textual 8 reads an escape character in a bracketed paste as the begin of a key sequence, so that pasted text could press
Enter in an approval. A terminal should take such characters out of what it pastes; tmux and others do not.
"""

from __future__ import annotations

import os
import selectors
from codecs import getincrementaldecoder

from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

BEGIN, END = "\x1b[200~", "\x1b[201~"
_CHUNK = 4096
_TICK_S = 0.1


class PasteGuard:
    """Filters what a terminal sends, in whatever pieces it comes."""

    def __init__(self) -> None:
        self._inside = False
        self._held = ""
        self._seen = ""

    def filter(self, data: str) -> str:
        """The input without escape characters inside pastes. What may be the end of one is held until it is known."""
        data, self._held = self._held + data, ""
        result: list[str] = []
        while data:
            if not self._inside:
                begin = (self._seen + data).find(BEGIN)
                if begin < 0:
                    result.append(data)
                    self._seen = (self._seen + data)[-len(BEGIN) + 1 :]
                    break
                end = begin + len(BEGIN) - len(self._seen)
                result.append(data[:end])
                data, self._seen, self._inside = data[end:], "", True
            else:
                end = data.find(END)
                if end >= 0:
                    result += [data[:end].replace("\x1b", ""), END]
                    data, self._inside = data[end + len(END) :], False
                    continue
                at = data.rfind("\x1b")
                if at >= 0 and END.startswith(data[at:]):
                    data, self._held = data[:at], data[at:]
                result.append(data.replace("\x1b", ""))
                break
        return "".join(result)


class GuardedDriver(LinuxDriver):
    """Textual's driver with the guard before its parser."""

    def run_input_thread(self) -> None:
        """See LinuxDriver: read until the app ends."""
        parser, guard = XTermParser(self._debug), PasteGuard()
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_TICK_S):
                    data = os.read(self.fileno, _CHUNK)
                    if not data:
                        break  # the terminal is gone
                    if text := guard.filter(decode(data)):
                        for event in parser.feed(text):
                            self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)


def guarded(driver: type[Driver]) -> type[Driver]:
    """The guarded form of a driver, where there is one."""
    return GuardedDriver if driver is LinuxDriver else driver
