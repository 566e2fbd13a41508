"""Every exit code of the contract, reached by running the installed command."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from harness import Command, Script

FIX = {"name": "edit", "arguments": {"path": "calc.py", "old": "return a - b", "new": "return a + b"}}
BREAK = {"name": "edit", "arguments": {"path": "calc.py", "old": "return a - b", "new": "return a * b"}}
READ = {"name": "read", "arguments": {"path": "calc.py"}}
VERIFY = "python3 -m unittest -q test_calc"


def run(codeagent: Command, script: Path, *args: str):
    return codeagent("--task", "fix add", "--trust", "--replay", script, "--output-format", "json", *args)


@pytest.mark.case(17)
def test_0_when_done(codeagent: Command, script: Script, python_repo: Path) -> None:
    assert run(codeagent, script({"text": "Done."})).code == 0


def test_1_when_the_model_fails(codeagent: Command, script: Script, python_repo: Path) -> None:
    died = {"error": "runner_died", "message": "The model process ended."}
    done = run(codeagent, script(died, died, died))
    assert done.code == 1
    assert done.result["subtype"] == "error_during_execution"
    assert "The model process ended." in done.result["errors"][0]


def test_a_model_that_dies_once_is_asked_again(codeagent: Command, script: Script, python_repo: Path) -> None:
    done = run(codeagent, script({"error": "runner_died", "message": "Gone."}, {"text": "Back."}))
    assert (done.code, done.result["result"]) == (0, "Back.")


@pytest.mark.parametrize(
    "args",
    [
        ["--task", "  "],
        ["--task-file", "no-such-file"],
        ["--task", "x", "--task-file", "y"],
        ["--task", "x", "--no-such-flag"],
        ["--task", "x", "--max-turns", "0"],
        ["--task", "x", "-C", "no-such-folder"],
        ["--task", "x", "--json-schema", "{nonsense"],
        ["--task", "x", "--resume", "nothing"],
        ["--task", "x", "--continue"],
        [],
    ],
)
def test_42_for_bad_input(codeagent: Command, script: Script, workspace: Path, args: list[str]) -> None:
    done = codeagent(*args, "--trust", "--replay", script({"text": "x"}), "--output-format", "json")
    assert done.code == 42
    assert done.result["is_error"]
    assert done.result["errors"][0].endswith((".", "'.", "?"))
    assert "Traceback" not in done.err


def test_52_for_bad_settings(codeagent: Command, home: dict[str, str], workspace: Path) -> None:
    config = Path(home["XDG_CONFIG_HOME"]) / "codeagent" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("permission_mode = 'everything'\n")
    done = codeagent("--task", "x", "--trust", "--output-format", "json")
    assert done.code == 52
    assert "permission_mode" in done.result["errors"][0]


def test_52_for_a_model_that_is_not_there(codeagent: Command, workspace: Path) -> None:
    done = codeagent("--task", "x", "--trust", "--model", "missing.gguf", "--output-format", "json")
    assert done.code == 52
    assert "missing.gguf" in done.result["errors"][0]


@pytest.mark.case(17)
def test_53_when_the_turns_are_used_up(codeagent: Command, script: Script, python_repo: Path) -> None:
    done = run(codeagent, script({"calls": [READ]}, {"calls": [READ]}), "--max-turns", "1")
    assert (done.code, done.result["subtype"]) == (53, "error_max_turns")
    assert done.result["num_turns"] == 1
    assert done.result["errors"] == ["Reached maximum number of turns (1)."]


def test_53_when_the_tokens_are_used_up(codeagent: Command, script: Script, python_repo: Path) -> None:
    usage = {"prompt_tokens": 9, "generated_tokens": 50}
    done = run(codeagent, script({"calls": [READ], "usage": usage}, {"text": "x"}), "--max-tokens", "40")
    assert done.code == 53


@pytest.mark.case(45)
def test_54_when_calls_keep_failing(codeagent: Command, script: Script, python_repo: Path) -> None:
    calls = [{"calls": [{"name": "read", "arguments": {"path": f"missing{i}.py"}}]} for i in range(12)]
    assert run(codeagent, script(*calls)).code == 54


@pytest.mark.case(17)
def test_55_in_a_folder_that_is_not_trusted(codeagent: Command, script: Script, python_repo: Path) -> None:
    args = ("--task", "x", "--replay", script({"text": "x"}), "--output-format", "json")
    done = codeagent(*args)
    assert done.code == 55
    assert "codeagent trust" in done.result["errors"][0]
    assert codeagent("trust").code == 0
    assert codeagent(*args).code == 0


@pytest.mark.case(17)
def test_65_when_an_action_was_refused(codeagent: Command, script: Script, python_repo: Path) -> None:
    done = run(codeagent, script({"calls": [FIX]}, {"text": "I could not edit."}))
    assert done.code == 65
    denial = done.result["permission_denials"][0]
    assert (denial["tool_name"], denial["tool_input"]) == ("edit", FIX["arguments"])
    assert "return a - b" in (python_repo / "calc.py").read_text()


def test_66_when_the_check_fails_at_the_end(codeagent: Command, script: Script, python_repo: Path) -> None:
    done = run(
        codeagent,
        script({"calls": [BREAK]}, *[{"text": "I give up."}] * 5),
        "--permission-mode",
        "acceptEdits",
        "--verify",
        VERIFY,
    )
    assert done.code == 66
    assert "test_adds" in done.result["errors"][0]


@pytest.mark.case(41)
def test_75_when_memory_is_short(codeagent: Command, script: Script, python_repo: Path) -> None:
    assert run(codeagent, script({"error": "out_of_memory", "message": "Not enough memory."})).code == 75


def test_124_at_the_time_limit(codeagent: Command, script: Script, python_repo: Path) -> None:
    done = run(codeagent, script({"hang": True}), "--max-seconds", "0.5")
    assert done.code == 124
    assert "time limit" in done.result["errors"][0]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.case(49)
def test_130_and_143_on_signals(
    codeagent: Command, script: Script, python_repo: Path, number: signal.Signals, code: int
) -> None:
    process = codeagent.start(
        "--task", "x", "--trust", "--replay", script({"text": "working", "hang": True}),
        "--output-format", "stream-json", "--include-partial-messages",
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "content_block_delta" in line:
            break
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == code
    assert '"type": "result"' in out.splitlines()[-1]


@pytest.mark.case(49)
def test_a_closed_stdout_is_no_traceback(codeagent: Command, script: Script, python_repo: Path) -> None:
    with codeagent.start(
        "--task", "x", "--trust", "--replay", script({"text": "x"}), "--output-format", "json"
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 1
    assert "Traceback" not in err


@pytest.mark.case(49)
def test_a_full_disk_under_stdout_is_said(codeagent: Command, script: Script, python_repo: Path) -> None:
    with (
        open("/dev/full", "w") as full,
        codeagent.start("--task", "x", "--trust", "--replay", script({"text": "x"}), stdout=full) as process,
    ):
        assert process.stderr is not None
        err = process.stderr.read()
    assert process.returncode == 1
    assert "No space left" in err
    assert "Traceback" not in err
