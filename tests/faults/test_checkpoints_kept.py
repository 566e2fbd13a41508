"""What undo needs is on the disk before a file is written, survives a kill at any point, and stays within bounds."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import COMMAND, Command, Script
from undo_world import UndoWorld, reads, runs, writes

from codeagent.agent.changes import ChangeLog
from codeagent.agent.checkpoints import store as kept
from codeagent.agent.checkpoints.store import Store
from codeagent.agent.paths import Paths
from codeagent.tools.api import Effect, EffectKind, ToolError
from codeagent.tools.ledger import FileLedger

KILLS = int(os.environ.get("CODEAGENT_KILLS", "3"))
NAMES = ("a.txt", "b.txt", "sub/c.txt")
ROUNDS = 6


def effect(path: Path) -> tuple[Effect, ...]:
    return (Effect(kind=EffectKind.WRITE, target=str(path)),)


def write(changes: ChangeLog, path: Path, text: str) -> None:
    """As a tool does it."""
    changes.note(effect(path), {str(path): text})
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    changes.wrote([str(path)])


def world_of(home: dict[str, str], root: Path) -> UndoWorld:
    """The sessions that the installed command left, to be gone on with here."""
    world = UndoWorld(root, Path(home["HOME"]) / "here")
    folders = [Path(home[f"XDG_{kind}_HOME"]) / "codeagent" for kind in ("CONFIG", "STATE", "CACHE", "DATA")]
    world.paths = Paths(*folders)
    return world


def litter(*folders: Path) -> list[str]:
    """What a killed write leaves."""
    names = (".codeagent-*", "tmp_*", "index.lock", "tmp/*")
    return [str(path) for folder in folders for name in names for path in folder.rglob(name)]


@pytest.mark.case(28)
async def test_after_a_kill_at_any_moment_everything_that_tools_wrote_is_undone(
    codeagent: Command,
    script: Script,
    workspace: Path,
    home: dict[str, str],
    record_property: Callable[[str, object], None],
) -> None:
    (workspace / "sub").mkdir()
    (workspace / "a.txt").write_text("a\n")
    (workspace / "b.txt").write_text("b\n")
    world = world_of(home, workspace)
    start = world.tree()
    calls = [writes(name, f"{name} {n}\n" * 300) for n in range(ROUNDS) for name in NAMES]
    replay = script(*(reads(name) for name in NAMES[:2]), *calls, {"text": "Done."})
    dice = random.Random(11)
    for _ in range(KILLS):
        with codeagent.start(
            "--task", "change", "--trust", "--yolo", "--replay", replay, stdout=subprocess.DEVNULL
        ) as process:
            assert process.stderr is not None
            for _ in range(dice.randrange(2 * len(calls))):
                process.stderr.readline()
            process.kill()
        whole = {name: {f"{name} {n}\n" * 300 for n in range(ROUNDS)} for name in NAMES}
        for name, data in world.tree().items():
            assert data == start.get(name) or data.decode() in whole[name]
        async with world.session(continue_latest=True) as opened:
            if opened.session.timeline.points:
                opened.session.rewind(1)
                assert (world.tree(), world.stayed) == (start, ())
                opened.session.redo()
                opened.session.rewind(1)
            assert world.tree() == start
        assert litter(workspace, world.kept) == []
    record_property("tried", KILLS)


@pytest.mark.case(28)
@pytest.mark.parametrize("written", [True, False], ids=["after the write", "before the write"])
def test_a_kill_between_a_write_and_its_record_loses_nothing(tmp_path: Path, written: bool) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before\n")
    store = Store(tmp_path / "kept", "one")
    ChangeLog(tmp_path, store.record).note(effect(path), {str(path): "after\n"})
    if written:
        path.write_text("after\n")
    shutil.copytree(tmp_path / "kept", tmp_path / "left")
    store.close()
    again = ChangeLog(tmp_path, Store(tmp_path / "left", "one").record)
    assert again.put_back({}, FileLedger()).back == ((str(path),) if written else ())
    assert path.read_text() == "before\n"


@pytest.mark.case(28, 32)
def test_what_somebody_wrote_after_a_kill_is_not_taken_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before\n")
    store = Store(tmp_path / "kept", "one")
    ChangeLog(tmp_path, store.record).note(effect(path), {str(path): "after\n"})
    path.write_text("mine\n")
    shutil.copytree(tmp_path / "kept", tmp_path / "left")
    store.close()
    again = ChangeLog(tmp_path, Store(tmp_path / "left", "one").record)
    assert again.put_back({}, FileLedger()).stayed == ("a.txt",)
    assert path.read_text() == "mine\n"


@pytest.mark.case(28)
async def test_a_command_that_a_kill_cut_off_is_told_of(
    codeagent: Command, script: Script, workspace: Path, home: dict[str, str]
) -> None:
    (workspace / "a.txt").write_text("a\n")
    replay = script(runs("echo x >> a.txt; echo started; sleep 60"))
    with codeagent.start("--task", "x", "--trust", "--yolo", "--replay", replay, stdout=subprocess.DEVNULL) as process:
        while (workspace / "a.txt").read_text() == "a\n":
            assert process.poll() is None
            os.sched_yield()
        process.kill()
    world = world_of(home, workspace)
    for told in (True, False):
        async with world.session(continue_latest=True):
            assert any("A command ran when codeagent was killed" in text for text in world.notices) == told
        world.events.clear()


def test_a_journal_that_is_cut_at_any_byte_tells_what_came_before(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("zero\n")
    store = Store(tmp_path / "kept", "one")
    changes = ChangeLog(tmp_path, store.record)
    write(changes, path, "one\n")
    mark = changes.mark("turn 2")
    journal = tmp_path / "kept" / "one.journal"
    whole = journal.stat().st_size
    write(changes, path, "two\n")
    store.close()
    data = journal.read_bytes()
    tries = range(whole, len(data), 7)
    for end in tries:
        journal.write_bytes(data[:end] + b"\0" * (end % 3))
        again = Store(tmp_path / "kept", "one")
        assert again.record.marked("turn 2") == mark
        assert again.record.first[path].digest
        again.close()
    record_property("tried", len(tries))


@pytest.mark.case(32)
@pytest.mark.parametrize("kind", ["pipe", "large"])
def test_what_could_not_be_read_is_never_taken_for_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"x" * (2 * 1024**2 + 1))
    changes = ChangeLog(tmp_path)
    changes.note(effect(path))
    path.unlink()
    path.write_text("new\n")
    changes.wrote([str(path)])
    assert changes.put_back({}, FileLedger()).stayed == ("a",)
    assert path.read_text() == "new\n"
    assert changes.changed()[0].fault == "a could not be read before it was changed."


@pytest.mark.case(32)
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="NOT TESTED: needs root and setpriv")
def test_a_file_that_could_not_be_read_before_a_command_is_named_and_never_removed(
    workspace: Path, home: dict[str, str], script: Script
) -> None:
    (workspace / "a.txt").write_text("secret\n")
    (workspace / "a.txt").chmod(0)
    replay = script(runs("chmod 600 a.txt; echo x > a.txt; echo y > b.txt"), {"text": "Done."})
    done = subprocess.run(
        ["setpriv", "--bounding-set=-dac_override,-dac_read_search", COMMAND, "--task", "x", "--trust", "--yolo",
         "--replay", replay], env=home, cwd=workspace, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "what cannot be read (a.txt)" in done.stderr
    world = world_of(home, workspace)

    async def undo() -> None:
        async with world.session(continue_latest=True) as opened:
            opened.session.rewind(1)

    asyncio.run(undo())
    assert world.tree() == {"a.txt": b"x\n"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for a few files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("NOT TESTED: a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.case(29)
def test_nothing_is_written_when_what_it_replaces_cannot_be_kept(tmp_path: Path, small_disk: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(os.urandom(100_000))
    store = Store(small_disk / "kept", "one")
    said: list[str] = []
    changes = ChangeLog(tmp_path, store.record, notify=said.append)
    with pytest.raises(ToolError, match="cannot be kept for undo: No space left"):
        changes.note(effect(path))
    (tmp_path / "b.txt").write_text("b\n")
    changes.note(effect(tmp_path / "b.txt"))
    (tmp_path / "b.txt").write_bytes(os.urandom(100_000))
    changes.wrote([str(tmp_path / "b.txt")])
    assert said == ["Not everything can be kept for undo any more: No space left on device."]
    assert changes.put_back({}, FileLedger()).back == (str(tmp_path / "b.txt"),)
    store.close()


@pytest.mark.case(34)
def test_the_oldest_sessions_are_forgotten_when_too_much_is_kept(tmp_path: Path) -> None:
    folder, path, cap = tmp_path / "kept", tmp_path / "a.bin", 1_000_000
    for session in range(12):
        store = Store(folder, f"s{session:02}", cap=cap)
        changes = ChangeLog(tmp_path, store.record)
        for turn in range(10):
            changes.mark(f"turn {turn}")
            changes.note(effect(path))
            path.write_bytes(os.urandom(20_000))
            changes.wrote([str(path)])
        store.close()
    last = Store(folder, "s11", cap=cap)
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < cap + 250_000
    assert sorted(p.stem for p in folder.glob("*.journal"))[0] > "s05"
    assert ChangeLog(tmp_path, last.record).put_back(last.record.marked("turn 0") or {}, FileLedger()).back
    last.close()


ENDLESS = """
import os, sys, itertools
from pathlib import Path
from codeagent.agent.changes import ChangeLog
from codeagent.agent.checkpoints.store import Store
from codeagent.tools.api import Effect, EffectKind
root = Path(sys.argv[1]); path = root / "a.bin"
store = Store(Path(sys.argv[2]), sys.argv[3], cap=2_000_000)
changes = ChangeLog(root, store.record)
for turn in itertools.count():
    changes.mark(f"turn {turn}")
    changes.note((Effect(kind=EffectKind.WRITE, target=str(path)),))
    path.write_bytes(os.urandom(4000))
    changes.wrote([str(path)])
    if turn % 10 == 0: print(turn, flush=True)
"""


@pytest.mark.case(34)
def test_sessions_that_are_killed_in_the_middle_leave_no_litter_and_stay_within_the_cap(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    folder, root = tmp_path / "kept", tmp_path / "root"
    root.mkdir()
    dice = random.Random(3)
    turns = 0
    for kill in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", ENDLESS, root, folder, f"s{kill}"], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(dice.randrange(2, 12)):
                turns = max(turns, int(process.stdout.readline()))
            process.kill()
        Store(folder, "next", cap=2_000_000).close()
        assert litter(folder) == []
        assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 3_000_000
    record_property("tried", KILLS)


@pytest.mark.case(34)
async def test_a_kill_while_a_command_s_changes_are_looked_for_leaves_no_litter_and_no_lock(
    tmp_path: Path, workspace: Path
) -> None:
    for number in range(20):
        (workspace / f"f{number}").write_text(f"{number}\n")
    world = UndoWorld(workspace, tmp_path / "home")
    async with world.session([runs("echo x >> f1")]) as opened:
        session = opened.session.id
    git_dir = world.kept / "shadow" / "git"
    for name in ("objects/ab/tmp_obj_1", "objects/pack/tmp_pack_1", "index.lock"):  # as git leaves them when killed
        (git_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (git_dir / name).write_bytes(b"x" * 1000)
    journal = world.kept / f"{session}.journal"
    journal.write_bytes(journal.read_bytes().rpartition(b"\n")[0].rpartition(b"\n")[0] + b"\n")
    async with world.session([runs("echo y >> f2")], resume=session) as again:
        assert litter(world.kept) == []
        again.session.rewind(2)
        assert ((workspace / "f1").read_text(), (workspace / "f2").read_text()) == ("1\nx\n", "2\n")
        again.session.rewind(1)
    assert (workspace / "f1").read_text() == "1\n"


def test_a_shadow_that_grew_too_large_is_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    store = Store(folder, "one")
    (store.shadow_folder / "git").mkdir(parents=True)
    store.close(taken_in=kept.SHADOW_CAP + 1)
    again = Store(folder, "two")
    assert not again.shadow_folder.exists()
    again.close()


def test_everything_that_is_kept_is_only_for_its_owner(tmp_path: Path, workspace: Path) -> None:
    path = workspace / "a.txt"
    store = Store(tmp_path / "state" / "kept", "one")
    changes = ChangeLog(workspace, store.record)
    write(changes, path, "one\n")
    write(changes, path, "two\n")
    store.close()
    modes = {p: p.stat().st_mode & 0o077 for p in (tmp_path / "state").rglob("*")}
    assert modes
    assert set(modes.values()) == {0}
