"""The sandbox as a session's settings want it, for its commands and for the model process; knows no session."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from codeagent.agent.config import Config
from codeagent.agent.paths import Paths
from codeagent.inference.frames import LoadSettings
from codeagent.inference.supervisor import runner_argv
from codeagent.tools.process import Processes
from codeagent.tools.sandbox.api import Level, Places
from codeagent.tools.sandbox.choose import open_sandbox
from codeagent.tools.sandbox.hidden import SandboxError
from codeagent.tools.sandbox.limits import GB, Limits
from codeagent.tools.sandbox.runner import runner_prefix, worker_prefix
from codeagent.tools.sandbox.sandbox import Sandbox


def session_sandbox(
    roots: Sequence[Path], config: Config, paths: Paths, environ: Mapping[str, str], attended: bool, fresh: bool = False
) -> Sandbox:
    """The sandbox for commands that work in these folders. With `fresh` it is tried again though it held before.

    Raises SandboxError when there is none and the settings want one, or nobody is there to be asked instead.
    """
    memory = None if config.command_memory_gb is None else int(config.command_memory_gb * GB)
    home = Path(os.path.realpath(environ.get("HOME") or Path.home()))
    places = Places(
        roots=tuple(roots),
        home=home,
        cache=_real(paths.command_cache(roots[0])),
        own=tuple(dict.fromkeys(_real(folder) for folder in (paths.config, paths.state, paths.cache))),
        programs=tuple(Path(f) for f in environ.get("PATH", "").split(":") if f.startswith("/")),
    )
    processes = Processes(roots[0], environ)
    sandbox = open_sandbox(config.sandbox, places, processes, paths.sandbox_tests, Limits.of_machine(memory), fresh)
    if sandbox.level is Level.NONE and not attended:
        raise SandboxError(
            f"There is no sandbox on this machine: {sandbox.reason}. Nobody is there to approve single commands, so "
            "nothing was done. Install bubblewrap, or say --sandbox off to let commands run with your own rights."
        )
    return sandbox


def notices(sandbox: Sandbox, root: Path) -> list[str]:
    """What a person must know of it when the session begins, in sentences."""
    told = [sandbox.notice] if sandbox.notice else []
    held = sandbox.level in (Level.FULL, Level.REDUCED)
    owner = root.stat().st_uid
    if held and os.getuid() == 0 and owner != 0:
        told.append(
            f"You are root and {root} belongs to another user (number {owner}). Commands in the sandbox have no more "
            "rights than an owner, so they cannot write there: run codeagent as that user."
        )
    return told


def runner_command(settings: LoadSettings, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The command of the model process, held to its model and its libraries where the kernel can do that."""
    writable = () if settings.warm is None else (settings.warm.folder,)
    return (*runner_prefix(Path(settings.path), settings.rpc, environ, writable), *runner_argv())


def worker_command(
    host: str, port: int, threads: int, memory: int, environ: Mapping[str, str]
) -> tuple[tuple[str, ...], bool]:
    """The command of a process that lends this machine, and whether the kernel holds it to that."""
    prefix = worker_prefix(port, environ)
    numbers = (host, str(port), str(threads), str(memory))
    return (*prefix, sys.executable, "-P", "-m", "codeagent.inference.runner.worker", *numbers), bool(prefix)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
