"""Disks that are full, read-only or limited, under the folder and under the state: nothing is lost, and it is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import COMMAND, Finished, Script

from codeagent.agent.transcript import load
from codeagent.tools.api import ToolError
from codeagent.tools.files import read_bytes

pytestmark = pytest.mark.case(29)

BEFORE = "first\n" + "one\n" * 2_000
GROWN = "two and more\n" * 10_000
MOUNT = """
set -e
folder=$1 options=$2 after=$3
shift 3
cp -a "$folder/." "$folder.kept"
mount -t tmpfs -o "$options" none "$folder"
cp -a "$folder.kept/." "$folder"
test -z "$after" || mount -o "remount,$after" none "$folder"
"$@" && code=0 || code=$?
rm -rf "$folder.kept"
cp -a "$folder/." "$folder.after"
exit $code
"""
ENTER = (("unshare", "-m"), ("unshare", "-Urm"))


def big(number: int) -> dict[str, Any]:
    return {"calls": [{"name": "write", "arguments": {"path": f"new/{number}.txt", "content": f"{number}\n" * 50_000}}]}


def edit(old: str, new: str) -> dict[str, Any]:
    return {"calls": [{"name": "edit", "arguments": {"path": "a.txt", "old": old, "new": new}}]}


@pytest.fixture
def on_disk(home: dict[str, str], workspace: Path, tmp_path: Path) -> Callable[..., Finished]:
    """Runs a task with a file system of its own mounted on a folder; what was there then is in FOLDER.after."""

    def run(folder: Path, options: str, after: str, replay: Path, *limits: str) -> Finished:
        folder.mkdir(exist_ok=True, parents=True)
        enter = next((way for way in ENTER if can_mount(way, tmp_path)), None)
        if enter is None:
            pytest.skip("NOT TESTED: mounting needs root or user namespaces (unshare)")
        task = ("--task", "x", "--trust", "--sandbox", "off", "--yolo", "--replay", replay, "--output-format", "json")
        ran = subprocess.run(
            [*enter, "sh", "-c", MOUNT, "sh", folder, options, after, *limits, COMMAND, *task],
            capture_output=True, text=True, timeout=100, env=home, cwd=workspace.parent if folder == workspace else
            workspace, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert "Traceback" not in ran.stderr, ran.stderr
        return Finished(ran.returncode, ran.stdout, ran.stderr)

    return run


def can_mount(enter: tuple[str, ...], folder: Path) -> bool:
    if shutil.which(enter[0]) is None:
        return False
    command = [*enter, "mount", "-t", "tmpfs", "none", folder]
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("options", "after", "says"),
    [
        ("size=64k", "", "no space is left on the device"),
        ("size=4m,nr_inodes=3", "", "no space is left on the device"),
        ("size=4m", "ro", "the file system is read-only"),
    ],
    ids=["full", "no more files", "read-only"],
)
def test_in_the_folder_files_stay_as_they_are_and_the_turn_goes_on(
    on_disk: Callable[..., Finished],
    script: Script,
    workspace: Path,
    home: dict[str, str],
    options: str,
    after: str,
    says: str,
) -> None:
    (workspace / "a.txt").write_text(BEFORE)
    replay = script(edit("first\n", GROWN), big(1), {"text": "Sorry.", "expect": says})
    done = on_disk(workspace, options, after, replay, "sh", "-c", f'cd "{workspace}"; exec "$@"', "sh")
    assert (done.code, done.result["result"]) == (0, "Sorry."), done.err
    kept = Path(f"{workspace}.after")
    assert [path.name for path in kept.iterdir()] == ["a.txt"]
    assert (kept / "a.txt").read_text() in (BEFORE, BEFORE.replace("first\n", GROWN))
    (log,) = Path(home["XDG_STATE_HOME"]).rglob("sessions/*/*.jsonl")
    assert load(log).damaged == 0


def test_under_the_state_a_full_disk_is_said_and_no_file_is_harmed(
    on_disk: Callable[..., Finished], script: Script, workspace: Path, home: dict[str, str]
) -> None:
    file = workspace / "a.txt"
    file.write_text("version 0;\n" + "x" * 3_000)
    turns = [edit(f"version {n};", f"version {n + 1};") for n in range(30)]
    look = {"calls": [{"name": "read", "arguments": {"path": "a.txt"}}]}  # fills the log
    turns = [turn for change in turns for turn in (look, change)]
    done = on_disk(Path(home["XDG_STATE_HOME"]), "size=64k", "", script(*turns, {"text": "Done."}))
    made = done.err.count("+1 -1")
    assert made >= 1
    assert file.read_text() == f"version {made};\n" + "x" * 3_000
    assert done.result["type"] == "result"
    assert "No space left on device" in done.err
    assert os.listdir(workspace) == ["a.txt"]
    for log in Path(f"{home['XDG_STATE_HOME']}.after").rglob("sessions/*/*.jsonl"):
        assert load(log).damaged <= 1


def test_a_state_that_cannot_be_written_ends_in_a_sentence_that_says_how_to_go_on(
    on_disk: Callable[..., Finished], script: Script, workspace: Path, home: dict[str, str]
) -> None:
    done = on_disk(Path(home["XDG_STATE_HOME"]), "size=64k", "ro", script({"text": "Done."}))
    assert done.code not in (0, 255)
    assert "cannot be written" in done.err
    assert "--no-session-persistence" in done.err


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="NOT TESTED: limits on file sizes need prlimit")
def test_a_limit_on_the_size_of_files_leaves_files_and_log_whole(
    home: dict[str, str], workspace: Path, script: Script
) -> None:
    (workspace / "a.txt").write_text(BEFORE)
    turns = [edit("first\n", GROWN), *[{"calls": [{"name": "list"}]} for _ in range(40)]]
    replay = script(*turns, {"text": "Done."})
    ran = subprocess.run(
        ["prlimit", "--fsize=20000", COMMAND, "--task", "x", "--trust", "--sandbox", "off", "--yolo",
         "--replay", replay, "--output-format", "json"],
        capture_output=True, text=True, timeout=100, env=home, cwd=workspace, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Traceback" not in ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1])["type"] == "result"
    assert "larger than allowed" in ran.stderr or "File too large" in ran.stderr
    assert (workspace / "a.txt").read_text() == BEFORE
    assert os.listdir(workspace) == ["a.txt"]


def test_a_disk_that_reports_an_error_is_a_sentence() -> None:
    with pytest.raises(ToolError, match="the disk reported an error"):
        read_bytes(Path("/proc/self/mem").resolve(), "mem")
