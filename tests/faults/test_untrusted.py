"""A folder that is not trusted makes codeagent do nothing; a trusted one only what was trusted, byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import COMMAND, Command, Script
from terminal import Terminal
from untrusted_repo import NAMES_IN_ENV, Hostile, inside, make_hostile, strace, traced

MODE = 'permission_mode = "acceptEdits"\n'
DONE = {"text": "Done."}


@pytest.fixture
def hostile(workspace: Path, tmp_path: Path) -> Hostile:
    return make_hostile(workspace, tmp_path / "markers")


@pytest.fixture
def trust_list(home: dict[str, str]) -> Path:
    return Path(home["XDG_STATE_HOME"]) / "codeagent" / "trusted.json"


def mode(codeagent: Command, script: Script, *flags: str) -> tuple[str, str]:
    """The permission mode that a headless run has in this folder, and what it says on stderr."""
    done = codeagent("--task", "x", "--replay", script(DONE), "--output-format", "stream-json", *flags)
    assert done.code == 0, done.err
    return done.lines[0]["permissionMode"], done.err


def settings(root: Path, text: str = MODE) -> Path:
    path = root / ".codeagent" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.case(19)
@pytest.mark.parametrize("command", [["--task", "x"], ["index"], ["map"], ["doctor"]], ids=lambda c: c[0].strip("-"))
def test_a_command_in_a_hostile_folder_runs_nothing_of_it_and_reaches_nobody(
    hostile: Hostile, home: dict[str, str], tmp_path: Path, script: Script, command: list[str]
) -> None:
    log = tmp_path / "strace"
    replay = ["--replay", script(DONE)] if command[0] == "--task" else []
    done = subprocess.run(
        [*strace(log), COMMAND, *command, *replay], env=home, cwd=hostile.root, capture_output=True, timeout=100
    )
    seen = traced(log)
    assert (hostile.ran, inside(seen.programs, hostile.root)) == ([], [])
    if command[0] != "doctor":  # which tries out the sandbox, in a folder of its own
        assert (done.returncode, seen.addresses) == (55, [])
        assert len(seen.programs) <= 2  # the command itself and its interpreter
        assert inside(seen.files, hostile.root) == []


@pytest.mark.case(19)
def test_answering_no_in_the_app_runs_nothing_and_reaches_nobody(
    hostile: Hostile, home: dict[str, str], tmp_path: Path, script: Script
) -> None:
    log = tmp_path / "strace"
    before = snapshot(hostile.root)
    with Terminal([*strace(log), COMMAND, "--replay", script(DONE)], home, hostile.root) as terminal:
        terminal.wait_for("Do you trust the files in")
        terminal.wait_for(".codeagent/hooks/session_start")
        terminal.send("n")
        assert terminal.process.wait(60) == 0
    seen = traced(log)
    assert (hostile.ran, inside(seen.programs, hostile.root), seen.addresses) == ([], [], [])
    assert len(seen.programs) <= 2
    assert {Path(path).name for path in inside(seen.files, hostile.root)} <= {".codeagent", "hooks"}  # names alone
    assert snapshot(hostile.root) == before


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in sorted(root.rglob("*"))}


@pytest.mark.case(18)
@pytest.mark.case(19)
def test_a_trusted_session_runs_nothing_of_the_folder_by_itself(
    hostile: Hostile, home: dict[str, str], tmp_path: Path, script: Script
) -> None:
    calls: list[dict[str, Any]] = [
        {"name": "list", "arguments": {}},
        {"name": "grep", "arguments": {"pattern": "one"}},
        {"name": "read", "arguments": {"path": "a.txt"}},
        {"name": "edit", "arguments": {"path": "a.txt", "old": "one changed", "new": "one edited"}},
        {"name": "write", "arguments": {"path": "new.txt", "content": "new\n"}},
    ]
    log = tmp_path / "strace"
    replay = script(*({"calls": [call]} for call in calls), DONE)
    flags = ["--task", "look around", "--replay", replay, "--trust", "--permission-mode", "acceptEdits"]
    done = subprocess.run(
        [*strace(log), COMMAND, *flags, "--diff-out", tmp_path / "diff"],
        env=home, cwd=hostile.root, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (hostile.root / "a.txt").read_text() == "one edited\n"
    seen = traced(log)
    assert (hostile.ran, inside(seen.programs, hostile.root)) == ([], [])
    assert str(hostile.root / "AGENTS.md") in seen.files  # what the watching would have told of above


@pytest.mark.case(18)
@pytest.mark.case(19)
def test_opening_editing_undoing_and_reviewing_in_the_app_runs_nothing_of_the_folder(
    hostile: Hostile, home: dict[str, str], script: Script
) -> None:
    edit = {"name": "edit", "arguments": {"path": "a.txt", "old": "one changed", "new": "one edited"}}
    replay = script({"calls": [edit]}, {"text": "Edited it."})
    flags = ["--trust", "--replay", replay, "--permission-mode", "acceptEdits"]
    with Terminal([COMMAND, *flags, "edit a.txt"], home, hostile.root) as terminal:
        terminal.wait_for("Edited it.")
        assert (hostile.root / "a.txt").read_text() == "one edited\n"
        terminal.send("/review\r")
        terminal.wait_for("Changes since the session began")
        terminal.wait_quiet()
        terminal.send("\x1b")
        terminal.wait_gone("Changes since the session began")
        terminal.send("/undo\r")
        terminal.wait_until(lambda: (hostile.root / "a.txt").read_text() == "one changed\n", "the edit is undone")
        terminal.send("\x03\x03")
        terminal.process.wait(60)
    assert hostile.ran == []


@pytest.mark.case(19)
def test_nothing_of_a_dotenv_file_gets_into_the_environment_of_a_command(
    hostile: Hostile, codeagent: Command, script: Script
) -> None:
    replay = script({"calls": [{"name": "run", "arguments": {"command": "env"}}]}, DONE)
    done = codeagent(
        "--task", "x", "--replay", replay, "--trust", "--yolo", "--output-format", "stream-json", timeout=100
    )  # fmt: skip
    said = next(line for line in done.lines if line["type"] == "user")["message"]["content"][0]["content"]
    values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if "PATH" not in values:
        pytest.skip(f"NOT TESTED: no command can be run here ({said.strip()[:200]})")
    assert str(hostile.root) not in "".join(values[name] for name in NAMES_IN_ENV if name in values)
    assert {"LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "BASH_ENV", "NODE_OPTIONS", "GIT_DIR"} & values.keys() == set()
    assert hostile.ran == []


@pytest.mark.case(19)
def test_variables_that_make_python_run_code_are_not_handed_on(codeagent: Command, workspace: Path) -> None:
    evil = workspace / "evil"
    evil.mkdir()
    (evil / "sitecustomize.py").write_text(f"open({str(workspace / 'marker')!r}, 'a').write('x')\n")
    variables = {"PYTHONPATH": str(evil), "PYTHONSTARTUP": str(evil / "sitecustomize.py"), "BASH_ENV": "/nowhere"}
    done = subprocess.run(
        [COMMAND.parent / "python", "-I", "-c", CHILD], env=codeagent.env | variables, cwd=workspace,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["[]"], done.stdout + done.stderr
    assert not (workspace / "marker").exists()


CHILD = """
import asyncio, os
from pathlib import Path
from codeagent.tools.process import Processes
processes = Processes(Path.cwd(), os.environ)
done = asyncio.run(processes.run([processes.find("python3"), "-c", "pass"], 20))
assert done.exit_code == 0, done
print([name for name in processes.environment if name.startswith(("PYTHONP", "PYTHONS", "BASH_ENV", "LD_P"))])
"""


@pytest.mark.case(20)
def test_trusted_settings_hold_until_one_byte_of_them_changes(
    codeagent: Command, script: Script, workspace: Path
) -> None:
    path = settings(workspace)
    assert codeagent("trust").code == 0
    assert mode(codeagent, script)[0] == "acceptEdits"
    path.write_text(MODE + "#")
    found, said = mode(codeagent, script)
    assert found == "default"
    assert "Not obeyed, because it is not as you trusted it: .codeagent/config.toml" in said
    assert mode(codeagent, script, "--trust")[0] == "acceptEdits"
    assert mode(codeagent, script)[0] == "default"  # --trust held for one run
    path.write_text(MODE)
    assert mode(codeagent, script)[0] == "acceptEdits"


@pytest.mark.case(20)
@pytest.mark.case(3)
@pytest.mark.parametrize("name", [".codeagent/hooks/start", ".codeagent/commands/x.md", ".mcp.json", ".codeagent/new"])
def test_a_new_file_that_could_make_us_do_things_leaves_none_of_them_obeyed(
    codeagent: Command, script: Script, workspace: Path, name: str
) -> None:
    settings(workspace)
    codeagent("trust")
    (workspace / name).parent.mkdir(exist_ok=True)
    (workspace / name).write_text("{}")
    found, said = mode(codeagent, script)
    assert found == "default"
    assert name in said


@pytest.mark.case(20)
def test_a_link_in_place_of_settings_is_never_obeyed(
    codeagent: Command, script: Script, workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside.toml").write_text(MODE)
    (workspace / ".codeagent").mkdir()
    (workspace / ".codeagent" / "config.toml").symlink_to(tmp_path / "outside.toml")
    assert "is a link" in codeagent("trust").err
    found, said = mode(codeagent, script)
    assert (found, "is a link or no plain file" in said) == ("default", True)


@pytest.mark.case(20)
@pytest.mark.parametrize(("key", "obeyed", "later"), [("n", False, False), ("o", True, False), ("y", True, True)])
def test_the_app_asks_about_changed_settings_and_goes_on_without_them_if_declined(
    codeagent: Command, home: dict[str, str], script: Script, workspace: Path, key: str, obeyed: bool, later: bool
) -> None:
    path = settings(workspace, "max_turns = 3\n")
    codeagent("trust")
    path.write_text('permission_mode = "plan"\n')
    with Terminal([COMMAND, "--replay", script(DONE)], home, workspace) as terminal:
        terminal.wait_for("is not as you trusted it")
        terminal.wait_for('permission_mode = "plan"')
        terminal.send(key)
        terminal.wait_for("type a request")
        terminal.wait_quiet()
        assert ("plan" in terminal.text.splitlines()[-1]) == obeyed, terminal.text
        terminal.send("\x03\x03")
        terminal.process.wait(60)
    assert (mode(codeagent, script)[0] == "plan") == later


@pytest.mark.case(20)
def test_changed_instructions_are_named_but_ask_for_nothing(
    codeagent: Command, script: Script, workspace: Path
) -> None:
    (workspace / "AGENTS.md").write_text("Use tabs.\n")
    codeagent("trust")
    assert "changed" not in mode(codeagent, script)[1]
    assert "changed" not in mode(codeagent, script)[1]
    (workspace / "AGENTS.md").write_text("Use spaces.\u200b\n")
    said = mode(codeagent, script)[1]
    assert "What the project tells the model changed since it was read last: AGENTS.md." in said
    assert "invisible character" in said
    assert "changed" not in mode(codeagent, script)[1]


@pytest.mark.case(19)
def test_trust_in_a_folder_covers_no_clone_below_it_and_no_namesake(
    codeagent: Command, script: Script, workspace: Path, tmp_path: Path
) -> None:
    codeagent("trust")
    nested = workspace / "vendor" / "clone"
    nested.mkdir(parents=True)
    (tmp_path / "workspace-evil").mkdir()
    (tmp_path / "link").symlink_to(workspace)
    for folder, code in ((nested, 55), (nested.parent, 55), (tmp_path / "workspace-evil", 55), (tmp_path / "link", 0)):
        assert codeagent("-C", folder, "--task", "x", "--replay", script(DONE)).code == code, folder


def not_json(path: Path) -> None:
    path.write_text("{")


def nul_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes().ljust(5000, b"\0"))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def other_version(path: Path) -> None:
    path.write_text(path.read_text().replace('"version": 2', '"version": 3'))


def unknown_field(path: Path) -> None:
    path.write_text(path.read_text().replace('"version"', '"extra": 1, "version"'))


def writable_by_others(path: Path) -> None:
    path.chmod(0o666)


def of_another(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can give a file away")
    os.chown(path, 65534, 65534)


def a_link(path: Path) -> None:
    path.rename(path.with_name("other.json"))
    path.symlink_to("other.json")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.case(14)
@pytest.mark.parametrize(
    "damage",
    [not_json, nul_bytes, cut_off, other_version, unknown_field, writable_by_others, of_another, a_link, a_folder],
)
def test_a_list_that_cannot_be_relied_on_trusts_nobody_and_is_not_replaced(
    codeagent: Command, script: Script, workspace: Path, trust_list: Path, damage: Callable[[Path], None]
) -> None:
    codeagent("trust")
    damage(trust_list)
    before = trust_list.read_bytes() if trust_list.is_file() else None
    done = codeagent("--task", "x", "--replay", script(DONE))
    assert done.code == 55
    assert "No folder counts as trusted" in done.err
    again = codeagent("trust")
    assert (again.code, "Traceback" in again.err) == (1, False)
    assert (trust_list.read_bytes() if trust_list.is_file() else None) == before


def test_many_folders_trusted_at_once_are_all_in_the_list(
    codeagent: Command, workspace: Path, trust_list: Path
) -> None:
    folders = [workspace / str(number) for number in range(6)]
    for folder in folders:
        folder.mkdir()
    started = [codeagent.start("trust", folder) for folder in folders]
    assert [process.wait(60) for process in started] == [0] * 6
    for process in started:
        process.communicate()
    assert set(json.loads(trust_list.read_text())["folders"]) == {str(folder) for folder in folders}
    assert sorted(path.name for path in trust_list.parent.iterdir()) == ["trusted.json", "trusted.lock"]
