"""`--candidates N`: a task tried several ways in copies of the folder, and the best one's changes made."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Command, Finished, Script

from codeagent.agent.bootstrap import Opened, SessionOptions, open_session
from codeagent.agent.candidates.solving import Candidates, Solved
from codeagent.agent.events import Event, ToolFinished
from codeagent.agent.paths import Paths

VERIFY = "python3 -m unittest -q test_calc"
START = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"


def edit(candidate: int, new: str, old: str = "a - b", path: str = "calc.py", **more: Any) -> dict[str, Any]:
    call = {"name": "edit", "arguments": {"path": path, "old": old, "new": new}}
    return {"candidate": candidate, "calls": [call], **more}


def said(candidate: int, *calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidate": candidate, "text": "Done.", "calls": list(calls), **more}


def run(codeagent: Command, replay: Path, *args: str, count: int = 2) -> Finished:
    given = ("--task", "fix add in calc.py", "--trust", "--yolo", "--replay", replay, "--verify", VERIFY)
    return codeagent(*given, "--candidates", str(count), "--output-format", "stream-json", *args)


def workspaces(home: dict[str, str]) -> set[str]:
    """The names under which something is kept for a workspace, and of copies that are left."""
    state, cache = Path(home["XDG_STATE_HOME"], "codeagent"), Path(home["XDG_CACHE_HOME"], "codeagent")
    kept = [*state.glob("sessions/*"), *state.glob("checkpoints/*"), *cache.glob("index/*"), *cache.glob("sandbox/*-*")]
    return {path.name.partition(".")[0] for path in (*kept, *state.glob("candidates/*"))}


def work_trees(root: Path) -> int:
    listed = subprocess.run(["git", "worktree", "list"], cwd=root, check=True, capture_output=True, text=True)
    return len(listed.stdout.splitlines())


def test_the_one_that_passes_the_check_is_taken(codeagent: Command, script: Script, python_repo: Path) -> None:
    hangs = {"candidate": 1, "hang": True}
    done = run(codeagent, script(edit(1, "a * b"), hangs, edit(2, "a + b"), said(2)), "--seed", "3")
    assert done.code == 0, done.err
    assert (python_repo / "calc.py").read_text() == RIGHT
    first, second = done.result["candidates"]
    assert (first["outcome"], first["chosen"]) == ("cancelled", False)
    assert (second["outcome"], second["verify"], second["chosen"], second["files"]) == (
        "done",
        "passed",
        True,
        ["calc.py"],
    )
    assert second["temperature"] > first["temperature"]
    assert second["seed"] != first["seed"]
    assert done.result["usage"]["output_tokens"] == first["tokens"] + second["tokens"]
    assert "candidate 2 is taken, because it was the first to pass the check" in done.err


def test_the_output_tells_of_each_candidate_and_then_the_chosen_ones_turn_alone(
    codeagent: Command, script: Script, python_repo: Path
) -> None:
    done = run(codeagent, script(edit(1, "a * b"), {"candidate": 1, "hang": True}, edit(2, "a + b"), said(2)))
    kinds = [line.get("subtype") or line["type"] for line in done.lines]
    assert kinds[:4] == ["init", "candidate", "candidate", "candidate_chosen"]
    assert kinds[4:] == ["assistant", "user", "user", "assistant", "success"]
    assert done.lines[3]["candidate"] == 2
    assert "a + b" in str(done.lines[4])
    assert {line["session_id"] for line in done.lines} == {done.result["session_id"]}
    assert str(Path("state", "codeagent", "candidates")) not in done.out


def test_without_one_that_passes_the_fewest_failing_tests_count(
    codeagent: Command, script: Script, python_repo: Path
) -> None:
    cases = "".join(f"    def test_{n}(self): self.assertEqual(add({n}, {n}), {n * n})\n" for n in (2, 3, 4))
    never = "    def test_never(self): self.fail()\n"
    beginning = "import unittest\nfrom calc import add\n\nclass AddTest(unittest.TestCase):\n"
    (python_repo / "test_calc.py").write_text(beginning + cases + never)
    replay = script(edit(1, "a + b"), edit(2, "a * b + 0 * a"))
    done = run(codeagent, replay, "--max-turns", "1")
    first, second = done.result["candidates"]
    assert (first["failed_tests"], second["failed_tests"]) == (3, 1)
    assert second["chosen"], done.out
    assert "a * b" in (python_repo / "calc.py").read_text()
    assert "it has the fewest failing tests" in done.err
    assert done.code == 53


def test_without_a_check_it_says_what_is_missing(codeagent: Command, script: Script, python_repo: Path) -> None:
    done = codeagent("--task", "x", "--trust", "--replay", script({"text": "x"}), "--candidates", "2")
    assert done.code == 42
    assert "--candidates needs --verify CMD" in done.err


def test_what_is_not_committed_and_what_git_ignores_is_in_the_copies(
    codeagent: Command, script: Script, python_repo: Path, home: dict[str, str]
) -> None:
    (python_repo / ".gitignore").write_text("ignored/\n")
    (python_repo / "ignored").mkdir()
    (python_repo / "ignored" / "tool.py").write_text("print('there')\n")
    (python_repo / "calc.py").write_text(START + "# mine\n")
    (python_repo / "new.py").write_text("x = 1\n")
    look = "python3 ignored/tool.py && cat new.py calc.py && git log --oneline"
    done = run(
        codeagent,
        script(said(1, {"name": "run", "arguments": {"command": look}}), edit(1, "a + b"), said(1), {"hang": True}),
    )
    assert done.code == 0, done.err
    assert (python_repo / "calc.py").read_text() == RIGHT + "# mine\n"
    shown = next(line for line in done.lines if line["type"] == "user")["message"]["content"][0]["content"]
    assert ("there" in shown, "x = 1" in shown, "# mine" in shown) == (True, True, True), shown
    assert work_trees(python_repo) == 1
    assert len(workspaces(home)) == 1


def test_a_folder_without_git_is_copied(
    codeagent: Command, script: Script, workspace: Path, home: dict[str, str]
) -> None:
    (workspace / "calc.py").write_text(START)
    (workspace / "test_calc.py").write_text(
        "import unittest, calc\n\nclass T(unittest.TestCase):\n"
        "    def test_a(self):\n        self.assertEqual(calc.add(2, 3), 5)\n"
    )
    (workspace / "link").symlink_to("calc.py")
    done = run(codeagent, script(edit(1, "a + b"), said(1), {"hang": True}))
    assert done.code == 0, done.err
    assert (workspace / "calc.py").read_text() == RIGHT
    assert (workspace / "link").is_symlink()
    assert not list(Path(home["XDG_STATE_HOME"], "codeagent", "candidates").iterdir())


@pytest.fixture
def at_work(codeagent: Command, script: Script, python_repo: Path) -> Iterator[subprocess.Popen[str]]:
    """A run whose candidates have all begun and will not end."""
    replay = script(edit(1, "a + a"), edit(2, "b + b"), {"hang": True})
    process = codeagent.start(
        "--task", "fix add", "--trust", "--yolo", "--replay", replay, "--verify", VERIFY, "--candidates", "2",
        "--output-format", "json", start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    edited = 0
    while edited < 2:
        line = process.stderr.readline()
        assert line, "it ended before its candidates had begun"
        edited += "Edit calc.py" in line
    yield process
    process.kill()
    process.communicate(timeout=20)


def test_an_interruption_ends_all_and_changes_nothing(
    at_work: subprocess.Popen[str], python_repo: Path, home: dict[str, str]
) -> None:
    at_work.send_signal(signal.SIGINT)
    out, _ = at_work.communicate(timeout=30)
    assert at_work.returncode == 130
    assert '"type": "result"' in out
    assert (python_repo / "calc.py").read_text() == START
    assert work_trees(python_repo) == 1
    assert not list(Path(home["XDG_STATE_HOME"], "codeagent", "candidates").iterdir())


def test_what_a_killed_run_left_is_gone_at_the_next_start(
    at_work: subprocess.Popen[str], codeagent: Command, script: Script, python_repo: Path, home: dict[str, str]
) -> None:
    at_work.kill()
    at_work.communicate(timeout=20)
    left = Path(home["XDG_STATE_HOME"], "codeagent", "candidates")
    assert work_trees(python_repo) == 3
    assert list(left.iterdir())
    codeagent("--task", "x", "--trust", "--replay", script({"text": "Hello."}))
    assert work_trees(python_repo) == 1
    assert not list(left.iterdir())
    assert (python_repo / "calc.py").read_text() == START


class Bench:
    """A session in this process, whose candidates are watched."""

    def __init__(self, root: Path, folder: Path, script: Path, **options: Any) -> None:
        paths = Paths(folder / "config", folder / "state", folder / "cache", folder / "data")
        given: dict[str, Any] = {"flags": {"permission_mode": "bypassPermissions"}, "verify": VERIFY} | options
        self.options = SessionOptions(root=root, paths=paths, trust=True, replay=script, **given)
        self.opened: Opened = open_session(self.options, lambda event: None, None)

    def solve(self, watch: Any = lambda number, event: None) -> Solved:
        async def work() -> Solved:
            try:
                return await Candidates(self.opened, self.options, 2, lambda event: None, watch).solve("fix add")
            finally:
                await self.opened.session.close()

        return asyncio.run(work())


def test_a_file_that_somebody_changed_meanwhile_stays_and_so_does_all_else(
    python_repo: Path, tmp_path: Path, script: Script
) -> None:
    other = {"name": "write", "arguments": {"path": "other.py", "content": "x = 1\n"}}
    replay = script(said(1, other), edit(1, "a + b"), said(1), {"hang": True})

    def meddle(number: int, event: Event) -> None:
        if isinstance(event, ToolFinished) and event.name == "edit":
            (python_repo / "calc.py").write_text("mine = True\n")

    solved = Bench(python_repo, tmp_path / "state", replay).solve(meddle)
    assert solved.chosen == 1
    assert "somebody else changed these files meanwhile: calc.py" in solved.refused
    assert (python_repo / "calc.py").read_text() == "mine = True\n"
    assert not (python_repo / "other.py").exists()


def test_the_changes_can_be_taken_back_in_the_session_that_goes_on(
    python_repo: Path, tmp_path: Path, script: Script
) -> None:
    made = {"name": "run", "arguments": {"command": "echo hello > made.txt; chmod +x made.txt; ln -s calc.py link"}}
    bench = Bench(python_repo, tmp_path / "state", script(said(1, made), edit(1, "a + b"), said(1), {"hang": True}))
    bench.solve()
    assert (python_repo / "calc.py").read_text() == RIGHT
    assert (python_repo / "made.txt").read_text() == "hello\n"
    assert (python_repo / "made.txt").stat().st_mode & 0o100
    assert (python_repo / "link").readlink() == Path("calc.py")
    again = Bench(python_repo, tmp_path / "state", script({"text": "x"}), continue_latest=True)
    assert "fix add" in again.opened.session.messages[1].content
    assert again.opened.session.timeline.points[0].text == "fix add"
    put_back = again.opened.session.rewind(1)
    asyncio.run(again.opened.session.close())
    assert len(put_back) == 3
    assert (python_repo / "calc.py").read_text() == START
    assert not (python_repo / "made.txt").exists()
    assert not (python_repo / "link").is_symlink()


def test_a_rule_on_a_path_of_the_folder_holds_in_its_copies(python_repo: Path, tmp_path: Path, script: Script) -> None:
    flags = {"permission_mode": "bypassPermissions", "disallowed_tools": (f"Edit({python_repo}/calc.py)",)}
    turns = (edit(1, "a + b"), edit(2, "a + b"), {"text": "I may not."})
    solved = Bench(python_repo, tmp_path / "state", script(*turns), flags=flags).solve()
    assert [report.verify for report in solved.reports] == ["failed", "failed"]
    assert (python_repo / "calc.py").read_text() == START
