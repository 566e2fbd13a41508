"""Reading ahead with the real model: the next request has less to read, and never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codeagent.agent.ahead import Ahead
from codeagent.inference.client import ChatRequest, Finished, Message, ModelEvent, Prefill, Sampling
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient

pytestmark = pytest.mark.model
SOME = 200


class Heard(RunnerClient):
    """The real model, with the events of all requests in the order in which they came."""

    def __init__(self, settings: LoadSettings) -> None:
        super().__init__(settings, lambda state, detail, progress: None)
        self.events: list[tuple[str, ModelEvent]] = []
        self.read_some = asyncio.Event()
        self.read_all = asyncio.Event()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ModelEvent]:
        kind = "ahead" if request.background else "real"
        async for event in super().stream(request):
            self.events.append((kind, event))
            if kind == "ahead" and isinstance(event, Prefill) and event.done >= SOME:
                self.read_some.set()
            if kind == "ahead" and isinstance(event, Finished):
                self.read_all.set()
            yield event

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]


@asynccontextmanager
async def loaded(model: Path) -> AsyncIterator[tuple[Heard, Ahead]]:
    client = Heard(LoadSettings(path=str(model), name="small", context=4096))
    ahead = Ahead(client, tuple, wanted=True)
    try:
        async with asyncio.timeout(300):
            yield client, ahead
    finally:
        await ahead.close()
        await client.close()


def system(text: str) -> Message:
    return Message(role="system", content=text)


async def ask(client: Heard, *messages: Message) -> Finished:
    said = (*messages, Message(role="user", content="Say yes."))
    request = ChatRequest(messages=said, sampling=Sampling(temperature=0), max_tokens=4)
    return [event async for event in client.stream(request)][-1]  # pyright: ignore[reportReturnType]  # the last is one


def test_what_was_read_ahead_is_known_to_the_next_request(small_model: Path) -> None:
    async def play() -> None:
        rules, others = system("Keep to the rules. " * 60), system("Look at the sky. " * 60)
        async with loaded(small_model) as (client, ahead):
            unread = await ask(client, others)
            ahead.read((rules,))
            await client.read_all.wait()
            read = await ask(client, rules)
        assert unread.usage.cached_tokens < 20
        assert read.usage.cached_tokens >= 0.9 * (read.usage.prompt_tokens - 10)

    asyncio.run(play())


def test_a_real_request_is_answered_before_what_was_being_read(small_model: Path) -> None:
    async def play() -> None:
        book = system("It was a dark and stormy night, and nobody slept. " * 60)
        async with loaded(small_model) as (client, ahead):
            ahead.read((book,))
            await client.read_some.wait()
            begun = len(client.events)
            ahead.stop()
            await ask(client)
            after = client.events[begun:]
            # One decode was under way and may tell of itself; then nothing more is read in the background.
            assert [kind for kind, _ in after].count("ahead") <= 1
            assert not client.read_all.is_set()
            again = await ask(client, book)
        assert again.usage.cached_tokens >= SOME

    asyncio.run(play())


def test_even_one_that_is_not_stopped_makes_way(small_model: Path) -> None:
    async def play() -> None:
        book = system("The ship left the harbour at noon, and the gulls went with it. " * 30)
        async with loaded(small_model) as (client, ahead):
            ahead.read((book,))
            await client.read_some.wait()
            await ask(client)
            kinds = client.kinds()
            first = kinds.index("real")
            last = len(kinds) - 1 - kinds[::-1].index("real")
            assert "ahead" not in kinds[first:last]
            await client.read_all.wait()

    asyncio.run(play())
