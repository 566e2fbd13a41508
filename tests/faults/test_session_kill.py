"""A killed codeagent leaves whole files, a readable log, and no process behind; the session goes on."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from harness import Command, Script

from codeagent.agent.transcript import load

pytestmark = pytest.mark.case(28)

KILLS = int(os.environ.get("CODEAGENT_KILLS", "12"))
EDITS = 300
REACH = min(EDITS, 4 * KILLS)
"""How far into the edits the kills go: a few kills need not wait for the last ones."""


def content(version: int) -> str:
    return f"version = {version};\n" + "the same in all of them\n" * 200


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


@pytest.mark.timeout(120 + 30 * KILLS)
def test_a_kill_at_any_moment_tears_nothing_and_the_session_resumes(
    codeagent: Command,
    script: Script,
    workspace: Path,
    home: dict[str, str],
    record_property: Callable[[str, object], None],
) -> None:
    files = [workspace / name for name in ("a.py", "b.py", "deep/er/c.py")]
    files[2].parent.mkdir(parents=True)
    edits = [
        {
            "name": "edit",
            "arguments": {
                "path": str(files[n % 3].relative_to(workspace)),
                "old": f"version = {n // 3};",
                "new": f"version = {n // 3 + 1};",
            },
        }
        for n in range(EDITS)
    ]
    replay = script(*({"calls": [edit]} for edit in edits), {"text": "Done."})
    whole = {content(n) for n in range(EDITS // 3 + 1)}
    dice = random.Random(7)
    torn, seen = 0, set[int]()
    for _ in range(KILLS):
        for file in files:
            file.write_text(content(0))
        with codeagent.start(
            "--task", "change them", "--trust", "--permission-mode", "acceptEdits", "--sandbox", "off", "--replay",
            replay, "--max-turns", str(EDITS + 1), start_new_session=True, stdout=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            assert process.stderr is not None
            for _ in range(dice.randrange(2 * REACH)):
                process.stderr.readline()
            with suppress(subprocess.TimeoutExpired):  # a moment between two lines
                process.wait(dice.random() * 0.03)
            process.kill()
        versions = [file.read_text() for file in files]
        assert set(versions) <= whole
        seen.add(sum(int(version.split(";")[0].split()[-1]) for version in versions))
        assert not processes_of(process.pid)
        for log in Path(home["XDG_STATE_HOME"]).rglob("sessions/*/*.jsonl"):
            torn = max(torn, load(log).damaged)
    assert torn <= 1
    assert len(seen) > KILLS // 3, "the kills came at too few moments"
    resumed = codeagent(
        "--continue", "--task", "say hello", "--trust", "--output-format", "json",
        "--replay", script({"text": "Hello.", "expect": "say hello"}),
    )  # fmt: skip
    assert (resumed.code, resumed.result["result"]) == (0, "Hello."), resumed.err
    assert sorted(path for path in workspace.rglob("*") if path.is_file()) == sorted(files)
    record_property("tried", KILLS)


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
