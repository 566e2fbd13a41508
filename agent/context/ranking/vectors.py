"""How near definitions are in meaning to a request, by vectors of an embedding model; knows no engine.

Vectors are kept in `.npy` files that are mapped, not read, and never changed once they are there: a new one is added
for what was learnt, and many small ones are joined. A vector is found by a hash of the text it was made of, so a
definition that moves or stays the same in a file that changes is not embedded again.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codeagent.agent.context.embedder import Embedder
from codeagent.agent.context.index.graph import FileWords, SymbolGraph
from codeagent.agent.context.ranking.kinds import kind_weights
from codeagent.agent.private import make_private_folder
from codeagent.inference.client import ModelError

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Keys = NDArray[np.uint64]
Texts = Callable[[SymbolGraph, Iterable[int]], Iterable[FileWords]]

BATCH = 16
"""Texts embedded by one call."""
SEGMENT = 512
"""Vectors written together."""
SEGMENTS = 16
"""More files than these are joined."""
MOST = 200_000
"""Vectors kept when files are joined: the newest."""
NEAREST = 200
"""Definitions that count as near."""
PATIENCE_S = 1.5
"""A request waits no longer for what is near it."""
_TELLING = 0.5
_ROWS = 8192


async def at_once() -> None:
    """No reason to wait."""


class VectorStore:
    """Vectors of length 1 on disk, by 64-bit keys, as half-precision numbers. A file that cannot be read counts as not
    there; what cannot be written is kept in memory."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder with the first vector."""
        self._folder = folder
        self._segments = [loaded for path in sorted(folder.glob("*.npy")) if (loaded := _load(path)) is not None]
        self._keys = self._gathered()

    def __len__(self) -> int:
        return len(self._keys)

    def holds(self, keys: Keys) -> NDArray[np.bool_]:
        """Which of the keys have a vector."""
        return np.isin(keys, self._keys)

    def add(self, keys: Keys, vectors: NDArray[np.float32]) -> None:
        """Keep vectors; they are scaled to length 1."""
        rows = np.zeros(len(keys), [("key", "<u8"), ("vector", "<f2", (vectors.shape[1],))])
        rows["key"], rows["vector"] = keys, _unit(vectors)
        joined = [old for old in self._segments if len(self._segments) >= SEGMENTS and old.rows.dtype == rows.dtype]
        if joined:
            rows = np.concatenate([*(old.rows for old in joined), rows])[-MOST:]
        with suppress(OSError):
            self._segments = [old for old in self._segments if old not in joined]
            self._segments.append(self._write(rows))
            for old in joined:
                if old.path is not None:
                    old.path.unlink(missing_ok=True)
        self._keys = self._gathered()

    def keep(self, length: int) -> None:
        """Forget vectors of any other length, which the model does not make any more."""
        others = [segment for segment in self._segments if segment.rows["vector"].shape[1] != length]
        for segment in others:
            if segment.path is not None:
                with suppress(OSError):
                    segment.path.unlink()
        if others:
            self._segments = [segment for segment in self._segments if segment not in others]
            self._keys = self._gathered()

    def likeness(self, query: NDArray[np.float32]) -> tuple[Keys, NDArray[np.float32]]:
        """The cosine of each vector and this one of the same length, with its key."""
        unit = _unit(query.reshape(1, -1))[0]
        found = [np.zeros(0, np.float32)]
        keys = [np.zeros(0, np.uint64)]
        for segment in self._segments:
            for first in range(0, len(segment.rows), _ROWS):
                part = segment.rows[first : first + _ROWS]
                keys.append(part["key"])
                found.append(part["vector"].astype(np.float32) @ unit)
        return np.concatenate(keys), np.concatenate(found)

    def _gathered(self) -> Keys:
        return np.concatenate([np.zeros(0, np.uint64), *(segment.rows["key"] for segment in self._segments)])

    def _write(self, rows: NDArray[Any]) -> _Segment:
        name = self._folder / f"{uuid.uuid4().hex}.npy"
        temporary = name.with_suffix(".tmp")
        try:
            make_private_folder(self._folder)
            with open(temporary, "wb") as file:
                np.save(file, rows, allow_pickle=False)
            temporary.replace(name)
        except OSError:
            return _Segment(None, rows)
        return _load(name) or _Segment(None, rows)


@dataclass(frozen=True, eq=False)
class _Segment:
    path: Path | None
    rows: NDArray[Any]


def _load(path: Path) -> _Segment | None:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    good = rows.ndim == 1 and rows.dtype.names == ("key", "vector") and rows.dtype["vector"].ndim == 1
    return _Segment(path, rows) if good else None


class Vectors:
    """The vectors of the definitions of a workspace."""

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        """`folder` stands beside the index; each model gets its own inside."""
        self._embedder = embedder
        digest = hashlib.sha256(embedder.name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._store = VectorStore(folder / digest)
        self._by_content: dict[int, Keys] = {}

    def __len__(self) -> int:
        return len(self._store)

    async def learn(
        self,
        graph: SymbolGraph,
        texts: Texts,
        order: Rows,
        limit: int,
        pause: Callable[[], Awaitable[object]] = at_once,
    ) -> int:
        """Embed at most so many of these definitions that have no vector yet, in this order; says how many. Before each
        `BATCH` it waits for `pause`. Cancelled or failed, it loses the last batch alone. Raises ModelError.
        """
        keys = await asyncio.to_thread(self._keys, graph, texts)
        order = order[keys[order] != 0]
        _, firsts = np.unique(keys[order], return_index=True)
        order = order[np.sort(firsts)]
        new = order[~self._store.holds(keys[order])][:limit]
        for first in range(0, len(new), SEGMENT):
            part = new[first : first + SEGMENT]
            wanted = set(part.tolist())
            files = np.unique(graph.def_file[part])
            told = {
                row: text for file in texts(graph, files.tolist()) for row, text in _told(graph, file) if row in wanted
            }
            await self._embed(keys, [row for row in part.tolist() if row in told], told, pause)
        return len(new)

    async def _embed(
        self, keys: Keys, rows: list[int], told: dict[int, str], pause: Callable[[], Awaitable[object]]
    ) -> None:
        vectors: list[NDArray[np.float32]] = []
        try:
            for start in range(0, len(rows), BATCH):
                await pause()
                vectors.append(await self._embedder.embed([told[row] for row in rows[start : start + BATCH]]))
        finally:
            if vectors:
                found = np.concatenate(vectors)
                self._store.add(keys[np.array(rows[: len(found)], np.int64)], found)

    async def near(self, graph: SymbolGraph, texts: Texts, request: str) -> Floats | None:
        """How near each definition is to a request, 0 for all but the nearest; None where nothing has been learnt, or
        the model is not there or not quick enough."""
        if not len(self._store) or not request.strip() or not self._embedder.ready:
            return None
        try:
            async with asyncio.timeout(PATIENCE_S):
                query = await self._embedder.embed([request])
                self._store.keep(query.shape[1])
                keys = await asyncio.to_thread(self._keys, graph, texts)
                return await asyncio.to_thread(self._nearest, keys, query[0])
        except (TimeoutError, ModelError):
            return None

    def _nearest(self, keys: Keys, query: NDArray[np.float32]) -> Floats:
        known, likeness = self._store.likeness(query)
        order = np.argsort(known, kind="stable")
        known, likeness = known[order], likeness[order]
        near = np.zeros(len(keys))
        if not len(known):
            return near
        at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        near = np.where((known[at] == keys) & (keys != 0), np.maximum(likeness[at], 0.0), 0.0).astype(np.float64)
        if len(near) > NEAREST:
            near[near < np.partition(near, -NEAREST)[-NEAREST]] = 0.0
        return near

    def _keys(self, graph: SymbolGraph, texts: Texts) -> Keys:
        """What each definition's vector is found by, 0 for one that gets none. Texts are read of new contents only."""
        contents = graph.contents.tolist()
        unknown = [file for file, content in enumerate(contents) if content not in self._by_content]
        for file in texts(graph, unknown):
            keys = np.zeros(int(graph.first_def[file.file + 1] - graph.first_def[file.file]), np.uint64)
            for row, text in _told(graph, file):
                keys[row - int(graph.first_def[file.file])] = _key(text)
            self._by_content[contents[file.file]] = keys
        self._by_content = {content: self._by_content[content] for content in contents if content in self._by_content}
        found = np.zeros(len(graph.def_file), np.uint64)
        for file, content in enumerate(contents):
            part = slice(int(graph.first_def[file]), int(graph.first_def[file + 1]))
            keys = self._by_content.get(content)
            if keys is not None and len(keys) == part.stop - part.start:
                found[part] = keys
        return found


def _told(graph: SymbolGraph, file: FileWords) -> Iterator[tuple[int, str]]:
    """The text that stands for each definition that tells something."""
    first = int(graph.first_def[file.file])
    weights = kind_weights()
    for at, (signature, doc) in enumerate(zip(file.signatures, file.docs, strict=False)):
        if weights[graph.def_kind[first + at]] >= _TELLING:
            yield first + at, f"{graph.qualified(first + at)}\n{signature}\n{doc}".strip()


def _key(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    found = np.nan_to_num(vectors.astype(np.float32), posinf=0.0, neginf=0.0)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
