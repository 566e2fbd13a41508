"""Sessions: going on, resuming by id, forking, and keeping nothing."""

from __future__ import annotations

from pathlib import Path

from harness import Command, Script


def logs(home: dict[str, str]) -> list[Path]:
    return sorted(Path(home["XDG_STATE_HOME"]).rglob("*.jsonl"))


def ask(codeagent: Command, replay: Path, *args: str):
    done = codeagent("--task", "next", "--trust", "--replay", replay, "--output-format", "json", *args)
    assert done.code == 0, done.err
    return done.result


def test_a_session_goes_on_where_it_stopped(codeagent: Command, script: Script, home: dict[str, str]) -> None:
    first = ask(codeagent, script({"text": "One."}))
    second = ask(codeagent, script({"text": "Two."}), "--continue")
    assert second["session_id"] == first["session_id"]
    text = logs(home)[0].read_text()
    assert "One." in text
    assert "Two." in text
    assert len(logs(home)) == 1


def test_a_session_is_resumed_by_its_id(codeagent: Command, script: Script, home: dict[str, str]) -> None:
    first = ask(codeagent, script({"text": "One."}))
    ask(codeagent, script({"text": "Other."}))
    assert (
        ask(codeagent, script({"text": "Two."}), "--resume", first["session_id"])["session_id"] == first["session_id"]
    )


def test_a_fork_leaves_the_original_alone(codeagent: Command, script: Script, home: dict[str, str]) -> None:
    first = ask(codeagent, script({"text": "One."}))
    before = logs(home)[0].read_bytes()
    fork = ask(codeagent, script({"text": "Two."}), "--resume", first["session_id"], "--fork-session")
    assert fork["session_id"] != first["session_id"]
    assert next(log for log in logs(home) if log.stem == first["session_id"]).read_bytes() == before
    copy = next(log for log in logs(home) if log.stem == fork["session_id"]).read_text()
    assert "One." in copy
    assert "Two." in copy


def test_nothing_is_kept_when_told(codeagent: Command, script: Script, home: dict[str, str]) -> None:
    ask(codeagent, script({"text": "One."}), "--no-session-persistence")
    assert not logs(home)
