"""The sessions of the workspace: search, look into, resume, fork, rename, export; opens none itself."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from codeagent.agent.private import make_private_folder
from codeagent.agent.session_export import ExportExistsError, export
from codeagent.agent.session_index import SessionSummary, find_text, last_answer, list_sessions, rename, summarise
from codeagent.agent.text import printable
from codeagent.agent.transcript import TranscriptError
from codeagent.tui.screens.dialogs import AskText, Confirm
from codeagent.tui.screens.figures import moment, plural, size
from codeagent.tui.screens.panel import ListPanel
from codeagent.tui.screens.rows import Row, cell, one_line
from codeagent.tui.screens.typed import typed_path

_TYPING_SECONDS = 0.15
_REDRAW_SECONDS = 0.3
_ANSWER = 600
_REQUESTS = 8


@dataclass(frozen=True)
class SessionChoice:
    """A session to go on with, or with `fork` a copy of it."""

    id: str
    fork: bool


class Sessions(ListPanel[SessionChoice | None]):
    """Dismissed with the session to go on with; with None if none was chosen."""

    HEADING: ClassVar[str] = "Sessions in this folder"
    COLUMNS: ClassVar[Content] = Content.assemble(cell("", 1), cell("LAST", 16), cell("TURNS", 6), "SESSION")
    PLACEHOLDER: ClassVar[str] = "Press / to search in names, requests, answers and commands"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Resume", id="sessions.resume"),
        Binding("f", "fork", "Fork", id="sessions.fork"),
        Binding("r", "rename", "Rename", id="sessions.rename"),
        Binding("e", "export", "Export", id="sessions.export"),
    ]

    def __init__(self, folder: Path, current: str | None, export_to: Path, root: Path) -> None:
        """The sessions whose logs are in `folder`; `current` is the one that is open. `export_to` is the file that is
        proposed for an export; a relative path that is typed instead starts at `root`.
        """
        super().__init__()
        self._folder = folder
        self._current = current
        self._export_to = export_to
        self._root = root
        self._sessions: dict[str, SessionSummary] = {}
        self._found: dict[str, str] = {}
        self._answers: dict[str, str] = {}

    def on_mount(self) -> None:
        """Read the logs beside the event loop."""
        self.run_worker(self._list(), group="list")

    async def _list(self) -> None:
        try:
            sessions = await asyncio.to_thread(list_sessions, self._folder)
        except TranscriptError as e:
            self.say(str(e), error=True)
            return
        self._sessions = {session.id: session for session in sessions}
        self.refill()
        if not sessions:
            self.say("There is no session in this folder yet.")

    def refill(self) -> None:
        """Show all sessions, or search them."""
        self.say("")
        if self.sought:
            self.run_worker(self._search(self.sought), group="search", exclusive=True)
            return
        self._found = {}
        self._show(list(self._sessions.values()))

    async def _search(self, text: str) -> None:
        await asyncio.sleep(_TYPING_SECONDS)  # while somebody types, only the last letter starts a search
        found: dict[str, str] = {}
        drawn = time.monotonic()
        for session in list(self._sessions.values()):
            if text.casefold() in f"{session.id} {session.name} {session.title} {session.model}".casefold():
                found[session.id] = ""
            else:
                excerpt = await asyncio.to_thread(find_text, session.path, text)
                if excerpt is not None:
                    found[session.id] = excerpt
            if self.sought != text:
                return
            if time.monotonic() - drawn > _REDRAW_SECONDS:
                drawn = time.monotonic()
                self._show_found(found)
        self._show_found(found)
        if not found:
            self.say(f"No session has {text!r}.")

    def _show_found(self, found: dict[str, str]) -> None:
        self._found = found
        self._show([self._sessions[name] for name in found])

    def _show(self, sessions: list[SessionSummary]) -> None:
        self.show([self._row(session) for session in sessions])

    def _row(self, session: SessionSummary) -> Row:
        excerpt = self._found.get(session.id, "")
        turns = f"{session.turns}{'' if session.complete else '+'}"
        return session.id, Content.assemble(
            cell("●" if session.id == self._current else "", 1, "$accent"),
            cell(moment(session.last), 16, "$text-muted"),
            cell(turns, 6),
            (one_line(session.name), "bold") if session.name else one_line(session.title),
            (f"  {excerpt}", "$text-muted") if excerpt else "",
        )

    def describe(self, name: str) -> Content:
        """Facts, requests and the last answer of a session."""
        session = self._sessions[name]
        facts = [f"{moment(session.started)} to {moment(session.last)}", one_line(session.model), size(session.size)]
        if session.damaged:
            facts.append(f"{plural(session.damaged, 'damaged record')} left out")
        if not session.complete:
            facts.append("only its beginning was read")
        lines = [Content.assemble((" · ".join(fact for fact in facts if fact), "$text-muted"))]
        if self._found.get(name):
            lines.append(Content.assemble(("found   ", "$text-muted"), self._found[name]))
        shown = session.requests[-_REQUESTS:]
        if len(session.requests) > len(shown):
            lines.append(Content.assemble((f"… {session.turns - len(shown)} earlier requests", "$text-muted")))
        lines += [Content.assemble(("> ", "$accent"), request) for request in shown]
        answer = self._answers.get(name, "")
        if answer:
            cut = answer[:_ANSWER] + ("…" if len(answer) > _ANSWER else "")
            lines.append(Content(printable(cut)))
        return Content("\n").join(lines)

    def redescribe(self) -> None:
        """Describe the marked session, and fetch its last answer where that was not done yet."""
        super().redescribe()
        marked = self.marked
        if marked is not None and marked not in self._answers:
            self.run_worker(self._fetch(marked), group="answer", exclusive=True)

    async def _fetch(self, name: str) -> None:
        self._answers[name] = await asyncio.to_thread(last_answer, self._sessions[name].path)
        if self.marked == name:
            self.query_one(".description", Static).update(self.describe(name))

    def choose(self, name: str) -> None:
        """Go on with a session."""
        if name == self._current:
            self.say("This session is the one that is open. Fork it to go on with a copy.")
        else:
            self.dismiss(SessionChoice(name, fork=False))

    def action_fork(self) -> None:
        """Go on with a copy of the marked session."""
        if self.marked is not None:
            self.dismiss(SessionChoice(self.marked, fork=True))

    def action_rename(self) -> None:
        """Give the marked session a name."""
        if self.marked is not None:
            self.run_worker(self._rename(self._sessions[self.marked]), group="rename")

    async def _rename(self, session: SessionSummary) -> None:
        question = "A name for this session; none shows its first request again."
        name = await self.ask(AskText(question, session.name, session.title))
        if name is None:
            return
        try:
            await asyncio.to_thread(rename, session.path, name)
        except TranscriptError as e:
            self.say(str(e), error=True)
            return
        renamed = await asyncio.to_thread(summarise, session.path)
        self._sessions[session.id] = dataclasses.replace(session, name=renamed.name)
        self.refill()

    def action_export(self) -> None:
        """Write the marked session to a Markdown file."""
        if self.marked is not None:
            self.run_worker(self._export(self._sessions[self.marked]), group="export")

    async def _export(self, session: SessionSummary) -> None:
        typed = await self.ask(AskText("The Markdown file to export this session to:", str(self._export_to)))
        if typed is None or not typed.strip():
            return
        target = typed_path(typed, self._root)
        try:
            try:
                damaged = await asyncio.to_thread(self._write, session, target, False)
            except ExportExistsError:
                if not await self.ask(Confirm(f"{target} already exists. Replace it?", "Replace")):
                    self.say("Nothing was exported.")
                    return
                damaged = await asyncio.to_thread(self._write, session, target, True)
        except TranscriptError as e:
            self.say(str(e), error=True)
            return
        self.say(f"Exported to {target}." + (f" {plural(damaged, 'damaged record')} left out." if damaged else ""))

    def _write(self, session: SessionSummary, target: Path, replace: bool) -> int:
        if target == self._export_to:
            with suppress(OSError):  # the export says what is wrong with it
                make_private_folder(target.parent)
        return export(session.path, target, session.name or session.title, replace)

    def possible(self, action: str) -> bool:
        """Without a session there is nothing to do with one."""
        return self.marked is not None or action not in ("choose", "fork", "rename", "export")
