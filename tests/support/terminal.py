"""A real terminal for tests: a program in a pty, what it wrote, what stands on the screen; every wait is bounded."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from rich.cells import cell_len

PATIENCE = 80.0
_SEQUENCE = re.compile(
    rb"""
    \x1b\[ (?P<csi> [0-?]*[\ -/]*[@-~])
    | \x1b [PX^_\]] .*? (?: \x1b\\ | \x07)     # DCS, SOS, PM, APC, OSC
    | \x1b [\ -/]* [0-Z\\^-~]
    """,
    re.VERBOSE | re.DOTALL,
)
_MAYBE_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[PX^_\]][^\x07]*|[ -/]*)?\Z", re.DOTALL)
ALWAYS_ON = frozenset({"?7", "?25"})
"""The private modes of a terminal that nothing has changed: lines wrap and the cursor shows."""


class Screen:
    """What a terminal would show: as much of one as Textual and plain output need."""

    def __init__(self, columns: int, rows: int) -> None:
        self.modes = set(ALWAYS_ON)
        """The private modes that are on, and "kitty" for the keyboard protocol of that name."""
        self._pending = b""
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Empty, in a new size."""
        self.columns, self.rows = columns, rows
        self._cells = self._blank()
        self._below = self._blank()  # the main screen while the other is shown
        self._x = self._y = 0

    def _blank(self) -> list[list[str]]:
        return [[" "] * self.columns for _ in range(self.rows)]

    @property
    def text(self) -> str:
        """The lines, without what is blank at their ends."""
        return "\n".join("".join(line).rstrip() for line in self._cells)

    def feed(self, data: bytes) -> None:
        """Draw."""
        data, self._pending = self._pending + data, b""
        if unfinished := _MAYBE_UNFINISHED.search(data):
            data, self._pending = data[: unfinished.start()], data[unfinished.start() :]
        at = 0
        for match in _SEQUENCE.finditer(data):
            self._write(data[at : match.start()])
            at = match.end()
            if match["csi"]:
                self._control(match["csi"].decode("ascii"))
        rest = data[at:]
        for cut in range(1, min(4, len(rest) + 1)):  # a character may be cut at the end
            if rest[-cut] >= 0xC0:
                length = 2 if rest[-cut] < 0xE0 else 3 if rest[-cut] < 0xF0 else 4
                if length > cut:
                    rest, self._pending = rest[:-cut], rest[-cut:]
                break
        self._write(rest)

    def _control(self, sequence: str) -> None:
        arguments, final = sequence[:-1], sequence[-1]
        numbers = [int(part) if part.isdigit() else 0 for part in arguments.split(";")]
        match final:
            case "H" | "f":
                row, column = [*numbers, 0][:2]
                self._y = min(max(row, 1), self.rows) - 1
                self._x = min(max(column, 1), self.columns) - 1
            case "J" if numbers[0] == 2:
                self._cells = self._blank()
            case "K":
                self._cells[self._y][self._x :] = [" "] * (self.columns - self._x)
            case "A":
                self._y = max(0, self._y - max(1, numbers[0]))
            case "h" | "l" if arguments.startswith("?"):
                for number in arguments[1:].split(";"):
                    self._switch(f"?{number}", final == "h")
            case "u" if arguments[:1] in "<>" and arguments:
                (self.modes.add if arguments[0] == ">" else self.modes.discard)("kitty")
            case _:
                pass

    def _switch(self, mode: str, on: bool) -> None:
        if mode == "?1049" and on != (mode in self.modes):
            self._cells, self._below = (self._blank(), self._cells) if on else (self._below, self._blank())
        (self.modes.add if on else self.modes.discard)(mode)

    def _write(self, data: bytes) -> None:
        for character in data.decode(errors="replace"):
            if character == "\r":
                self._x = 0
            elif character == "\n":
                self._x = 0
                self._down()
            elif character == "\b":
                self._x = max(0, self._x - 1)
            elif character >= " ":
                self._put(character, cell_len(character))

    def _put(self, character: str, width: int) -> None:
        if width == 0:
            return
        if self._x + width > self.columns:
            if "?7" in self.modes:
                self._x = 0
                self._down()
            else:
                self._x = self.columns - width
        self._cells[self._y][self._x : self._x + width] = [character, *[""] * (width - 1)]
        self._x += width

    def _down(self) -> None:
        if self._y + 1 < self.rows:
            self._y += 1
        else:
            self._cells = [*self._cells[1:], [" "] * self.columns]


class Terminal:
    """A program started in a terminal of its own, as the session leader a terminal's shell would be."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        env: Mapping[str, str],
        cwd: Path,
        columns: int = 120,
        rows: int = 40,
    ) -> None:
        self._master, self._slave = os.openpty()
        self._screen = Screen(columns, rows)
        self._drawn = 0
        self.chunks: list[tuple[float, bytes]] = []
        """What it wrote, with the time (time.perf_counter) at which it came."""
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._set_size(columns, rows)
        self._settings = termios.tcgetattr(self._slave)
        self.started = time.perf_counter()
        slave = self._slave
        self.process = subprocess.Popen(
            [str(word) for word in argv],
            env=dict(env) | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
            cwd=cwd,
            preexec_fn=lambda: os.login_tty(slave),
        )
        self._hung_up = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        # Never blocked in read(): a descriptor that is being read is not closed by close().
        while not self._hung_up.is_set():
            if not select.select([self._master], [], [], 0.02)[0]:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:  # nobody has the terminal open
                return
            now = time.perf_counter()
            with self._news:
                self.chunks.append((now, data))
                self._news.notify_all()

    @property
    def raw(self) -> bytes:
        """All bytes it wrote."""
        with self._lock:
            return b"".join(data for _, data in self.chunks)

    @property
    def screen(self) -> Screen:
        """The screen with all that was written so far. Drawn only when it is looked at, to measure undisturbed."""
        with self._lock:
            return self._draw()

    def _draw(self) -> Screen:
        fresh, self._drawn = self.chunks[self._drawn :], len(self.chunks)
        for _, data in fresh:
            self._screen.feed(data)
        return self._screen

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return self.screen.text

    @property
    def echoes(self) -> bool:
        """Whether the system itself still echoes what is typed, because no program reads keys yet."""
        return bool(termios.tcgetattr(self._slave)[3] & termios.ECHO)

    def send(self, keys: str | bytes) -> None:
        """Type."""
        data = keys.encode() if isinstance(keys, str) else keys
        while data:
            data = data[os.write(self._master, data) :]

    def click(self, text: str) -> None:
        """Click on a text that stands on the screen."""
        for row, line in enumerate(self.wait_for(text).split("\n"), start=1):
            if text in line:
                column = cell_len(line[: line.index(text)]) + 1
                self.send(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")
                return

    def paste(self, text: str) -> None:
        """Paste as a terminal does."""
        self.send(f"\x1b[200~{text}\x1b[201~")

    def wait_until(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """Wait until a condition holds, and return what it gives."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end:
                raise AssertionError(f"Not within {seconds:.0f} seconds: {what}. On the screen:\n{self.text}")
            with self._news:
                self._news.wait(0.05)
        return found

    def wait_for(self, text: str, seconds: float = PATIENCE) -> str:
        """Wait until a text stands on the screen, and return the screen."""

        def there() -> str:
            screen = self.text
            return screen if text in screen else ""

        return self.wait_until(there, f"{text!r} on the screen", seconds)

    def wait_gone(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until a text is no longer on the screen."""
        self.wait_until(lambda: text not in self.text, f"{text!r} is gone", seconds)

    def wait_quiet(self, quiet: float = 0.4, seconds: float = PATIENCE) -> None:
        """Wait until nothing has been written for a while."""
        self.wait_until(
            lambda: self.chunks and time.perf_counter() - self.chunks[-1][0] > quiet, "the screen is quiet", seconds
        )

    def resize(self, columns: int, rows: int) -> None:
        """Make the window larger or smaller; the program is told, and the screen is drawn anew."""
        with self._lock:
            self._draw().resize(columns, rows)
        self._set_size(columns, rows)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """Lose the terminal, as when its window or the connection is gone."""
        self._hung_up.set()
        self._reader.join(PATIENCE)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the program to end; its exit code."""
        return self.process.wait(seconds)

    def wait_restored(self) -> None:
        """Fail unless the terminal is as it was before: modes, keyboard, echo."""
        self.wait_until(lambda: self.screen.modes == ALWAYS_ON, f"only {ALWAYS_ON} on, not {self.screen.modes}", 5)
        assert termios.tcgetattr(self._slave) == self._settings

    def close(self) -> None:
        """End everything in this terminal."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        if self._master >= 0:
            self.hang_up()


def children(pid: int) -> list[int]:
    """The processes a process started and still has, from the system's list."""
    lines = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.splitlines()
    return [child for child, parent in (map(int, line.split()) for line in lines) if parent == pid]


def descendants(pid: int) -> list[int]:
    """All processes under a process."""
    found = children(pid)
    return found + [deeper for child in found for deeper in descendants(child)]
