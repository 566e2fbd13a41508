"""What a process that parses does from its start to its end: it answers frames within limits; knows no question.

Requests come by stdin and answers go to stdout. It ends when stdin does, so it cannot outlive who started it by more
than the time limit of an answer, which the kernel enforces: nothing native code does can get in its way.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

from codeagent.tools.symbols.frames import FrameReader, frame


def serve(seconds: float, megabytes: int, greeting: bytes, answers: Callable[[bytes], Iterator[bytes]]) -> int:
    """Greet, then send what `answers` gives to each request until stdin ends; returns the exit code.

    Each answer has `seconds`, and the process `megabytes` of address space: where one does not do, the process ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which is to die of it
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory(megabytes << 20)
    reader = FrameReader()
    _send(greeting)
    while data := os.read(0, 1 << 16):
        for request in reader.feed(data):
            left = answers(request)
            while True:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                try:
                    answer = next(left, None)
                except MemoryError:
                    return os.EX_UNAVAILABLE  # what is left of the memory may be in pieces: a new process takes over
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                if answer is None:
                    break
                _send(answer)
    return 0


def _limit_memory(limit: int) -> None:
    with suppress(ValueError, OSError):  # not every system has this limit
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _send(body: bytes) -> None:
    data = memoryview(frame(body))
    while data:
        data = data[os.write(1, data) :]
