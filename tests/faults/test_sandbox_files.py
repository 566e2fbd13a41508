"""A command in the sandbox writes in its workspace and nowhere else, and not all of that; what it plants is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Script
from sandbox_stage import SandboxStage, results

TRY_TO_WRITE = """
import os, sys
for path in sys.argv[1:]:
    try:
        with open(path, "w") as file:
            file.write("x")
        print("written", path)
    except OSError as e:
        print("refused", e.errno, path)
"""

CHANGE_PROTECTED = """
cd "$1"
for file in .git/hooks/pre-commit .git/config .codeagent/config.toml .vscode/tasks.json .mcp.json .envrc; do
    echo evil >> $file && echo CHANGED $file
    rm -f $file && echo REMOVED $file
    mv $file other && echo MOVED $file
    ln -sf /etc/passwd $file && echo LINKED $file
    chmod 777 $file && echo MODE $file
done
rm -rf .git && echo REMOVED .git
mv .git elsewhere && echo MOVED .git
mkdir .git/hooks/sub && echo MADE
true
"""
PROTECTED = (
    ".git/hooks/pre-commit",
    ".git/config",
    ".codeagent/config.toml",
    ".vscode/tasks.json",
    ".mcp.json",
    ".envrc",
)


def fingerprint(folder: Path) -> str:
    """Names, contents and modes of everything below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(f"{path} {path.lstat().st_mode}".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def with_protected_files(stage: SandboxStage) -> None:
    stage.git("init", "-q")
    for name in PROTECTED:
        file = stage.workspace / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text("harmless\n")


@pytest.mark.case(1)
def test_nothing_outside_the_workspace_can_be_written(
    full: SandboxStage, record_property: Callable[[str, object], None]
) -> None:
    (full.workspace / "link").symlink_to(full.home)
    (full.workspace / "file-link").symlink_to(full.home / "linked")
    outside = [
        f"{full.home}/f",
        f"{full.base}/f",
        f"{full.base}/ws-evil/f",
        "../ws-evil/g",
        "../../codeagent-escape",
        "link/f2",
        "file-link",
        "/etc/codeagent-escape",
        "/usr/local/bin/codeagent-escape",
        "/var/lib/codeagent-escape",
        "/root/codeagent-escape",
        "/sys/kernel/mm/ksm/run",
        "/proc/sys/kernel/hostname",
        "/dev/codeagent-escape",
    ]
    done = full.python(TRY_TO_WRITE, *outside, "inside", "/tmp/f", "/dev/null")
    said = done.out.splitlines()
    assert done.code == 0
    assert [line for line in said[:-4] if not line.startswith("refused")] == []
    assert said[-3:] == ["written inside", "written /tmp/f", "written /dev/null"]
    # A new device would be a file in a /dev of the command's own.
    assert [path for path in outside if (full.workspace / path).exists() and "/sys/" not in path] == ["link"][1:]
    assert not Path("/tmp/f").exists()
    assert (full.workspace / "inside").read_text() == "x"
    record_property("tried", len(outside))


@pytest.mark.case(1)
def test_a_link_planted_by_one_command_leads_the_next_nowhere(full: SandboxStage) -> None:
    (full.home / "victim").write_text("kept")
    done = full.task(f"ln -s {full.home}/victim planted", "echo evil > planted", f"echo evil > {full.base}/ws-evil/f")
    assert done.code == 0
    assert (full.home / "victim").read_text() == "kept"
    assert list((full.base / "ws-evil").iterdir()) == []
    assert "Read-only file system" in results(done)[1]


@pytest.mark.case(2)
def test_protected_files_in_the_workspace_stay_as_they_are(
    full: SandboxStage, record_property: Callable[[str, object], None]
) -> None:
    with_protected_files(full)
    folders = [full.workspace / name for name in (".git", ".codeagent", ".vscode")]
    before = [fingerprint(folder) for folder in folders]
    done = full.run("bash", "-c", CHANGE_PROTECTED, "_", str(full.workspace))
    assert done.out == ""
    assert [fingerprint(folder) for folder in folders] == before
    assert [(full.workspace / name).read_text() for name in (".mcp.json", ".envrc")] == ["harmless\n"] * 2
    record_property("tried", len(PROTECTED) * 5 + 3)


@pytest.mark.case(2)
def test_the_repository_of_a_linked_worktree_stays_as_it_is(full: SandboxStage) -> None:
    main = full.base / "ws-evil"
    full.git("init", "-q", folder=main)
    full.git("commit", "-q", "--allow-empty", "-m", "x", folder=main)
    full.git("worktree", "add", "-q", str(full.workspace / "tree"), folder=main)
    before = fingerprint(main)
    tree = full.workspace / "tree"
    done = full.codeagent(
        "sandbox", "-C", str(tree), "--", "bash", "-c",
        f"echo x >> {main}/.git/config; echo x > {main}/.git/worktrees/tree/config.worktree; echo x > .git; mv .git a",
    )  # fmt: skip
    assert done.code != 0
    assert fingerprint(main) == before
    assert (tree / ".git").read_text().startswith("gitdir:")


@pytest.mark.case(2)
def test_the_repository_of_a_worktree_inside_the_same_workspace_stays_as_it_is(full: SandboxStage) -> None:
    main = full.workspace / "main"
    main.mkdir()
    full.git("init", "-q", folder=main)
    full.git("commit", "-q", "--allow-empty", "-m", "x", folder=main)
    full.git("worktree", "add", "-q", str(full.workspace / "tree"), folder=main)
    before = fingerprint(main)
    full.run(
        "bash", "-c", "echo x >> main/.git/config; echo x > main/.git/worktrees/tree/x; rm -rf main/.git tree/.git"
    )
    assert fingerprint(main) == before
    assert (full.workspace / "tree" / ".git").exists()


@pytest.mark.case(2)
@pytest.mark.parametrize("name", [".git", ".vscode", ".mcp.json"])
def test_nothing_is_run_where_a_protected_name_is_a_link(full: SandboxStage, name: str) -> None:
    (full.workspace / name).symlink_to(full.home)
    done = full.run("touch", "ran")
    assert done.code == 1
    assert f"{name} is a symbolic link" in done.err
    assert not (full.workspace / "ran").exists()


@pytest.mark.case(3)
def test_a_protected_file_that_a_command_makes_is_told_and_closed_to_the_next(full: SandboxStage) -> None:
    done = full.task("echo '{}' > .mcp.json; mkdir .vscode; echo '{}' > .vscode/tasks.json", "echo more >> .mcp.json")
    assert "A command made or changed" in done.err
    assert ".mcp.json" in done.err
    assert ".vscode" in done.err
    assert "Read-only file system" in results(done)[1]
    assert (full.workspace / ".mcp.json").read_text() == "{}\n"


@pytest.mark.case(3)
def test_a_repository_that_a_command_makes_in_a_folder_is_closed_in_the_next_session(full: SandboxStage) -> None:
    made = full.run("bash", "-c", "git init -q nested && git init -q . && echo made")
    assert made.out == "made\n"
    assert ".git" in made.err
    hooks = ("nested/.git/hooks/pre-commit", ".git/hooks/pre-commit")
    assert "written" not in full.python(TRY_TO_WRITE, *hooks).out


@pytest.mark.case(10)
@pytest.mark.parametrize("cwd", ["/", "../..", "out"])
def test_the_model_cannot_choose_the_folder_that_is_writable(full: SandboxStage, cwd: str) -> None:
    (full.workspace / "out").symlink_to(full.home)
    done = full.task({"command": "touch escaped", "cwd": cwd}, "touch kept")
    assert "wrong arguments" in results(done)[0]
    assert not (full.home / "escaped").exists()
    assert not (full.workspace / "escaped").exists()
    assert (full.workspace / "kept").exists()


@pytest.mark.case(10)
def test_the_whole_file_system_is_no_workspace(full: SandboxStage) -> None:
    done = full.codeagent("sandbox", "-C", "/", "--", "true")
    assert done.code == 56
    assert "the workspace is the whole file system" in done.err


@pytest.mark.case(1)
def test_the_command_that_checks_the_work_is_held_as_well(full: SandboxStage) -> None:
    check = f"touch checked {full.base}/escaped"
    script = Script(full.base / "s.jsonl")(*[{"text": "Done."}] * 20)
    done = full.codeagent("--task", "x", "--trust", "--yolo", "--replay", script, "--verify", check, "--max-turns", "2")
    assert done.code in (53, 66)
    assert (full.workspace / "checked").exists()
    assert not (full.base / "escaped").exists()
