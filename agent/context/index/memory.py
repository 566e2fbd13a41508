"""Gives memory that is not used any more back to the system; knows nothing of what used it."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Have the C library return what it keeps for later, which can be more than is in use after a large piece of work.

    Takes some milliseconds. Does nothing where the library has no such call: only glibc has it, and only its threads
    keep arenas of their own.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
