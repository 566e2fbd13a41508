"""Undo covers what commands change, in a repository and outside of one, and touches nothing of the person's git."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from hostile_repo import HostileRepo, fill, fingerprint, git
from undo_world import UndoWorld, reads, runs, writes

from codeagent.agent.git.program import Git
from codeagent.agent.kept_changes import open_changes
from codeagent.tools.api import Effect, EffectKind
from codeagent.tools.process import Processes

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def world(tmp_path: Path, workspace: Path) -> UndoWorld:
    (workspace / "a.txt").write_text("a\n")
    (workspace / "b.txt").write_bytes(b"b\r\n\xff\0")
    (workspace / "run.sh").write_text("#!/bin/sh\n")
    (workspace / "sub").mkdir()
    (workspace / "sub" / "c.txt").write_text("c\n")
    (workspace / "link").symlink_to("a.txt")
    return UndoWorld(workspace, tmp_path / "home")


COMMANDS = {
    "changed": "echo more >> a.txt; printf 'x\\r\\n' > b.txt",
    "made": "echo new > new.txt; mkdir -p deep/er; echo d > deep/er/d.txt",
    "removed": "rm a.txt b.txt; rm -r sub",
    "moved": "mv a.txt z.txt; mv sub dir",
    "links": "rm link; ln -s b.txt link; ln -s a.txt other; rm a.txt; ln -s b.txt a.txt",
    "file to folder": "rm a.txt; mkdir a.txt; echo x > a.txt/x",
    "folder to file": "rm -r sub; echo x > sub",
    "folder to link": "mkdir keep; mv sub/c.txt keep/; rmdir sub; ln -s keep sub",
    "names": "echo x > \"$(printf 'a\\nb')\"; echo y > \"$(printf '\\377')\"; echo z > ./-rf; echo q > ' \"q'",
    "attributes": "echo '* text eol=crlf ident working-tree-encoding=UTF-16' > .gitattributes; echo '$Id$' > b.txt",
}


@pytest.mark.parametrize("name", [*COMMANDS, "changed outside git", "moved outside git"])
async def test_what_a_command_did_is_undone_and_done_again_byte_for_byte(world: UndoWorld, name: str) -> None:
    command = COMMANDS[name.removesuffix(" outside git")]
    if name in COMMANDS:
        git(world.root, "init", "-q")
        git(world.root, "add", "-A")
    before, own = world.tree(), fingerprint(world.root)
    async with world.session([runs(command)]) as opened:
        after = world.tree()
        assert after != before
        opened.session.rewind(1)
        assert (world.tree(), world.stayed) == (before, ())
        opened.session.redo()
        assert (world.tree(), world.stayed) == (after, ())
        opened.session.rewind(1)
        assert world.tree() == before
    assert fingerprint(world.root) == own
    assert world.notices == [n for n in world.notices if "sandbox" in n.lower()]


async def test_a_run_bit_that_a_command_set_is_undone(world: UndoWorld) -> None:
    async with world.session([runs("chmod +x run.sh")]) as opened:
        assert (world.root / "run.sh").stat().st_mode & stat.S_IXUSR
        assert [file.fault for file in opened.changes.changed()] == ["Only who may run run.sh changed."]
        opened.session.rewind(1)
        assert not (world.root / "run.sh").stat().st_mode & stat.S_IXUSR


async def test_tools_and_commands_are_undone_together_in_a_session_that_was_resumed(world: UndoWorld) -> None:
    start = world.tree()
    turns = [reads("a.txt"), writes("a.txt", "one\n")], [runs("echo two >> a.txt; echo n > n.txt")]
    async with world.session(*turns) as opened:
        session, end = opened.session.id, world.tree()
    async with world.session(resume=session) as again:
        again.session.rewind(2)
        assert world.tree() == start | {"a.txt": b"one\n"}
        again.session.rewind(1)
        assert world.tree() == start
    async with world.session(resume=session) as again:
        again.session.redo()
        again.session.redo()
        assert world.tree() == end
        assert {file.shown for file in again.changes.changed()} == {"a.txt", "n.txt"}


async def test_a_fork_undoes_what_the_session_it_comes_from_did(world: UndoWorld) -> None:
    start = world.tree()
    async with world.session([runs("rm a.txt")]) as opened:
        session = opened.session.id
    async with world.session(resume=session, fork=True) as fork:
        fork.session.rewind(1)
        assert world.tree() == start


@pytest.mark.case(32)
async def test_what_the_person_did_to_a_file_of_a_command_stays_and_is_named(world: UndoWorld) -> None:
    async with world.session([runs("echo x >> a.txt; echo x >> sub/c.txt; echo n > n.txt")]) as opened:
        (world.root / "a.txt").write_text("mine\n")
        opened.session.rewind(1)
        assert world.stayed == ("a.txt",)
        assert (world.root / "a.txt").read_text() == "mine\n"
        assert (world.root / "sub" / "c.txt").read_text() == "c\n"
        assert not (world.root / "n.txt").exists()


@pytest.mark.case(32)
async def test_a_link_that_a_command_put_into_the_path_leads_undo_nowhere(world: UndoWorld, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "c.txt").write_text("theirs\n")
    async with world.session([runs("echo x >> sub/c.txt")]) as opened:
        shutil.rmtree(world.root / "sub")
        (world.root / "sub").symlink_to(outside)
        opened.session.rewind(1)
        assert world.stayed == ("sub/c.txt",)
    assert (outside / "c.txt").read_text() == "theirs\n"


async def test_ignored_files_and_those_of_the_repository_s_own_excludes_are_left_alone(world: UndoWorld) -> None:
    top = world.root
    git(top, "init", "-q")
    (top / ".gitignore").write_text("*.log\n/sub/out\n")
    (top / ".git" / "info" / "exclude").write_text("mine\n")
    world.root = top / "sub"
    async with world.session([runs("echo x > a.log; echo x > out; echo x > mine; echo x > kept")]) as opened:
        assert [file.shown for file in opened.changes.changed()] == ["kept"]
        opened.session.rewind(1)
        assert sorted(path.name for path in world.root.iterdir()) == ["a.log", "c.txt", "mine", "out"]


@pytest.mark.case(18, 33)
async def test_nested_repositories_are_not_looked_into_and_named(world: UndoWorld, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    repo = HostileRepo(hostile, tmp_path / "markers")
    world.root = hostile
    own = fingerprint(hostile / "nested")
    async with world.session([runs("echo x >> nested/calc.py; echo x >> calc.py")]) as opened:
        opened.session.rewind(1)
    assert "Not covered by undo where commands change it: repositories of their own (module, nested)." in world.notices
    assert (hostile / "calc.py").read_text().endswith("b\n")
    assert (hostile / "nested" / "calc.py").read_text().endswith("x\n")
    assert fingerprint(hostile / "nested") == own
    assert repo.seen == []


@pytest.mark.case(32)
@pytest.mark.parametrize(
    "command",
    [
        "sed -i /env/d .gitignore; echo more >> env; echo new > new",
        "rm .gitignore; echo more >> env",
        "rm -r nested/.git; echo more >> nested/calc.py",
        "mkdir shown; mv hidden shown/; echo '!shown' >> .gitignore",
        "truncate -s 10 big; echo x > new",
    ],
)
async def test_what_was_there_but_not_looked_at_is_never_taken_for_new_and_removed(
    world: UndoWorld, command: str
) -> None:
    (world.root / ".gitignore").write_text("env\nhidden\n")
    (world.root / "env").write_text("KEY=1\n")
    (world.root / "hidden").mkdir()
    (world.root / "hidden" / "mine").write_text("mine\n")
    (world.root / "big").write_bytes(b"big\n" * 1_000_000)
    nested = world.root / "nested"
    nested.mkdir()
    fill(nested)
    there = world.tree()
    async with world.session([runs(command)]) as opened:
        opened.session.rewind(1)
    after = world.tree()
    assert {b"mine\n"} <= set(after.values())
    assert (set(there) - {"hidden/mine"}) <= set(after)
    assert after[".gitignore"] == there[".gitignore"]


@pytest.mark.case(33)
async def test_a_sparse_checkout_stays_sparse(world: UndoWorld) -> None:
    git(world.root, "init", "-q")
    git(world.root, "add", "-A")
    git(world.root, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x")
    git(world.root, "sparse-checkout", "set", "--no-cone", "/a.txt")
    own = fingerprint(world.root)
    async with world.session([runs("echo x >> a.txt")]) as opened:
        opened.session.rewind(1)
        assert world.tree() == {"a.txt": b"a\n"}
    assert fingerprint(world.root) == own


@pytest.mark.case(33)
async def test_a_file_of_five_gigabytes_is_named_and_not_read(world: UndoWorld) -> None:
    (world.root / "big.bin").touch()
    os.truncate(world.root / "big.bin", 5 * 1024**3)
    async with world.session([runs("echo x >> a.txt")]) as opened:
        assert "Not covered by undo where commands change it: files over 2 MiB (big.bin)." in world.notices
        opened.session.rewind(1)
    assert (world.root / "a.txt").read_text() == "a\n"
    assert sum(p.stat().st_size for p in world.kept.rglob("*") if p.is_file()) < 1_000_000


@pytest.mark.case(33)
async def test_a_small_file_that_a_command_makes_huge_is_left_as_it_is(world: UndoWorld) -> None:
    async with world.session([runs("truncate -s 3M a.txt; echo x >> sub/c.txt")]) as opened:
        opened.session.rewind(1)
        assert world.stayed == ("a.txt",)
    assert (world.root / "a.txt").stat().st_size == 3 * 1024**2
    assert (world.root / "sub" / "c.txt").read_text() == "c\n"


@pytest.mark.case(33)
@pytest.mark.parametrize("place", ["home", "above home"])
async def test_the_home_folder_is_not_covered_and_that_is_said(
    world: UndoWorld, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = world.root if place == "home" else world.root / "sub"
    monkeypatch.setenv("HOME", str(home))
    async with world.session([runs("echo x >> a.txt"), runs("echo y >> a.txt")]):
        pass
    said = [notice for notice in world.notices if "not covered by undo" in notice]
    assert said == ["What commands change here is not covered by undo, because your home folder lies in it."]
    assert not (world.kept / "shadow").exists()


@pytest.mark.case(33)
async def test_without_git_that_is_said_and_what_tools_write_is_undone(
    world: UndoWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "bash", "env", "rg", "bwrap", "cat"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(programs))
    async with world.session([runs("echo x > n.txt"), reads("a.txt"), writes("a.txt", "one\n")]) as opened:
        opened.session.rewind(1)
    assert "What commands change here is not covered by undo, because git is not installed." in world.notices
    assert (world.root / "a.txt").read_text() == "a\n"


@pytest.mark.case(33)
async def test_more_files_than_can_be_looked_at_are_said(tmp_path: Path) -> None:
    root, folder, said = tmp_path / "many", "", list[str]()
    for number in range(20_001):
        if number % 1000 == 0:
            (root / f"d{number}").mkdir(parents=True)
            folder = os.fspath(root / f"d{number}")
        os.mknod(f"{folder}/{number}", 0o600 | stat.S_IFREG)
    git = Git(Processes(root, os.environ))
    changes, _ = open_changes(root, tmp_path / "kept", "one", None, git, said.append)
    async with changes.watching((Effect(kind=EffectKind.EXECUTE, target="x"),)):
        (root / "new").write_text("x\n")
    assert said == ["What commands change here is not covered by undo, because it has more than 20,000 files."]
    assert changes.changed() == ()
    changes.close()


async def test_while_another_session_runs_a_command_one_is_not_covered_and_later_ones_are(world: UndoWorld) -> None:
    async with world.session() as first:
        execute = Effect(kind=EffectKind.EXECUTE, target="sleep 1")
        async with first.changes.watching((execute,)), world.session([runs("echo two > two.txt")]) as second:
            assert second.changes.changed() == ()
        assert any("because another codeagent runs a command here just now" in text for text in world.notices)
        async with world.session([runs("echo three > three.txt")]) as third:
            assert [file.shown for file in third.changes.changed()] == ["three.txt"]


async def test_the_repository_of_the_person_is_found_as_it_was_after_a_hundred_changes(world: UndoWorld) -> None:
    fill(world.root)
    own = fingerprint(world.root)
    async with world.session([runs("for i in $(seq 100); do echo $i > f$i; done; rm calc.py")]) as opened:
        opened.session.rewind(1)
        assert (world.root / "calc.py").exists()
        assert not (world.root / "f100").exists()
    assert fingerprint(world.root) == own
