"""Measures how fast this computer reads memory and multiplies, in a third of a second; knows no model."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from codeagent.inference.client import Frozen
from codeagent.inference.engine.machine import default_threads

_BUDGET_S = 0.14
_COPIED = 32 << 20
"""Bytes a thread copies at once: more than the caches hold."""
_SIDE = 512


class Speed(Frozen):
    """What a processor does at best: bytes of its memory read, and sums and products, a second."""

    bandwidth: float
    flops: float


def host_speed(threads: int | None = None) -> Speed:
    """Of this computer, with so many threads; None: those a model would get. Takes at most about 0.3 s."""
    count = threads or default_threads()
    return Speed(bandwidth=_copying(count), flops=_multiplying())


def _copying(count: int) -> float:
    import numpy as np  # loaded only when something is measured

    pairs = [(np.ones(_COPIED // 8), np.empty(_COPIED // 8)) for _ in range(count)]

    def copy(pair: tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]) -> None:
        np.copyto(pair[1], pair[0])

    with ThreadPoolExecutor(count) as pool:

        def everyone() -> None:
            list(pool.map(copy, pairs))

        everyone()  # touches the pages
        # A copy reads and writes each byte.
        return 2 * _COPIED * count / _best(everyone)


def _multiplying() -> float:
    import numpy as np  # loaded only when something is measured

    left = np.ones((_SIDE, _SIDE), np.float32)
    out = np.empty_like(left)
    return 2 * _SIDE**3 / _best(lambda: np.matmul(left, left, out=out))


def _best(work: Callable[[], object]) -> float:
    """The shortest of as many runs as fit the budget, at least one, in seconds."""
    shortest, end = float("inf"), time.perf_counter() + _BUDGET_S
    while True:
        started = time.perf_counter()
        work()
        now = time.perf_counter()
        shortest = min(shortest, now - started)
        if now + shortest > end:
            return shortest
