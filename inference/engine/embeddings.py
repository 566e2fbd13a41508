"""A model that gives texts their vectors and does nothing else; knows no pipes and no chat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray

from codeagent.inference.client import ModelInfo, ModelLoadError
from codeagent.inference.engine.generation import CancelledError
from codeagent.inference.engine.ggml import NativeError
from codeagent.inference.engine.llama import Context, DecodeAbortedError, Model
from codeagent.inference.engine.machine import default_threads
from codeagent.inference.frames import LoadSettings
from codeagent.inference.gguf import Header, read_header
from codeagent.inference.store import in_use

WINDOW = 512
"""Tokens of a text that count where nothing else is said: signatures and requests are shorter."""
CHARACTERS_A_TOKEN = 32
"""No more of a text than this times the window is looked at."""
_MEAN, _RANK = 1, 4
_POOLINGS = (_MEAN, 2, 3)  # mean, first and last token


class Embeddings:
    """A model in memory, on the CPU alone and with half of its cores, so that the one which answers keeps its speed.

    What stands for a text is what the file says (mean, first or last token), else the mean of all its tokens. Any
    model will do; those made for it do it well.
    """

    def __init__(self, settings: LoadSettings, on_progress: Callable[[float], bool], beat: Callable[[], None]) -> None:
        """As Engine.load takes them. Raises ModelLoadError."""
        header = read_header(Path(settings.path))
        pooling = header.number("pooling_type", 0)
        if pooling == _RANK:
            raise ModelLoadError(
                f"{settings.path} compares two texts and gives none a vector: choose an embedding model."
            )
        self._beat = beat
        self._cancelled = Event()
        self._window = min(settings.context or WINDOW, header.number("context_length", 0) or WINDOW)
        try:
            self._model = Model(settings.path, use_mmap=settings.use_mmap, on_progress=on_progress)
            self._context = Context(
                self._model,
                size=self._window,
                batch=self._window,  # a model that looks both ways has to see the whole text at once
                threads=settings.threads or max(1, default_threads() // 2),
                should_abort=self._should_abort,
                pooling=pooling if pooling in _POOLINGS else _MEAN,
            )
        except NativeError as error:
            raise ModelLoadError(
                f"llama.cpp cannot load {settings.path} for embedding. It says: {str(error) or 'nothing'}"
            ) from None
        self._claim = ExitStack()
        self._claim.enter_context(in_use(Path(settings.path)))
        self._info = _info(settings, header, self._model, self._window)

    def info(self) -> ModelInfo:
        """What is loaded; its context is the window."""
        return self._info

    def embed(self, texts: Sequence[str], cancelled: Event) -> NDArray[np.float32]:
        """One row a text, of length 1; zeros for a text without a token. Of a longer text only what fits the window
        counts: its beginning, and the mark of its end if the model has one.

        Setting `cancelled` from any thread ends it with CancelledError.
        """
        self._cancelled = cancelled
        found = [self._vector(text) for text in texts]
        return np.stack(found) if found else np.zeros((0, self._model.vector_length), np.float32)

    def close(self) -> None:
        """Free the memory. Safe to call twice."""
        self._context.close()
        self._model.close()
        self._claim.close()

    def _vector(self, text: str) -> NDArray[np.float32]:
        self._beat()
        if self._cancelled.is_set():
            raise CancelledError
        tokens = self._tokens(text)
        if not tokens:
            return np.zeros(self._model.vector_length, np.float32)
        try:
            vector = np.nan_to_num(self._context.embed(tokens), posinf=0.0, neginf=0.0)  # broken weights give anything
        except DecodeAbortedError:
            raise CancelledError from None
        return vector / max(float(np.linalg.norm(vector)), 1e-12)

    def _tokens(self, text: str) -> list[int]:
        cut = text[: self._window * CHARACTERS_A_TOKEN]
        tokens = self._model.vocab.tokenize(cut, parse_special=False, ends=True)
        return tokens if len(tokens) <= self._window else [*tokens[: self._window - 1], tokens[-1]]

    def _should_abort(self) -> bool:
        self._beat()
        return self._cancelled.is_set()


def _info(settings: LoadSettings, header: Header, model: Model, window: int) -> ModelInfo:
    return ModelInfo(
        name=settings.name,
        context_length=window,
        dialect="",
        architecture=header.architecture,
        parameters=model.parameters,
        gpu_layers=0,
    )
