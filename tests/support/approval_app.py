"""A small app that asks questions as the real one does, and the polling that its tests need."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker

from codeagent.agent.certainty import Certainty
from codeagent.agent.permissions import Answer, Question
from codeagent.tools.api import FileChange, PreparedCall
from codeagent.tools.files import digest
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace
from codeagent.tui.approval.approver import PanelApprover
from codeagent.tui.approval.legend import Legend
from codeagent.tui.approval.panel import ApprovalPanel


class AskingApp(App[None]):
    """A conversation with room for a panel. `records` are the lines that took the place of answered ones."""

    CSS = "ApprovalPanel { margin: 1 0; }"

    def __init__(self, guard: float = 0, folder: Path | None = None, environ: dict[str, str] | None = None) -> None:
        super().__init__()
        self.approver = PanelApprover(self._show, self._hide, folder, environ or {}, guard)
        self.records: list[str] = []
        self.shown: list[ApprovalPanel] = []

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Static(Content("> please mend the cart"))

    async def _show(self, panel: ApprovalPanel) -> None:
        self.shown.append(panel)
        await self.query_one(VerticalScroll).mount(panel)
        panel.focus()

    async def _hide(self, panel: ApprovalPanel) -> None:
        await panel.remove()

    def on_approval_panel_answered(self, event: ApprovalPanel.Answered) -> None:
        self.records.append(event.record)


@asynccontextmanager
async def asking(
    question: Question,
    size: tuple[int, int] = (100, 40),
    guard: float = 0,
    folder: Path | None = None,
    environ: dict[str, str] | None = None,
) -> AsyncIterator[Asked]:
    """The app with this question on its screen, ready for keys unless there is a guard."""
    app = AskingApp(guard, folder, environ)
    async with app.run_test(size=size) as pilot:
        worker = app.run_worker(app.approver.ask(question), exit_on_error=False)
        asked = Asked(app, pilot, worker)
        await asked.until(lambda: len(app.query(ApprovalPanel)) == 1)
        await asked.until(lambda: guard or listens(app))
        await pilot.pause()
        yield asked


class Asked:
    """A question that is being asked."""

    def __init__(self, app: AskingApp, pilot: Pilot[None], worker: Worker[Answer]) -> None:
        self.app = app
        self.pilot = pilot
        self.worker = worker

    async def press(self, *keys: str) -> None:
        """Press keys one after the other and let the app draw."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def answer(self, *keys: str) -> Answer:
        """The answer that these keys lead to."""
        await self.press(*keys)
        await self.until(lambda: self.worker.is_finished)
        assert self.worker.result is not None
        return self.worker.result

    @property
    def waiting(self) -> bool:
        """Whether the question is still open."""
        return not self.worker.is_finished

    @property
    def screen(self) -> str:
        """All that is on the screen, as text."""
        return screen_text(self.app)

    async def sees(self, *texts: str) -> None:
        """Wait until these texts are on the screen; where lines break does not matter."""
        await self.until(lambda: all(text in self.screen or text in " ".join(self.screen.split()) for text in texts))

    async def until(self, condition: Callable[[], object], seconds: float = 20) -> None:
        """Wait until something holds; fail if it does not in time."""
        await until(self.pilot, condition, seconds)


async def until(pilot: Pilot[Any], condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something holds; fail if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen in time; the screen shows:\n{screen_text(pilot.app)}"
        await pilot.pause(0.01)


def listens(app: App[Any]) -> bool:
    """Whether there is a panel that hears keys by now."""
    return any(not legend.has_class("-closed") for legend in app.query(Legend))


def screen_text(app: App[Any]) -> str:
    """What stands on the screen, line by line."""
    width, height = app.size
    strips: list[Strip] = app.screen._compositor.render_strips()
    return "\n".join(strip.text[:width].rstrip() for strip in strips[:height])


def lines_of(widget: Widget) -> list[str]:
    """The lines that a widget draws on the screen."""
    region = widget.region
    lines = screen_text(widget.app).split("\n")
    return [line[region.x : region.right].rstrip() for line in lines[region.y : region.bottom]]


async def prepared(folder: Path, tool: str, **arguments: Any) -> PreparedCall:
    """A call of a real tool in a folder, whose files all count as read."""
    ledger = FileLedger()
    workspace = Workspace(folder)
    tools = {tool.name: tool for tool in builtin_tools(workspace, ledger, os.environ)}
    file = folder / str(arguments.get("path"))
    if file.is_file():
        ledger.note(file.resolve(), digest(file.read_bytes()))
    return await tools[tool].prepare(tools[tool].params.model_validate(arguments))


async def change(folder: Path, path: str, after: str) -> FileChange:
    """A write of this text to a file."""
    call = await prepared(folder, "write", path=path, content=after)
    assert isinstance(call, FileChange)
    return call


async def question(folder: Path, path: str, after: str, certainty: Certainty | None = None) -> Question:
    """The question whether this text may be written."""
    return Question("call-1", "write", await change(folder, path, after), certainty)


async def carried_out(asked: Question, answer: Answer) -> None:
    """What the tool runner does with an answer that is not no."""
    assert answer.decision != "no"
    call = answer.call or asked.call
    await call.execute(lambda text: None)
    await asyncio.sleep(0)
