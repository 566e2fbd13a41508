"""How many tokens a text is to a model: exactly where its vocabulary is at hand, else by a stated estimate."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from codeagent.inference.client import ChatRequest, Message, ModelClient, ModelError
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient
from codeagent.inference.store import ModelStore, default_models_folder

BYTES_A_TOKEN = 3.0

Count = Callable[[str], Awaitable[int]]


class TextCounter:
    """Counts a text as what it adds to a message of the person, by the model's own template and tokenizer."""

    def __init__(self, client: ModelClient) -> None:
        """The client stays the caller's to close."""
        self._client = client
        self._empty: int | None = None

    async def __call__(self, text: str) -> int:
        """The tokens of the text. Raises ModelError."""
        if self._empty is None:
            self._empty = await self._count("")
        return await self._count(text) - self._empty

    async def _count(self, text: str) -> int:
        return await self._client.count_tokens(ChatRequest(messages=(Message(role="user", content=text),)))


async def estimated_tokens(text: str) -> int:
    """About how many tokens a text is where no model is at hand: a token for each three bytes of UTF-8.

    Of source code, tokenizers of today make a token of 3.5 to 4.5 bytes: the estimate is rather too high, so that what
    is held to it fits.
    """
    return round(len(text.encode("utf-8", "surrogateescape")) / BYTES_A_TOKEN)


@dataclass(frozen=True)
class Counting:
    """How texts are counted. `estimated` is why only an estimate is had, "" where the count is exact."""

    count: Count
    estimated: str = ""


def _ignore(_state: str, _detail: str, _progress: float | None) -> None:
    """Nobody watches."""


@asynccontextmanager
async def counting_for(model: str) -> AsyncGenerator[Counting]:
    """Counts with the vocabulary of a model, by its name or path, in a process that ends with the block. Its weights
    are not loaded. A model that is not here or cannot be read is no error: then it is estimated."""
    try:
        path = ModelStore(default_models_folder()).resolve(model)
    except ModelError as e:
        yield Counting(estimated_tokens, str(e))
        return
    settings = LoadSettings(path=str(path), name=model, vocabulary_only=True)
    client = RunnerClient(settings, on_state=_ignore)
    try:
        try:
            await client.info()
        except ModelError as e:
            yield Counting(estimated_tokens, str(e))
        else:
            yield Counting(TextCounter(client))
    finally:
        await client.close()
