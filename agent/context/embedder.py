"""What retrieval by meaning asks of a model; knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """A model that gives texts a place in a space where likeness of meaning is nearness."""

    @property
    def name(self) -> str:
        """What identifies the model: vectors of different ones are never compared."""
        ...

    @property
    def ready(self) -> bool:
        """Whether it is loaded, so that an answer comes at once."""
        ...

    async def start(self) -> None:
        """Load it if that has not happened. Raises ModelError."""
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, of any length but 0. Raises ModelError."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...
