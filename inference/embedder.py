"""Vectors of texts from a model in a process of its own; knows frames, and nothing of what the texts are."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codeagent.inference.client import ModelError, ModelLoadError
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient
from codeagent.inference.supervisor import Limits, RunnerState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOGETHER = 8
"""Texts in one request: a question waits for the one that is being worked on."""
MOST_CHARACTERS = 16_384
"""No more of a text is sent; it is more than the window holds."""
_LOOKED_AT = 1 << 20


class RunnerEmbedder:
    """Gives texts the vectors of one model, which must be loaded with `embedding`.

    The process starts and the model loads at start() or with the first texts. If the process dies, the call it was
    serving raises RunnerDiedError and the next one starts it again. To be used in one event loop, and closed in it.
    """

    def __init__(self, settings: LoadSettings, argv: Sequence[str] | None = None, limits: Limits | None = None) -> None:
        """`argv` starts the process. Raises ModelLoadError when the file cannot be read; no more is checked yet."""
        self._name = _fingerprint(Path(settings.path))
        self._client = RunnerClient(settings, _unheard, argv, limits or Limits(cancel=2.0))

    @property
    def name(self) -> str:
        """Tells this model's file from any other."""
        return self._name

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._client.ready

    @property
    def pid(self) -> int | None:
        """The number of its process; None while none runs."""
        return self._client.pid

    async def start(self) -> None:
        """Load the model if that has not happened. Raises ModelError."""
        await self._client.info()

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, of length 1; zeros for a text without a token.

        A text that is longer than the model's window (512 tokens, less where it was trained for less) counts with its
        beginning alone. Calls take turns every few texts. Cancelling stops the work. Raises ModelError.
        """
        import numpy as np  # not needed before the first text

        await self.start()
        rows: list[NDArray[np.float32]] = []
        for first in range(0, len(texts), TOGETHER):
            # Names of files may hold bytes that are no UTF-8, which no frame can carry.
            part = [
                text[:MOST_CHARACTERS].encode("utf-8", "replace").decode() for text in texts[first : first + TOGETHER]
            ]
            answer = await self._client.embed(part)
            data = np.frombuffer(base64.b64decode(answer.vectors), "<f4")
            if data.size != len(part) * answer.length:
                raise ModelError(f"The embedding model answered {len(part)} texts with {data.size:,} numbers.")
            rows.append(data.reshape(len(part), answer.length).astype(np.float32))
        return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)

    async def close(self) -> None:
        """End the process in bounded time. Safe to call twice; then calls are refused."""
        await self._client.close()


def _unheard(_state: RunnerState, _detail: str, _progress: float | None) -> None:
    """Nobody waits for it, so nobody is told how far it is."""


def _fingerprint(path: Path) -> str:
    """The size of the file and a hash of its beginning and its end: reading all of it would take seconds."""
    try:
        with open(path, "rb", opener=_at_once) as file:
            size = file.seek(0, os.SEEK_END)
            digest = hashlib.sha256()
            for start in (0, max(0, size - _LOOKED_AT)):
                file.seek(start)
                digest.update(file.read(_LOOKED_AT))
    except FileNotFoundError as e:
        raise ModelLoadError(f"There is no embedding model {path}: pull it, or give the path of a GGUF file.") from e
    except OSError as e:
        raise ModelLoadError(f"The embedding model {path} cannot be read ({e.strerror or e}).") from e
    return f"{size}-{digest.hexdigest()}"


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # opening a pipe nobody writes to would wait for ever
