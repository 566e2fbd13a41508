"""Which program a name stands for, and whether it is one that the workspace cannot have put there; starts nothing."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from codeagent.tools.commands.options import names
from codeagent.tools.commands.words import NotUnderstoodError, Word

Find = Callable[[str], str | None]

# They start what stands in their arguments, or change what later commands mean.
WRAPPERS = names(
    "env xargs time sudo doas su sh bash dash zsh ksh fish timeout nohup command exec eval nice ionice setsid stdbuf "
    "script watch parallel strace ltrace chroot unshare nsenter flock busybox builtin source . coproc ssh entr "
    "chrt taskset prlimit runuser setpriv systemd-run bwrap"
)
# What links between differently named programs lead to here is the system's own choice.
_SYSTEM = ("/usr", "/bin", "/sbin", "/opt", "/nix")
_BARE = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*")


def bare_name(word: Word) -> str:
    """The name of a command that is written as one bare word. Raises NotUnderstoodError."""
    if word.quoted or word.pattern is not None or not _BARE.fullmatch(word.text):
        if "/" in word.text:
            raise NotUnderstoodError(f"runs the file {word.text}")
        raise NotUnderstoodError("has a command that is not a bare name")
    return word.text


def resolved(name: str, find: Find, roots: Sequence[Path]) -> str:
    """The absolute path of a program that is installed on this machine. Raises NotUnderstoodError if there is none, or
    if somebody else or a file of the workspace decides what it is.
    """
    found = find(name)
    if found is None or not Path(found).is_absolute():
        raise NotUnderstoodError(f"runs `{name}`, which is not installed")
    real = Path(os.path.realpath(found))
    inside = any(path.is_relative_to(root) for path in (Path(found), real) for root in roots)
    try:
        status = real.stat()
    except OSError:
        raise NotUnderstoodError(f"runs `{name}`, which is not installed") from None
    owned = status.st_uid in (0, os.geteuid()) and not status.st_mode & stat.S_IWOTH
    if inside or not owned or not stat.S_ISREG(status.st_mode) or not _is_itself(Path(found), real):
        raise NotUnderstoodError(f"runs `{name}` from {found}, where something else may decide what it is")
    return found


def check_loader(environment: Mapping[str, str], roots: Sequence[Path]) -> None:
    """Raises NotUnderstoodError if programs would load libraries from the workspace, as by an empty entry."""
    folders = environment.get("LD_LIBRARY_PATH", "/").split(":")
    inside = [Path(os.path.realpath(folder)) for folder in folders]
    if not all(folder.startswith("/") for folder in folders) or any(
        folder.is_relative_to(root) for folder in inside for root in roots
    ):
        raise NotUnderstoodError("would load libraries from the workspace (LD_LIBRARY_PATH)")


def _is_itself(found: Path, real: Path) -> bool:
    """Whether a program is no shim of a version manager, which runs what a file in the folder says."""
    system = any(real.is_relative_to(folder) for folder in _SYSTEM)
    return "shims" not in {*found.parts, *real.parts} and (system or found.name == real.name)
