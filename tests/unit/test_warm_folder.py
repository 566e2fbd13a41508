"""States as files: what comes back is what was saved, or nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import state_writer
from state_writer import KEY, content_of, tokens_of

from codeagent.inference.warm_folder import Part, StateFolder, Stored
from codeagent.inference.warm_place import Measured, folder_of, make_room, measured, model_key, note

MB = 1_000_000
SIZE = 10_000


def save(states: StateFolder, number: int, size: int = SIZE, key: str = KEY) -> str:
    parts = [Part(101, False, content_of(number, size)), Part(50, True, content_of(number + 1, 100))]
    return states.save(key, tokens_of(number), parts)


def only(states: StateFolder) -> Stored:
    (stored,) = states.stored(KEY)
    return stored


def numbers(states: StateFolder) -> list[int]:
    return sorted(int(stored.tokens[0]) for stored in states.stored(KEY))


def aged(folder: Path) -> None:
    """All files as of long ago: what is used from now on is newer."""
    for path in folder.iterdir():
        os.utime(path, (1, 1))


def test_a_state_comes_back_byte_for_byte_and_is_its_owners_alone(tmp_path: Path) -> None:
    assert save(StateFolder(tmp_path, MB), 7) == ""
    states = StateFolder(tmp_path, MB)
    stored = only(states)
    assert (stored.tokens.tolist(), stored.lengths, stored.shared) == (tokens_of(7), (101, 50), False)
    whole, part = states.load(stored) or []
    assert (whole.length, whole.partial, bytes(whole.data)) == (101, False, content_of(7, SIZE))
    assert (part.length, part.partial, bytes(part.data)) == (50, True, content_of(8, 100))
    assert stored.path.stat().st_mode & 0o777 == 0o600
    assert states.stored("another key") == []


@pytest.mark.parametrize("at", [0, 20, 60, 100, 400, 5_000, -1])
def test_a_file_in_which_one_bit_changed_is_thrown_away(tmp_path: Path, at: int) -> None:
    states = StateFolder(tmp_path, MB)
    save(states, 1)
    stored = only(states)
    content = bytearray(stored.path.read_bytes())
    content[at] ^= 4
    stored.path.write_bytes(content)
    again = StateFolder(tmp_path, MB)
    assert [again.load(found) for found in again.stored(KEY)] in ([], [None])
    assert states.load(stored) is None  # also by whom it was known before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [0, 10, 60, 200, 700, SIZE])
def test_a_torn_file_is_thrown_away(tmp_path: Path, length: int) -> None:
    states = StateFolder(tmp_path, MB)
    save(states, 1)
    stored = only(states)
    os.truncate(stored.path, length)
    assert states.load(stored) is None
    save(states, 1)
    os.truncate(only(states).path, length)
    again = StateFolder(tmp_path, MB)
    assert [again.load(found) for found in again.stored(KEY)] in ([], [None])
    assert list(tmp_path.iterdir()) == []


def test_foreign_files_links_and_pipes_are_passed_over(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    save(StateFolder(outside, MB), 1)
    folder = tmp_path / "states"
    folder.mkdir()
    (folder / "text.state").write_text("hello " * 100)
    (folder / "notes.txt").write_text("mine")
    (folder / "folder.state").mkdir()
    os.mkfifo(folder / "pipe.state")
    (folder / "link.state").symlink_to(only(StateFolder(outside, MB)).path)
    states = StateFolder(folder, 1)
    assert states.stored(KEY) == []
    states.prune()
    assert sorted(path.name for path in folder.iterdir()) == ["folder.state", "link.state", "notes.txt", "pipe.state"]
    assert len(StateFolder(outside, MB).stored(KEY)) == 1


def test_the_state_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    states = StateFolder(tmp_path, 3 * SIZE + 5_000)
    for number in (1, 2, 3):
        save(states, number)
    aged(tmp_path)
    states.load(next(stored for stored in states.stored(KEY) if stored.tokens[0] == 1))
    save(states, 4)
    save(states, 5)
    assert numbers(states) == [1, 4, 5]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 3 * SIZE + 5_000


def test_a_state_larger_than_all_may_be_is_not_saved_and_displaces_nothing(tmp_path: Path) -> None:
    states = StateFolder(tmp_path, 2 * SIZE)
    save(states, 1)
    assert "larger" in save(states, 2, size=3 * SIZE)
    assert numbers(states) == [1]


def test_what_a_killed_process_left_half_written_is_swept_when_it_is_old(tmp_path: Path) -> None:
    (old, new) = (tmp_path / ".a.state.1-x.tmp", tmp_path / ".b.state.2-x.tmp")
    old.write_bytes(b"half")
    os.utime(old, (1, 1))
    new.write_bytes(b"half")
    StateFolder(tmp_path, MB).prune()
    assert (old.exists(), new.exists()) == (False, True)


def test_a_folder_that_is_not_there_or_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    missing = StateFolder(tmp_path / "missing", MB)
    assert missing.stored(KEY) == []
    assert "cannot be written" in save(missing, 1)
    missing.prune()
    note(tmp_path / "missing", Measured(read=1, loaded=2, at=3))
    assert measured(tmp_path / "missing") is None


def test_a_file_that_may_not_grow_so_long_is_not_left_behind(tmp_path: Path) -> None:
    limit = f"ulimit -f 64; exec {sys.executable} {state_writer.__file__} {tmp_path} {100 * MB} {10 * MB} 1 0"
    subprocess.run(["bash", "-c", limit], check=True, timeout=60, capture_output=True)
    assert list(tmp_path.iterdir()) == []


def test_killed_while_saving_it_leaves_whole_states_only(tmp_path: Path) -> None:
    size = 20 * MB
    saved = 0
    for seed in range(4):
        command = [sys.executable, state_writer.__file__, tmp_path, 5 * size, size, 0, seed]
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()  # it has saved one, and goes on
            process.kill()
        states = StateFolder(tmp_path, 10 * size)
        for stored in states.stored(KEY):
            parts = states.load(stored)
            assert parts is not None
            assert bytes(parts[0].data) == content_of(int(stored.tokens[0]), size)
            saved += 1
    assert saved >= 4


def test_processes_that_share_a_folder_never_see_each_others_half_work(tmp_path: Path) -> None:
    limit = 4 * MB
    command = [sys.executable, state_writer.__file__, tmp_path, limit, MB, 40]
    writers = [subprocess.Popen([*map(str, command), str(seed)], stdout=subprocess.DEVNULL) for seed in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    states = StateFolder(tmp_path, limit)
    states.prune()
    assert numbers(states)
    assert all(states.load(stored) for stored in states.stored(KEY))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= limit


def test_models_are_told_apart_by_content_size_and_time(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(bytes(3 * MB))
    os.utime(model, (1, 1))
    first = model_key(model)
    assert model_key(model) == first
    os.utime(model, (2, 2))
    assert model_key(model) != first
    for at in (0, 100_000, 3 * MB - 1):
        content = bytearray(3 * MB)
        content[at] = 1
        model.write_bytes(content)
        os.utime(model, (1, 1))
        assert model_key(model) != first
    model.write_bytes(bytes(3 * MB + 1))
    os.utime(model, (1, 1))
    assert model_key(model) != first


def test_each_model_has_a_folder_and_all_together_stay_within_the_limit(tmp_path: Path) -> None:
    base = tmp_path / "warm"
    folders: list[Path] = []
    for number in range(3):
        model = tmp_path / f"{number}.gguf"
        model.write_bytes(bytes([number]) * 1000)
        folders.append(folder_of(base, model))
        folders[-1].mkdir(parents=True)
        save(StateFolder(folders[-1], MB), number, size=100_000)
    assert len(set(folders)) == 3
    aged(folders[1])
    left = make_room(base, folders[0], 300_000)
    assert left >= 150_000
    assert not folders[1].exists()
    assert numbers(StateFolder(folders[2], MB)) == [2]
    assert left + sum(path.stat().st_size for path in folders[2].iterdir()) <= 300_000


def test_a_measurement_is_kept_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    found = Measured(read=100, loaded=5_000, at=time.time())
    note(tmp_path, found)
    assert measured(tmp_path) == found
    assert (found.gain, found.recent) == (50, True)
    assert Measured(read=100, at=0).gain is None
    (tmp_path / "measured.json").write_text('{"read": 0, "at": 0}')
    assert measured(tmp_path) is None
