"""Asks the runner what it sees, in a process of its own, so that a crash in native code stays there."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from codeagent.inference.child import printable
from codeagent.inference.client import ModelLoadError
from codeagent.inference.frames import DeviceInfo, Devices, Hello
from codeagent.inference.supervisor import Limits, RunnerState, Supervisor, runner_environment

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


def devices(endpoints: Sequence[str] = ()) -> tuple[DeviceInfo, ...]:
    """All devices, with those of the workers at these addresses and the speed of the links to them, measured.

    Raises ModelLoadError when one does not answer.
    """
    command = (sys.executable, "-P", "-m", "codeagent.inference.runner.survey", *endpoints)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            env=runner_environment(os.environ),
        )
    except subprocess.TimeoutExpired:
        raise ModelLoadError(
            f"The devices did not answer within {PROBE_SECONDS:g} s. A worker serves one program at a time: is another "
            "one using it?"
        ) from None
    except OSError as error:
        raise ModelLoadError(f"The devices cannot be asked for: {error}.") from None
    said = printable(done.stderr.decode(errors="replace")).strip().splitlines()
    if done.returncode != 0:
        reason = said[-1] if said else "it ended without a word"
        raise ModelLoadError(f"The devices cannot be asked for. {reason}")
    return Devices.model_validate_json(done.stdout).devices


def compiled_backends() -> tuple[str, ...]:
    """The backends llama-cpp-python was compiled with, in upper case, found by its files: nothing is loaded."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        return ()
    files = (p for p in Path(spec.origin).parent.joinpath("lib").glob("libggml-*") if p.suffix in _SUFFIXES)
    return tuple(sorted({p.stem.removeprefix("libggml-").upper() for p in files} - {"BASE"}))
