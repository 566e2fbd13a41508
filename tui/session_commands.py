"""What the slash commands do to the session under way; draws nothing itself, and asks through the host's screens."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from textual.screen import Screen

from codeagent.agent.bootstrap import Opened, SessionOptions
from codeagent.agent.config import PermissionMode
from codeagent.agent.context.tokens import TextCounter
from codeagent.agent.context.usage import context_use
from codeagent.agent.git.program import GitError
from codeagent.agent.text import printable
from codeagent.inference.client import ModelError
from codeagent.tui.conversation.items import Answered, Aside, Told
from codeagent.tui.conversation.view import ConversationView
from codeagent.tui.screens.figures import plural

T = TypeVar("T")
MAP_TOKENS, MAP_SECONDS = 1000, 3.0
MODES: tuple[PermissionMode, ...] = ("default", "acceptEdits", "plan", "bypassPermissions")


class Host(Protocol):
    """What the commands need of the app."""

    @property
    def opened(self) -> Opened:
        """The open session."""
        ...

    @property
    def options(self) -> SessionOptions:
        """How the session was opened."""
        ...

    @property
    def view(self) -> ConversationView:
        """Where things are said."""
        ...

    def say(self, text: str, level: str = "info") -> None:
        """A short notice that goes away."""
        ...

    def ask(self, screen: Screen[T], /) -> Awaitable[T]:
        """Show a screen and wait for its result."""
        ...

    def propose(self, text: str) -> None:
        """Put text into the prompt."""
        ...

    def copy(self, text: str) -> None:
        """Put text on the clipboard."""
        ...

    async def reopen(self, options: SessionOptions) -> None:
        """Close this session and open another with the same model."""
        ...


class SessionCommands:
    """Commands on the session. Each says in a sentence why it cannot be done, and then changes nothing."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def run(self, name: str, argument: str) -> bool:
        """Run a command by its name; whether it is one of these."""
        match name:
            case "undo":
                self.undo()
            case "redo":
                self.redo()
            case "rewind":
                await self.rewind()
            case "review":
                await self.review()
            case "commit":
                await self.commit(argument)
            case "context":
                await self.context()
            case "map":
                await self.map(argument)
            case "btw":
                await self.aside(argument)
            case "mode":
                self.set_mode(argument)
            case "copy":
                self.copy_answer()
            case "new":
                fresh = dataclasses.replace(self._host.options, continue_latest=False, resume=None, fork=False)
                await self._host.reopen(fresh)
            case _:
                return False
        return True

    def set_mode(self, mode: str) -> None:
        """Choose what may happen without asking; without a name the next one."""
        session = self._host.opened.session
        if not mode:
            at = MODES.index(session.mode) if session.mode in MODES else -1
            session.mode = MODES[(at + 1) % len(MODES)]
            return
        chosen: PermissionMode | None = next((known for known in MODES if known.lower() == mode.lower()), None)
        if chosen is None:
            self._host.say(f"There is no mode {printable(mode)!r}. The modes are: {', '.join(MODES)}.", "warning")
            return
        session.mode = chosen

    def undo(self) -> None:
        """Take the last turn back and offer its text again."""
        session = self._host.opened.session
        if self._busy():
            return
        points = session.timeline.points
        if not points:
            self._host.say("There is no turn to take back.", "warning")
            return
        session.rewind(points[-1].turn)
        self._host.propose(points[-1].text)

    def redo(self) -> None:
        """Bring back what was undone."""
        if not self._busy() and self._host.opened.session.redo() is None:
            self._host.say("There is nothing to bring back.", "warning")

    async def rewind(self) -> None:
        """Let the person choose a turn to go back to."""
        if self._busy():
            return
        session = self._host.opened.session
        if not session.timeline.points:
            self._host.say("There is no turn to go back to.", "warning")
            return
        from codeagent.tui.review.rewind import Rewind  # the app draws sooner without its screens

        choice = await self._host.ask(Rewind(session.timeline.points, self._host.opened.changes))
        if choice is not None:
            text = next(point.text for point in session.timeline.points if point.turn == choice.turn)
            session.rewind(choice.turn, choice.conversation, choice.files)
            if choice.conversation:
                self._host.propose(text)

    async def review(self) -> None:
        """Show all changes."""
        from codeagent.tui.review.review import Review  # the app draws sooner without its screens

        opened = self._host.opened
        put_back = await self._host.ask(Review(opened.changes, opened.session.timeline.points))
        opened.session.tell_put_back(put_back)

    async def commit(self, message: str) -> None:
        """Commit the files that are not what they were before the session."""
        if self._busy():
            return
        if not message.strip():
            self._host.say("Say what the commit is: /commit MESSAGE.", "warning")
            return
        opened = self._host.opened
        paths = await asyncio.to_thread(lambda: opened.changes.paths)
        try:
            made = await opened.repository.commit(paths, message)
        except GitError as e:
            self._host.say(printable(str(e)), "error")
            return
        staged = f" You had staged otherwise, and still have: {', '.join(made.staged)}." if made.staged else ""
        self._host.say(printable(f"Committed {plural(len(paths), 'file')} as {made.commit[:8]}.{staged}"))

    async def context(self) -> None:
        """Say what fills the window."""
        opened = self._host.opened
        try:
            use = await context_use(opened.client, opened.session.messages, opened.session.tools)
        except ModelError as e:
            self._host.say(str(e), "error")
            return
        rows = [f"| {name} | {tokens:,} | {tokens / use.window:.1%} |" for name, tokens in use.tokens.items()]
        free = use.window - use.total
        table = ["| | tokens | of the window |", "|:-|-:|-:|", *rows, f"| free | {free:,} | {free / use.window:.1%} |"]
        await self._host.view.add(Answered(len(opened.session.timeline.points), "\n".join(table)))

    async def map(self, query: str) -> None:
        """Show the map of the code, or of what a question is about."""
        opened = self._host.opened
        if not await opened.code.ready(MAP_SECONDS):
            self._host.say("The code is still being indexed. Try again in a moment.", "warning")
            return
        count = TextCounter(opened.client)
        try:
            found = await opened.code.map(MAP_TOKENS, count, query)
            used = await count(found.text)
        except ModelError as e:
            self._host.say(str(e), "error")
            return
        text = f"```\n{found.text}\n```\n\n{used:,} tokens" if found.text else "There are no definitions to show."
        await self._host.view.add(Answered(len(opened.session.timeline.points), text))

    async def aside(self, question: str) -> None:
        """Answer a question beside the conversation."""
        opened = self._host.opened
        if not question.strip():
            self._host.say("Say what you want to know: /btw QUESTION.", "warning")
            return
        item = Aside(len(opened.session.timeline.points), question)
        await self._host.view.add(item)
        try:
            async for text in opened.session.aside(question):
                await self._host.view.write(item, text)
        except ModelError as e:
            await self._host.view.add(Told(item.turn, str(e), "error"))
        await self._host.view.finish(item)

    def copy_answer(self) -> None:
        """Put the last answer on the clipboard."""
        answers = [item.text for item in self._host.view.items if isinstance(item, Answered)]
        if not answers:
            self._host.say("There is no answer to copy yet.", "warning")
            return
        self._host.copy(printable(answers[-1]))
        self._host.say("Copied the last answer.")

    def _busy(self) -> bool:
        if self._host.opened.session.working:
            self._host.say("The agent is at work. Pause it with Esc first.", "warning")
            return True
        return False
