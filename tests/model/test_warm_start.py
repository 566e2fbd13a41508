"""What one engine has read, the next one loads from the disk."""

from __future__ import annotations

import os
import shutil
from contextlib import aclosing, closing
from pathlib import Path
from threading import Event

import pytest

from codeagent.agent.confinement import runner_command
from codeagent.inference.client import ChatRequest, Finished, Message, ModelEvent, Prefill, Sampling
from codeagent.inference.engine.engine import Engine
from codeagent.inference.frames import LoadSettings, WarmPlace
from codeagent.inference.runner_client import RunnerClient
from codeagent.inference.store import ModelStore, default_models_folder
from codeagent.inference.warm_place import Measured, measured, note

pytestmark = pytest.mark.model

RULES = "You are a careful programmer. " + "".join(f"Rule {n}: keep function number {n} short.\n" for n in range(25))
GB = 10**9


def settings(model: Path, folder: Path | None, **more: object) -> LoadSettings:
    warm = None if folder is None else WarmPlace(folder=str(folder), limit=2 * GB)
    return LoadSettings.model_validate({"path": str(model), "name": "m", "context": 1536, "warm": warm} | more)


def load(model: Path, folder: Path | None, **more: object) -> Engine:
    return Engine.load(settings(model, folder, **more))


def ask(*said: Message, tokens: int = 1) -> ChatRequest:
    return ChatRequest(messages=said, sampling=Sampling(temperature=0), max_tokens=tokens)


def question(text: str, tokens: int = 1) -> ChatRequest:
    return ask(Message(role="system", content=RULES), Message(role="user", content=text), tokens=tokens)


def answer(engine: Engine, request: ChatRequest) -> Finished:
    events: list[ModelEvent] = []
    engine.generate(request, events.append, Event())
    assert isinstance(events[-1], Finished)
    return events[-1]


def unread(end: Finished) -> int:
    return end.usage.prompt_tokens - end.usage.cached_tokens


def went_on(first: ChatRequest, end: Finished, text: str, tokens: int) -> ChatRequest:
    said = Message(role="assistant", content=end.raw, tokens=end.tokens)
    return ask(*first.messages, said, Message(role="user", content=text), tokens=tokens)


def states(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.state"))


FIRST = question("Write a Python function that adds two numbers.", tokens=40)
SHORT = question("What is the capital of France?")


@pytest.fixture(scope="module")
def kept(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """A folder with what a first session left, and its answer. Not to be changed."""
    folder = tmp_path_factory.mktemp("warm")
    with closing(load(small_model, folder)) as engine:
        end = answer(engine, FIRST)
    return folder, end


@pytest.fixture
def folder(kept: tuple[Path, Finished], tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(kept[0], tmp_path / "states"))


def test_a_reopened_session_reads_only_what_is_new_and_goes_on_as_a_cold_one_does(
    small_model: Path, kept: tuple[Path, Finished], folder: Path
) -> None:
    # What was written is in the cache as it was written, token by token, and a cold start reads it in chunks: that is
    # other arithmetic, and of two words about equally likely the other may win. Here there are none such.
    numbers = ", ".join(map(str, range(1, 60)))
    request = went_on(FIRST, kept[1], f"Repeat this list of numbers to the end, and nothing else: {numbers}", 128)
    with closing(load(small_model, folder)) as warm:
        quick = answer(warm, request)
    with closing(load(small_model, None)) as cold:
        slow = answer(cold, request)
    assert slow.usage.cached_tokens == 0
    assert quick.usage.cached_tokens == kept[1].usage.prompt_tokens + len(kept[1].tokens) - 1
    assert len(quick.tokens) == 128
    assert quick.tokens == slow.tokens


def test_another_session_reads_only_its_question_and_gets_the_very_answer_of_a_first_one(
    small_model: Path, tmp_path: Path
) -> None:
    request = question("What is the capital of France?", 24)
    with closing(load(small_model, tmp_path)) as first:
        slow = answer(first, request.model_copy(update={"logprobs": True}))
        (shared,) = states(tmp_path)  # when its end was reached, and not with the session's
    assert slow.usage.cached_tokens == 0
    for path in states(tmp_path):
        if path != shared:
            path.unlink()
    with closing(load(small_model, tmp_path)) as second:
        quick = answer(second, request.model_copy(update={"logprobs": True}))
    assert unread(quick) < 20
    assert quick.logprobs == slow.logprobs


def test_a_file_in_which_a_byte_changed_is_thrown_away_and_all_is_read(
    small_model: Path, kept: tuple[Path, Finished], folder: Path
) -> None:
    for path in states(folder):
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
    damaged = states(folder)
    with closing(load(small_model, folder)) as engine:
        # One at a time is tried: the best. The other is found to be damaged when it is.
        assert answer(engine, SHORT).usage.cached_tokens == 0
    assert not set(damaged) <= set(states(folder)) or len(states(folder)) > len(damaged)


def test_states_of_other_settings_and_of_other_models_are_left_alone(small_model: Path, folder: Path) -> None:
    before = {path: path.read_bytes() for path in states(folder)}
    with closing(load(small_model, folder, kv_type="q8_0", flash_attention=True)) as engine:
        assert answer(engine, SHORT).usage.cached_tokens == 0
    assert before.items() <= {path: path.read_bytes() for path in states(folder)}.items()
    assert len(states(folder)) > len(before)


def test_loading_that_was_measured_to_be_slower_than_reading_is_left_alone_for_a_day(
    small_model: Path, folder: Path
) -> None:
    note(folder, Measured(read=1000, loaded=1, at=1e12))
    with closing(load(small_model, folder)) as engine:
        assert unread(answer(engine, SHORT)) < 30  # measured at no time that can be: tried again
    found = measured(folder)
    assert found is not None
    assert found.recent
    assert (found.gain or 0) > 1
    note(folder, found.model_copy(update={"loaded": 1.0}))
    with closing(load(small_model, folder)) as engine:
        assert answer(engine, SHORT).usage.cached_tokens == 0


def test_a_longer_session_takes_the_place_of_what_it_continues_and_the_instructions_stay(
    small_model: Path, kept: tuple[Path, Finished], folder: Path
) -> None:
    before = set(states(folder))
    assert len(before) == 2
    with closing(load(small_model, folder)) as engine:
        answer(engine, went_on(FIRST, kept[1], "Write a poem on that. " * 10, 8))
    after = set(states(folder))
    assert (len(after), len(after & before)) == (2, 1)


def test_a_folder_that_disappears_is_no_error(small_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "states"
    folder.mkdir()
    with closing(load(small_model, folder)) as engine:
        folder.rmdir()
        assert answer(engine, SHORT).reason == "length"
    assert not folder.exists()


async def test_the_confined_process_saves_at_rest_and_the_next_one_loads(small_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "states"
    folder.mkdir(mode=0o700)
    wanted = settings(small_model, folder)

    async def cached(kill: bool) -> int:
        client = RunnerClient(wanted, lambda *_: None, runner_command(wanted, os.environ))
        try:
            async with aclosing(client.stream(SHORT)) as stream:
                events = [event async for event in stream]
            if kill:
                assert client.pid
                os.kill(client.pid, 9)
            assert isinstance(events[0], Prefill)
            return events[0].cached
        finally:
            await client.close()

    assert await cached(kill=True) == 0
    assert await cached(kill=False) > 300
    assert {path.stat().st_mode & 0o777 for path in states(folder)} == {0o600}


@pytest.mark.parametrize("name", ["gemma-3-270m", "smollm2-135m"])
def test_other_kinds_of_models_go_on_and_back_to_where_a_turn_began(name: str, tmp_path: Path) -> None:
    try:
        model = ModelStore(default_models_folder()).resolve(name)
    except Exception as e:
        pytest.skip(f"{name} is not here ({e}); pull it with: codeagent model pull {name}")
    first = question("Tell me about Paris. " + "Say more. " * 40, 12)
    with closing(load(model, tmp_path)) as engine:
        said = answer(engine, first)
        second = went_on(first, said, "And about Rome? " + "Say more. " * 40, 12)
        live = answer(engine, second)
    with closing(load(model, tmp_path)) as engine:
        assert unread(answer(engine, went_on(second, live, "Thanks.", 1))) < 40
    with closing(load(model, tmp_path)) as engine:
        # The window of 512 tokens behind the end is all that the first kind has kept of most of its layers.
        back = answer(engine, first.model_copy(update={"logprobs": True}))
        assert unread(back) == 1
    with closing(load(model, None)) as engine:
        cold = answer(engine, first.model_copy(update={"logprobs": True}))
    assert back.logprobs[0].text == cold.logprobs[0].text
    assert back.logprobs[0].logprob == pytest.approx(cold.logprobs[0].logprob, abs=0.25)
