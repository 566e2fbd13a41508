"""What a review shows of the session's files and how it puts them back, on real files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codeagent.agent.changes import ChangedFile, ChangeLog
from codeagent.tools.api import Effect, EffectKind, ToolError
from codeagent.tools.files import digest
from codeagent.tools.ledger import FileLedger

BEFORE = "".join(f"line {n}\n" for n in range(1, 21))
AFTER = BEFORE.replace("line 2\n", "second\n").replace("line 18\n", "eighteenth\nmore\n")


class World:
    """A folder, the log of what tools did in it, and a tool."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.changes = ChangeLog(root)
        self.ledger = FileLedger()

    def write(self, name: str, data: str | bytes) -> Path:
        """As a tool does: note, write, and tell."""
        path = self.root / name
        self.changes.note((Effect(kind=EffectKind.WRITE, target=str(path)),))
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        self.ledger.note(path, digest(path.read_bytes()))
        self.changes.wrote([str(path)])
        return path

    def one(self) -> ChangedFile:
        (file,) = self.changes.changed()
        return file


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_changed_file_is_told_with_its_texts_and_hunks(world: World) -> None:
    (world.root / "a.txt").write_text(BEFORE)
    path = world.write("a.txt", AFTER)
    file = world.one()
    assert (file.path, file.shown, file.before, file.after, file.fault) == (path, "a.txt", BEFORE, AFTER, "")
    assert [hunk.new for hunk in file.hunks] == [("second\n",), ("eighteenth\n", "more\n")]


def test_files_are_sorted_and_one_that_is_as_it_was_is_not_there(world: World) -> None:
    world.write("b.txt", "b\n")
    world.write("a.txt", "a\n")
    (world.root / "c.txt").write_text("c\n")
    world.write("c.txt", "other\n")
    world.write("c.txt", "c\n")
    assert [file.shown for file in world.changes.changed()] == ["a.txt", "b.txt"]


def test_a_file_that_was_made_or_removed_has_one_text(world: World) -> None:
    world.write("new.txt", "new\n")
    assert (world.one().before, world.one().after) == (None, "new\n")
    (world.root / "new.txt").unlink()
    (world.root / "old.txt").write_text("old\n")
    world.write("old.txt", "x\n").unlink()
    assert (world.one().before, world.one().after) == ("old\n", None)


def test_changes_since_a_turn_leave_out_what_was_before(world: World) -> None:
    (world.root / "a.txt").write_text("zero\n")
    world.write("a.txt", "one\n")
    world.write("b.txt", "one\n")
    then = world.changes.snapshot()
    world.write("a.txt", "two\n")
    world.write("c.txt", "two\n")
    since = world.changes.changed(then)
    assert [(file.shown, file.before, file.after) for file in since] == [
        ("a.txt", "one\n", "two\n"),
        ("c.txt", None, "two\n"),
    ]
    assert [file.shown for file in world.changes.changed()] == ["a.txt", "b.txt", "c.txt"]


@pytest.mark.parametrize("hunk", [0, 1])
def test_one_hunk_is_put_back_and_the_other_stays(world: World, hunk: int) -> None:
    (world.root / "a.txt").write_text(BEFORE)
    path = world.write("a.txt", AFTER)
    file = world.one()
    world.changes.put(path, file.without(hunk), file.now)
    kept = file.hunks[1 - hunk]
    assert [(h.old, h.new) for h in world.one().hunks] == [(kept.old, kept.new)]


def test_putting_back_every_hunk_leaves_the_very_bytes_that_were_there(world: World) -> None:
    old = BEFORE.replace("line 5\n", "line 5\r\n").encode() + b"caf\xe9"
    (world.root / "a.txt").write_bytes(old)
    path = world.write("a.txt", old.replace(b"line 2\n", b"second\n").replace(b"line 18\n", b"eighteenth\n"))
    for _ in range(2):
        file = world.one()
        world.changes.put(path, file.without(0), file.now)
    assert path.read_bytes() == old
    assert world.changes.changed() == ()


def test_a_file_that_was_made_goes_with_its_only_hunk_and_comes_back(world: World) -> None:
    path = world.write("a.txt", "new\n")
    file = world.one()
    assert file.without(0) is None
    world.changes.put(path, None, file.now)
    assert not path.exists()
    assert world.changes.changed() == ()
    world.changes.put(path, file.now, None)
    assert path.read_text() == "new\n"


def test_a_file_that_was_removed_comes_back(world: World) -> None:
    (world.root / "a.txt").write_text(BEFORE)
    path = world.write("a.txt", AFTER)
    path.unlink()
    file = world.one()
    world.changes.put(path, file.without(0), file.now)
    assert path.read_text() == BEFORE


@pytest.mark.parametrize("meanwhile", ["mine\n", None])
def test_a_file_that_somebody_changed_meanwhile_is_left_alone(world: World, meanwhile: str | None) -> None:
    (world.root / "a.txt").write_text(BEFORE)
    path = world.write("a.txt", AFTER)
    file = world.one()
    path.unlink()
    if meanwhile is not None:
        path.write_text(meanwhile)
    with pytest.raises(ToolError, match=r"a\.txt was changed by somebody else"):
        world.changes.put(path, file.old, file.now)
    assert (path.read_text() if path.exists() else None) == meanwhile


def test_a_file_that_somebody_made_where_none_was_is_left_alone(world: World) -> None:
    path = world.write("a.txt", "new\n")
    file = world.one()
    world.changes.put(path, None, file.now)
    path.write_text("mine\n")
    with pytest.raises(ToolError, match="somebody else"):
        world.changes.put(path, file.now, None)
    assert path.read_text() == "mine\n"


def test_what_a_person_put_back_can_still_be_rewound_and_the_model_has_to_read_it_again(world: World) -> None:
    (world.root / "a.txt").write_text(BEFORE)
    begin = world.changes.snapshot()
    path = world.write("a.txt", AFTER)
    file = world.one()
    world.changes.put(path, file.without(0), file.now)
    with pytest.raises(ToolError, match="Read it again"):
        world.ledger.check_unchanged(path, digest(path.read_bytes()), "a.txt")
    assert world.changes.restore(begin, world.ledger) == (str(path),)
    assert path.read_text() == BEFORE


def test_a_file_that_is_no_text_has_no_hunks_but_goes_back_whole(world: World) -> None:
    (world.root / "a.bin").write_bytes(b"\0one")
    path = world.write("a.bin", b"text now\n")
    file = world.one()
    assert (file.before, file.after, file.hunks) == (None, None, ())
    assert file.fault == "a.bin is a binary file, not text."
    world.changes.put(path, file.old, file.now)
    assert path.read_bytes() == b"\0one"


def test_a_change_of_line_ends_alone_has_no_hunks_and_no_fault(world: World) -> None:
    (world.root / "a.txt").write_bytes(b"one\ntwo\n")
    world.write("a.txt", b"one\r\ntwo\r\n")
    assert (world.one().hunks, world.one().fault, world.one().before) == ((), "", "one\ntwo\n")


def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_said_and_left_alone(world: World) -> None:
    (world.root / "a.txt").write_text("a\n")
    path = world.write("a.txt", "b\n")
    path.unlink()
    path.mkdir()
    assert world.one().fault == "a.txt cannot be read now."
    path.rmdir()
    os.mkfifo(path)
    file = world.one()
    assert file.fault == "a.txt cannot be read now."
    with pytest.raises(ToolError):
        world.changes.put(path, file.old, file.now)
    assert path.is_fifo()


def test_what_would_be_put_back_is_known_before(world: World) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (world.root / name).write_text("zero\n")
    first = world.changes.snapshot()
    world.write("a.txt", "one\n")
    world.write("b.txt", "one\n")
    second = world.changes.snapshot()
    world.write("c.txt", "one\n")
    (world.root / "b.txt").write_text("mine\n")
    would = world.changes.prospects([first, second])
    assert [[path.name for path in each.back] for each in would] == [["a.txt", "c.txt"], ["c.txt"]]
    assert [[path.name for path in each.stay] for each in would] == [["b.txt"], ["b.txt"]]
    assert [Path(path).name for path in world.changes.restore(first, world.ledger)] == ["a.txt", "c.txt"]


def test_snapshots_of_a_file_that_did_not_change_share_its_bytes(world: World) -> None:
    path = world.write("a.txt", AFTER)
    one, two = world.changes.snapshot(), world.changes.snapshot()
    assert one[path] is two[path]
