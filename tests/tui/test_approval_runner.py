"""The approver at work: between the tool runner and the screen, with files that change, turns that end, and queues."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from approval_app import AskingApp, listens, question, screen_text, until
from textual.pilot import Pilot

from codeagent.agent import events
from codeagent.agent.changes import ChangeLog
from codeagent.agent.permissions import Answer, PermissionGate
from codeagent.agent.tool_runner import Ran, ToolRunner
from codeagent.inference.client import ToolCall
from codeagent.tools.api import FileChange
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace
from codeagent.tui.approval.edit_panel import EditApproval
from codeagent.tui.approval.panel import ApprovalPanel

BEFORE = "".join(f"line {n}\n" for n in range(1, 31))
EDIT = {
    "path": "a.txt",
    "edits": [{"old": "line 2\n", "new": "two\n"}, {"old": "line 28\n", "new": "twenty-eight\n"}],
}


class Bench:
    """A tool runner whose gate asks through the app."""

    def __init__(self, app: AskingApp, folder: Path) -> None:
        self.events: list[events.Event] = []
        self.folder = folder
        self.gate = PermissionGate("default", (), folder, app.approver)
        tools = builtin_tools(Workspace(folder), FileLedger(), os.environ)
        self.runner = ToolRunner(tools, self.gate, ChangeLog(folder), self.events.append)
        self._app = app

    def run(self, name: str, **arguments: object):
        return self._app.run_worker(self.runner.run(ToolCall(id="1", name=name, arguments=arguments)))

    def text(self, name: str = "a.txt") -> str:
        return (self.folder / name).read_text()

    def write(self, text: str, name: str = "a.txt") -> None:
        (self.folder / name).write_text(text)


async def opened(pilot: Pilot[None]) -> EditApproval:
    """The panel, once it listens."""
    await until(pilot, lambda: len(pilot.app.query(EditApproval)) == 1 and listens(pilot.app))
    panel = pilot.app.query_one(EditApproval)
    await pilot.pause()
    return panel


async def test_a_partly_accepted_edit_is_written_so_and_the_model_is_told(workspace: Path) -> None:
    app = AskingApp()
    bench = Bench(app, workspace)
    bench.write(BEFORE)
    async with app.run_test(size=(100, 40)) as pilot:
        worker = bench.run("edit", **EDIT)
        await opened(pilot)
        await pilot.press("y", "n", "enter", *"keep", "enter")
        await until(pilot, lambda: worker.is_finished)
        ran: Ran | None = worker.result
        assert ran is not None
        assert bench.text() == BEFORE.replace("line 2\n", "two\n")
        assert "-twenty-eight" in ran.result.output and "They say: keep" in ran.result.output
        assert not app.query(ApprovalPanel)


async def test_a_file_that_changes_while_it_is_looked_at_is_shown_anew_and_nothing_of_it_is_lost(
    workspace: Path,
) -> None:
    app = AskingApp()
    bench = Bench(app, workspace)
    bench.write(BEFORE)
    async with app.run_test(size=(100, 40)) as pilot:
        worker = bench.run("edit", **EDIT)
        first = await opened(pilot)
        bench.write(BEFORE.replace("line 15\n", "somebody else's\n"))
        await pilot.press("a")
        await until(pilot, lambda: len(app.shown) == 2 and not first.is_attached)
        await opened(pilot)
        assert not worker.is_finished
        assert bench.text() == BEFORE.replace("line 15\n", "somebody else's\n")
        (notice,) = [event for event in bench.events if isinstance(event, events.Notice)]
        assert notice.text.startswith("a.txt was changed while you looked at it.")
        await pilot.press("a")
        await until(pilot, lambda: worker.is_finished)
        expected = BEFORE.replace("line 15\n", "somebody else's\n").replace("line 2\n", "two\n")
        assert bench.text() == expected.replace("line 28\n", "twenty-eight\n")


async def test_a_file_that_changes_in_the_same_place_is_not_written(workspace: Path) -> None:
    app = AskingApp()
    bench = Bench(app, workspace)
    bench.write(BEFORE)
    async with app.run_test(size=(100, 40)) as pilot:
        worker = bench.run("edit", **EDIT)
        await opened(pilot)
        bench.write(BEFORE.replace("line 2\n", "mine\n"))
        await pilot.press("a")
        await until(pilot, lambda: worker.is_finished)
        assert worker.result is not None and worker.result.result.is_error
        assert "changed meanwhile in the same place" in worker.result.result.output
        assert bench.text() == BEFORE.replace("line 2\n", "mine\n")


async def test_a_binary_file_is_refused_before_anybody_is_asked(workspace: Path) -> None:
    app = AskingApp()
    bench = Bench(app, workspace)
    (workspace / "a.png").write_bytes(b"\x89PNG\r\n\0\0")
    async with app.run_test() as pilot:
        worker = bench.run("edit", path="a.png", old="PNG", new="JPG")
        await until(pilot, lambda: worker.is_finished)
        assert worker.result is not None
        assert worker.result.result.output == "a.png is a binary file, not text."
        assert not app.shown


async def test_edits_of_a_file_that_was_allowed_for_the_session_are_not_asked_again(workspace: Path) -> None:
    app = AskingApp()
    bench = Bench(app, workspace)
    bench.write(BEFORE)
    async with app.run_test(size=(100, 40)) as pilot:
        worker = bench.run("edit", **EDIT)
        await opened(pilot)
        await pilot.press("s")
        await until(pilot, lambda: worker.is_finished)
        worker = bench.run("edit", path="a.txt", old="line 5\n", new="five\n")
        await until(pilot, lambda: worker.is_finished)
        assert "five\n" in bench.text()
        assert len(app.shown) == 1


async def test_two_questions_at_once_are_asked_one_after_the_other(workspace: Path) -> None:
    app = AskingApp()
    first, second = [await question(workspace, name, f"{name}\n") for name in ("one.txt", "two.txt")]
    async with app.run_test(size=(100, 40)) as pilot:
        workers = [app.run_worker(app.approver.ask(q)) for q in (first, second)]
        await opened(pilot)
        assert "one.txt" in screen_text(app) and "two.txt" not in screen_text(app)
        await pilot.press("r", "enter")
        await until(pilot, lambda: workers[0].is_finished and "two.txt" in screen_text(app))
        assert "one.txt" not in screen_text(app)
        await opened(pilot)
        await pilot.press("a")
        await until(pilot, lambda: workers[1].is_finished)
        assert [worker.result for worker in workers] == [Answer("no"), Answer("once")]


async def test_a_turn_that_is_interrupted_takes_its_question_away_and_the_next_is_asked(workspace: Path) -> None:
    app = AskingApp()
    async with app.run_test(size=(100, 40)) as pilot:
        questions = [await question(workspace, name, "x\n") for name in ("one.txt", "two.txt", "three.txt")]
        workers = [app.run_worker(app.approver.ask(q), exit_on_error=False) for q in questions]
        await opened(pilot)
        workers[1].cancel()  # one that still waits its turn
        workers[0].cancel()
        await until(pilot, lambda: "three.txt" in screen_text(app))
        assert len(app.query(ApprovalPanel)) == 1
        await opened(pilot)
        await pilot.press("a")
        await until(pilot, lambda: workers[2].is_finished)
        assert workers[2].result == Answer("once")
        assert not app.query(ApprovalPanel)


async def test_a_panel_that_is_taken_away_without_an_answer_says_no(workspace: Path) -> None:
    app = AskingApp()
    async with app.run_test(size=(100, 40)) as pilot:
        worker = app.run_worker(app.approver.ask(await question(workspace, "one.txt", "x\n")))
        panel = await opened(pilot)
        await panel.remove()
        await until(pilot, lambda: worker.is_finished)
        assert worker.result is not None and worker.result.decision == "no"


async def test_leaving_the_app_with_a_question_open_hangs_nothing(workspace: Path) -> None:
    app = AskingApp()
    async with asyncio.timeout(30):
        async with app.run_test(size=(100, 40)) as pilot:
            app.run_worker(app.approver.ask(await question(workspace, "one.txt", "x\n")))
            await opened(pilot)
            app.exit()


@pytest.mark.parametrize("size", [(80, 24), (160, 40)])
async def test_a_diff_of_five_thousand_lines_opens_in_seconds_and_can_be_decided(
    workspace: Path, size: tuple[int, int]
) -> None:
    app = AskingApp()
    (workspace / "a.txt").write_text("".join(f"value_{n} = compute({n})\n" for n in range(5000)))
    after = "".join(f"value_{n} = {'calculate' if n % 100 == 0 else 'compute'}({n})\n" for n in range(5000))
    asked = await question(workspace, "a.txt", after)
    async with app.run_test(size=size) as pilot:
        worker = app.run_worker(app.approver.ask(asked))
        await until(pilot, lambda: "hunk 1 of 50" in screen_text(app) and listens(app), 10)
        await pilot.pause()
        await pilot.press("n", *["j"] * 48, "n")
        await until(pilot, lambda: "2 of 50 hunks decided" in screen_text(app), 10)
        await pilot.press("f", "enter")
        await until(pilot, lambda: worker.is_finished)
        answer = worker.result
        assert answer is not None and isinstance(answer.call, FileChange)
        kept = after.replace("value_0 = calculate", "value_0 = compute").replace(
            "value_4900 = calculate", "value_4900 = compute"
        )
        assert answer.call.after == kept
