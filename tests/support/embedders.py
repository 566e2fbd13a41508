"""Embedding models that need no weights: texts that share letter sequences are near each other."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class TrigramEmbedder:
    """Counts hashed sequences of three letters. `asked` is every text it was given."""

    ready = True

    def __init__(self, name: str = "trigrams", length: int = 256) -> None:
        self.name = name
        self.asked: list[str] = []
        self._length = length

    async def start(self) -> None:
        """There is nothing to load."""

    async def close(self) -> None:
        """There is nothing to give back."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""
        self.asked += texts
        found = np.zeros((len(texts), self._length), np.float32)
        for row, text in enumerate(texts):
            folded = "".join(c.lower() if c.isalnum() else " " for c in text)
            for at in range(len(folded) - 2):
                found[row, zlib.crc32(folded[at : at + 3].encode("utf-8", "replace")) % self._length] += 1.0
        return found
