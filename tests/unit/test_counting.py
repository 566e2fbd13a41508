"""Tokens of a text are counted by a model's vocabulary alone, in a process of its own, and estimated without one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from gguf_files import byte_tokens, tiny_model, write

from codeagent.agent.context.tokens import TextCounter, estimated_tokens
from codeagent.inference.client import BadRequestError, ChatRequest, Message, ModelLoadError
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient


def client_of(path: Path) -> RunnerClient:
    return RunnerClient(LoadSettings(path=str(path), name="tiny", vocabulary_only=True), lambda *_: None)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[RunnerClient]:
    client = client_of(write(tmp_path / "tiny.gguf", tiny_model(**byte_tokens())))
    yield client
    await client.close()


async def test_a_text_is_counted_as_what_it_adds_to_a_message(client: RunnerClient) -> None:
    count = TextCounter(client)
    assert await count("") == 0
    assert await count("abc\n") == 3
    assert await count("é") == 2
    assert await count("ab" * 5000) == 5000


async def test_the_vocabulary_says_what_the_model_is_and_cannot_answer(client: RunnerClient) -> None:
    info = await client.info()
    assert (info.name, info.context_length, info.architecture) == ("tiny", 32_768, "qwen2")
    with pytest.raises(BadRequestError, match="it can count and not answer"):
        async for _ in client.stream(ChatRequest(messages=(Message(role="user", content="hello"),))):
            pass
    assert await TextCounter(client)("abc") == 2


async def test_a_vocabulary_that_cannot_be_read_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    client = client_of(write(tmp_path / "tiny.gguf", tiny_model()))
    try:
        with pytest.raises(ModelLoadError, match=r"llama\.cpp cannot read the vocabulary of .*tiny\.gguf"):
            await client.info()
    finally:
        await client.close()


async def test_without_a_model_three_bytes_are_taken_for_a_token() -> None:
    assert await estimated_tokens("") == 0
    assert await estimated_tokens("abcdef") == 2
    assert await estimated_tokens("é" * 30) == 20
    assert await estimated_tokens("\udc80" * 3) == 1
