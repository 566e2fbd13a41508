"""What the sandbox costs a command: `true` in it against `true` bare, side by side, on this machine."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from codeagent.agent.config import Config
from codeagent.agent.confinement import session_sandbox
from codeagent.agent.paths import Paths
from codeagent.tools.process import Processes

ROUNDS = 40


async def measure(rounds: int) -> None:
    """Take the three kinds in turn, so that a busy moment of the machine meets all of them."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        root = base / "workspace"
        root.mkdir()
        paths = Paths(base / "config", base / "state", base / "cache", base / "data")
        start = time.perf_counter()
        session_sandbox((root,), Config(), paths, os.environ, attended=True)
        first = time.perf_counter() - start
        start = time.perf_counter()
        sandbox = session_sandbox((root,), Config(), paths, os.environ, attended=True)
        again = time.perf_counter() - start
        supervised, held = Processes(root, os.environ), Processes(root, os.environ, sandbox)
        kinds: dict[str, Callable[[], Awaitable[object]]] = {
            "bare": bare,
            "supervised": lambda: supervised.run(["true"], 30),
            "sandboxed": lambda: held.run(["true"], 30),
        }
        taken: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(rounds):
            for name, run in kinds.items():
                start = time.perf_counter()
                await run()
                taken[name].append((time.perf_counter() - start) * 1000)
    middle = {name: statistics.median(times) for name, times in taken.items()}
    print(f"level {sandbox.level}; self-test {first * 1000:.0f} ms, remembered {again * 1000:.1f} ms")
    for name, times in taken.items():
        low, high = statistics.quantiles(times, n=10)[0], statistics.quantiles(times, n=10)[8]
        print(f"{name:<11} {middle[name]:6.1f} ms   (best {min(times):.1f}, 10 % {low:.1f}, 90 % {high:.1f})")
    for other in ("bare", "supervised"):
        extra = middle["sandboxed"] - middle[other]
        print(f"sandboxed against {other}: + {extra:.1f} ms, {middle['sandboxed'] / middle[other]:.1f} times")


async def bare() -> None:
    """A process with nothing around it."""
    await (await asyncio.create_subprocess_exec("true")).wait()


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
