"""Runs Python code that is not trusted to end, under a limit of time and memory; knows nothing of what it does."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any


class OverLimitError(Exception):
    """The code took too long."""


@contextmanager
def limited(seconds: float, memory: int) -> Generator[None]:
    """Raise OverLimitError in this thread's Python code after `seconds`, MemoryError after `memory` more bytes.

    Time is looked at between lines of Python, so a single operation in C is bounded by the memory alone. The memory
    limit is the process's, which is why it is lifted again at the end; where the system has no /proc there is none.
    """
    end = time.monotonic() + seconds

    def trace(_frame: FrameType, _event: str, _argument: Any) -> Any:
        if time.monotonic() > end:
            raise OverLimitError
        return trace

    before = sys.gettrace()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    ceiling = _address_space() + memory
    bounded = ceiling > memory and (soft == resource.RLIM_INFINITY or ceiling < soft)
    sys.settrace(trace)
    try:
        if bounded:
            resource.setrlimit(resource.RLIMIT_AS, (ceiling, hard))
        yield
    finally:
        sys.settrace(before)
        if bounded:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else 0
