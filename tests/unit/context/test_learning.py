"""Code found by its meaning in a session: vectors come in the background, nothing waits for them, and they may fail."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedders import TrigramEmbedder
from index_stage import make_index, write
from numpy.typing import NDArray

from codeagent.agent.bootstrap import SessionOptions, open_session
from codeagent.agent.context.code import CodeContext
from codeagent.agent.context.embedder import Embedder
from codeagent.agent.context.learning import Learning
from codeagent.agent.context.ranking.vectors import BATCH, PATIENCE_S
from codeagent.agent.events import Event, Notice
from codeagent.agent.git.program import Git
from codeagent.agent.git.repository import Repository
from codeagent.agent.paths import Paths
from codeagent.agent.permissions import Answer, Question
from codeagent.inference.client import ModelLoadError, RunnerDiedError
from codeagent.tools.process import Processes

FILES = {
    "shop/currency.py": 'def round_to_cents(amount):\n    """Commercial rounding."""\n    return round(amount, 2)\n',
    "shop/text.py": 'def trim(text):\n    """Cut blanks off both ends."""\n    return text.strip()\n',
}
REQUEST = "roundings of centimes"  # no such word stands anywhere
PATIENCE = 20


class Odd(TrigramEmbedder):
    """Does with the n-th call what the n-th entry of `plays` says, and works after that."""

    def __init__(self, *plays: Exception | None) -> None:
        super().__init__()
        self.plays = list(plays)
        self.closed = False
        self.slow = False
        self.ready = True
        self.heard: Callable[[], None] = lambda: None

    async def start(self) -> None:
        self.ready = True

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.slow:
            await asyncio.Event().wait()
        self.heard()
        play = self.plays.pop(0) if self.plays else None
        if play is not None:
            raise play
        return await super().embed(texts)

    async def close(self) -> None:
        self.closed = True


class World:
    """A repository, and contexts over it that find code by an embedder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "repo"
        self.root.mkdir()
        write(self.root, FILES)
        self.notices: list[str] = []
        self.contexts: list[CodeContext] = []

    def open(self, make: Callable[[], Embedder], paused: bool = False) -> CodeContext:
        index = make_index(self.root, self.folder / "cache" / "index.sqlite")
        repository = Repository(Git(Processes(self.root, os.environ)), self.root)
        learning = Learning(make, self.folder / "cache" / "vectors", self.notices.append)
        context = CodeContext(index, repository, self.notices.append, learning)
        self.contexts.append(context)
        if paused:
            context.pause()
        context.start(watch=True)
        return context

    async def found(self, context: CodeContext) -> list[str]:
        return [hit.path for hit in await context.hits(REQUEST, "", (), 5)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    world = World(tmp_path)
    yield world
    for context in world.contexts:
        await context.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens in the background, in bounded time."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is asked of the embedder has no event
            await asyncio.sleep(0.01)


async def learnt(world: World, context: CodeContext) -> str:
    """What is found first once the vectors are there."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await world.found(context)):  # noqa: ASYNC110  # the background has no event
            await asyncio.sleep(0.01)
    return found[0]


async def test_what_no_word_names_is_found_once_the_background_has_come_so_far(world: World) -> None:
    embedder = TrigramEmbedder()
    context = world.open(lambda: embedder)
    assert await learnt(world, context) == "shop/currency.py"
    assert world.notices == []


async def test_of_what_only_nearness_speaks_for_no_more_than_three_are_given(world: World) -> None:
    write(world.root, {f"shop/round_{n}.py": f"def round_{n}_cents(): pass\n" for n in range(9)})
    context = world.open(TrigramEmbedder)
    await learnt(world, context)
    assert len(await context.hits(REQUEST, "", (), 10)) == 3


async def test_while_a_turn_is_under_way_no_vectors_are_made(world: World) -> None:
    embedder = TrigramEmbedder()
    context = world.open(lambda: embedder, paused=True)
    assert await context.ready(PATIENCE)
    assert await world.found(context) == []
    assert embedder.asked == []
    context.resume()
    assert await learnt(world, context) == "shop/currency.py"


async def test_a_turn_that_begins_while_vectors_are_made_stops_that_after_a_few(world: World) -> None:
    write(world.root, {"many.py": "".join(f"def work_{n}(): pass\n" for n in range(100))})
    embedder = Odd()
    context = world.open(lambda: embedder)
    embedder.heard = context.pause
    await until(lambda: bool(embedder.asked))
    for _ in range(10):
        await context.hits("work_7", "", (), 5)
    assert len(embedder.asked) == BATCH
    embedder.heard = lambda: None
    context.resume()
    await until(lambda: len(embedder.asked) > 100)


async def test_after_a_turn_only_what_is_new_is_embedded(world: World) -> None:
    embedder = TrigramEmbedder()
    context = world.open(lambda: embedder)
    await learnt(world, context)
    context.pause()
    embedder.asked.clear()
    write(world.root, {"shop/mail.py": 'def send_receipt():\n    """By mail."""\n'})
    await until(lambda: bool(context.index.find("send_receipt")))
    context.resume()
    await until(lambda: bool(embedder.asked))
    assert [text.split("\n")[0] for text in embedder.asked] == ["send_receipt"]


async def test_another_session_finds_by_the_vectors_that_are_kept_also_in_its_first_turn(world: World) -> None:
    await learnt(world, world.open(TrigramEmbedder))
    await world.contexts[-1].close()
    embedder = Odd()
    embedder.ready = False  # it has to be loaded first
    context = world.open(lambda: embedder, paused=True)
    assert await learnt(world, context) == "shop/currency.py"
    assert set(embedder.asked) == {REQUEST}


async def test_a_request_does_not_wait_for_a_slow_model_nor_for_one_that_is_not_loaded(world: World) -> None:
    embedder = Odd()
    context = world.open(lambda: embedder)
    await learnt(world, context)
    embedder.slow = True
    async with asyncio.timeout(PATIENCE_S + 3):
        assert await world.found(context) == []
    embedder.slow = embedder.ready = False
    embedder.asked.clear()
    assert await world.found(context) == []
    assert embedder.asked == []


async def test_a_model_that_is_not_there_is_one_sentence_and_the_rest_goes_on(world: World) -> None:
    def missing() -> Embedder:
        raise ModelLoadError("There is no embedding model.")

    context = world.open(missing)
    await until(lambda: bool(world.notices))
    hits = await context.hits("cut blanks off", "", (), 5)
    assert [hit.path for hit in hits] == ["shop/text.py"]
    context.resume()
    await context.close()
    (notice,) = world.notices
    assert "There is no embedding model." in notice


async def test_a_process_that_dies_is_replaced(world: World) -> None:
    context = world.open(lambda: Odd(RunnerDiedError("killed")))
    assert await learnt(world, context) == "shop/currency.py"
    assert world.notices == []


async def test_a_process_that_dies_again_is_left_out_and_that_is_told(world: World) -> None:
    embedder = Odd(*(RunnerDiedError("It crashed.", "a long\nstory") for _ in range(2)))
    context = world.open(lambda: embedder)
    await until(lambda: embedder.closed)
    assert [hit.path for hit in await context.hits("cut blanks off", "", (), 5)] == ["shop/text.py"]
    (notice,) = world.notices
    assert notice.endswith("It crashed.")


async def test_what_was_made_before_a_failure_is_kept(world: World) -> None:
    many = "".join(f'def work_{n}():\n    """Number {n}."""\n\n\n' for n in range(40))
    write(world.root, {"many.py": many})
    died = RunnerDiedError("killed")
    first = Odd(None, died, died)
    world.open(lambda: first)
    await until(lambda: first.closed)
    again = TrigramEmbedder()
    await learnt(world, world.open(lambda: again))
    assert not {text for text in again.asked if text != REQUEST} & set(first.asked)


class Person:
    async def ask(self, question: Question) -> Answer:
        return Answer("once")


@pytest.mark.parametrize("model", ["no-such-model", "{folder}/nothing.gguf", "{folder}/broken.gguf"])
async def test_a_session_works_with_a_model_that_is_missing_or_broken(tmp_path: Path, model: str) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    write(root, FILES)
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\xff" * 500)
    script = tmp_path / "script.jsonl"
    script.write_text(json.dumps({"text": "done"}) + "\n")
    home = tmp_path / "home"
    paths = Paths(home / "config", home / "state", home / "cache", home / "data")
    flags: dict[str, Any] = {"embedding_model": model.format(folder=tmp_path)}
    events: list[Event] = []
    options = SessionOptions(root=root, paths=paths, flags=flags, trust=True, persist=False, replay=script)
    opened = open_session(options, events.append, Person())
    finished = await opened.session.run_turn("What does `trim` cut?")
    await until(lambda: any("by meaning" in event.text for event in events if isinstance(event, Notice)))
    await opened.session.close()
    assert finished.outcome == "done"
    assert len([event for event in events if isinstance(event, Notice) and "by meaning" in event.text]) == 1
