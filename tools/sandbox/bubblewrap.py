"""The sandbox on bubblewrap: a view of the file system, processes and network of the command's own; starts nothing.

Three things here are not in most such profiles, and each was seen to matter: without `--cap-drop ALL` root remounts the
file system writable, without /proc/sys read-only root sets the kernel's core dump handler, and without the filter of
system calls a network namespace does not keep a command from sockets that are files, or of virtual machines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codeagent.tools.sandbox.api import Launch, Level, Places, Request
from codeagent.tools.sandbox.hidden import ProtectedFiles, secrets
from codeagent.tools.sandbox.seccomp import AF_NETLINK, LOOPBACK, filter_program

_PRIVATE = ("/tmp", "/var/tmp", "/run")  # noqa: S108  # the command's own, not the system's
_SIZE_SINCE, _NO_USERNS_SINCE = (0, 7), (0, 8)

# How it says that it could not do its work, and what that means.
_FAILURES = (
    ("setting up uid map", "this system keeps ordinary users from user namespaces (AppArmor or a container does that)"),
    ("No permissions to create", "this system keeps ordinary users from user namespaces"),
    ("Creating new namespace failed", "this system or its container does not allow new namespaces"),
    ("Failed RTM_NEWADDR", "a network namespace cannot be set up here"),
    ("Failed to make / slave", "this container does not allow mounting"),
    ("Can't mount proc", "this container does not allow mounting /proc"),
    ("Unknown option", "this version of bubblewrap is too old"),
    ("Can't mkdir", "a folder to mount on cannot be made"),
)


@dataclass(frozen=True)
class _Mount:
    """What is seen at a path: an empty folder of its own, an empty one that stays so, nothing, or what is there."""

    path: Path
    kind: str

    def arguments(self, size: list[str]) -> list[str]:
        path = str(self.path)
        match self.kind:
            case "private":
                return [*size, "--tmpfs", path]
            case "hidden" if self.path.is_dir():
                return ["--tmpfs", path]
            case "hidden":
                return ["--ro-bind", "/dev/null", path]
            case "writable":
                return ["--bind", path, path]
            case _:
                return ["--ro-bind", path, path]


class Bubblewrap:
    """Level FULL. Each command gets a fresh /tmp; `memory` bounds what it may put there."""

    name = "bubblewrap"
    level = Level.FULL

    def __init__(self, program: str, version: tuple[int, ...], places: Places, memory: int) -> None:
        """`program` is bwrap itself, from outside the workspace."""
        self._program = program
        self._places = places
        self._protected = ProtectedFiles(places.roots, places.home)
        self._size = ["--size", str(max(memory // 2, 64_000_000))] if version >= _SIZE_SINCE and memory else []
        self._userns = ["--disable-userns"] if version >= _NO_USERNS_SINCE else []

    @property
    def protected(self) -> ProtectedFiles:
        """The files in the workspace that no command can change."""
        return self._protected

    def environment(self) -> dict[str, str]:
        """Where temporary files go."""
        return {"TMPDIR": "/tmp"}  # noqa: S108  # a private one

    def launch(self, request: Request) -> Launch:
        """How to start a command. Raises SandboxError when a protected file cannot be protected."""
        families = (*LOOPBACK, AF_NETLINK) if request.network else LOOPBACK
        program = _readable(filter_program(families))
        arguments = [
            self._program,
            *([] if request.terminal else ["--new-session"]),
            "--die-with-parent",
            "--unshare-user",
            *self._userns,
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-uts",
            "--unshare-cgroup-try",
            *([] if request.network else ["--unshare-net"]),
            *("--cap-drop", "ALL"),
            *("--ro-bind", "/", "/"),
            *("--dev", "/dev"),
            *("--proc", "/proc"),
            *("--ro-bind", "/proc/sys", "/proc/sys"),
        ]
        mounts = self._mounts(request.network)
        for mount in mounts:
            arguments += mount.arguments(self._size)
        for mount in mounts:  # only now, since others are mounted inside
            if mount.kind == "hidden" and mount.path.is_dir():
                arguments += ["--remount-ro", str(mount.path)]
        arguments += ["--chdir", str(request.folder), "--seccomp", str(program), "--"]
        return Launch((*arguments, *request.command), descriptors=(program,), coded_signals=True)

    def _mounts(self, network: bool) -> Sequence[_Mount]:
        """Everything that is not simply read-only, parents before children; at one path the last one holds."""
        places = self._places
        private = list(dict.fromkeys(Path(os.path.realpath(path)) for path in _PRIVATE if Path(path).is_dir()))
        mounts = [_Mount(path, "private") for path in private]
        hidden = [path for path in (*secrets(places.home), *places.own) if path.exists()]
        mounts += [_Mount(path, "hidden") for path in hidden]
        # A home in /tmp is seen as one elsewhere is.
        known = [path for path in (*places.programs, places.home) if path not in private and path.exists()]
        shown = [path for path in known if any(path.is_relative_to(folder) for folder in private)]
        resolver = Path(os.path.realpath("/etc/resolv.conf"))
        if network and resolver.exists():
            shown.append(resolver)
        mounts += [_Mount(path, "shown") for path in shown]
        mounts += [_Mount(path, "writable") for path in (*places.roots, places.cache)]
        around = {path for path in hidden if any(root.is_relative_to(path) for root in places.roots)}
        unseen = [path for path in hidden if path not in around]
        closed = [path for path in self._protected.existing() if not any(path.is_relative_to(p) for p in unseen)]
        mounts += [_Mount(path, "shown") for path in closed]
        return sorted(mounts, key=lambda mount: len(mount.path.parts))


def _readable(content: bytes) -> int:
    """A descriptor from which this can be read once."""
    descriptor = os.memfd_create("filter", 0)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def version_of(text: str) -> tuple[int, ...]:
    """The version in what `bwrap --version` prints; empty when there is none in it."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else ()


def failure(output: str) -> str:
    """Why bubblewrap itself failed, as a clause, when this is all it said; "" when a command was run."""
    lines = output.strip().splitlines()
    if not lines or len(lines) > 3 or not lines[0].startswith("bwrap: "):
        return ""
    words = lines[0].removeprefix("bwrap: ")[:300]
    return next((f"{meaning} ({words})" for text, meaning in _FAILURES if text in words), words)
