"""The real model process may be killed or cancelled at any moment: the next request works, and nobody stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio
from runner_bench import wait_gone

from codeagent.inference.client import (
    ChatRequest,
    Finished,
    Message,
    ModelEvent,
    Prefill,
    RunnerDiedError,
    Sampling,
    TextDelta,
)
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient
from codeagent.inference.supervisor import RunnerState

pytestmark = pytest.mark.model

SHORT = "Count from one to nine."
LONG = "\n".join(f"Line {number} is of no interest." for number in range(120))


class RealBench:
    """A client on the real runner; `when` is called with each state."""

    def __init__(self, model: Path) -> None:
        self.when: Callable[[RunnerState], None] = lambda state: None
        self.client = RunnerClient(
            LoadSettings(path=str(model), name="small", context=4096), lambda state, detail, progress: self.when(state)
        )

    def kill(self) -> None:
        assert self.client.pid is not None
        os.kill(self.client.pid, signal.SIGKILL)


@pytest_asyncio.fixture
async def real(small_model: Path) -> AsyncGenerator[RealBench]:
    real = RealBench(small_model)
    yield real
    pid = real.client.pid
    await real.client.close()
    assert pid is None or wait_gone(pid, 0)


def ask(text: str) -> ChatRequest:
    return ChatRequest(
        messages=(Message(role="user", content=text),), sampling=Sampling(temperature=0, seed=1), max_tokens=12
    )


async def works(client: RunnerClient) -> bool:
    events = [event async for event in client.stream(ask(SHORT))]
    return isinstance(events[-1], Finished) and any(isinstance(event, TextDelta) and event.text for event in events)


def in_prefill(event: ModelEvent) -> bool:
    return isinstance(event, Prefill) and event.done < event.total


def in_decode(event: ModelEvent) -> bool:
    return isinstance(event, TextDelta)


@pytest.mark.case(38)
async def test_killed_while_loading(real: RealBench) -> None:
    killed: list[RunnerState] = []

    def when(state: RunnerState) -> None:
        if state is RunnerState.LOADING and not killed:
            killed.append(state)
            real.kill()

    real.when = when
    with pytest.raises(RunnerDiedError, match="SIGKILL"):
        await real.client.info()
    assert await works(real.client)


@pytest.mark.parametrize(("moment", "text"), [(in_prefill, LONG), (in_decode, SHORT)], ids=["prefill", "decode"])
@pytest.mark.case(38)
async def test_killed_while_answering(real: RealBench, moment: Callable[[ModelEvent], bool], text: str) -> None:
    killed = False
    with pytest.raises(RunnerDiedError, match="SIGKILL"):
        async for event in real.client.stream(ask(text)):
            if moment(event) and not killed:
                killed = True
                real.kill()
    assert await works(real.client)


@pytest.mark.case(38)
async def test_killed_between_requests(real: RealBench) -> None:
    assert await works(real.client)
    real.kill()
    try:
        assert await works(real.client)
    except RunnerDiedError:  # the request was quicker than the news of the death
        assert await works(real.client)


@pytest.mark.parametrize(("moment", "text"), [(in_prefill, LONG), (in_decode, SHORT)], ids=["prefill", "decode"])
@pytest.mark.case(42)
async def test_a_closed_stream_is_cancelled_and_the_same_process_serves_the_next(
    real: RealBench, moment: Callable[[ModelEvent], bool], text: str
) -> None:
    await real.client.info()
    pid = real.client.pid
    async with aclosing(real.client.stream(ask(text))) as stream:
        while not moment(await anext(stream)):
            pass
        async with asyncio.timeout(10):
            await stream.aclose()
    assert await works(real.client)
    assert real.client.pid == pid


PARENT = """
import asyncio, os, signal, sys
from codeagent.inference.client import ChatRequest, Message
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient

moment, model, text = sys.argv[1:]

def now(name):
    if name == moment:
        print(client.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

client = RunnerClient(LoadSettings(path=model, name="small", context=4096), lambda state, *rest: now(state))

async def main():
    async for event in client.stream(ChatRequest(messages=(Message(role="user", content=text),))):
        now(event.type)

asyncio.run(main())
"""


@pytest.mark.parametrize(("moment", "text"), [("loading", ""), ("ready", ""), ("prefill", LONG), ("text_delta", SHORT)])
@pytest.mark.case(44)
async def test_a_program_killed_at_any_moment_takes_the_model_process_with_it(
    small_model: Path, moment: str, text: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, moment, str(small_model), text, stdout=asyncio.subprocess.PIPE
    )
    stdout, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert wait_gone(int(stdout), 2)
