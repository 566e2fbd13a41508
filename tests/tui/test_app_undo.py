"""What a person sees of undo and commit in the app: what stayed is named, what the session changed is committed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hostile_repo import git
from stage import Stage, screen_text, until
from textual.pilot import Pilot

from codeagent.tui.app import CodeAgentApp

WRITE: dict[str, Any] = {"calls": [{"name": "write", "arguments": {"path": "new.py", "content": "x = 1\n"}}]}


async def worked(pilot: Pilot[Any], app: CodeAgentApp) -> None:
    """A turn in which the model wrote new.py."""
    await until(pilot, lambda: app.is_open and "ready" in screen_text(app))
    await pilot.press(*"go", "enter")
    await until(pilot, lambda: "Done." in screen_text(app))


async def test_a_file_that_somebody_else_changed_stays_and_is_named(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    app = stage.app(WRITE, {"text": "Done."}, flags={"permission_mode": "acceptEdits"})
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await worked(pilot, app)
        (stage.root / "new.py").write_text("mine\n")
        app.action_command("undo")
        await until(pilot, lambda: "Left as it is, since somebody else changed it" in screen_text(app))
        assert "new.py" in screen_text(app)
    assert (stage.root / "new.py").read_text() == "mine\n"


async def test_commit_has_what_the_session_changed_and_nothing_else(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    git(stage.root, "init", "-q", "-b", "main")
    git(stage.root, "config", "user.name", "t")
    git(stage.root, "config", "user.email", "t@t")
    (stage.root / "mine.py").write_text("mine\n")
    git(stage.root, "add", "mine.py")
    app = stage.app(WRITE, {"text": "Done."}, flags={"permission_mode": "acceptEdits"})
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await worked(pilot, app)
        await pilot.press(*"/commit Add new.py", "enter")
        await until(pilot, lambda: "Committed 1 file as" in screen_text(app))
    assert git(stage.root, "show", "--format=%s", "--name-only").split("\n\n") == ["Add new.py", "new.py\n"]
    assert git(stage.root, "status", "--porcelain") == "A  mine.py\n"


async def test_a_commit_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    app = Stage(tmp_path).app(WRITE, {"text": "Done."}, flags={"permission_mode": "acceptEdits"})
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await worked(pilot, app)
        await pilot.press(*"/commit x", "enter")
        await until(pilot, lambda: "no git repository" in screen_text(app))
