"""Joins rankings that have no common measure; knows not what was ranked."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

SOFTENING = 20.0
"""How many places down a rank counts half. Less than the 60 of the paper: its lists were a thousand long."""


def fuse(rankings: Iterable[tuple[float, NDArray[np.float64]]], count: int) -> NDArray[np.float64]:
    """Reciprocal-rank fusion of scores of the same `count` things: each ranking gives to what it scores above 0 its
    weight divided by the place plus a constant; equal scores stand in the order of the things.

    Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods",
    2009.
    """
    total = np.zeros(count)
    for weight, scores in rankings:
        scored = np.flatnonzero(scores > 0)
        scored = scored[np.argsort(-scores[scored], kind="stable")]
        total[scored] += weight / (SOFTENING + np.arange(len(scored)))
    return total
