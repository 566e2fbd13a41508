"""How the agent works: what it shows the model, how it checks its own edits, and when it stops."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from harness import Command, Finished, Script

VERIFY = "python3 -m unittest -q test_calc"


def edit(old: str, new: str) -> dict[str, Any]:
    return {"calls": [{"name": "edit", "arguments": {"path": "calc.py", "old": old, "new": new}}]}


def run(codeagent: Command, replay: Path, *args: str) -> Finished:
    return codeagent("--task", "fix add in calc.py", "--trust", "--yolo", "--replay", replay,
                     "--output-format", "stream-json", *args)  # fmt: skip


def messages(home: dict[str, str]) -> list[dict[str, Any]]:
    """All messages of the one session of this test, from its log."""
    (log,) = Path(home["XDG_STATE_HOME"]).rglob("*.jsonl")
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    return [event["message"] for event in events if event["type"] == "message_added"]


def test_files_the_task_names_are_shown_with_their_tests_and_the_failure(
    codeagent: Command, script: Script, python_repo: Path, home: dict[str, str]
) -> None:
    (python_repo / "other.py").write_text("unrelated = 1\n")
    run(codeagent, script(edit("a - b", "a + b"), {"text": "Done."}), "--verify", VERIFY)
    request = messages(home)[1]["content"]
    assert "return a - b" in request
    assert "class AddTest" in request
    assert "unrelated" not in request
    assert "other.py" in request
    assert "-1 != 5" in request


def test_an_edit_is_answered_with_the_test_result(codeagent: Command, script: Script, python_repo: Path) -> None:
    done = run(codeagent, script(edit("a - b", "a + b"), {"text": "Done.", "expect": "Tests pass"}))
    assert done.code == 0, done.err


def test_a_new_syntax_error_is_named_and_the_tests_wait(codeagent: Command, script: Script, python_repo: Path) -> None:
    broken = edit("def add(a, b):", "def add(a, b)")
    done = run(codeagent, script(broken, {"text": "Oh.", "expect": "syntax error"}))
    assert done.code == 0, done.err
    answer = next(line for line in done.lines if line["type"] == "user")["message"]["content"][0]["content"]
    assert "calc.py line 1" in answer


def test_what_failed_before_is_undone_and_the_work_begins_anew(
    codeagent: Command, script: Script, python_repo: Path, home: dict[str, str]
) -> None:
    replay = script(
        edit("a - b", "a * b"),
        edit("a * b", "a // b") | {"expect": "Tests fail"},
        edit("a // b", "a * b"),  # these very files failed before
        edit("a - b", "a + b"),
        {"text": "Done."},
    )
    done = run(codeagent, replay, "--verify", VERIFY, "--seed", "1")
    assert done.code == 0, done.err
    assert (python_repo / "calc.py").read_text() == "def add(a, b):\n    return a + b\n"
    assert done.result["result"] == "Done."


def test_a_read_only_file_is_changed_only_where_everything_is_allowed(
    codeagent: Command, script: Script, python_repo: Path
) -> None:
    file = python_repo / "calc.py"
    file.chmod(0o444)
    turns = (edit("a - b", "a + b"), {"text": "Done."})
    args = ("--task", "x", "--trust", "--replay", script(*turns))
    assert codeagent(*args, "--permission-mode", "acceptEdits").code == 65
    assert "a - b" in file.read_text()
    assert codeagent(*args, "--permission-mode", "bypassPermissions").code == 0
    assert "a + b" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o444


@pytest.mark.case(45)
def test_a_call_repeated_without_end_stops_the_turn(codeagent: Command, script: Script, python_repo: Path) -> None:
    read = {"calls": [{"name": "read", "arguments": {"path": "calc.py"}}]}
    done = run(codeagent, script(*[read] * 9))
    assert done.code == 1
    assert "repeated itself" in done.result["errors"][0]
    assert done.result["num_turns"] == 5


@pytest.mark.case(45)
def test_a_call_that_cannot_be_read_is_answered_with_the_error(
    codeagent: Command, script: Script, python_repo: Path
) -> None:
    replay = script({"malformed": "<tool_call>{oops"}, {"text": "Sorry.", "expect": "cannot be read"})
    assert run(codeagent, replay).code == 0


@pytest.mark.case(45)
def test_an_unknown_tool_and_wrong_arguments_are_answered_precisely(
    codeagent: Command, script: Script, python_repo: Path
) -> None:
    replay = script(
        {"calls": [{"name": "teleport", "arguments": {}}]},
        {"calls": [{"name": "read", "arguments": {"file": "calc.py"}}], "expect": "There is no tool 'teleport'"},
        {"text": "Done.", "expect": "path"},
    )
    done = run(codeagent, replay)
    assert done.code == 0, done.err


def test_plan_mode_changes_nothing(codeagent: Command, script: Script, python_repo: Path) -> None:
    replay = script(edit("a - b", "a + b"), {"text": "I plan to fix add.", "expect": "plan mode forbids it"})
    done = codeagent("--task", "x", "--trust", "--permission-mode", "plan", "--replay", replay)
    assert done.code == 65
    assert "a - b" in (python_repo / "calc.py").read_text()


def test_a_denied_tool_is_denied_in_every_mode(codeagent: Command, script: Script, python_repo: Path) -> None:
    done = run(codeagent, script(edit("a - b", "a + b"), {"text": "No."}), "--disallowed-tools", "Edit(calc.py)")
    assert done.code == 65
    assert "a - b" in (python_repo / "calc.py").read_text()


@pytest.mark.case(6)
def test_a_command_sees_no_secrets(codeagent: Command, script: Script, workspace: Path) -> None:
    show = {"calls": [{"name": "run", "arguments": {"command": "env"}}]}
    replay = script(show, {"text": "Done."})
    done = codeagent("--task", "x", "--trust", "--yolo", "--replay", replay, "--output-format", "stream-json",
                     env={"MY_API_KEY": "hunter2", "GITHUB_TOKEN": "hunter2"})  # fmt: skip
    assert done.code == 0
    assert "PATH=" in done.out
    assert "hunter2" not in done.out


def test_a_folder_that_is_no_repository_works_too(codeagent: Command, script: Script, workspace: Path) -> None:
    replay = script(
        {"calls": [{"name": "write", "arguments": {"path": "a/b.txt", "content": "hi\n"}}]}, {"text": "Ok."}
    )
    assert run(codeagent, replay).code == 0
    assert (workspace / "a" / "b.txt").read_text() == "hi\n"


@pytest.mark.case(23)
def test_file_names_that_are_not_utf8_do_no_harm(codeagent: Command, script: Script, workspace: Path) -> None:
    Path(os.fsdecode(os.fsencode(workspace) + b"/\xff\xfe.py")).write_text("x = 1\n")
    listing = {"calls": [{"name": "list", "arguments": {}}]}
    done = run(codeagent, script(listing, {"text": "Seen."}))
    assert (done.code, done.result["result"]) == (0, "Seen.")


@pytest.mark.case(1)
def test_a_path_outside_the_folder_is_refused(codeagent: Command, script: Script, workspace: Path) -> None:
    outside = workspace.parent / "outside.txt"
    calls = [
        {"name": "write", "arguments": {"path": path, "content": "x"}} for path in ("../outside.txt", str(outside))
    ]
    done = run(codeagent, script({"calls": calls}, {"text": "No."}))
    assert done.code == 0
    assert not outside.exists()


def test_a_further_folder_can_be_added(codeagent: Command, script: Script, workspace: Path) -> None:
    extra = workspace.parent / "extra"
    extra.mkdir()
    call = {"name": "write", "arguments": {"path": str(extra / "x.txt"), "content": "x\n"}}
    assert run(codeagent, script({"calls": [call]}, {"text": "Ok."}), "--add-dir", str(extra)).code == 0
    assert (extra / "x.txt").read_text() == "x\n"


@pytest.mark.case(24)
def test_escape_sequences_never_reach_the_terminal(codeagent: Command, script: Script, workspace: Path) -> None:
    done = run(codeagent, script({"text": "a\x1b]52;c;aGk=\x07b\x1b[2Jc\u202ed"}))
    assert "\x1b" not in done.err + done.out
    assert "<U+001B>" in done.err
