"""Asks the runner what it sees, in a process of its own, so that a crash in native code stays there."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

from codeagent.inference.frames import Hello
from codeagent.inference.supervisor import Limits, RunnerState, Supervisor

PROBE_SECONDS = 60.0
_SUFFIXES = {".so", ".dylib"}


def hello() -> Hello:
    """The runner's greeting: versions, devices, system. Raises ModelError when it cannot start."""

    def ignore(_state: RunnerState, _detail: str, _progress: float | None) -> None:
        """Nobody watches."""

    async def ask() -> Hello:
        supervisor = Supervisor(ignore, limits=Limits(start_stall=PROBE_SECONDS))
        try:
            return await supervisor.start()
        finally:
            await supervisor.stop()

    return asyncio.run(ask())


def compiled_backends() -> tuple[str, ...]:
    """The backends llama-cpp-python was compiled with, in upper case, found by its files: nothing is loaded."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        return ()
    files = (p for p in Path(spec.origin).parent.joinpath("lib").glob("libggml-*") if p.suffix in _SUFFIXES)
    return tuple(sorted({p.stem.removeprefix("libggml-").upper() for p in files} - {"BASE"}))
