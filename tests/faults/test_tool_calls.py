"""Tool calls that are broken, unknown, too many or always the same: answered with an error, bounded, and ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import Command, Finished, Script

pytestmark = pytest.mark.case(45)


def run(codeagent: Command, replay: Path) -> Finished:
    return codeagent("--task", "x", "--trust", "--yolo", "--replay", replay, "--output-format", "json")


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def answers(home: dict[str, str]) -> list[str]:
    """What the model was told of each of its calls, from the log of the one session."""
    (log,) = Path(home["XDG_STATE_HOME"]).rglob("sessions/*/*.jsonl")
    said = [json.loads(line)["event"].get("message", {}) for line in log.read_text().splitlines()]
    return [message["content"] for message in said if message.get("role") == "tool"]


def test_ten_thousand_calls_in_one_reply_are_bounded_and_both_readers_are_told(
    codeagent: Command, script: Script, workspace: Path, record_property: Callable[[str, object], None]
) -> None:
    calls = [call("write", path=f"made/{n}.txt", content="x\n") for n in range(10_000)]
    further = "9950 further calls of your reply were not made"
    done = run(codeagent, script({"calls": calls}, {"text": "Done.", "expect": further}))
    assert (done.code, done.result["result"]) == (0, "Done."), done.err
    assert "asked for 10,000 calls at once: the first 50 are made" in done.err
    assert len(list((workspace / "made").iterdir())) == 50
    record_property("tried", 10_000)


def test_the_same_failing_call_five_times_ends_the_turn(codeagent: Command, script: Script) -> None:
    again = {"calls": [call("read", path="missing.py")]}
    done = run(codeagent, script(again, again, again, again, again, {"text": "Never said."}))
    assert done.code != 0
    assert done.result["num_turns"] == 5


def test_calls_behind_one_that_ended_the_turn_are_not_made(codeagent: Command, script: Script, workspace: Path) -> None:
    pair = [call("read", path="missing.py"), call("read", path="neither.py")]
    done = run(codeagent, script({"calls": [*pair * 12, call("write", path="late.txt", content="x\n")]}))
    assert done.code in (1, 54)
    assert not (workspace / "late.txt").exists()


@pytest.mark.parametrize(
    "name",
    ["../../bin/sh", "\x1b[2J\x1b]0;owned\x07", "read\0", "", "READ", "edit\n", "\u202edaer", "x" * 100_000],
    ids=["path", "escape", "nul", "empty", "case", "newline", "bidi", "long"],
)
def test_a_tool_that_is_not_there_is_answered_with_those_that_are(
    codeagent: Command, script: Script, home: dict[str, str], name: str
) -> None:
    replay = script({"calls": [call(name)]}, {"text": "Ok.", "expect": "The tools are: read"})
    done = run(codeagent, replay)
    assert (done.code, done.result["result"]) == (0, "Ok."), done.err
    assert "\x1b" not in done.err + done.out
    assert len(done.err) < 2_000
    assert [len(answer) < 1_000 for answer in answers(home)] == [True]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "path"),
        ({"path": None}, "path"),
        ({"path": 7}, "path"),
        ({"path": ["a"]}, "path"),
        ({"path": {"deep": {"deeper": [1]}}}, "path"),
        ({"path": "a", "first": "many"}, "first"),
        ({"path": "a", "extra": 1}, "extra"),
        ({"path": ""}, "empty"),
        ({"path": "a\0b"}, "NUL"),
        ({"path": "x" * 100_000}, "too long"),
        ({"path": "/".join("d" * 5_000)}, "too long"),
    ],
)
def test_wrong_arguments_are_named(
    codeagent: Command, script: Script, home: dict[str, str], arguments: dict[str, Any], said: str
) -> None:
    done = run(codeagent, script({"calls": [call("read", **arguments)]}, {"text": "Ok.", "expect": said}))
    assert (done.code, done.result["result"]) == (0, "Ok."), done.err
    assert "Traceback" not in done.err
    assert [len(answer) < 5_000 for answer in answers(home)] == [True]


def test_a_broken_call_beside_a_good_one_is_told_with_the_good_ones_result(codeagent: Command, script: Script) -> None:
    mixed = {"malformed": "<tool_call>{oops", "calls": [call("list")]}
    done = run(codeagent, script(mixed, {"text": "Ok.", "expect": "also held a tool call that cannot be read"}))
    assert (done.code, done.result["result"]) == (0, "Ok."), done.err


def test_calls_that_nobody_can_read_end_the_turn_in_the_end(codeagent: Command, script: Script) -> None:
    done = run(codeagent, script(*[{"malformed": "{" * 100_000}] * 9, {"text": "Never said."}))
    assert done.code == 54
    assert done.result["num_turns"] <= 5
