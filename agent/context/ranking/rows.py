"""Rows by what they belong to, as flat arrays; knows nothing of what they mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Grouped:
    """The rows of each of so many groups, where `groups` says of each row which it is in (below 0: in none)."""

    def __init__(self, groups: NDArray[np.integer[Any]], count: int) -> None:
        """Takes four bytes a row and a group."""
        self._order = np.argsort(groups, kind="stable").astype(np.int32)
        below = int(np.count_nonzero(groups < 0))
        sizes = np.bincount(groups[groups >= 0], minlength=count)
        self._first = (np.concatenate(([0], np.cumsum(sizes))) + below).astype(np.int32)

    def of(self, groups: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """The rows of these groups, one group behind the other."""
        return self._order[spans(self._first[groups], self._first[np.asarray(groups) + 1])]

    def sizes(self) -> NDArray[np.int32]:
        """How many rows each group has."""
        return np.diff(self._first)


def spans(first: NDArray[np.integer[Any]], last: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """The numbers of the half-open ranges from `first` to `last`, one range behind the other."""
    lengths = (last - first).astype(np.int64)
    offsets = np.repeat(first - np.concatenate(([0], np.cumsum(lengths[:-1]))), lengths)
    return np.arange(int(lengths.sum())) + offsets


def find_sorted(values: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int32]:
    """The places of values in an ascending list, -1 for those that are not in it."""
    if not len(values):
        return np.full(len(wanted), -1, np.int32)
    at = np.minimum(np.searchsorted(values, wanted), len(values) - 1).astype(np.int32)
    at[values[at] != wanted] = -1
    return at
