"""Spreads a row of sizes over a row of spaces, in order; knows nothing of what they are."""

from __future__ import annotations

from collections.abc import Sequence


def spread(sizes: Sequence[int], room: Sequence[int]) -> list[int] | None:
    """How many of `sizes` each space takes, the first ones the first; None when there is no way to fit them.

    Every space gets a share by its room; where rounding makes that too much for one, the spaces are filled up one by
    one from the last, which finds a way whenever there is one. The last size always goes into the last space.
    """
    counts = shares(sizes, room)
    if not _within(sizes, counts, room):
        counts = _fill(sizes, room)
    return counts if sum(counts) == len(sizes) and (counts[-1] or not sizes) else None


def shares(sizes: Sequence[int], room: Sequence[int]) -> list[int]:
    """How many units each device gets when the bytes are shared by room, in order."""
    total_room, total = sum(max(0, r) for r in room), sum(sizes)
    counts, at, reached, boundary = [0] * len(room), 0, 0, 0.0
    for place, space in enumerate(room):
        boundary += total * max(0, space) / max(1, total_room)
        while at < len(sizes) and (reached + sizes[at] / 2 <= boundary or place == len(room) - 1):
            reached += sizes[at]
            at += 1
            counts[place] += 1
    return counts


def _fill(sizes: Sequence[int], room: Sequence[int]) -> list[int]:
    """How many units each device gets when the last device is filled first."""
    counts, at = [0] * len(room), len(sizes)
    for place in range(len(room) - 1, -1, -1):
        left = room[place]
        while at > 0 and sizes[at - 1] <= left:
            at -= 1
            left -= sizes[at]
            counts[place] += 1
    return counts


def _within(sizes: Sequence[int], counts: Sequence[int], room: Sequence[int]) -> bool:
    at = 0
    for count, space in zip(counts, room, strict=True):
        if count and sum(sizes[at : at + count]) > space:
            return False
        at += count
    return True
