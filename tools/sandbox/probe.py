"""Runs inside a sandbox and tries to get out; prints what it could do, a line a thing. Imports the standard library."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress

_CORE_PATTERN = "/proc/sys/kernel/core_pattern"


def main(arguments: list[str]) -> int:
    """Try to write files inside and outside, to reach a port of the host and to set what the kernel runs; whoever
    started it looks which files are there.
    """
    port, *files = arguments
    for path in files:
        with suppress(OSError), open(path, "w", encoding="ascii") as file:
            file.write("x")
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", int(port)), timeout=2).close()
    with suppress(OSError):
        os.close(os.open(_CORE_PATTERN, os.O_WRONLY))
        print("kernel=writable")  # noqa: T201  # its output is its result
    if os.path.exists("/proc/self/status"):
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            status = dict(line.split(":", 1) for line in file if ":" in line)
        for name in ("CapEff", "CapPrm", "NoNewPrivs", "Seccomp"):
            print(f"{name}={status.get(name, '?').strip()}")  # noqa: T201  # as above
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
