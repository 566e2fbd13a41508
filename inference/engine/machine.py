"""What this machine lets the process use: processors; knows no model."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_PROCESSORS = Path("/sys/devices/system/cpu")


def default_threads() -> int:
    """One thread a physical core that this process may run on, within the cgroup's quota."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = {_siblings(number) for number in allowed}
    return max(1, min(len(cores), _quota()))


def _siblings(number: int) -> str:
    path = _PROCESSORS / f"cpu{number}/topology/thread_siblings_list"
    return path.read_text().strip() if path.exists() else str(number)


def _quota() -> int:
    path = _CGROUP / "cpu.max"
    quota, _, period = path.read_text().partition(" ") if path.exists() else ("max", "", "")
    return 1 << 16 if quota == "max" else max(1, int(quota) // int(period))
