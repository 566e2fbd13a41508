"""Runs what the person says as turns, one after the other, and their shell lines beside; draws nothing itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from codeagent.agent.bootstrap import Opened
from codeagent.tools.api import ToolError
from codeagent.tui import pauses
from codeagent.tui.conversation.items import Shell
from codeagent.tui.conversation.view import ConversationView
from codeagent.tui.status import StatusLine
from codeagent.tui.waiting import Waiting

LONG = 15.0
END_SECONDS = 3.0


class Host(Protocol):
    """What turns need of the app."""

    view: ConversationView

    @property
    def opened(self) -> Opened:
        """The open session."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether there is one yet."""
        ...

    def bell(self) -> None:
        """Call a person who looked away."""
        ...

    def call_later(self, callback: Callable[..., Any], *args: Any) -> bool:
        """Call when the app gets to it."""
        ...

    async def flush(self) -> None:
        """Draw all events that came."""
        ...

    def begin(self, work: Coroutine[Any, Any, None], group: str) -> None:
        """Run beside the app, until it ends."""
        ...


class Turns:
    """The person's side of the session."""

    def __init__(self, host: Host, waiting: Waiting, status: StatusLine) -> None:
        self._host = host
        self._waiting = waiting
        self._status = status
        self._began = 0.0
        self._claimed = False
        self._looking: asyncio.Task[None] | None = None
        self._look_again = False

    @property
    def working(self) -> bool:
        """Whether a turn is under way, or about to be."""
        return self._claimed or (self._host.is_open and self._host.opened.session.working)

    @property
    def long(self) -> bool:
        """Whether the turn has taken so long that the person may have looked away."""
        return time.monotonic() - self._began > LONG

    def opened(self) -> None:
        """A session was opened: look at what it begins with, and have the model read it."""
        self.look_at_git()
        self.drafting("")

    def drafting(self, text: str) -> None:
        """The person pauses before they send this: the model may read it meanwhile."""
        if self._host.is_open and not self.working:
            self._host.opened.session.read_ahead(text)

    def submit(self, text: str) -> None:
        """Begin a turn, or let the text wait for the one under way."""
        if not self._host.is_open or self.working:
            self._waiting.put(text)
            return
        self._claimed = True
        self._host.begin(self._run(text), "turn")

    def submit_waiting(self, first: str | None) -> None:
        """Begin with `first`, or else with what was typed before the session was open."""
        text = first or self._waiting.next()
        if text:
            self.submit(text)

    def steer(self, text: str) -> None:
        """Say it into the turn under way; between turns it begins one."""
        if self._host.is_open and self._host.opened.session.working:
            self._host.opened.session.steer(text)
        else:
            self.submit(text)

    def pause(self) -> bool:
        """Stop the turn under way; whether there was one."""
        if not self.working:
            return False
        self._host.opened.session.interrupt()
        return True

    def shell(self, command: str, share: bool) -> None:
        """Run the person's command."""
        self._host.begin(self._shell(command, share), "shell")

    def look_at_git(self) -> None:
        """Bring branch and mark in the status line up to date."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._git())
        else:
            self._look_again = True

    async def finish(self) -> None:
        """The app ends. To cancel a process while it starts would leave the event loop with half of one."""
        self._look_again = False
        if self._looking is not None:
            await asyncio.wait({self._looking}, timeout=END_SECONDS)

    async def _run(self, text: str) -> None:
        self._began = time.monotonic()
        self._host.view.anchor()
        try:
            finished = await self._host.opened.session.run_turn(text)
        finally:
            self._claimed = False
        await self._host.flush()
        pauses.collect()
        if self.long:
            self._host.bell()
        self.look_at_git()
        if finished.outcome == "done":
            self.submit_waiting(None)

    async def _shell(self, command: str, share: bool) -> None:
        item = Shell(len(self._host.opened.session.timeline.points), command, running=True, shared=share)
        await self._host.view.add(item)

        def report(text: str) -> None:
            item.output += text
            self._host.call_later(self._host.view.changed, item)

        try:
            finished = await self._host.opened.session.shell(command, share, report)
            item.output, item.exit_code = finished.output, finished.exit_code
        except ToolError as e:
            item.output = str(e)
        item.running = False
        await self._host.view.changed(item)
        self.look_at_git()

    async def _git(self) -> None:
        self._look_again = True
        found = None
        while self._look_again:
            self._look_again = False
            found = await self._host.opened.repository.status()
        standing = self._status.standing
        standing.branch, standing.dirty = (found.branch, found.dirty) if found else ("", False)
        if self._status.is_attached:
            self._status.redraw()
