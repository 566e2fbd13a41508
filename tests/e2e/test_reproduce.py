"""`codeagent reproduce`: what it says where there is nothing to make again."""

from __future__ import annotations

from pathlib import Path

from harness import Command, Script


def test_a_session_of_a_script_cannot_be_repeated(codeagent: Command, script: Script) -> None:
    done = codeagent("--task", "x", "--trust", "--replay", script({"text": "Hello."}), "--output-format", "json")
    again = codeagent("reproduce", done.result["session_id"])
    assert again.code == 42
    assert "does not tell what the model was" in again.err


def test_tools_run_again_in_a_copy_of_the_folder_as_it_was(
    codeagent: Command, script: Script, python_repo: Path, home: dict[str, str]
) -> None:
    edit = {"name": "edit", "arguments": {"path": "calc.py", "old": "a - b", "new": "a + b"}}
    look = {"name": "run", "arguments": {"command": "cat calc.py; ls *.txt; cat clock.txt"}}
    (python_repo / "clock.txt").write_text("then")
    turns = ({"calls": [edit]}, {"calls": [look]}, {"text": "Done."})
    args = ("--task", "fix add in calc.py", "--trust", "--yolo", "--output-format", "json", "--replay", script(*turns))
    done = codeagent(*args)
    assert done.code == 0, done.err
    same = codeagent("reproduce", done.result["session_id"], "--tools")
    assert same.out.splitlines()[:2] == ["edit: equal", "run: equal"], same.out + same.err
    (python_repo / "clock.txt").write_text("now")
    other = codeagent("reproduce", done.result["session_id"], "--tools")
    assert other.out.splitlines()[:2] == ["edit: equal", "run: another result"], other.out
    assert "then" in other.out.splitlines()[2]
    assert "now" in other.out.splitlines()[3]
    assert "return a + b" in (python_repo / "calc.py").read_text()
    assert not list(Path(home["XDG_STATE_HOME"], "codeagent", "candidates").iterdir())


def test_an_unknown_session_is_named_with_those_there_are(codeagent: Command) -> None:
    done = codeagent("reproduce", "2026")
    assert done.code == 42
    assert "Session '2026' is not known in this folder. Its latest sessions: none." in done.err


def test_all_seeds_of_a_run_follow_from_the_one_that_was_given(codeagent: Command, script: Script) -> None:
    args = ("--task", "x", "--trust", "--output-format", "stream-json", "--seed", "11")
    turns = ({"calls": [{"name": "todo", "arguments": {"items": []}}]}, {"text": "Done."})
    runs = [codeagent(*args, "--replay", script(*turns)) for _ in range(2)]
    seeds = [
        [line["message"]["usage"]["local"]["seed"] for line in run.lines if line["type"] == "assistant"] for run in runs
    ]
    assert seeds[0] == seeds[1]
    assert seeds[0][0] == 11
    assert seeds[0][0] != seeds[0][1]
