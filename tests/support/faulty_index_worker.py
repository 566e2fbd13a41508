"""A real index worker with another parser: it finds `def name` and `name(`, and does what a file tells it to do."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
from pathlib import Path

from codeagent.agent.context.index.worker import main
from codeagent.tools.symbols.api import FileSymbols, Reference, Symbol


def symbols_of(name: str, data: bytes) -> FileSymbols:
    """The symbols, unless the file says `do: something` before."""
    for order in re.findall(rb"^# do: (\w+)(?: (.*))?$", data, re.MULTILINE):
        _obey(order[0].decode(), order[1].decode())
    text = data.decode(errors="replace")
    definitions: list[Symbol] = []
    for match in re.finditer(r"def (\w+)", text):
        line = text.count("\n", 0, match.start()) + 1
        definitions.append(Symbol(match[1], match[1], "function", match[0], "", line, line, match.start(), match.end()))
    uses = [Reference(m[1], text.count("\n", 0, m.start()) + 1) for m in re.finditer(r"(?<!def )\b(\w+)\(", text)]
    return FileSymbols("Python", tuple(definitions), tuple(uses))


def _obey(order: str, argument: str) -> None:
    match order:
        case "segfault":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "hang":
            while True:
                pass
        case "eat":
            _ = bytearray(4 << 30)
        case "raise":
            raise ValueError("a mistake")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die_once" if not Path(argument).exists():
            Path(argument).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case "babble":
            os.write(1, b"\0\0\0\0" + b"\xff" * 100)
        case "vanish":
            os._exit(3)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case _:
            pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], symbols_of))
