"""How much one command may use, chosen from the size of this machine; enforces nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

GB = 10**9
_TASKS = 2048
_SMALLEST_MEMORY = 2 * GB
_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Limits:
    """For a command and all it starts together: bytes of memory, processes with their threads, bytes of any one file,
    and bytes that stay free on the disk. 0: no limit.
    """

    memory: int = 0
    processes: int = 0
    file: int = 0
    disk: int = 0

    @classmethod
    def of_machine(cls, memory: int | None = None) -> Limits:
        """Generous ones: half of the memory (or what is given), 2,048 processes, files up to 20 GB, half a GB of disk
        left.
        """
        return cls(memory or max(_SMALLEST_MEMORY, _total_memory() // 2), _TASKS, 20 * GB, GB // 2)

    def options(self) -> dict[str, str]:
        """As the supervisor takes them."""
        named = {"memory": self.memory, "processes": self.processes, "file": self.file, "disk": self.disk}
        return {name: str(value) for name, value in named.items() if value}

    def told(self, name: str) -> str:
        """What a command did that passed the limit of this name, as a clause."""
        match name:
            case "memory":
                return f"it used more than {_size(self.memory)} of memory"
            case "processes":
                return f"it started more than {self.processes:,} processes and threads"
            case "file":
                return f"it wrote a file of more than {_size(self.file)}"
            case "disk":
                return f"it left less than {_size(self.disk)} free on the disk"
            case _:
                raise ValueError(name)


def _total_memory() -> int:
    """Bytes of main memory, or what the container has of it."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in _CONTAINER_LIMITS:
        try:
            text = Path(file).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


def _size(number: int) -> str:
    return f"{number / GB:.1f} GB".replace(".0 ", " ") if number >= GB else f"{number / 1e6:.0f} MB"
