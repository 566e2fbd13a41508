"""The sandbox without bubblewrap: Landlock, a filter of system calls and no capabilities, on the command itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeagent.tools.sandbox.api import Launch, Level, Places, Request
from codeagent.tools.sandbox.hidden import ProtectedFiles, secrets
from codeagent.tools.sandbox.seccomp import AF_INET, AF_INET6, AF_NETLINK, filter_program

NOT_COVERED = (
    "commands can change .git and other protected files in the folder, and the modes and times of files elsewhere; "
    "they have no network, not even among themselves"
)
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm")
_MAX_ENTRIES = 5000


@dataclass(frozen=True)
class Confinement:
    """What `supervise` is told to leave a process: paths to read and run, to write, to list, and sockets.

    `families` are address families of sockets it may make; `ports` the TCP ports it may connect to then, None for all,
    and `binds` those it may be called on.
    """

    read: Sequence[str]
    write: Sequence[str] = ()
    listed: Sequence[str] = ()
    families: tuple[int, ...] = ()
    ports: tuple[int, ...] | None = ()
    binds: tuple[int, ...] = ()

    def option(self) -> dict[str, str]:
        """As the supervisor takes it."""
        told = {
            "read": list(self.read),
            "write": list(self.write),
            "list": list(self.listed),
            "ports": None if self.ports is None else list(self.ports),
            "binds": list(self.binds),
            "filter": filter_program(self.families).hex(),
        }
        return {"confine": json.dumps(told)}


class KernelSandbox:
    """Level REDUCED: see NOT_COVERED. Secrets are hidden by granting everything beside them."""

    name = "Landlock"
    level = Level.REDUCED

    def __init__(self, places: Places) -> None:
        self._places = places
        self._temporary = places.cache / "tmp"
        self._protected = ProtectedFiles(places.roots, places.home)

    @property
    def protected(self) -> ProtectedFiles:
        """The files in the workspace that nothing but their owner's care protects here."""
        return self._protected

    def environment(self) -> dict[str, str]:
        """Where temporary files go: /tmp is everybody's, and closed."""
        return {"TMPDIR": str(self._temporary)}

    def launch(self, request: Request) -> Launch:
        """How to start a command."""
        places = self._places
        hidden = [*secrets(places.home), *places.own]
        visible = [*_beside(Path("/"), hidden), *map(str, (*places.programs, *places.roots))]
        writable = [*map(str, places.roots), str(places.cache), *(f"/dev/{name}" for name in _DEVICES)]
        confinement = Confinement(
            read=visible,
            write=writable,
            listed=("/",),
            families=(AF_INET, AF_INET6, AF_NETLINK) if request.network else (),
            ports=None if request.network else (),
        )
        return Launch(tuple(request.command), confinement.option())


def _beside(folder: Path, hidden: Iterable[Path]) -> Iterator[str]:
    """Paths that together hold all below a folder except what is hidden: a right on a folder holds for all in it."""
    within = [path for path in hidden if path.is_relative_to(folder)]
    if not within:
        yield str(folder)
        return
    if folder in within:
        return
    try:
        paths = sorted(folder.iterdir())[:_MAX_ENTRIES]
    except OSError:
        return
    for path in paths:
        if not path.is_symlink():  # it leads to something that is granted, or not, by its own path
            yield from _beside(path, within)
