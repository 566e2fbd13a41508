"""What memory and processor this computer has; knows no model and no GPU."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from codeagent.inference.client import Frozen


class HostMemory(Frozen):
    """Bytes of main memory: all that this process may use, and what is available without swapping."""

    total: int
    available: int


def host_memory() -> HostMemory:
    """The memory of this computer, or of the container (cgroup) this process runs in where that is less."""
    if platform.system() == "Darwin":
        return _macos()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _text(Path("/proc/meminfo")), re.MULTILINE)
    available = int(found[1]) * 1024 if found else total // 2
    for limit, used in _cgroup_limits():
        total, available = min(total, limit), min(available, max(0, limit - used))
    return HostMemory(total=total, available=available)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _cgroup_limits() -> list[tuple[int, int]]:
    """(limit, in use without the file cache) of every memory cgroup above this process, version 2 and version 1."""
    limits: list[tuple[int, int]] = []
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        number, controllers, name = (*line.split(":", 2), "", "")[:3]
        if number == "0":
            root, files = Path("/sys/fs/cgroup"), ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            root, files = Path("/sys/fs/cgroup/memory"), ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        folder = root / name.lstrip("/")
        for place in (folder, *folder.parents):
            limit, used = (_text(place / f).strip() for f in files)
            if limit.isdigit() and used.isdigit():
                cached = re.search(r"^(?:total_)?inactive_file (\d+)", _text(place / "memory.stat"), re.MULTILINE)
                limits.append((int(limit), int(used) - (int(cached[1]) if cached else 0)))
            if place == root:
                break
    return limits


def _macos() -> HostMemory:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        report = subprocess.run(["/usr/bin/vm_stat"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return HostMemory(total=total, available=total // 2)
    page = re.search(r"page size of (\d+) bytes", report)
    pages = re.findall(r"Pages (?:free|inactive|speculative|purgeable):\s+(\d+)", report)
    return HostMemory(total=total, available=min(total, sum(map(int, pages)) * (int(page[1]) if page else 4096)))
