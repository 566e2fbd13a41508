"""A session as a front end drives it: steering, questions aside, the person's shell, undo, and what approval leaves."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from codeagent.agent import events
from codeagent.agent.bootstrap import Opened, SessionOptions, open_session
from codeagent.agent.context.usage import CATEGORIES, context_use
from codeagent.agent.events import Event
from codeagent.agent.paths import Paths
from codeagent.agent.permissions import Answer, Question
from codeagent.inference.client import TextDelta
from codeagent.inference.scripted import ScriptedClient
from codeagent.tools import hunks
from codeagent.tools.api import FileChange

BEFORE = "".join(f"line {n}\n" for n in range(1, 21))
AFTER = BEFORE.replace("line 2\n", "second\n").replace("line 18\n", "eighteenth\n")


class Person:
    """Answers questions as told."""

    def __init__(self, answer: Callable[[Question], Answer]) -> None:
        self.answer = answer
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        return self.answer(question)


class World:
    """A folder, a script and the session over them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repo"
        self.root.mkdir()
        self.script = folder / "script.jsonl"
        self.events: list[Event] = []
        self.opened: list[Opened] = []
        self._waiting: list[tuple[type[Any], Callable[[], None]]] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)
        for kind, action in [(kind, action) for kind, action in self._waiting if isinstance(event, kind)]:
            self._waiting.remove((kind, action))
            action()

    def once(self, kind: type[Any], action: Callable[[], None]) -> None:
        """Do something as soon as an event of this kind comes."""
        self._waiting.append((kind, action))

    def open(self, *turns: dict[str, Any], person: Person | None = None) -> Opened:
        self.script.write_text("".join(json.dumps(turn) + "\n" for turn in turns))
        home = self.root.parent / "home"
        paths = Paths(home / "config", home / "state", home / "cache", home / "data")
        options = SessionOptions(root=self.root, paths=paths, trust=True, bare=True, persist=False, replay=self.script)
        self.opened.append(open_session(options, self.emit, person))
        return self.opened[-1]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    world = World(tmp_path)
    yield world
    for opened in world.opened:
        await opened.session.close()


def client(opened: Opened) -> ScriptedClient:
    assert isinstance(opened.client, ScriptedClient)
    return opened.client


def rewrite(text: str) -> dict[str, Any]:
    return {"calls": [{"name": "write", "arguments": {"path": "a.txt", "content": text}}]}


READ = {"calls": [{"name": "read", "arguments": {"path": "a.txt"}}]}


async def test_each_request_tells_what_may_be_edited_as_it_is_then(world: World) -> None:
    (world.root / "a.txt").write_text("x\n")
    (world.root / "other.txt").write_text("not shown\n")
    for number in range(4):
        (world.root / f"{number}.txt").write_text("")
    opened = world.open(READ, rewrite("y\n"), {"text": "done"})
    opened.session.mode = "acceptEdits"
    await opened.session.run_turn("say hello")
    first, second, third = client(opened).requests
    assert [request.texts for request in (first, second, third)] == [{}, {"a.txt": "x\n"}, {"a.txt": "y\n"}]
    assert set(first.paths) == {"a.txt", "other.txt", "0.txt", "1.txt", "2.txt", "3.txt"}
    assert {tool.name: (tool.existing, tool.anchors) for tool in first.tools if tool.existing} == {
        "edit": ("path", ("old",))
    }


async def test_in_plan_mode_tools_that_act_are_shown_and_cannot_be_called(world: World) -> None:
    opened = world.open({"text": "done"}, {"text": "done"})
    await opened.session.run_turn("first")
    opened.session.mode = "plan"
    await opened.session.run_turn("second")
    free, planning = client(opened).requests
    assert free.masked == ()
    assert set(planning.masked) == {"edit", "write", "test"}
    assert planning.tools == free.tools


async def test_what_is_said_into_a_turn_is_read_before_the_next_step(world: World) -> None:
    (world.root / "a.txt").write_text("x\n")
    opened = world.open(READ, {"text": "done"})
    world.once(events.StepStarted, lambda: opened.session.steer("and be brief"))
    await opened.session.run_turn("look at a.txt")
    assert [m.content for m in client(opened).requests[-1].messages if m.role == "user"][-1] == "and be brief"
    assert [event.text for event in world.of(events.Steered)] == ["and be brief"]


async def test_a_word_said_during_the_last_answer_is_answered_in_the_same_turn(world: World) -> None:
    opened = world.open({"text": "one"}, {"text": "two"})
    world.once(TextDelta, lambda: opened.session.steer("go on"))
    finished = await opened.session.run_turn("begin")
    assert (finished.outcome, finished.text) == ("done", "two")


async def test_a_question_aside_leaves_the_conversation_as_it_was(world: World) -> None:
    opened = world.open({"text": "hello"}, {"text": "an aside"}, {"text": "again"})
    await opened.session.run_turn("hi")
    before = opened.session.messages
    answer = "".join([text async for text in opened.session.aside("what is this?")])
    assert answer == "an aside"
    assert opened.session.messages == before
    assert client(opened).requests[-1].messages[:-1] == before
    await opened.session.run_turn("and now")
    assert all("what is this?" not in m.content for m in client(opened).requests[-1].messages)


async def test_the_persons_command_is_told_to_the_model_only_if_it_is_shared(world: World) -> None:
    opened = world.open({"text": "ok"})
    await opened.session.shell("echo secret", False, lambda _: None)
    finished = await opened.session.shell("echo shared; exit 3", True, lambda _: None)
    assert finished.exit_code == 3
    await opened.session.run_turn("what happened?")
    told = client(opened).requests[-1].messages[-1].content
    assert "shared" in told and "exit code 3" in told
    assert "secret" not in told


async def test_only_the_accepted_hunks_are_written_and_the_model_is_told_what_was_left_out(world: World) -> None:
    (world.root / "a.txt").write_text(BEFORE)

    def first_only(question: Question) -> Answer:
        call = question.call
        assert isinstance(call, FileChange)
        found = hunks.hunks(call.before or "", call.after)
        return Answer("once", "keep the number", call.revised(hunks.take(call.before or "", found, {0})))

    opened = world.open(READ, rewrite(AFTER), {"text": "done"}, person=Person(first_only))
    await opened.session.run_turn("change it")
    assert (world.root / "a.txt").read_text() == BEFORE.replace("line 2\n", "second\n")
    told = client(opened).requests[-1].messages[-1].content
    assert "-eighteenth" in told and "+line 18" in told and "keep the number" in told


@pytest.mark.case(30)
async def test_an_edit_of_a_file_that_changed_elsewhere_meanwhile_is_shown_again_and_keeps_both(world: World) -> None:
    file = world.root / "a.txt"
    file.write_text(BEFORE)

    def meanwhile(question: Question) -> Answer:
        if len(person.asked) == 1:
            file.write_text(BEFORE.replace("line 10\n", "ten\n"))
        return Answer("once")

    person = Person(meanwhile)
    opened = world.open(READ, rewrite(AFTER), {"text": "done"}, person=person)
    await opened.session.run_turn("change it")
    assert len(person.asked) == 2
    assert file.read_text() == AFTER.replace("line 10\n", "ten\n")


@pytest.mark.case(30)
async def test_an_edit_of_lines_that_changed_meanwhile_is_refused(world: World) -> None:
    file = world.root / "a.txt"
    file.write_text(BEFORE)

    def meanwhile(question: Question) -> Answer:
        file.write_text(BEFORE.replace("line 2\n", "mine\n"))
        return Answer("once")

    opened = world.open(READ, rewrite(AFTER), {"text": "done"}, person=Person(meanwhile))
    await opened.session.run_turn("change it")
    assert file.read_text() == BEFORE.replace("line 2\n", "mine\n")
    assert "changed meanwhile" in client(opened).requests[-1].messages[-1].content


async def test_undo_takes_back_files_and_conversation_and_redo_brings_both_again(world: World) -> None:
    opened = world.open(rewrite("new\n"), {"text": "made"}, person=Person(lambda _: Answer("once")))
    await opened.session.run_turn("make a.txt")
    messages = opened.session.messages
    opened.session.rewind(1)
    assert not (world.root / "a.txt").exists()
    assert opened.session.messages == ()
    opened.session.redo()
    assert (world.root / "a.txt").read_text() == "new\n"
    assert opened.session.messages == messages


async def test_the_model_hears_of_files_that_were_put_back_alone(world: World) -> None:
    opened = world.open(rewrite("new\n"), {"text": "made"}, {"text": "ok"}, person=Person(lambda _: Answer("once")))
    await opened.session.run_turn("make a.txt")
    opened.session.rewind(1, conversation=False)
    await opened.session.run_turn("go on")
    assert "put these files back" in client(opened).requests[-1].messages[-1].content


async def test_the_window_is_accounted_for_by_category(world: World) -> None:
    (world.root / "a.txt").write_text(BEFORE)
    opened = world.open(READ, {"text": "done"})
    await opened.session.run_turn("look at a.txt")
    use = await context_use(opened.client, opened.session.messages, opened.session.tools)
    assert set(use.tokens) == set(CATEGORIES)
    assert sum(use.tokens.values()) == use.total
    assert use.tokens["tool results"] > 0 and use.tokens["your messages"] > 0


SHOWN = "Like this:\n\n```python\ndef add(a, b):\n    return a + b\n```\n"


async def test_a_change_that_is_shown_instead_of_made_is_asked_for_once(world: World) -> None:
    (world.root / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    made = {
        "calls": [{"name": "write", "arguments": {"path": "calc.py", "content": "def add(a, b):\n    return a + b\n"}}]
    }
    opened = world.open({"text": SHOWN}, made, {"text": SHOWN}, person=Person(lambda _: Answer("once")))
    finished = await opened.session.run_turn("fix add in calc.py")
    assert (world.root / "calc.py").read_text() == "def add(a, b):\n    return a + b\n"
    assert finished.outcome == "done"
    asked = client(opened).requests[1]
    assert (asked.tool_choice, asked.files, asked.only) == ("required", ("calc.py",), ("write",))
    assert client(opened).requests[2].tool_choice == "auto"


@pytest.mark.parametrize("answer", ["No code.", "```python\nprint('something else')\n```", "def add(a, b):"])
async def test_an_answer_without_code_of_a_file_ends_the_turn(world: World, answer: str) -> None:
    (world.root / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    opened = world.open({"text": answer}, person=Person(lambda _: Answer("once")))
    assert (await opened.session.run_turn("what does add in calc.py do?")).outcome == "done"


async def test_an_edit_without_its_head_is_one_of_the_file_that_the_request_names(world: World) -> None:
    (world.root / "a.txt").write_text(BEFORE)
    (world.root / "b.txt").write_text("another file\n")
    opened = world.open(
        {"text": "```old\nthe refused line\n```\n```new\na better line\n```"}, rewrite(AFTER), {"text": "done"}
    )
    await opened.session.run_turn("improve a.txt")
    asked = client(opened).requests[1]
    assert (asked.tool_choice, asked.only, asked.files) == ("required", ("write",), ("a.txt",))


async def test_a_change_shown_after_the_person_refused_one_is_asked_for_again(world: World) -> None:
    (world.root / "a.txt").write_text(BEFORE)
    person = Person(lambda question: Answer("no", "not like that"))
    shown = {"text": "```\nline 17\nline 18 of them\nline 19\nline 20 is the last\n```\n```new\nx\n```"}
    opened = world.open(shown, rewrite(AFTER), shown, rewrite(AFTER), {"text": "done"}, person=person)
    finished = await opened.session.run_turn("improve a.txt")
    assert (len(person.asked), finished.text) == (2, "done")


async def test_in_plan_mode_a_shown_change_stays_shown(world: World) -> None:
    (world.root / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    opened = world.open({"text": SHOWN}, person=Person(lambda _: Answer("once")))
    opened.session.mode = "plan"
    assert (await opened.session.run_turn("fix add in calc.py")).outcome == "done"


async def test_a_call_that_cannot_be_made_is_seen_to_fail(world: World) -> None:
    opened = world.open({"calls": [{"name": "read", "arguments": {"path": "gone.txt"}}]}, {"text": "done"})
    await opened.session.run_turn("look")
    failed = world.of(events.ToolFinished)
    assert [(event.name, event.is_error) for event in failed] == [("read", True)]
    assert "gone.txt" in failed[0].display.text
