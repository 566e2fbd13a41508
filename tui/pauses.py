"""When memory is searched for garbage: while nothing is drawn, since a full search holds up the keys; knows no app."""

from __future__ import annotations

import gc

_SELDOM = 1_000


def postpone() -> None:
    """Let full collections wait for `collect`. The small ones, a millisecond each, go on as ever."""
    youngest, younger, _ = gc.get_threshold()
    gc.set_threshold(youngest, younger, _SELDOM)


def collect() -> None:
    """Search all that has been made since `settle`."""
    gc.collect()


def settle() -> None:
    """Search everything, and take what is left for what stays: a long session's events are not searched again."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
