"""The runner's process: arranges that it cannot outlive, disturb or outweigh its parent, then serves frames."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_OOM_SCORE = 500


def main() -> None:
    """Serve frames on stdin and stdout. What anything in this process prints goes to stderr."""
    _die_with_parent()
    _be_killed_first()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    frames = os.dup(1)
    os.dup2(2, 1)

    # The native library is loaded here and not before, so that nothing it prints can get among the frames.
    from codeagent.inference.runner.serve import Server

    Server(sys.stdin.buffer, frames).run()
    sys.stderr.flush()
    os._exit(0)  # the thread that waits for stdin holds its lock, and an ordinary exit would die of that


def _die_with_parent() -> None:
    if sys.platform != "linux":
        return  # the end of stdin tells
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


def _be_killed_first() -> None:
    path = Path("/proc/self/oom_score_adj")
    with suppress(OSError):  # no such file on other systems, a read-only one in some containers
        path.write_text(str(min(1000, int(path.read_text()) + _OOM_SCORE)))


if __name__ == "__main__":
    main()
