"""Sizes and times for people; knows nothing of what they belong to."""

from __future__ import annotations

import time


def size(count: int) -> str:
    """Bytes in powers of ten, as disks and downloads are sold."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.2f} {name}" if unit == 10**9 else f"{count / unit:.0f} {name}"
    return f"{count} B"


def gigabytes(count: int) -> str:
    """Bytes of memory, to a tenth of a gigabyte."""
    return f"{count / 1e9:.1f} GB"


def duration(seconds: float) -> str:
    """A length of time, to two units."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def moment(seconds: float) -> str:
    """A time of the calendar, on this machine's clock."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def plural(count: int, noun: str) -> str:
    """The count with its noun, which takes an s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
