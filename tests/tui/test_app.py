"""The app as a person uses it: typing, approving, waiting, pausing, undoing, resuming, and what each key does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stage import Stage, screen_text, until
from textual.widgets import Button

from codeagent.agent.config import Config
from codeagent.agent.trust import TrustStore
from codeagent.tui.app import CodeAgentApp
from codeagent.tui.approval.edit_panel import EditApproval
from codeagent.tui.approval.panel import ApprovalPanel
from codeagent.tui.screens.keys import Keys
from codeagent.tui.screens.trust import Trust

READ: dict[str, Any] = {"calls": [{"name": "read", "arguments": {"path": "a.py"}}]}
EDIT: dict[str, Any] = {"calls": [{"name": "edit", "arguments": {"path": "a.py", "old": "a - b", "new": "a + b"}}]}
RUN: dict[str, Any] = {"calls": [{"name": "run", "arguments": {"command": "echo it-ran > ran.txt"}}]}
BEFORE = "def add(a, b):\n    return a - b\n"
AFTER = "def add(a, b):\n    return a + b\n"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    (made.root / "a.py").write_text(BEFORE)
    return made


def ready(app: CodeAgentApp) -> bool:
    return app.is_open and "ready" in screen_text(app)


async def say(pilot: Any, text: str) -> None:
    await until(pilot, lambda: ready(pilot.app))
    await pilot.press(*text, "enter")


async def test_a_request_is_typed_and_answered(stage: Stage) -> None:
    app = stage.app({"text": "Hello, **you**."})
    async with app.run_test(size=(100, 30)) as pilot:
        await say(pilot, "hi there")
        await until(pilot, lambda: "Hello, you." in screen_text(app))
        assert "hi there" in screen_text(app)


async def test_what_is_typed_before_the_session_is_open_is_not_lost(stage: Stage) -> None:
    app = stage.app({"text": "Hello."})
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press(*"quick", "enter")
        await until(pilot, lambda: "Hello." in screen_text(app))


async def test_an_edit_is_written_when_it_is_accepted(stage: Stage) -> None:
    app = stage.app(READ, EDIT, {"text": "Done."})
    async with app.run_test(size=(100, 40)) as pilot:
        await say(pilot, "fix it")
        await until(pilot, lambda: bool(app.query(EditApproval)))
        assert (stage.root / "a.py").read_text() == BEFORE
        await pilot.press("a")
        await until(pilot, lambda: "Done." in screen_text(app))
        assert (stage.root / "a.py").read_text() == AFTER
        assert not app.query(ApprovalPanel)


async def test_a_refusal_with_a_reason_reaches_the_model(stage: Stage) -> None:
    app = stage.app(READ, EDIT, {"text": "As you wish.", "expect": "use operator.add"})
    async with app.run_test(size=(100, 40)) as pilot:
        await say(pilot, "fix it")
        await until(pilot, lambda: bool(app.query(EditApproval)))
        await pilot.press("r", *"use operator.add", "enter")
        await until(pilot, lambda: "As you wish." in screen_text(app))
        assert (stage.root / "a.py").read_text() == BEFORE


async def test_a_command_is_asked_about_and_runs_when_allowed(stage: Stage) -> None:
    app = stage.app(RUN, {"text": "Ran."})
    async with app.run_test(size=(100, 40)) as pilot:
        await say(pilot, "run it")
        await until(pilot, lambda: bool(app.query(ApprovalPanel)))
        assert "echo it-ran > ran.txt" in screen_text(app)
        await pilot.press("y")
        await until(pilot, lambda: "Ran." in screen_text(app))
        assert (stage.root / "ran.txt").read_text() == "it-ran\n"


async def test_what_is_typed_while_the_agent_works_waits_its_turn(stage: Stage) -> None:
    app = stage.app(RUN, {"text": "First."}, {"text": "Second."})
    async with app.run_test(size=(100, 40)) as pilot:
        await say(pilot, "one")
        await until(pilot, lambda: bool(app.query(ApprovalPanel)))
        app.query_one("Prompt").focus()
        await pilot.press(*"two", "enter")
        assert "waits: two" in screen_text(app)
        app.query_one(ApprovalPanel).focus()
        await pilot.press("y")
        await until(pilot, lambda: "Second." in screen_text(app))
        assert "waits:" not in screen_text(app)


async def test_ctrl_s_says_it_into_the_running_turn(stage: Stage) -> None:
    app = stage.app(RUN, {"text": "Noted.", "expect": "be quick"})
    async with app.run_test(size=(100, 40)) as pilot:
        await say(pilot, "one")
        await until(pilot, lambda: bool(app.query(ApprovalPanel)))
        app.query_one("Prompt").focus()
        await pilot.press(*"be quick", "ctrl+s")
        app.query_one(ApprovalPanel).focus()
        await pilot.press("y")
        await until(pilot, lambda: "Noted." in screen_text(app))
        assert "» be quick" in screen_text(app)


async def test_escape_pauses_and_the_session_goes_on(stage: Stage) -> None:
    app = stage.app({"hang": True}, {"text": "Here again."})
    async with app.run_test(size=(100, 40)) as pilot:
        await say(pilot, "think forever")
        await until(pilot, lambda: app.opened.session.working and "reading" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Paused." in screen_text(app))
        await pilot.press(*"go on", "enter")
        await until(pilot, lambda: "Here again." in screen_text(app))


async def test_escape_takes_an_open_question_away_with_the_turn(stage: Stage) -> None:
    app = stage.app(READ, EDIT, {"text": "x"})
    async with app.run_test(size=(100, 40)) as pilot:
        await say(pilot, "fix it")
        await until(pilot, lambda: bool(app.query(EditApproval)))
        await pilot.press("escape")
        await until(pilot, lambda: "Paused." in screen_text(app))
        assert not app.query(ApprovalPanel)
        assert (stage.root / "a.py").read_text() == BEFORE


async def test_undo_takes_the_turn_back_and_offers_its_text_and_redo_brings_it_again(stage: Stage) -> None:
    app = stage.app(READ, EDIT, {"text": "Done."})
    async with app.run_test(size=(100, 40)) as pilot:
        await say(pilot, "fix it")
        await until(pilot, lambda: bool(app.query(EditApproval)))
        await pilot.press("a")
        await until(pilot, lambda: ready(app) and "Done." in screen_text(app))
        app.action_command("undo")
        await until(pilot, lambda: "Done." not in screen_text(app))
        assert (stage.root / "a.py").read_text() == BEFORE
        assert app.query_one("Prompt").text == "fix it"  # pyright: ignore[reportAttributeAccessIssue]  # a Prompt
        app.action_command("redo")
        await until(pilot, lambda: "Done." in screen_text(app))
        assert (stage.root / "a.py").read_text() == AFTER


async def test_a_shell_line_runs_beside_the_model(stage: Stage) -> None:
    app = stage.app({"text": "Seen.", "expect": "from-the-shell"})
    async with app.run_test(size=(100, 40)) as pilot:
        await say(pilot, "!echo from-the-shell")
        await until(pilot, lambda: "from-the-shell\n" in screen_text(app).replace(" ", "") + "\n")
        await pilot.press(*"what was that?", "enter")
        await until(pilot, lambda: "Seen." in screen_text(app))


async def test_shift_tab_walks_the_modes(stage: Stage) -> None:
    app = stage.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: ready(app))
        assert "asks" in screen_text(app)
        await pilot.press("shift+tab")
        await until(pilot, lambda: "edits freely" in screen_text(app))
        await pilot.press("shift+tab")
        await until(pilot, lambda: "plan: reads only" in screen_text(app))


async def test_context_and_questions_aside_leave_the_conversation_alone(stage: Stage) -> None:
    app = stage.app({"text": "One."}, {"text": "An aside."})
    async with app.run_test(size=(100, 40)) as pilot:
        await say(pilot, "hi")
        await until(pilot, lambda: "One." in screen_text(app) and ready(app))
        before = app.opened.session.messages
        await pilot.press(*"/btw why?", "enter")
        await until(pilot, lambda: "An aside." in screen_text(app))
        await pilot.press(*"/context", "enter")
        await until(pilot, lambda: "tool results" in screen_text(app))
        assert app.opened.session.messages == before


async def test_an_untrusted_folder_is_not_read_before_the_person_agrees(stage: Stage) -> None:
    app = stage.app({"text": "Hello."}, trust=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Trust))
        assert not app.is_open
        await pilot.click("#always")
        await until(pilot, lambda: ready(app))
        assert TrustStore(stage.paths.trust_file).is_trusted(stage.root.resolve())


async def test_declining_trust_ends_the_app(stage: Stage) -> None:
    app = stage.app(trust=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Trust))
        assert app.screen.query_one("#no", Button)
        await pilot.press("n")
        await pilot.pause()
    assert app.return_value == 0
    assert not stage.paths.trust_file.exists()


async def test_a_session_is_resumed_as_it_looked(stage: Stage) -> None:
    stage.options = {"persist": True}
    first = stage.app(READ, EDIT, {"text": "All done."})
    async with first.run_test(size=(100, 40)) as pilot:
        await say(pilot, "fix it")
        await until(pilot, lambda: bool(first.query(EditApproval)))
        await pilot.press("a")
        await until(pilot, lambda: ready(first) and "All done." in screen_text(first))
    second = stage.app({"text": "Going on."}, continue_latest=True)
    async with second.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: "All done." in screen_text(second))
        assert "fix it" in screen_text(second) and "Edit a.py" in screen_text(second)
        await say(pilot, "more")
        await until(pilot, lambda: "Going on." in screen_text(second))


async def test_a_new_session_begins_empty_and_keeps_the_model(stage: Stage) -> None:
    app = stage.app({"text": "One."}, {"text": "Two."})
    async with app.run_test(size=(100, 30)) as pilot:
        await say(pilot, "hi")
        await until(pilot, lambda: "One." in screen_text(app) and ready(app))
        client = app.opened.client
        await pilot.press(*"/new", "enter")
        await until(pilot, lambda: "One." not in screen_text(app) and ready(app))
        assert app.opened.client is client
        await say(pilot, "again")
        await until(pilot, lambda: "Two." in screen_text(app))


async def test_a_model_that_fails_says_so_and_the_prompt_stays(stage: Stage) -> None:
    app = stage.app({"error": "bad_request", "message": "The grammar is empty."}, {"text": "Fine now."})
    async with app.run_test(size=(100, 30)) as pilot:
        await say(pilot, "hi")
        await until(pilot, lambda: "The grammar is empty." in screen_text(app))
        await pilot.press(*"again", "enter")
        await until(pilot, lambda: "Fine now." in screen_text(app))


async def test_an_unknown_command_is_said_and_its_text_stays(stage: Stage) -> None:
    app = stage.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await say(pilot, "/undu")
        await until(pilot, lambda: "There is no command /undu" in screen_text(app))


async def test_help_lists_keys_and_commands(stage: Stage) -> None:
    app = stage.app()
    async with app.run_test(size=(100, 60)) as pilot:
        await until(pilot, lambda: ready(app))
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, Keys))
        assert "Next permission mode" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Keys))


async def test_keys_can_be_remapped(stage: Stage) -> None:
    app = stage.app(interface=Config(keys={"app.help": "ctrl+g"}))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: ready(app))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: isinstance(app.screen, Keys))


async def test_ctrl_c_twice_ends(stage: Stage) -> None:
    app = stage.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: ready(app))
        await pilot.press("ctrl+c")
        assert app.is_running
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert app.return_value == 0


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("theme", ["", "light"])
def test_how_an_edit_looks(stage: Stage, snap_compare: Any, size: tuple[int, int], theme: str) -> None:
    app = stage.app(READ, EDIT, interface=Config(theme=theme))

    async def drive(pilot: Any) -> None:
        await say(pilot, "fix add in a.py")
        await until(pilot, lambda: bool(app.query(EditApproval)))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=drive)
