"""The session log survives kills, torn writes and padding, and never loses a whole record."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codeagent.agent.events import MessageAdded, Notice, SessionStarted, TurnStarted
from codeagent.agent.transcript import Transcript, TranscriptError, find, load, newest
from codeagent.inference.client import Message, TextDelta

EVENTS = [
    SessionStarted(session_id="s", cwd="/w", model="m", tools=("read",), permission_mode="default"),
    TurnStarted(text="häßlich \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")),
    MessageAdded(message=Message(role="assistant", content="a\nb\0c", tokens=(1, 2, 3))),
]


def write(path: Path) -> bytes:
    log = Transcript(path)
    log.extend(EVENTS)
    log.close()
    return path.read_bytes()


def test_what_was_appended_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(path)
    assert load(path).events == tuple(EVENTS)
    assert load(path).damaged == 0


@pytest.mark.case(35, 47)
def test_the_log_and_its_folder_are_private(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "s.jsonl"
    write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_deltas_are_not_kept(tmp_path: Path) -> None:
    log = Transcript(tmp_path / "s.jsonl")
    log.append(TextDelta(text="x"))
    log.close()
    assert (tmp_path / "s.jsonl").read_bytes() == b""


@pytest.mark.case(35)
def test_a_log_cut_at_any_byte_keeps_every_whole_record_and_can_be_gone_on_with(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.jsonl")
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    path = tmp_path / "cut.jsonl"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        complete = sum(end <= cut for end in ends)
        complete += any(end - 1 == cut for end in ends)  # all but the newline: the record itself is whole
        assert load(path).events == tuple(EVENTS[:complete])
        log = Transcript(path)
        log.append(Notice(level="info", text="on"))
        log.close()
        assert load(path).events == (*EVENTS[:complete], Notice(level="info", text="on"))


@pytest.mark.case(35)
def test_one_bad_line_costs_that_line_only(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    lines = write(path).splitlines(keepends=True)
    foreign, padding = b'{"crc":"00000000","seq":9}\n', b"\0" * 64 + b"\n"
    path.write_bytes(lines[0] + foreign + lines[1][:30] + b"\n" + padding + lines[2])
    loaded = load(path)
    assert loaded.events == (EVENTS[0], EVENTS[2])
    assert loaded.damaged == 3


@pytest.mark.case(35)
def test_an_altered_record_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(write(path).replace(b'"permission_mode":"default"', b'"permission_mode":"bypass!"'))
    assert load(path).damaged == 1


@pytest.mark.case(31)
def test_two_processes_do_not_write_one_log(tmp_path: Path) -> None:
    first = Transcript(tmp_path / "s.jsonl")
    with pytest.raises(TranscriptError, match="open in another codeagent"):
        Transcript(tmp_path / "s.jsonl")
    first.close()
    Transcript(tmp_path / "s.jsonl").close()


@pytest.mark.case(29)
def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TranscriptError, match="--no-session-persistence"):
        Transcript(tmp_path / "file" / "s.jsonl")


def test_sessions_are_found_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    for name in ("20260101-1", "20260102-2"):
        Transcript(tmp_path / f"{name}.jsonl").close()
    os.utime(tmp_path / "20260101-1.jsonl", (1, 1))
    assert find(tmp_path, "20260102").stem == "20260102-2"
    latest = newest(tmp_path)
    assert latest is not None
    assert latest.stem == "20260102-2"
    with pytest.raises(TranscriptError, match="not unique"):
        find(tmp_path, "2026")
    with pytest.raises(TranscriptError, match="20260101-1"):
        find(tmp_path, "x")
