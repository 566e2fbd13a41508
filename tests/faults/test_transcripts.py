"""Session logs after a crash: all good records load, bad ones are counted, and nothing is ever written over."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Command, Script
from session_logs import started, turn, write_log

from codeagent.agent.events import Event, MessageAdded, Notice
from codeagent.agent.transcript import Transcript, encode_record, load
from codeagent.inference.client import Message, ToolCall

pytestmark = pytest.mark.case(35)

EVENTS = (started(), *turn("add a test", "Added \x1b[31m\0 it: é😀\n"), *turn("go on", "Done."))
MORE = Notice(level="info", text="on")


def go_on(path: Path) -> None:
    """Open the log as the next session would, and append a record."""
    log = Transcript(path)
    log.append(MORE)
    log.close()


def test_a_log_cut_at_every_byte_of_its_last_record_keeps_the_others(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    whole = write_log(tmp_path, "whole", EVENTS).read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    path = tmp_path / "cut.jsonl"
    for cut in range(last, len(whole)):
        path.write_bytes(whole[:cut])
        kept = EVENTS if cut == len(whole) - 1 else EVENTS[:-1]
        assert load(path).events == kept
        assert load(path).damaged == (last < cut < len(whole) - 1)
        go_on(path)
        assert load(path).events == (*kept, MORE)
        assert path.read_bytes().startswith(whole[:cut])
    record_property("tried", len(whole) - last)


@pytest.mark.parametrize("size", [1, 511, 4096, 70_000])
def test_a_block_of_nul_bytes_at_any_place_costs_only_what_it_covers(
    tmp_path: Path, size: int, record_property: Callable[[str, object], None]
) -> None:
    whole = write_log(tmp_path, "whole", EVENTS).read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    path = tmp_path / "padded.jsonl"
    steps = range(0, len(whole) + 1, 7)
    for at in (*steps, *ends):
        path.write_bytes(whole[:at] + bytes(size) + whole[at:])
        loaded = load(path)
        hit = at not in (0, *ends) and at + 1 not in ends
        torn = sum(end <= at for end in ends)
        assert loaded.events == ((*EVENTS[:torn], *EVENTS[torn + 1 :]) if hit else EVENTS), at
        assert loaded.damaged == 1, at
    record_property("tried", len(steps) + len(ends))


def test_half_a_line_before_the_whole_one_costs_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    lines = write_log(tmp_path, "whole", EVENTS).read_bytes().splitlines(keepends=True)
    path = tmp_path / "doubled.jsonl"
    for half in range(1, len(lines[2]) - 1):
        path.write_bytes(b"".join([*lines[:2], lines[2][:half], *lines[2:]]))
        loaded = load(path)
        assert (loaded.events, loaded.damaged) == (EVENTS, 1), half
    record_property("tried", len(lines[2]) - 2)


def test_a_record_that_the_model_wrote_into_another_is_not_believed_when_that_one_is_torn(tmp_path: Path) -> None:
    forged = encode_record(3, MORE, 1.0)[:-1]
    call = ToolCall(id="1", name="read", arguments=json.loads(forged))
    event = MessageAdded(message=Message(role="assistant", content="", tool_calls=(call,)))
    line = encode_record(2, event, 1.0).replace(b'{"crc":"', forged + b'{"crc":"')
    path = tmp_path / "forged.jsonl"
    for cut in range(len(line)):
        path.write_bytes(line[:cut] + b"\n")
        assert MORE not in load(path).events or line[:cut].startswith(forged)
    inside = encode_record(2, event, 1.0)
    path.write_bytes(inside[: inside.rindex(b'{"crc":"')] + forged + b"\n")
    assert load(path).events == ()


def test_one_bad_line_in_seven_thousand_is_counted_and_all_others_load(tmp_path: Path) -> None:
    events: list[Event] = [Notice(level="info", text=f"number {i}") for i in range(7000)]
    path = write_log(tmp_path, "long", events)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3500] = lines[3500].replace(b"number", b"wonder")
    path.write_bytes(b"".join(lines))
    loaded = load(path)
    assert loaded.events == (*events[:3500], *events[3501:])
    assert loaded.damaged == 1


def test_the_person_is_told_how_many_lines_were_bad_and_the_log_is_only_added_to(
    codeagent: Command, script: Script, home: dict[str, str]
) -> None:
    first = codeagent("--task", "one", "--trust", "--replay", script({"text": "One."}))
    assert first.code == 0, first.err
    (log,) = Path(home["XDG_STATE_HOME"]).rglob("*.jsonl")
    damaged = b'{"crc":"00000000","seq":2}\n' + bytes(700) + b"\nnothing of ours\n" + log.read_bytes() + b'{"crc":"12'
    log.write_bytes(damaged)
    replay = script({"text": "Two.", "expect": "two"})
    again = codeagent("--continue", "--task", "two", "--trust", "--replay", replay, "--output-format", "json")
    assert (again.code, again.result["result"]) == (0, "Two."), again.err
    assert "4 damaged lines of the session log were skipped" in again.err
    assert log.read_bytes().startswith(damaged)
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_that_is_a_link_or_a_folder_is_not_written(tmp_path: Path) -> None:
    from codeagent.agent.transcript import TranscriptError

    (tmp_path / "elsewhere").write_text("kept")
    (tmp_path / "link.jsonl").symlink_to("elsewhere")
    (tmp_path / "folder.jsonl").mkdir()
    for name in ("link", "folder"):
        with pytest.raises(TranscriptError, match="cannot be written"):
            Transcript(tmp_path / f"{name}.jsonl")
    assert (tmp_path / "elsewhere").read_text() == "kept"


def test_logs_written_under_any_umask_are_for_the_person_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        go_on(tmp_path / "sessions" / "s.jsonl")
    finally:
        os.umask(before)
    assert (tmp_path / "sessions" / "s.jsonl").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "sessions").stat().st_mode & 0o777 == 0o700
