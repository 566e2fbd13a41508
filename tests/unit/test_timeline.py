"""Going back to a turn and forward again: conversation, files or both, now and after the session is resumed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeagent.agent.bootstrap import Opened, SessionOptions, open_session
from codeagent.agent.changes import ChangeLog
from codeagent.agent.conversation import Conversation, messages_of
from codeagent.agent.events import Event, TurnStarted
from codeagent.agent.paths import Paths
from codeagent.agent.permissions import Answer, Question
from codeagent.agent.timeline import Timeline
from codeagent.inference.client import Message
from codeagent.tools.ledger import FileLedger

Turn = list[dict[str, Any]]
Points = list[tuple[int, str, int]]


class Person:
    """Says yes."""

    async def ask(self, question: Question) -> Answer:
        return Answer("once")


class World:
    """A folder and a session over it that plays what it is told, each turn one write and an answer."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repo"
        self.root.mkdir()
        self.script = folder / "script.jsonl"
        home = folder / "home"
        self.paths = Paths(home / "config", home / "state", home / "cache", home / "data")
        self.events: list[Event] = []
        self.opened: list[Opened] = []

    def open(self, *turns: Turn, **options: Any) -> Opened:
        self.script.write_text("".join(json.dumps(item) + "\n" for turn in turns for item in turn))
        base: dict[str, Any] = {"trust": True, "bare": True, "persist": False, "paths": self.paths}
        session = SessionOptions(root=self.root, replay=self.script, **(base | options))
        self.opened.append(open_session(session, self.events.append, Person()))
        return self.opened[-1]

    async def play(self, *texts: str, **options: Any) -> Opened:
        """A session in which turn number n has written the n-th text to a.txt."""
        opened = self.open(*(writes("a.txt", text) for text in texts), **options)
        for number in range(1, len(texts) + 1):
            await opened.session.run_turn(f"request {number}")
        return opened

    @property
    def text(self) -> str | None:
        file = self.root / "a.txt"
        return file.read_text() if file.exists() else None

    @text.setter
    def text(self, text: str) -> None:
        (self.root / "a.txt").write_text(text)


def writes(path: str, text: str) -> Turn:
    return [
        {"calls": [{"name": "read", "arguments": {"path": path}}]},
        {"calls": [{"name": "write", "arguments": {"path": path, "content": text}}]},
        {"text": f"wrote {text}"},
    ]


def reads(path: str) -> Turn:
    return [{"calls": [{"name": "read", "arguments": {"path": path}}]}, {"text": "read"}]


def points(opened: Opened) -> Points:
    return [(p.turn, p.text, p.messages) for p in opened.session.timeline.points]


def said(opened: Opened) -> list[str]:
    """The last words of each turn that stands."""
    return [m.content for m in opened.session.messages if m.role == "assistant" and m.content]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    world = World(tmp_path)
    yield world
    for opened in world.opened:
        await opened.session.close()


@pytest.mark.parametrize("turn", [1, 2, 3])
async def test_both_go_back_to_what_they_were_before_the_turn(world: World, turn: int) -> None:
    world.text = "zero\n"
    opened = await world.play("one\n", "two\n", "three\n")
    states = ["zero\n", "one\n", "two\n"]
    put_back = opened.session.rewind(turn)
    assert put_back == (str(world.root / "a.txt"),)
    assert world.text == states[turn - 1]
    assert said(opened) == [f"wrote {state}" for state in states[1:turn]]
    assert [number for number, _, _ in points(opened)] == list(range(1, turn))


async def test_files_alone_go_back_and_every_turn_stays(world: World) -> None:
    world.text = "zero\n"
    opened = await world.play("one\n", "two\n")
    messages = opened.session.messages
    opened.session.rewind(2, conversation=False)
    assert (world.text, opened.session.messages, len(points(opened))) == ("one\n", messages, 2)
    opened.session.timeline.redo()
    assert (world.text, opened.session.messages, len(points(opened))) == ("two\n", messages, 2)


async def test_the_conversation_alone_goes_back_and_files_stay(world: World) -> None:
    opened = await world.play("one\n", "two\n")
    assert opened.session.rewind(2, files=False) == ()
    assert (world.text, said(opened)) == ("two\n", ["wrote one\n"])
    opened.session.timeline.redo()
    assert (world.text, said(opened)) == ("two\n", ["wrote one\n", "wrote two\n"])


async def test_several_undos_are_taken_back_one_by_one_the_last_first(world: World) -> None:
    world.text = "zero\n"
    opened = await world.play("one\n", "two\n", "three\n")
    whole = (points(opened), opened.session.messages)
    seen = [world.text]
    for turn in (3, 2, 1):
        opened.session.rewind(turn)
        seen.append(world.text)
    assert seen == ["three\n", "two\n", "one\n", "zero\n"]
    assert (points(opened), opened.session.messages) == ([], ())
    for text in ("one\n", "two\n", "three\n"):
        assert opened.session.timeline.redo() == (str(world.root / "a.txt"),)
        assert world.text == text
    assert opened.session.timeline.redo() is None
    assert (points(opened), opened.session.messages) == whole


async def test_files_then_conversation_then_both_come_back_in_turn(world: World) -> None:
    world.text = "zero\n"
    opened = await world.play("one\n", "two\n", "three\n")
    whole = (points(opened), opened.session.messages)
    opened.session.rewind(2, conversation=False)
    opened.session.rewind(3, files=False)
    opened.session.rewind(1)
    assert (world.text, points(opened)) == ("zero\n", [])
    for text, turns in (("one\n", 2), ("one\n", 3), ("three\n", 3)):
        opened.session.timeline.redo()
        assert (world.text, len(points(opened))) == (text, turns)
    assert (points(opened), opened.session.messages) == whole


async def test_a_new_turn_leaves_nothing_to_bring_back(world: World) -> None:
    opened = world.open(writes("a.txt", "one\n"), [{"text": "else"}])
    await opened.session.run_turn("first")
    opened.session.rewind(1)
    await opened.session.run_turn("something else")
    assert opened.session.timeline.redo() is None
    assert (world.text, said(opened)) == (None, ["else"])
    assert [(number, text) for number, text, _ in points(opened)] == [(1, "something else")]


async def test_a_file_that_a_turn_made_goes_and_comes_again(world: World) -> None:
    opened = world.open(writes("sub/b.txt", "new\n"))
    await opened.session.run_turn("make it")
    opened.session.rewind(1)
    assert not (world.root / "sub" / "b.txt").exists()
    opened.session.timeline.redo()
    assert (world.root / "sub" / "b.txt").read_text() == "new\n"


async def test_what_somebody_else_wrote_since_stays(world: World) -> None:
    opened = await world.play("one\n")
    world.text = "mine\n"
    assert opened.session.rewind(1) == ()
    assert world.text == "mine\n"
    assert opened.session.timeline.redo() == ()
    assert world.text == "mine\n"


async def test_what_somebody_else_wrote_stays_also_when_the_model_has_read_it(world: World) -> None:
    opened = world.open(writes("a.txt", "one\n"), reads("a.txt"))
    await opened.session.run_turn("write it")
    world.text = "mine\n"
    await opened.session.run_turn("look at a.txt")
    assert opened.session.rewind(1) == ()
    assert world.text == "mine\n"


async def test_what_somebody_wrote_between_two_turns_is_what_the_second_goes_back_to(world: World) -> None:
    opened = world.open(writes("a.txt", "one\n"), writes("a.txt", "two\n"))
    await opened.session.run_turn("first")
    world.text = "mine\n"
    await opened.session.run_turn("second")
    opened.session.rewind(2)
    assert world.text == "mine\n"
    opened.session.timeline.redo()
    assert world.text == "two\n"


async def test_a_file_that_somebody_made_where_one_was_taken_back_stays(world: World) -> None:
    opened = await world.play("one\n")
    opened.session.rewind(1)
    world.text = "mine\n"
    assert opened.session.timeline.redo() == ()
    assert world.text == "mine\n"


async def test_a_file_that_was_removed_comes_back(world: World) -> None:
    world.text = "zero\n"
    opened = await world.play("one\n")
    (world.root / "a.txt").unlink()
    assert opened.session.rewind(1) == (str(world.root / "a.txt"),)
    assert world.text == "zero\n"


async def test_a_turn_that_there_is_not_is_refused_and_nothing_changes(world: World) -> None:
    opened = await world.play("one\n")
    before = (points(opened), opened.session.messages)
    for turn in (0, 2, -1):
        with pytest.raises(ValueError, match=f"no turn {turn}"):
            opened.session.rewind(turn)
    assert (world.text, points(opened), opened.session.messages) == ("one\n", *before)


async def test_a_model_that_never_saw_all_of_a_file_may_not_replace_it_after_it_was_put_back(world: World) -> None:
    world.text = "zero\nkept\n"
    edit = {"calls": [{"name": "edit", "arguments": {"path": "a.txt", "old": "zero", "new": "one"}}]}
    blind = {"calls": [{"name": "write", "arguments": {"path": "a.txt", "content": "blind\n"}}]}
    for number in range(5):  # in a small repository every file would be shown with the request
        (world.root / f"other{number}.txt").write_text("x\n")
    opened = world.open([edit, {"text": "done"}], [blind, {"text": "well"}])
    await opened.session.run_turn("change it")
    opened.session.rewind(1)
    await opened.session.run_turn("again")
    assert world.text == "zero\nkept\n"


async def test_a_resumed_session_knows_its_turns_what_they_asked_and_their_files(world: World) -> None:
    first = await world.play("one\n", "two\n", persist=True)
    known, messages = points(first), first.session.messages
    await first.session.close()
    again = world.open([{"text": "third"}], persist=True, resume=first.session.id)
    assert points(again) == known
    assert again.session.rewind(2) == (str(world.root / "a.txt"),)
    assert (world.text, said(again)) == ("one\n", ["wrote one\n"])
    again.session.timeline.redo()
    assert (world.text, again.session.messages) == ("two\n", messages)
    await again.session.run_turn("request 3")
    assert [number for number, _, _ in points(again)] == [1, 2, 3]
    await again.session.close()


async def test_a_session_resumed_after_undo_and_redo_has_the_turns_that_stood(world: World) -> None:
    first = await world.play("one\n", "two\n", "three\n", persist=True)
    for turn in (3, 2):
        first.session.rewind(turn)
    first.session.timeline.redo()
    first.session.rewind(2, conversation=False)
    known, messages = points(first), first.session.messages
    assert [number for number, _, _ in known] == [1, 2]
    await first.session.close()
    again = world.open([{"text": "new"}], persist=True, resume=first.session.id)
    assert (points(again), again.session.messages, world.text) == (known, messages, "one\n")
    seen = []
    while again.session.timeline.redo() is not None:
        seen.append((world.text, len(points(again))))
    assert seen == [("two\n", 2), ("three\n", 3)]
    await again.session.close()


def conversation_of(events: list[Event]) -> tuple[Timeline, Conversation]:
    conversation = Conversation((), events.append)
    return Timeline(conversation, ChangeLog(Path("/nowhere")), FileLedger()), conversation


steps = st.lists(
    st.one_of(
        st.tuples(st.just("turn"), st.integers(0, 3)),
        st.tuples(st.just("step back"), st.integers(0, 2)),
        st.tuples(st.sampled_from(["rewind", "files only"]), st.integers(1, 6)),
        st.tuples(st.just("redo"), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_the_log_tells_the_same_turns_whatever_was_done(steps: list[tuple[str, int]]) -> None:
    events: list[Event] = []
    timeline, conversation = conversation_of(events)
    for number, (kind, size) in enumerate(steps):
        match kind:
            case "turn":
                timeline.begin(f"text {number}")
                events.append(TurnStarted(text=f"text {number}"))
                for _ in range(size):
                    conversation.add(Message(role="user", content=str(number)))
            case "step back":  # as the agent takes back its own step, never beyond the beginning of the turn
                start = timeline.points[-1].messages if timeline.points else 0
                conversation.rewind(max(start, len(conversation) - size), (), "again")
            case "redo":
                timeline.redo()
            case _ if size <= len(timeline.points):
                timeline.rewind(size, conversation=kind == "rewind")
            case _:
                pass
    recalled, _ = conversation_of([])
    recalled.recall(events)
    assert recalled.points == tuple(dataclasses.replace(point, files=None) for point in timeline.points)
    assert messages_of(events) == list(conversation.messages)


async def test_a_turn_that_failed_before_a_word_was_said_is_still_there_after_another_was_undone() -> None:
    events: list[Event] = []
    timeline, conversation = conversation_of(events)
    for text in ("failed at once", "second"):
        timeline.begin(text)
        events.append(TurnStarted(text=text))
    conversation.add(Message(role="user", content="second"))
    timeline.rewind(2)
    recalled, _ = conversation_of([])
    recalled.recall(events)
    assert [p.text for p in recalled.points] == [p.text for p in timeline.points] == ["failed at once"]
