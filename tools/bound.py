"""A prepared command whose approval holds for what was shown and nothing else; knows no tool and no gate."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from codeagent.tools.api import Binding, PreparedCall, ToolError
from codeagent.tools.commands.binding import bind
from codeagent.tools.process import Processes


class BoundCommand(PreparedCall):
    """Base of calls that run a command."""

    def __init__(self, arguments: Sequence[str], command: str, folder: Path, processes: Processes) -> None:
        """`arguments` are what is run, `command` is how a person reads it: its scripts are looked for in that."""
        self._arguments = tuple(arguments)
        self._line = command
        self._folder = folder
        self._processes = processes
        self.binding = self._bound()

    def renewed(self) -> Self:
        """See PreparedCall."""
        now = self._bound()
        if now == self.binding:
            return self
        fresh = copy.copy(self)
        fresh.binding = now
        return fresh

    def check_unchanged(self) -> None:
        """To be called right before the start. Raises ToolError if something was changed since it was shown."""
        shown, now = self.binding, self._bound()
        if shown is not None and now != shown:
            raise ToolError(f"{changes(shown, now)} since this command was allowed, so it was not run. Call it again.")

    def _bound(self) -> Binding:
        return bind(self._arguments, self._line, self._folder, self._processes.environment)


def changes(before: Binding, now: Binding) -> str:
    """What is different, as the beginning of a sentence."""
    old, new = dict(before.scripts), dict(now.scripts)
    names = [Path(path).name for path in sorted({*old, *new}) if old.get(path) != new.get(path)]
    if names:
        return f"{', '.join(names)} changed"
    return "The environment changed" if before.environment != now.environment else "The command changed"
