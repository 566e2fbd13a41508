"""The words of the sandbox: how much it holds, what it is told, and how a command is started in it; starts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from codeagent.tools.sandbox.hidden import ProtectedFiles


class Level(StrEnum):
    """How much the sandbox holds. NONE: this machine has none. OFF: the person wants none."""

    FULL = "full"
    REDUCED = "reduced"
    NONE = "none"
    OFF = "off"


@dataclass(frozen=True)
class Places:
    """What a sandbox is made around; all paths absolute, real and of this machine.

    Commands write below `roots` and in `cache`, which is theirs alone. `own` are codeagent's folders, which they do not
    see. `programs` must stay readable wherever they lie.
    """

    roots: tuple[Path, ...]
    home: Path
    cache: Path
    own: tuple[Path, ...] = ()
    programs: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Request:
    """One command to be run. `terminal`: it is attached to the person's terminal."""

    command: Sequence[str]
    folder: Path
    network: bool = False
    terminal: bool = False


@dataclass(frozen=True)
class Launch:
    """How to start it: what the supervisor executes, what it is told, and descriptors to hand on and then close here.

    With `coded_signals` a command that a signal ended gives 128 + its number as exit code.
    """

    arguments: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    descriptors: tuple[int, ...] = ()
    coded_signals: bool = False


class Backend(Protocol):
    """One way to confine a command."""

    name: str
    level: Level

    @property
    def protected(self) -> ProtectedFiles:
        """The files in the workspace that commands should leave as they are."""
        ...

    def environment(self) -> dict[str, str]:
        """Variables that lead programs to what they may write."""
        ...

    def launch(self, request: Request) -> Launch:
        """How to start a command. Raises SandboxError when it could not be confined as promised."""
        ...
