"""Covers what commands change: looks before and after each, and says in a sentence what it cannot; knows no tool."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable

from codeagent.agent.checkpoints.inventory import Inventory
from codeagent.agent.checkpoints.record import Record
from codeagent.agent.checkpoints.shadow import NotCoveredError, Shadow

_NAMED = 3


class CommandWatch:
    """Notes in a session's record what each command changed."""

    def __init__(self, shadow: Shadow | None, record: Record, notify: Callable[[str], None]) -> None:
        """Without a shadow nothing is covered. `notify` is told once what is not, and why."""
        self._shadow = shadow
        self._record = record
        self._notify = notify
        self._told: set[str] = set()

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncGenerator[None]:
        """A command runs within this."""
        shadow = self._shadow
        if shadow is None or not await self._begin(shadow):
            yield
            return
        try:
            yield
        finally:
            try:
                await self._end(shadow)
            finally:
                shadow.release()

    async def _begin(self, shadow: Shadow) -> bool:
        try:
            await shadow.settle()
            self._record.command_begins()
        except NotCoveredError as e:
            self._give_up(e)
            return False
        except OSError as e:
            shadow.release()
            self._give_up(NotCoveredError(e.strerror or str(e), lasting=False))
            return False
        self._say_skipped(shadow.skipped)
        return True

    async def _end(self, shadow: Shadow) -> None:
        try:
            self._record.command_ended(await shadow.changes(self._record.blobs))
        except NotCoveredError as e:
            self._give_up(e)
            with contextlib.suppress(OSError):
                self._record.command_ended(())
        except OSError as e:
            self._give_up(NotCoveredError(e.strerror or str(e), lasting=False))

    def _give_up(self, error: NotCoveredError) -> None:
        self._tell(f"What commands change here is not covered by undo, because {error}.")
        if error.lasting:
            self._shadow = None

    def _say_skipped(self, skipped: Inventory) -> None:
        parts = [
            f"{what} ({_names(names)})"
            for what, names in (
                ("repositories of their own", skipped.repositories),
                ("files over 2 MiB", skipped.large),
                ("what cannot be read", skipped.unreadable),
            )
            if names
        ]
        if parts:
            self._tell(f"Not covered by undo where commands change it: {', '.join(parts)}.")

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._notify(text)


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
