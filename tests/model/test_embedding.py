"""Vectors of texts from a real model in a real process: the small one of the catalogue, and a tiny one like BERT."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest
from bert_file import RANK, WINDOW, bert
from gguf_files import tiny_model, write
from harness import Command
from runner_bench import wait_gone

from codeagent.agent.embedding import open_embedder
from codeagent.inference.client import BadRequestError, ChatRequest, Message, ModelLoadError, RunnerDiedError
from codeagent.inference.embedder import RunnerEmbedder
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient

pytestmark = pytest.mark.model


def embedder_of(path: Path) -> RunnerEmbedder:
    return RunnerEmbedder(LoadSettings(path=str(path), name=path.stem, embedding=True))


@pytest.fixture
async def small(small_model: Path) -> AsyncGenerator[RunnerEmbedder]:
    embedder = open_embedder(str(small_model), None, os.environ)  # confined, as sessions have it
    yield embedder
    await embedder.close()


@pytest.fixture
async def tiny(tmp_path: Path) -> AsyncGenerator[RunnerEmbedder]:
    embedder = embedder_of(bert(tmp_path / "bert.gguf"))
    yield embedder
    await embedder.close()


async def test_equal_texts_have_equal_vectors_and_related_ones_near_ones(small: RunnerEmbedder) -> None:
    assert not small.ready
    assert small.pid is None  # nothing runs before it is needed
    reading = "def read_json(path): parse a JSON file"
    texts = [reading, "load a JSON document from disk", "a button that can be clicked", reading, ""]
    vectors = await small.embed(texts)
    assert small.ready
    assert vectors.shape == (5, 896)
    assert np.linalg.norm(vectors, axis=1).tolist() == pytest.approx([1, 1, 1, 1, 0])
    likeness = vectors @ vectors[0]
    assert likeness[3] == pytest.approx(1.0)
    assert likeness[1] > likeness[2] + 0.05
    assert small.pid is not None
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, small.pid) == min(19, own + 15)  # it steps back behind the others


async def test_cancelling_stops_the_work_and_the_next_texts_are_served(small: RunnerEmbedder) -> None:
    await small.start()
    pid = small.pid
    long = asyncio.create_task(small.embed(["many different words about nothing " * 200] * 50))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await long
    async with asyncio.timeout(10):  # fifty would take minutes
        assert (await small.embed(["colour"])).shape == (1, 896)
    assert small.pid == pid


async def test_a_killed_process_is_replaced_at_the_next_texts(tiny: RunnerEmbedder) -> None:
    before = await tiny.embed(["red cat"])
    assert tiny.pid is not None
    os.kill(tiny.pid, signal.SIGKILL)
    assert wait_gone(tiny.pid)
    try:
        after = await tiny.embed(["red cat"])
    except RunnerDiedError:  # its end had not been heard of yet
        after = await tiny.embed(["red cat"])
    assert np.array_equal(before, after)


async def test_a_model_that_looks_both_ways_sees_the_whole_text(tiny: RunnerEmbedder) -> None:
    cat, dog, again = await tiny.embed(["red red red cat", "red red red dog", "red red red cat"])
    assert np.array_equal(cat, again)
    assert cat @ dog < 0.999  # what stands for the text is its first mark, before the word that differs
    assert np.linalg.norm(cat) == pytest.approx(1.0)


async def test_of_a_text_longer_than_the_window_the_beginning_counts(tiny: RunnerEmbedder) -> None:
    fits = "red " * (WINDOW - 2)  # beside the marks of beginning and end
    whole, longer, much, other = await tiny.embed(
        [fits, fits + "dog " * 50, fits + "dog " * 100_000, "dog " + fits[:-4]]
    )
    assert np.array_equal(whole, longer)
    assert np.array_equal(whole, much)
    assert not np.array_equal(whole, other)


async def test_a_file_that_does_not_say_what_stands_for_a_text_takes_the_mean(tmp_path: Path) -> None:
    first, unsaid, mean = (
        embedder_of(bert(tmp_path / name, bert__pooling_type=kind))
        for name, kind in (("first.gguf", 2), ("unsaid.gguf", None), ("mean.gguf", 1))
    )
    found = [(await one.embed(["red blue cat"]))[0] for one in (first, unsaid, mean)]
    for one in (first, unsaid, mean):
        await one.close()
    assert np.array_equal(found[1], found[2])
    assert not np.allclose(found[0], found[1])
    assert len({first.name, unsaid.name, mean.name}) == 3


async def test_texts_that_no_frame_can_carry_are_embedded_all_the_same(tiny: RunnerEmbedder) -> None:
    vectors = await tiny.embed(["caf\udce9 red", "\x00", "red\U0001f600" * 3])
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("damage", ["reranker", "no weights for it", "cut short", "missing"])
async def test_a_file_that_gives_no_vectors_is_refused_in_a_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "model.gguf"
    if damage == "reranker":
        bert(path, bert__pooling_type=RANK)
    elif damage == "no weights for it":
        write(path, tiny_model())
    elif damage == "cut short":
        path.write_bytes(bert(path).read_bytes()[:-2000])
    with pytest.raises(ModelLoadError, match=r"model\.gguf") as raised:
        embedder = embedder_of(path)
        try:
            await embedder.embed(["red"])
        finally:
            await embedder.close()
    assert "Traceback" not in str(raised.value)


async def test_a_model_loaded_for_one_thing_refuses_the_other(tmp_path: Path) -> None:
    settings = LoadSettings(path=str(bert(tmp_path / "bert.gguf")), name="bert", embedding=True)
    client = RunnerClient(settings, lambda *_: None)
    request = ChatRequest(messages=(Message(role="user", content="red"),))
    try:
        with pytest.raises(BadRequestError, match="vectors"):
            await client.count_tokens(request)
        with pytest.raises(BadRequestError, match="vectors"):
            [event async for event in client.stream(request)]
        assert (await client.embed(["red"])).length == 32
    finally:
        await client.close()


def test_the_index_command_makes_vectors_once(codeagent: Command, home: dict[str, str], tmp_path: Path) -> None:
    (codeagent.cwd / "shop.py").write_text("def red():\n    pass\n\n\ndef blue():\n    pass\n")
    refused = codeagent("index", "--trust", "--vectors")
    assert (refused.code, "embedding_model" in refused.err) == (52, True)
    settings = Path(home["XDG_CONFIG_HOME"]) / "codeagent" / "config.toml"
    write(settings, f'embedding_model = "{bert(tmp_path / "bert.gguf")}"\n'.encode())
    assert codeagent("index", "--trust", "--vectors").out == "2 definitions were given a vector.\n"
    assert codeagent("index", "--trust", "--vectors").out == "0 definitions were given a vector.\n"
    write(settings, b'embedding_model = "/nowhere/model.gguf"\n')
    missing = codeagent("index", "--trust", "--vectors")
    assert (missing.code, "There is no embedding model /nowhere/model.gguf" in missing.err) == (52, True)
