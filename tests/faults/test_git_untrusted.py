"""Whatever a repository's settings name, none of it runs: on open, status, diff, log, commit, command and undo."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Command, Script
from hostile_repo import HostileRepo, fingerprint, git

from codeagent.agent.git.program import Git, GitError
from codeagent.agent.git.repository import Repository
from codeagent.tools.process import Processes

pytestmark = [pytest.mark.case(18), pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")]


@pytest.fixture
def hostile(tmp_path: Path, workspace: Path) -> HostileRepo:
    return HostileRepo(workspace, tmp_path / "markers")


def repository(root: Path) -> Repository:
    return Repository(Git(Processes(root, os.environ)), root)


def touch_all(root: Path) -> None:
    """Change files, so that git has to look into them."""
    for name in ("calc.py", "data.evil", "data.pair", "data.more"):
        (root / name).write_text((root / name).read_text() + "more\n")


def test_git_itself_does_run_what_the_settings_name(hostile: HostileRepo) -> None:
    touch_all(hostile.root)
    git(hostile.root, "status", check=False)
    git(hostile.root, "diff", check=False)
    git(hostile.root, "-c", "core.fsmonitor=", "add", "data.more", check=False)
    assert {"fsmonitor", "included-clean"} <= set(hostile.seen)


async def test_looking_at_a_repository_runs_nothing_of_it(
    hostile: HostileRepo, record_property: Callable[[str, object], None]
) -> None:
    touch_all(hostile.root)
    before = fingerprint(hostile.root)
    for folder in (hostile.root, hostile.root / "bare", hostile.root / "nested", hostile.root / "module"):
        there = repository(folder)
        status = await there.status()
        assert status is not None
        assert (status.branch, status.dirty) == ("main", folder.name in ("workspace", "bare"))
        assert (await there.recent_files(30) == ()) == (folder.name == "bare")
        assert isinstance(await there.diff(), str)
    assert "+more" in await repository(hostile.root).diff()
    assert hostile.seen == []
    assert fingerprint(hostile.root) == before
    record_property("tried", hostile.tricks)


async def test_a_missing_object_is_not_fetched_by_the_command_of_its_remote(hostile: HostileRepo) -> None:
    blob = git(hostile.root, "rev-parse", "HEAD:data.evil").strip()
    (hostile.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    touch_all(hostile.root)
    await repository(hostile.root).diff()
    assert hostile.seen == []


async def test_a_commit_runs_nothing_and_has_the_bytes_as_they_are(hostile: HostileRepo) -> None:
    touch_all(hostile.root)
    made = await repository(hostile.root).commit([hostile.root / "calc.py"], "Change it")
    assert made.staged == ()
    assert git(hostile.root, "cat-file", "blob", f"{made.commit}:calc.py").endswith("more\n")
    with pytest.raises(GitError, match="filter"):
        await repository(hostile.root).commit([hostile.root / "data.evil"], "Change it")
    assert hostile.seen == []


def test_a_session_with_edits_and_commands_runs_nothing_of_it_and_leaves_its_git_folder_byte_for_byte(
    codeagent: Command, script: Script, hostile: HostileRepo, tmp_path: Path
) -> None:
    before = fingerprint(hostile.root)
    calls = [
        {"name": "write", "arguments": {"path": "made.evil", "content": "two\n"}},
        {"name": "run", "arguments": {"command": "echo x >> data.pair; rm data.more; echo n > new.evil"}},
    ]
    patch = tmp_path / "out.patch"
    run = ("--trust", "--yolo", "--output-format", "json")
    replay = script(*({"calls": [call]} for call in calls), {"text": "Done."})
    done = codeagent("--task", "change", *run, "--diff-out", patch, "--replay", replay)
    assert done.code == 0, done.err
    assert {"made.evil", "data.pair", "data.more", "new.evil"} == {
        line.rpartition(" b/")[2] for line in patch.read_text().splitlines() if line.startswith("diff --git")
    }
    assert hostile.seen == []
    assert fingerprint(hostile.root) == before


async def test_an_old_git_that_would_not_heed_us_is_not_used(hostile: HostileRepo, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\necho git version 2.20.1\n[ $1 = version ] || {hostile.program('ran')}\n")
    (folder / "git").chmod(0o755)
    old = Git(Processes(hostile.root, {"PATH": f"{folder}:/usr/bin:/bin"}))
    with pytest.raises(GitError, match="too old"):
        await old.run(["status"], hostile.root, 5.0, {})
    assert await Repository(old, hostile.root).status() is None
    assert hostile.seen == []


@pytest.mark.case(23)
@pytest.mark.parametrize("branch", [b"--output=x", b"-u/x", b"\xff\xfe", b"x" * 200, "\u202eevil".encode()])
async def test_a_branch_of_any_name_is_told_as_it_is(workspace: Path, branch: bytes) -> None:
    git(workspace, "init", "-q", "-b", "main")
    (workspace / "a").write_text("a\n")
    git(workspace, "add", "-A")
    git(workspace, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "-x")
    (workspace / ".git" / "HEAD").write_bytes(b"ref: refs/heads/" + branch + b"\n")
    status = await repository(workspace).status()
    assert status is None or os.fsencode(status.branch) == branch
    assert sorted(os.listdir(workspace)) == [".git", "a"]


@pytest.mark.case(23)
@pytest.mark.parametrize("name", [b"-rf", b"--output=x", b"a\nb", b"\xff\xfe", b":(glob)*", b"a b\t\"'", b"*"])
async def test_a_file_of_any_name_is_committed_and_compared(workspace: Path, name: bytes) -> None:
    git(workspace, "init", "-q", "-b", "main")
    git(workspace, "config", "user.name", "t")
    git(workspace, "config", "user.email", "t@t")
    path = workspace / os.fsdecode(name)
    (workspace / "other").write_text("other\n")
    path.write_text("one\n")
    there = repository(workspace)
    await there.commit([path], "--amend -m x")
    assert git(workspace, "ls-tree", "-z", "--name-only", "HEAD") == f"{os.fsdecode(name)}\0"
    path.write_text("two\n")
    assert "+two" in await there.diff([path.name])
    assert await there.recent_files(5) == (os.fsdecode(name),)


async def test_a_commit_leaves_what_is_staged_as_it_is_and_makes_nothing_look_undone(workspace: Path) -> None:
    git(workspace, "init", "-q", "-b", "main")
    git(workspace, "config", "user.name", "t")
    git(workspace, "config", "user.email", "t@t")
    for name in "abcd":
        (workspace / name).write_text(f"{name}\n")
    git(workspace, "add", "-A")
    git(workspace, "commit", "-qm", "first")
    (workspace / "b").write_text("staged\n")
    (workspace / "c").write_text("half\n")
    git(workspace, "add", "b", "c")
    (workspace / "a").write_text("changed\n")
    (workspace / "c").write_text("whole\n")
    (workspace / "d").unlink()
    made = await repository(workspace).commit([workspace / name for name in "acd"], "Second")
    assert made.staged == ("c",)
    assert git(workspace, "status", "--porcelain") == "M  b\nMM c\n"
    assert git(workspace, "show", ":b", ":c") == "staged\nhalf\n"
    assert git(workspace, "show", "--format=%s", "--name-status").split() == ["Second", "M", "a", "M", "c", "D", "d"]


async def test_a_commit_is_refused_where_it_would_mix_with_something_else(workspace: Path) -> None:
    with pytest.raises(GitError, match="no git repository"):
        await repository(workspace).commit([workspace / "a"], "x")
    git(workspace, "init", "-q", "-b", "main")
    (workspace / "a").write_text("a\n")
    with pytest.raises(GitError, match="who you are"):
        await Repository(Git(Processes(workspace, {"PATH": os.environ["PATH"]})), workspace).commit(
            [workspace / "a"], "x"
        )
    (workspace / ".git" / "MERGE_HEAD").write_text("x\n")
    with pytest.raises(GitError, match="under way"):
        await repository(workspace).commit([workspace / "a"], "x")
