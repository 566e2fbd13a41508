"""What a session tells the model of the code around it: symbols that are named, the map, the project's instructions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from codeagent.agent.bootstrap import Opened, SessionOptions, open_session
from codeagent.agent.events import Event, Notice
from codeagent.agent.paths import Paths
from codeagent.agent.permissions import Answer, Question
from codeagent.inference.client import Message
from codeagent.inference.scripted import ScriptedClient

LONG = "# a comment that makes the file long enough to be left out\n" * 400
MODULES = {f"shop/part_{n}.py": f"def part_{n}():\n    return {n}\n" for n in range(8)}
CART = f'{LONG}\n\nclass Cart:\n    """What is bought."""\n\n    def total(self):\n        return sum(self.prices)\n'
REPOSITORY = MODULES | {"shop/cart.py": CART, "shop/money.py": "def cents(euros):\n    return euros * 100\n"}


class Person:
    async def ask(self, question: Question) -> Answer:
        return Answer("once")


class World:
    """A repository of ten files, and sessions over it that say `ok` to everything."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repo"
        home = folder / "home"
        self.paths = Paths(home / "config", home / "state", home / "cache", home / "data")
        self.opened: list[Opened] = []
        self.events: list[Event] = []
        for name, text in REPOSITORY.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def open(self, answers: int = 3, bare: bool = False, **settings: Any) -> Opened:
        script = self.root.parent / "script.jsonl"
        script.write_text("".join(json.dumps({"text": f"answer {n}"}) + "\n" for n in range(answers)))
        options = SessionOptions(
            root=self.root, paths=self.paths, flags=settings, trust=True, bare=bare, persist=False, replay=script
        )
        self.opened.append(open_session(options, self.events.append, Person()))
        return self.opened[-1]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    world = World(tmp_path)
    yield world
    for opened in world.opened:
        await opened.session.close()


async def said(opened: Opened, text: str) -> tuple[Message, ...]:
    """What the model is sent with a request."""
    await opened.session.run_turn(text)
    assert isinstance(opened.client, ScriptedClient)
    return opened.client.requests[-1].messages


@pytest.mark.parametrize("request_", ["What does `Cart.total` return?", "look at @Cart.total", "is Cart.total right?"])
async def test_a_symbol_that_is_named_is_quoted_where_its_file_is_too_long(world: World, request_: str) -> None:
    content = (await said(world.open(), request_))[-1].content
    assert "`shop/cart.py`, lines 406 to 407 of 408:\n```python\n    def total(self):\n        return sum" in content
    assert "a comment that makes" not in content


async def test_the_file_of_a_symbol_that_is_named_is_shown_whole_where_it_is_short(world: World) -> None:
    content = (await said(world.open(), "Why does `cents` multiply?"))[-1].content
    assert "`shop/money.py`:\n```python\ndef cents(euros):\n    return euros * 100\n```" in content


async def test_what_else_may_matter_is_named_with_its_place(world: World) -> None:
    content = (await said(world.open(), "convert an amount of euros"))[-1].content
    assert "- shop/money.py:1 def cents(euros)" in content


async def test_the_map_is_in_the_first_message_and_as_long_as_it_may_be(world: World) -> None:
    whole = (await said(world.open(map_tokens=400), "hello"))[0].content
    assert "shop/cart.py" in whole and "def total(self)" in whole
    part = (await said(world.open(map_tokens=60), "hello"))[0].content
    none = (await said(world.open(map_tokens=0), "hello"))[0].content
    assert len(none) < len(part) < len(whole) and "def part_" not in none


async def test_all_that_was_sent_is_sent_again_unchanged_before_what_is_new(world: World) -> None:
    opened = world.open()
    first = await said(opened, "hello")
    world.write("shop/new.py", "def brand_new():\n    pass\n")
    await until(opened, lambda: any(found.path == "shop/new.py" for found in opened.code.index.find("brand_new")))
    second = await said(opened, "and now?")
    assert second[: len(first)] == first
    assert "shop/new.py" in second[-1].content
    third = await said(opened, "and then?")
    assert third[: len(second)] == second
    assert "shop/new.py" not in third[-1].content


async def test_the_projects_instructions_are_read_and_what_is_hidden_in_them_is_told(world: World) -> None:
    world.write("AGENTS.md", "Use four spaces.\u200b\n")
    system = (await said(world.open(), "hello"))[0].content
    assert "Use four spaces." in system and "\u200b" not in system
    assert any("AGENTS.md holds 1 invisible character" in e.text for e in world.events if isinstance(e, Notice))
    assert "four spaces" not in (await said(world.open(bare=True), "hello"))[0].content


async def test_symbol_tools_are_given_when_they_are_wanted(world: World) -> None:
    assert "find_symbol" not in [tool.name for tool in world.open().session.tools]
    tools = [tool.name for tool in world.open(symbol_tools=True).session.tools]
    assert tools[-3:] == ["find_symbol", "outline", "edit_symbol"]


async def until(opened: Opened, condition: Callable[[], bool]) -> None:
    """Wait for what the watching of files brings, ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what happens outside of the program has no event
            await asyncio.sleep(0.02)
