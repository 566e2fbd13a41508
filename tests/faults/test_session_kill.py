"""A killed codeagent leaves whole files, a readable log, and no process behind; the session goes on."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

from harness import Command, Script

from codeagent.agent.transcript import load

KILLS = int(os.environ.get("CODEAGENT_KILLS", "12"))
VERSIONS = 30


def content(version: int) -> str:
    return f"value = {version}\n" * 200


def processes_of(session: int) -> list[int]:
    """Processes of a session (in the sense of setsid) that are still there, zombies aside."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_kill_at_any_moment_tears_nothing_and_the_session_resumes(
    codeagent: Command, script: Script, workspace: Path, home: dict[str, str]
) -> None:
    file = workspace / "a.py"
    file.write_text(content(0))
    whole = {content(n) for n in range(VERSIONS + 1)}
    edits = [
        {"calls": [{"name": "write", "arguments": {"path": "a.py", "content": content(n)}}]}
        for n in range(1, VERSIONS + 1)
    ]
    replay = script(*edits, {"text": "Done."})
    dice = random.Random(7)
    torn = 0
    for _ in range(KILLS):
        with codeagent.start(
            "--task", "change a.py", "--trust", "--permission-mode", "acceptEdits", "--replay", replay,
            start_new_session=True, stdout=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            assert process.stderr is not None
            for _ in range(dice.randrange(2 * VERSIONS)):
                process.stderr.readline()
            process.kill()
        assert file.read_text() in whole
        assert not processes_of(process.pid)
        for log in Path(home["XDG_STATE_HOME"]).rglob("*.jsonl"):
            torn = max(torn, load(log).damaged)
    assert torn <= 1
    resumed = codeagent(
        "--continue", "--task", "say hello", "--trust", "--output-format", "json",
        "--replay", script({"text": "Hello.", "expect": "say hello"}),
    )  # fmt: skip
    assert (resumed.code, resumed.result["result"]) == (0, "Hello."), resumed.err


def test_a_call_cut_short_is_answered_as_interrupted(
    codeagent: Command, script: Script, workspace: Path, home: dict[str, str]
) -> None:
    replay = script({"calls": [{"name": "run", "arguments": {"command": "echo started; sleep 60"}}]})
    with codeagent.start(
        "--task", "x", "--trust", "--yolo", "--replay", replay, "--output-format", "stream-json"
    ) as process:
        assert process.stdout is not None
        assert any('"tool_use"' in line for line in process.stdout)
        process.kill()
    again = codeagent(
        "-c", "--task", "go on", "--trust", "--replay", script({"text": "On."}), "--output-format", "json"
    )
    assert again.code == 0, again.err
    logs = sorted(Path(home["XDG_STATE_HOME"]).rglob("*.jsonl"))
    assert "Interrupted: the session ended" in logs[-1].read_text()
