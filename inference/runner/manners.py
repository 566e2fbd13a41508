"""How a process that holds much memory behaves towards others; knows nothing of what it does."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_OOM_SCORE = 500


def die_with_parent() -> None:
    """End this process when the one that started it does. To be called first."""
    if sys.platform != "linux":
        return  # the end of stdin tells
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


def be_killed_first() -> None:
    """Where memory runs out, let the system end this process rather than others."""
    path = Path("/proc/self/oom_score_adj")
    with suppress(OSError):  # no such file on other systems, a read-only one in some containers
        path.write_text(str(min(1000, int(path.read_text()) + _OOM_SCORE)))
