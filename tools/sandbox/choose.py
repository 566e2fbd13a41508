"""Chooses the sandbox of a session by trying what this machine has, the strongest first; runs nothing for anybody."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from codeagent import __version__
from codeagent.tools.process import PACKAGES, Processes, run_quickly
from codeagent.tools.sandbox import kernel, seatbelt
from codeagent.tools.sandbox.api import Backend, Launch, Level, Places
from codeagent.tools.sandbox.bubblewrap import Bubblewrap, version_of
from codeagent.tools.sandbox.hidden import SandboxError
from codeagent.tools.sandbox.landlock import version as landlock_version
from codeagent.tools.sandbox.limits import Limits
from codeagent.tools.sandbox.sandbox import Sandbox
from codeagent.tools.sandbox.seccomp import supported
from codeagent.tools.sandbox.selftest import weakness
from codeagent.tools.sandbox.store import empty, forget, make_private, remember, remembered

Mode = Literal["auto", "off", "require"]
_SECONDS = 10.0


@dataclass(frozen=True)
class _Candidate:
    """Something that may hold: what identifies it for the memory of tests, what is to be found out about it before it
    can be made, and how it is made with that.
    """

    name: str
    key: str
    make: Callable[[Places, str], Backend]
    about: Callable[[], str] = str
    not_covered: str = ""

    def knowing(self, about: str) -> Callable[[Places], Backend]:
        """How it is made, once this has been found out."""
        return lambda places: self.make(places, about)


def open_sandbox(
    mode: Mode, places: Places, processes: Processes, tests: Path, limits: Limits, fresh: bool = False
) -> Sandbox:
    """The strongest sandbox that holds here. `tests` is a folder for what was found; `fresh` tries again all the same.

    Never one that the workspace brings along: programs are those that `processes` finds. Raises SandboxError when one
    is required and none is full.
    """
    if mode == "off":
        return Sandbox(Level.OFF, limits)
    if Path("/") in places.roots:
        sandbox = Sandbox(Level.NONE, limits, reason="the workspace is the whole file system")
    else:
        sandbox = _strongest(_with_programs(places), processes, tests, limits, fresh)
    if mode == "require" and sandbox.level is not Level.FULL:
        raise SandboxError(f"A full sandbox is required, and this machine has none: {sandbox.reason}.")
    return sandbox


def _strongest(places: Places, processes: Processes, tests: Path, limits: Limits, fresh: bool) -> Sandbox:
    reasons: list[str] = []
    for candidate in _candidates(places, processes, limits, reasons):
        file = tests / f"{candidate.name}.json"
        about = None if fresh else remembered(file, candidate.key)
        if about is None:
            about = candidate.about()
            wrong = weakness(candidate.knowing(about), tests, places)
            if wrong:
                reasons.append(f"{candidate.name}: {wrong}")
                forget(file)
                continue
            remember(file, candidate.key, about)
        try:
            make_private(places.cache)
            empty(places.cache / "tmp")
        except OSError as e:
            reasons.append(f"the folder for caches, {places.cache}, cannot be made ({e.strerror})")
            break
        backend = candidate.make(places, about)
        missed = "; ".join([*reasons, candidate.not_covered] if backend.level is not Level.FULL else [])
        return Sandbox(backend.level, limits, backend, missed, places.cache)
    return Sandbox(Level.NONE, limits, reason="; ".join(reasons))


def _candidates(places: Places, processes: Processes, limits: Limits, reasons: list[str]) -> list[_Candidate]:
    """What could hold here, the strongest first; why others cannot is added to the reasons."""
    if sys.platform == "darwin":
        key = _key(seatbelt.PROGRAM)
        return [
            _Candidate("sandbox-exec", key, lambda p, about: seatbelt.Seatbelt(p), not_covered=seatbelt.NOT_COVERED)
        ]
    if not supported():
        reasons.append(f"there is none for {platform.system()} on {platform.machine()}")
        return []
    found: list[_Candidate] = []
    program = processes.find("bwrap")
    if program is None or any(Path(os.path.realpath(program)).is_relative_to(root) for root in places.roots):
        reasons.append("bubblewrap (bwrap) is not installed")
    else:
        found.append(
            _Candidate(
                "bubblewrap",
                _key(program),
                lambda places, about: Bubblewrap(program, version_of(about), places, limits.memory),
                lambda: run_quickly(Launch((program, "--version")), Path("/"), processes.environment, _SECONDS)[1],
            )
        )
    if landlock_version():
        key = _key(sys.executable)
        found.append(
            _Candidate("Landlock", key, lambda p, about: kernel.KernelSandbox(p), not_covered=kernel.NOT_COVERED)
        )
    else:
        reasons.append("this kernel has no Landlock")
    return found


def _key(program: str) -> str:
    """What must be the same for a test to hold again: the program, the kernel, the user, and this very profile."""
    try:
        changed = Path(program).stat().st_mtime_ns
    except OSError:
        changed = 0
    uname = os.uname()
    return f"{__version__} {program} {changed} {uname.release} {uname.machine} {os.getuid()}"


def _with_programs(places: Places) -> Places:
    """The places with what the person's own programs and this Python need to be found wherever they lie."""
    package = Path(PACKAGES, "codeagent")
    own = [os.path.realpath(path) for path in (package, *package.iterdir())]  # links where it is being worked on
    folders = [sys.prefix, sys.base_prefix, PACKAGES, *own, *places.programs]
    return replace(places, programs=tuple(dict.fromkeys(Path(folder) for folder in folders)))
