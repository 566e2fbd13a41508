"""Frames survive the wire in any partition, and what is no frame is refused at once."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeagent.inference.child import FrameReader
from codeagent.inference.client import ChatRequest, Finished, Message, TextDelta, ToolCall, ToolSpec
from codeagent.inference.frames import (
    FROM_RUNNER,
    MAX_FRAME,
    TO_RUNNER,
    Event,
    Failed,
    FrameError,
    FromRunner,
    Generate,
    State,
    body_of,
    encode,
)

words = st.text(st.characters(exclude_categories=["Cs"]))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.dictionaries(words, inner),
    max_leaves=5,
)
objects = st.dictionaries(words, json_values)
ids = st.integers(0, 2**31)
model_events = (
    st.builds(TextDelta, text=words)
    | st.builds(ToolCall, id=words, name=words, arguments=objects)
    | st.builds(Finished, reason=st.just("stop"), raw=words, tokens=st.lists(ids).map(tuple))
)
from_runner: st.SearchStrategy[FromRunner] = (
    st.builds(Event, id=ids, event=model_events)
    | st.builds(State, state=st.just("loading"), progress=st.none() | st.floats(0, 1), detail=words)
    | st.builds(Failed, id=ids, kind=st.just("internal"), message=words, data=objects)
)
requests = st.builds(
    ChatRequest,
    messages=st.lists(st.builds(Message, role=st.just("user"), content=words), max_size=3).map(tuple),
    tools=st.lists(st.builds(ToolSpec, name=words, description=words, parameters=objects), max_size=2).map(tuple),
)


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


@given(st.lists(from_runner, max_size=5), st.lists(st.integers(0), max_size=10))
def test_frames_written_one_after_the_other_are_read_back_whole_from_any_partition(
    frames: list[FromRunner], cuts: list[int]
) -> None:
    reader = FrameReader()
    bodies = [
        body for piece in in_pieces(b"".join(encode(frame) for frame in frames), cuts) for body in reader.feed(piece)
    ]
    assert [FROM_RUNNER.validate_json(body) for body in bodies] == frames


@given(ids, requests)
def test_a_request_is_one_line_and_reads_back_the_same(number: int, request: ChatRequest) -> None:
    frame = Generate(id=number, request=request)
    line = encode(frame)
    assert line.count(b"\n") == 1
    assert TO_RUNNER.validate_json(body_of(line)) == frame


@given(st.binary(max_size=200), st.lists(st.integers(0), max_size=5))
@pytest.mark.case(38)
def test_arbitrary_bytes_give_frames_or_a_frame_error_and_nothing_else(data: bytes, cuts: list[int]) -> None:
    reader = FrameReader()
    try:
        bodies = [body for piece in in_pieces(data, cuts) for body in reader.feed(piece)]
    except FrameError:
        return
    read = b"".join(b"%d %s\n" % (len(body), body) for body in bodies)
    assert len(read) <= len(data)


@pytest.mark.parametrize(
    "data", [b"garbage\n", b" 3 abc\n", b"-1 a\n", b"+3 abc\n", b"3 abcd\n", b"0x3 abc\n", b"\n", b"1" * 20]
)
@pytest.mark.case(38)
def test_what_is_no_frame_is_refused_without_waiting_for_more(data: bytes) -> None:
    with pytest.raises(FrameError, match="Not a frame"):
        list(FrameReader().feed(data))


@pytest.mark.case(38)
def test_a_frame_over_the_limit_is_refused_by_its_head() -> None:
    with pytest.raises(FrameError, match="over the limit"):
        list(FrameReader().feed(b"%d " % (MAX_FRAME + 1)))


def test_the_good_frames_before_garbage_are_still_delivered() -> None:
    reader = FrameReader().feed(b"2 {}\nrubbish")
    assert next(reader) == b"{}"
    with pytest.raises(FrameError):
        next(reader)


def test_a_frame_over_the_limit_is_not_written() -> None:
    with pytest.raises(FrameError, match="over the limit"):
        encode(State(state="busy", detail="x" * MAX_FRAME))


@pytest.mark.parametrize("line", [b"2 {}", b"3 {}\n", b"{}\n", b"", b"99999999999 {}\n"])
@pytest.mark.case(38)
def test_a_torn_line_is_no_frame(line: bytes) -> None:
    with pytest.raises(FrameError):
        body_of(line)
