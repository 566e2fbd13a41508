"""Requests to the model process do not get into each other's way, however they end."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing

import pytest
from runner_bench import ANSWER, PATIENT, Bench, ask, play, wait_gone

from codeagent.inference.client import (
    BadRequestError,
    ContextOverflowError,
    ModelError,
    ModelLoadError,
    OutOfMemoryError,
    Prefill,
    RunnerDiedError,
    TextDelta,
)
from codeagent.inference.frames import PROTOCOL
from codeagent.inference.supervisor import Limits, Supervisor, runner_environment


async def test_a_healthy_runner_loads_once_answers_counts_and_reports_its_states(bench: Bench) -> None:
    client = bench.plays("good")
    assert await play(client) == ANSWER
    assert await play(client) == ANSWER
    assert await client.count_tokens(ask("a b c")) == 3
    assert (await client.info()).name == "fault"
    assert len(bench.started()) == 1
    assert bench.states == [
        ("starting", "", None),
        ("loading", "fault", None),
        ("loading", "", 0.5),
        ("ready", "fault", None),
        ("busy", "", None),
        ("ready", "", None),
        ("busy", "", None),
        ("ready", "", None),
    ]


@pytest.mark.case(38)
async def test_a_flood_on_stderr_holds_nothing_up(bench: Bench) -> None:
    assert await play(bench.plays("flood@mid")) == ANSWER


@pytest.mark.case(38)
async def test_a_slow_load_that_shows_progress_is_no_stall(bench: Bench) -> None:
    limits = Limits(start_stall=30, load_stall=2, busy_stall=30)
    assert (await bench.plays("slow@load", limits=limits).info()).name == "fault"
    assert ("loading", "", 0.9) in bench.states


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("bad_request", BadRequestError, "This is bad_request."),
        ("load", ModelLoadError, "This is load."),
        ("out_of_memory", OutOfMemoryError, "This is out_of_memory."),
        ("overflow", ContextOverflowError, "needs 5,000 tokens and the model's window holds 4,096"),
        ("overflow_without_numbers", ModelError, "This is overflow"),
        ("internal", ModelError, "This is internal."),
    ],
)
@pytest.mark.case(38)
async def test_a_failed_request_is_the_error_it_names_and_the_runner_goes_on(
    bench: Bench, kind: str, error: type[ModelError], said: str
) -> None:
    client = bench.plays(f"{kind}@generate")
    with pytest.raises(error, match=said) as caught:
        await play(client)
    assert caught.type is error
    assert await client.count_tokens(ask()) == 2
    assert len(bench.started()) == 1


@pytest.mark.case(38, 41)
async def test_a_failed_load_gives_the_memory_back_and_may_be_tried_again(bench: Bench) -> None:
    client = bench.plays("fail_load@load", "good")
    with pytest.raises(OutOfMemoryError, match="There is not enough memory"):
        await client.info()
    assert bench.states[-1] == ("failed", "There is not enough memory.", None)
    assert wait_gone(bench.started()[0])
    assert await play(client) == ANSWER


@pytest.mark.case(42)
async def test_closing_a_stream_cancels_and_the_next_one_is_clean_in_the_same_process(bench: Bench) -> None:
    client = bench.plays("good")
    for _ in range(5):
        async with aclosing(client.stream(ask("forever"))) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        assert await play(client) == ANSWER
    assert len(bench.started()) == 1


@pytest.mark.case(42)
async def test_cancelling_the_task_that_reads_a_stream_cancels_it_too(bench: Bench) -> None:
    client = bench.plays("good")
    await client.info()
    running = asyncio.Event()

    async def read() -> None:
        async for event in client.stream(ask("forever")):
            if isinstance(event, TextDelta):
                running.set()

    task = asyncio.create_task(read())
    await running.wait()
    task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.cancelled()
    assert await play(client) == ANSWER
    assert len(bench.started()) == 1


@pytest.mark.case(42)
async def test_cancelling_twice_leaves_the_rest_to_the_next_call(bench: Bench) -> None:
    client = bench.plays("good")
    await client.info()
    task = asyncio.create_task(play(client, "forever"))
    for _ in range(2):
        await asyncio.wait({task}, timeout=0.1)
        task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.done()
    assert await play(client) == ANSWER
    assert len(bench.started()) == 1


@pytest.mark.case(42)
async def test_an_abandoned_wait_for_the_load_is_taken_up_by_the_next_call(bench: Bench) -> None:
    client = bench.plays("slow@load")
    task = asyncio.create_task(client.info())
    while ("loading", "", 0.2) not in bench.states:
        await asyncio.sleep(0)
        await asyncio.wait({task}, timeout=0.05)
    task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.cancelled()
    assert await play(client) == ANSWER
    assert len(bench.started()) == 1


async def test_calls_beside_an_open_stream_are_answered_while_it_goes_on(bench: Bench) -> None:
    client = bench.plays("good")
    async with aclosing(client.stream(ask("forever"))) as stream:
        await anext(stream)
        assert (await client.info()).name == "fault"
        assert await client.count_tokens(ask("a b c")) == 3
        assert await play(client) == ANSWER
        assert bench.states[-1] == ("busy", "", None)
        assert isinstance(await anext(stream), TextDelta)
    assert bench.states[-1] == ("ready", "", None)
    assert len(bench.started()) == 1


@pytest.mark.case(42)
async def test_closing_one_stream_leaves_the_others_open(bench: Bench) -> None:
    client = bench.plays("good")
    async with aclosing(client.stream(ask("forever"))) as first:
        async with aclosing(client.stream(ask("forever"))) as second:
            await anext(first)
            await anext(second)
        assert isinstance(await anext(first), TextDelta)
    assert len(bench.started()) == 1


@pytest.mark.case(38)
async def test_a_request_that_fails_leaves_the_others_open(bench: Bench) -> None:
    client = bench.plays("bad_request@mid")  # of request 1
    first = client.stream(ask("a word"))
    async with aclosing(client.stream(ask("forever"))) as second:
        assert isinstance(await anext(first), Prefill)
        await anext(second)
        with pytest.raises(BadRequestError):
            [event async for event in first]
        assert isinstance(await anext(second), TextDelta)


@pytest.mark.case(38)
async def test_a_death_fails_all_open_calls_and_the_next_one_works(bench: Bench) -> None:
    client = bench.plays("good", "good")
    await client.info()
    calls = [asyncio.create_task(play(client, "forever")) for _ in range(3)]
    async with aclosing(client.stream(ask("forever"))) as stream:
        await anext(stream)
        os.kill(bench.started()[0], signal.SIGKILL)
        with pytest.raises(RunnerDiedError):
            [event async for event in stream]
    failures = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(failure) for failure in failures] == [RunnerDiedError] * 3
    assert await play(client) == ANSWER
    assert len(bench.started()) == 2


async def test_a_reader_that_is_slower_than_the_runner_gets_everything(bench: Bench) -> None:
    client = bench.plays("good")
    text = " ".join(str(number) for number in range(5000))
    received: list[str] = []
    async for event in client.stream(ask(text)):
        if isinstance(event, TextDelta):
            if len(received) == 10:
                await asyncio.sleep(0.5)  # long enough for thousands of frames; nothing is waited for
            received.append(event.text)
    assert received == text.split()


async def test_a_large_request_passes_whole(bench: Bench) -> None:
    text = "x" * 10_000_000
    events = await play(bench.plays("good"), text)
    assert TextDelta(text=text) in events


async def test_text_that_is_no_unicode_is_refused_and_the_next_request_works(bench: Bench) -> None:
    client = bench.plays("good")
    with pytest.raises(BadRequestError, match="cannot be sent to the model"):
        await play(client, "caf\udce9")
    assert await play(client) == ANSWER


async def test_closing_is_final_quick_and_may_be_repeated(bench: Bench) -> None:
    client = bench.plays("good")
    await client.info()
    await client.close()
    await client.close()
    assert wait_gone(bench.started()[0], 0)
    for call in (client.info, lambda: client.count_tokens(ask()), lambda: play(client)):
        with pytest.raises(ModelError, match="was closed"):
            await call()
    assert bench.states[-1][0] == "ready"


async def test_closing_before_anything_was_started_is_nothing(bench: Bench) -> None:
    await bench.plays("good").close()
    assert bench.started() == []


@pytest.mark.parametrize("moment", ["start", "load", "mid"])
@pytest.mark.case(42)
async def test_closing_under_a_running_call_ends_the_call_and_a_deaf_runner(bench: Bench, moment: str) -> None:
    client = bench.plays("hang@start" if moment == "start" else f"deaf@{moment}", limits=Limits(stop_step=0.5))
    task = asyncio.create_task(play(client, "forever"))
    while not bench.started() or (moment != "start" and ("busy", "deaf", None) not in bench.states):
        await asyncio.wait({task}, timeout=0.05)
    await client.close()
    with pytest.raises(ModelError, match=r"was stopped|was closed"):
        await task


@pytest.mark.case(6)
async def test_the_runner_sees_no_secrets(bench: Bench) -> None:
    names = set((await bench.plays("good").info()).notices)
    assert {"PATH", "HOME"} <= names
    assert "PYTEST_CURRENT_TEST" not in names


def test_the_environment_keeps_what_libraries_need_and_nothing_else() -> None:
    kept = {"PATH": "a", "LC_ALL": "C", "CUDA_VISIBLE_DEVICES": "0", "GGML_VK_DEVICE": "1", "LLAMA_CPP_LIB_PATH": "l"}
    dropped = {"HF_TOKEN": "x", "AWS_SECRET_ACCESS_KEY": "x", "CUDA_API_KEY": "x", "LD_PRELOAD": "x", "MY_PATH": "x"}
    assert runner_environment(kept | dropped) == kept


async def test_a_supervisor_alone_tells_what_the_runner_is(bench: Bench) -> None:
    bench.plays("good")
    supervisor = Supervisor(bench.told, bench.argv("good"), PATIENT)
    hello = await supervisor.start()
    assert (hello.protocol, supervisor.alive) == (PROTOCOL, True)
    await supervisor.stop()
    assert not supervisor.alive
