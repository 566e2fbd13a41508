"""Builds what finds code by its meaning, as the settings want it; knows no session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from codeagent.agent.config import Config
from codeagent.agent.confinement import runner_command
from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.context.learning import AT_ONCE, Learning
from codeagent.agent.context.retrieval import Retriever
from codeagent.inference.embedder import RunnerEmbedder
from codeagent.inference.frames import LoadSettings
from codeagent.inference.store import ModelStore, default_models_folder


def open_embedder(model: str, threads: int | None, environ: Mapping[str, str]) -> RunnerEmbedder:
    """An embedder of a model by its name or path, whose process starts when it is needed; `threads` are those of the
    model that answers, which gets along with half of them for a while. Raises ModelLoadError when it is not there.
    """
    path = ModelStore(default_models_folder()).resolve(model)
    settings = LoadSettings(
        path=str(path), name=path.stem, threads=None if threads is None else max(1, threads // 2), embedding=True
    )
    return RunnerEmbedder(settings, runner_command(settings, environ))


def open_learning(
    config: Config, folder: Path, environ: Mapping[str, str], notify: Callable[[str], None]
) -> Learning | None:
    """What gives the code in a workspace its vectors, kept in `folder`; None where the settings name no model."""
    model = config.embedding_model
    if not model:
        return None
    return Learning(lambda: open_embedder(model, config.threads, environ), folder, notify)


async def learn_all(index: CodeIndex, model: str, folder: Path, environ: Mapping[str, str]) -> int:
    """Give all definitions of an index that have none yet their vectors now, and say how many. Raises ModelError."""
    from codeagent.agent.context.ranking.vectors import Vectors  # numpy, not needed where a session is built

    embedder = open_embedder(model, None, environ)
    try:
        retriever = Retriever(index, await asyncio.to_thread(Vectors, embedder, folder))
        total = 0
        while learnt := await retriever.learn(AT_ONCE):
            total += learnt
        return total
    finally:
        await embedder.close()
