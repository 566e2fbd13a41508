"""Whatever the model process does wrong is a named error in bounded time, the next call works, nobody stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import aclosing
from pathlib import Path

import pytest
from runner_bench import ANSWER, HASTY, PATIENT, SETTINGS, Bench, ask, play, wait_gone

from codeagent.inference.client import (
    ModelEvent,
    RunnerDiedError,
)
from codeagent.inference.runner_client import RunnerClient
from codeagent.inference.supervisor import Limits

DEATHS = {
    "exit0": "ended without being asked to",
    "exit1": "ended with exit code 1",
    "abort": r"aborted \(SIGABRT\): ggml\.c:4242: GGML_ASSERT\(n_tokens > 0\) failed",
    "segv": r"crashed in native code \(SIGSEGV\)",
    "kill": r"was killed \(SIGKILL\), probably because the machine ran out of memory",
    "hang": r"gave no sign of life for \d s while (starting|loading fault|answering)",
    "close_pipe": "closed its pipe and went on running",
    "half_frame": "gave no sign of life",
    "half_frame_and_exit": "ended without being asked to",
    "huge_frame": "broke the protocol.* 1,073,741,824 bytes is over the limit",
    "garbage": "broke the protocol.* Not a frame: b'llama_model_loader",
    "foreign_json": 'broke the protocol.* Not a known frame: {"type":"pizza"}',
    "flood_and_exit": "ended with exit code 3",
    "leave_child": "was killed",
}


@pytest.mark.parametrize("phase", ["start", "load", "generate", "mid"])
@pytest.mark.parametrize("fault", DEATHS)
@pytest.mark.case(38)
async def test_a_faulty_runner_is_a_named_error_and_the_next_call_works(bench: Bench, fault: str, phase: str) -> None:
    hangs = fault in ("hang", "half_frame", "close_pipe")
    client = bench.plays(f"{fault}@{phase}", "good", limits=HASTY if hangs else PATIENT)
    seen: list[ModelEvent] = []
    with pytest.raises(RunnerDiedError, match=DEATHS[fault]) as caught:
        async for event in client.stream(ask()):
            seen.append(event)
    assert seen == (ANSWER[:2] if phase == "mid" else [])
    assert bench.states[-1] == ("failed", str(caught.value).partition("\n")[0], None)
    assert [pid for pid in bench.started() if not wait_gone(pid)] == []
    assert await play(client) == ANSWER


@pytest.mark.case(38)
async def test_counting_survives_a_death_as_streaming_does(bench: Bench) -> None:
    client = bench.plays("segv@count", "good")
    with pytest.raises(RunnerDiedError, match="SIGSEGV"):
        await client.count_tokens(ask())
    assert await client.count_tokens(ask()) == 2


@pytest.mark.case(38)
async def test_another_version_of_the_protocol_is_told_from_garbage(bench: Bench) -> None:
    client = bench.plays("wrong_version@start")
    with pytest.raises(RunnerDiedError, match=r"version 2 of the runner's protocol .* version 3: .* Install it again"):
        await client.info()


@pytest.mark.parametrize("phase", ["start", "load", "generate", "mid", "count"])
@pytest.mark.case(38)
async def test_a_frame_nobody_asked_for_ends_the_runner(bench: Bench, phase: str) -> None:
    client = bench.plays(f"unasked@{phase}", "good")
    with pytest.raises(RunnerDiedError, match=r"began with a counted frame|broke the protocol with a counted frame"):
        await client.count_tokens(ask())
        await play(client)
    assert await play(client) == ANSWER


@pytest.mark.case(38)
async def test_a_program_that_is_not_there_is_a_sentence(bench: Bench, tmp_path: Path) -> None:
    bench.client = RunnerClient(SETTINGS, bench.told, [str(tmp_path / "missing")])
    with pytest.raises(RunnerDiedError, match=r"could not be started \(.*missing\): .*No such file"):
        await bench.client.info()
    assert bench.states[-1][0] == "failed"


@pytest.mark.case(38)
async def test_the_last_8_kb_of_stderr_are_in_the_error_without_escape_sequences(bench: Bench) -> None:
    client = bench.plays("flood_and_exit@load", "abort@load")
    with pytest.raises(RunnerDiedError) as caught:
        await client.info()
    assert caught.value.stderr_tail.endswith("line 99999\nthe very last words\n")
    assert 7000 < len(caught.value.stderr_tail) <= 8192
    assert caught.value.stderr_tail.startswith("line ")
    with pytest.raises(RunnerDiedError, match=r"\nggml.c:4242: .*\nsome backtrace$"):
        await client.info()


@pytest.mark.case(38)
async def test_a_helper_that_holds_the_pipes_open_does_not_hide_the_death(bench: Bench) -> None:
    client = bench.plays("leave_stranger@mid", "good")
    with pytest.raises(RunnerDiedError, match="was killed"):
        await play(client)
    stranger = bench.started()[1]
    os.kill(stranger, signal.SIGKILL)  # it left our group, so it is not ours to end
    assert await play(client) == ANSWER


@pytest.mark.case(38)
async def test_a_runner_that_keeps_dying_is_not_started_for_ever(bench: Bench) -> None:
    client = bench.plays("exit1@start")
    for _ in range(4):
        with pytest.raises(RunnerDiedError, match="ended with exit code 1"):
            await client.info()
    with pytest.raises(RunnerDiedError, match=r"ended 4 times within 300 s.* The last time: .* exit code 1"):
        await client.info()
    assert len(bench.started()) == 4


@pytest.mark.case(38)
async def test_each_restart_after_the_first_waits_longer(bench: Bench) -> None:
    client = bench.plays("exit1@start", limits=Limits(restarts=4, backoff=0.4))
    waited: list[float] = []
    for _ in range(4):
        began = time.monotonic()
        with pytest.raises(RunnerDiedError, match="ended with exit code 1"):
            await client.info()
        waited.append(time.monotonic() - began)
    assert waited[2] >= 0.4
    assert waited[3] >= 0.8


@pytest.mark.case(38)
async def test_deaths_long_ago_do_not_count(bench: Bench) -> None:
    limits = Limits(restarts=0, restart_window=0)
    client = bench.plays("exit1@start", "exit1@start", "good", limits=limits)
    for _ in range(2):
        with pytest.raises(RunnerDiedError, match="ended with exit code 1"):
            await client.info()
    assert (await client.info()).name == "fault"


@pytest.mark.case(38)
async def test_a_death_between_requests_is_reported_at_once_and_healed_by_the_next(bench: Bench) -> None:
    client = bench.plays("good")
    await play(client)
    os.kill(bench.started()[0], signal.SIGKILL)
    async with asyncio.timeout(10):
        await bench.failed.wait()
    assert await play(client) == ANSWER
    assert len(bench.started()) == 2


@pytest.mark.case(38)
async def test_a_runner_that_will_not_stop_is_ended_and_the_next_call_works(bench: Bench) -> None:
    client = bench.plays("deaf@cancel", "good", limits=HASTY)
    async with aclosing(client.stream(ask("forever"))) as stream:
        await anext(stream)
    assert bench.states[-1][:2] == (
        "failed",
        "The process that holds the model did not stop answering within 1 s, so it was ended.",
    )
    assert await play(client) == ANSWER


PARENT = """
import asyncio, sys
from codeagent.inference.client import ChatRequest, Message
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient

client = RunnerClient(LoadSettings(path="x", name="x"), lambda *state: None, sys.argv[2:])

async def main():
    await client.info()
    async for event in client.stream(ChatRequest(messages=(Message(role="user", content="forever"),))):
        if event.type == "text_delta":
            if sys.argv[1] == "return":
                return
            print("running", flush=True)

asyncio.run(main())
print("over", flush=True)
sys.stdin.read()
"""


async def parent(bench: Bench, moment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, moment, *bench.argv("good"),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.case(44)
async def test_the_end_of_the_event_loop_is_the_end_of_the_runner(bench: Bench) -> None:
    bench.plays("good")
    process = await parent(bench, "return")
    assert process.stdout
    assert await process.stdout.readline() == b"over\n"
    (pid,) = bench.started()
    assert wait_gone(pid, 0)
    _, stderr = await process.communicate(b"")
    assert (process.returncode, stderr) == (0, b"")


@pytest.mark.case(44)
async def test_the_death_of_the_program_is_the_end_of_the_runner(bench: Bench) -> None:
    bench.plays("good")
    process = await parent(bench, "stay")
    assert process.stdout
    assert await process.stdout.readline() == b"running\n"
    process.kill()
    (pid,) = bench.started()
    assert wait_gone(pid, 2)
    await process.communicate(b"")
