"""Gives the definitions of a workspace their vectors while nothing else is to be done; knows no engine and no session.

Nothing waits for it: a vector that is not there yet does not count. Where its model fails, that is told once and
retrieval goes on without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codeagent.agent.context.embedder import Embedder
from codeagent.agent.context.retrieval import Retriever
from codeagent.inference.client import ModelError, RunnerDiedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AT_ONCE = 20_000
"""Definitions that are given a vector in one go, those that matter most; the others have theirs after later turns."""


class Learning:
    """Fills the vectors of a workspace from run() to close()."""

    def __init__(self, make: Callable[[], Embedder], folder: Path, notify: Callable[[str], None]) -> None:
        """`make` opens the model, in a thread, and may raise ModelError; `folder` is where the vectors are kept;
        `notify` is told in a sentence when the model is not there or fails.
        """
        self._make = make
        self._folder = folder
        self._notify = notify
        self._embedder: Embedder | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._due = asyncio.Event()
        self._due.set()

    def pause(self) -> None:
        """Make no more vectors until resume(): the processors are wanted for something else."""
        self._idle.clear()

    def resume(self) -> None:
        """Go on, and look for what is new."""
        self._idle.set()
        self._due.set()

    async def run(self, retriever: Retriever) -> None:
        """Let this retriever count nearness in meaning, and give vectors to what it ranks highest; returns when the
        model has failed.
        """
        try:
            await self._run(retriever)
        except ModelError as e:
            retriever.use(None)
            reason = str(e).partition("\n")[0]
            self._notify(f"Code is not searched by meaning in this session: the embedding model fails. {reason}")
            await self.close()

    async def _run(self, retriever: Retriever) -> None:
        from codeagent.agent.context.ranking.vectors import Vectors  # numpy, not needed before the index is built

        embedder = self._embedder = _Twice(await asyncio.to_thread(self._make))
        vectors = await asyncio.to_thread(Vectors, embedder, self._folder)
        retriever.use(vectors)
        await retriever.learn(0)  # finds what has a vector, so that no request has to
        if len(vectors):
            await embedder.start()
        while True:
            await self._due.wait()
            await self._idle.wait()
            self._due.clear()
            await retriever.learn(AT_ONCE, self._idle.wait)
            if len(vectors):
                await embedder.start()

    async def close(self) -> None:
        """End the model's process."""
        if self._embedder is not None:
            await self._embedder.close()


class _Twice:
    """An Embedder whose process is replaced once when it dies at something."""

    def __init__(self, embedder: Embedder) -> None:
        self.name = embedder.name
        self._embedder = embedder

    @property
    def ready(self) -> bool:
        return self._embedder.ready

    async def start(self) -> None:
        try:
            await self._embedder.start()
        except RunnerDiedError:
            await self._embedder.start()

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        try:
            return await self._embedder.embed(texts)
        except RunnerDiedError:
            return await self._embedder.embed(texts)

    async def close(self) -> None:
        await self._embedder.close()
