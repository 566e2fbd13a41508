"""A process that parses, from outside: its start, its pipes, its end and the reason of it; knows no question.

It is kept for many files, which `Processes` of tools/process.py has no way for, and needs no supervisor: it limits
itself, starts nothing, and ends with its pipe.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from codeagent.tools.symbols.frames import FrameReader

_END_S: Final = 5.0
_LOOK_S: Final = 0.002
_OUT_OF_MEMORY: Final = os.EX_UNAVAILABLE
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE")


@dataclass(frozen=True)
class ParseLimits:
    """What a file may cost: seconds, and megabytes of address space of the process that parses it.

    `start_s` bounds the start of a process, `stall_s` is for one that neither answers nor dies of the time limit.
    """

    seconds: float = 10.0
    megabytes: int = 1024
    start_s: float = 60.0
    stall_s: float = 30.0

    @property
    def too_slow(self) -> str:
        """The sentence on a file that takes too long."""
        return f"Reading and parsing it takes more than {self.seconds:g} s."


class Child:
    """A running process and its pipes, which never block. To be used by one thread at a time."""

    def __init__(self, arguments: Sequence[str], limits: ParseLimits) -> None:
        """Start it; its last arguments are the limits. Raises OSError."""
        self._limits = limits
        # A process takes over the peak of the one that starts it, as the system counts.
        self._before = _mebibytes(resource.getrusage(resource.RUSAGE_SELF))
        self._process = subprocess.Popen(
            [*arguments, str(limits.seconds), str(limits.megabytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self.pid = self._process.pid
        self.input, self.output = self._process.stdin.fileno(), self._process.stdout.fileno()
        self.reader = FrameReader()
        self._peak = 0.0
        os.set_blocking(self.input, False)
        os.set_blocking(self.output, False)

    def kill(self) -> None:
        """End it, if it has not ended. One that is stuck in the kernel goes when that lets it."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self.wait()

    def wait(self) -> int | None:
        """How it ended, as `Popen.returncode`; None if it does not within seconds."""
        until = time.monotonic() + _END_S
        while self._process.returncode is None and time.monotonic() < until:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)  # not Popen's, which does not tell the memory
            if pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self._peak = _mebibytes(usage)
            else:
                time.sleep(_LOOK_S)
        return self._process.returncode

    def reason(self) -> str:
        """A sentence on why it ended, to be said of the file it was at."""
        code, limits = self._process.returncode, self._limits
        if code == -signal.SIGALRM:
            return limits.too_slow
        # Native code mostly does not look whether it got the memory it asked for.
        crashed = code in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
        if code == _OUT_OF_MEMORY or (crashed and self._peak > max(limits.megabytes / 2, self._before)):
            return f"Parsing it takes more than {limits.megabytes:,} MiB of memory."
        if code == -signal.SIGKILL:
            return "The process that parsed it was killed twice, perhaps because memory ran out."
        return f"The process that parsed it ended ({ended(code)})."


def _mebibytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def ended(code: int | None) -> str:
    """A code of `Child.wait` in words."""
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
