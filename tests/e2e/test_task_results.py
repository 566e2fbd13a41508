"""`codeagent --task` as a script sees it: what stdout holds, and that a result always comes last."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from harness import Command, Script

FIX = {"name": "edit", "arguments": {"path": "calc.py", "old": "return a - b", "new": "return a + b"}}
VERIFY = "python3 -m unittest -q test_calc"


def run(codeagent: Command, script: Path, *args: str):
    return codeagent("--task", "fix add", "--trust", "--replay", script, *args)


def test_a_task_is_solved_verified_and_reported(codeagent: Command, script: Script, python_repo: Path) -> None:
    replay = script({"calls": [FIX]}, {"text": "Fixed add.", "expect": "The check passes now"})
    done = run(codeagent, replay, "--permission-mode", "acceptEdits", "--verify", VERIFY, "--output-format", "json")
    assert done.code == 0, done.err
    assert done.result["subtype"] == "success"
    assert done.result["result"] == "Fixed add."
    assert done.result["num_turns"] == 2
    assert not done.result["is_error"]
    assert (python_repo / "calc.py").read_text() == "def add(a, b):\n    return a + b\n"


def test_text_output_is_the_final_message_alone(codeagent: Command, script: Script, python_repo: Path) -> None:
    done = run(codeagent, script({"text": "Nothing to do."}))
    assert (done.code, done.out) == (0, "Nothing to do.\n")


def test_stream_json_has_claudes_events_in_order(codeagent: Command, script: Script, python_repo: Path) -> None:
    replay = script({"text": "I will fix it.", "calls": [FIX]}, {"text": "Done."})
    done = run(codeagent, replay, "--permission-mode", "acceptEdits", "--output-format", "stream-json", "--verbose")
    kinds = [(line["type"], line.get("subtype")) for line in done.lines]
    assert kinds == [
        ("system", "init"),
        ("assistant", None),
        ("user", None),
        ("assistant", None),
        ("result", "success"),
    ]
    init, first, answer = done.lines[0], done.lines[1], done.lines[2]
    assert {"cwd", "session_id", "tools", "mcp_servers", "model", "permissionMode"} <= init.keys()
    call = first["message"]["content"][1]
    assert (call["type"], call["name"], call["input"]) == ("tool_use", "edit", FIX["arguments"])
    result = answer["message"]["content"][0]
    assert (result["type"], result["tool_use_id"], result["is_error"]) == ("tool_result", call["id"], False)
    assert {line["session_id"] for line in done.lines} == {init["session_id"]}


def test_partial_messages_rebuild_the_whole_text(codeagent: Command, script: Script, python_repo: Path) -> None:
    done = run(
        codeagent,
        script({"text": "One two three.", "chunks": 4}),
        "--output-format",
        "stream-json",
        "--include-partial-messages",
    )
    events = [line["event"] for line in done.lines if line["type"] == "stream_event"]
    text = "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta")
    assert text == "One two three."
    assert [e["type"] for e in events if e["type"] != "content_block_delta"] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_usage_counts_cached_tokens_apart(codeagent: Command, script: Script, python_repo: Path) -> None:
    usage = {"prompt_tokens": 100, "cached_tokens": 60, "generated_tokens": 7, "prefill_ms": 400.0, "decode_ms": 70.0}
    done = run(codeagent, script({"text": "x", "usage": usage}), "--output-format", "json")
    assert done.result["usage"]["input_tokens"] == 40
    assert done.result["usage"]["cache_read_input_tokens"] == 60
    assert done.result["usage"]["output_tokens"] == 7
    assert done.result["usage"]["local"]["tok_s"] == 100.0


def test_the_last_message_and_the_diff_go_to_files(
    codeagent: Command, script: Script, python_repo: Path, tmp_path: Path
) -> None:
    replay = script({"calls": [FIX]}, {"text": "Done."})
    message, patch = tmp_path / "message.txt", tmp_path / "change.patch"
    run(codeagent, replay, "--permission-mode", "acceptEdits", "-o", str(message), "--diff-out", str(patch))
    assert message.read_text() == "Done.\n"
    subprocess.run(["git", "checkout", "-q", "calc.py"], cwd=python_repo, check=True)
    subprocess.run(["git", "apply", patch], cwd=python_repo, check=True)
    assert "return a + b" in (python_repo / "calc.py").read_text()


def test_a_json_schema_gives_a_structured_answer(codeagent: Command, script: Script, python_repo: Path) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    done = run(
        codeagent,
        script({"text": "Looked."}, {"text": '{"ok": true}'}),
        "--json-schema",
        json.dumps(schema),
        "--output-format",
        "json",
    )
    assert done.result["structured_output"] == {"ok": True}


def test_user_messages_arrive_as_json_lines(codeagent: Command, script: Script, python_repo: Path) -> None:
    lines = "".join(
        json.dumps({"type": "user", "message": {"role": "user", "content": text}}) + "\n" for text in ("one", "two")
    )
    replay = script({"text": "First.", "expect": "one"}, {"text": "Second.", "expect": "two"})
    done = codeagent(
        "--input-format", "stream-json", "--output-format", "json", "--trust", "--replay", replay, stdin=lines
    )
    assert (done.code, done.result["result"], done.result["num_turns"]) == (0, "Second.", 2)


def test_claudes_spellings_run(codeagent: Command, script: Script, python_repo: Path) -> None:
    replay = script({"calls": [FIX]}, {"text": "Done."})
    done = codeagent(
        "-p", "fix add", "--output-format", "json", "--allowedTools", "Edit,Read", "--disallowedTools", "Bash(rm *)",
        "--verbose", "--trust", "--replay", replay,
    )  # fmt: skip
    assert (done.code, done.result["result"]) == (0, "Done.")


def test_a_prompt_may_follow_the_other_flags(codeagent: Command, script: Script, python_repo: Path) -> None:
    done = codeagent("-p", "--output-format", "json", "--trust", "--replay", script({"text": "Hi."}), "say hi")
    assert (done.code, done.result["result"]) == (0, "Hi.")


def test_a_task_is_read_from_a_pipe_when_none_is_given(codeagent: Command, script: Script, python_repo: Path) -> None:
    replay = script({"text": "Read it.", "expect": "from the pipe"})
    done = codeagent("--trust", "--replay", replay, stdin="from the pipe\n")
    assert (done.code, done.out) == (0, "Read it.\n")


def test_an_open_silent_stdin_does_not_hold_up_a_task(codeagent: Command, script: Script, python_repo: Path) -> None:
    process = codeagent.start("--task", "x", "--trust", "--replay", script({"text": "Done."}), stdin=subprocess.PIPE)
    assert process.wait(timeout=30) == 0
    process.communicate()
