"""The process that lends this machine's memory and cores, for as long as the one that started it lives."""

from __future__ import annotations

import resource
import signal
import sys

from codeagent.inference.runner.manners import be_killed_first, die_with_parent

_OWN = 1 << 30
"""Memory that the process may take for itself and for what it computes in, beside what it lends."""


def main(host: str, port: int, threads: int, memory: int) -> int:
    """Serve until ended; `memory` in bytes, 0 for all. Returns 1, with a sentence on stderr, when that cannot be."""
    die_with_parent()
    be_killed_first()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory + _OWN, memory + _OWN))

    from codeagent.inference.engine.ggml import NativeError  # loads nothing before the limits hold
    from codeagent.inference.engine.lending import lend

    try:
        lend(host, port, threads, memory or None)
    except NativeError as error:
        sys.stderr.write(f"This machine cannot be lent: {error}.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
