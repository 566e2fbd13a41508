"""Vectors of definitions: made once, kept on disk, compared with a request."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from embedders import TrigramEmbedder
from symbol_graphs import Source, by_name, graph_of, words_of

from codeagent.agent.context.index.graph import FileWords, SymbolGraph
from codeagent.agent.context.ranking import vectors as module
from codeagent.agent.context.ranking.vectors import Vectors, VectorStore

FILES = {
    "http.py": Source(("function retry_request", "constant LIMIT"), docs={"retry_request": "Send it once more."}),
    "color.py": Source(("class Palette", "method Palette.blend"), docs={"Palette.blend": "Mix two colours."}),
}


class Tree:
    """Files whose texts are read as of an index, and how often."""

    def __init__(self, files: dict[str, Source]) -> None:
        self.files = files
        self.graph = graph_of(files)
        self.read: list[str] = []

    def texts(self, graph: SymbolGraph, files: Iterable[int] | None = None) -> list[FileWords]:
        wanted = list(files if files is not None else range(len(graph.paths)))
        self.read += [graph.paths[file] for file in wanted]
        return words_of(self.files, graph, wanted)

    async def learn(self, vectors: Vectors, limit: int = 100) -> int:
        return await vectors.learn(self.graph, self.texts, np.arange(len(self.graph.def_file)), limit)

    async def near(self, vectors: Vectors, request: str) -> dict[str, float]:
        found = await vectors.near(self.graph, self.texts, request)
        assert found is not None
        return by_name(self.graph, found.tolist())


async def test_definitions_are_found_by_nearness(tmp_path: Path) -> None:
    tree, vectors = Tree(FILES), Vectors(TrigramEmbedder(), tmp_path)
    assert await tree.learn(vectors) == 3
    near = await tree.near(vectors, "retrying a request")
    assert max(near, key=near.__getitem__) == "http.py:retry_request"
    near = await tree.near(vectors, "blending of colours in the palette")
    assert max(near, key=near.__getitem__) == "color.py:Palette.blend"
    assert near["http.py:LIMIT"] == 0.0


async def test_only_what_is_new_is_embedded(tmp_path: Path) -> None:
    embedder = TrigramEmbedder()
    vectors = Vectors(embedder, tmp_path)
    await Tree(FILES).learn(vectors)
    embedder.asked.clear()
    changed = dict(FILES)
    changed["moved/color.py"] = changed.pop("color.py")
    changed["http.py"] = Source(("function retry_request", "function give_up"), docs=FILES["http.py"].docs)
    tree = Tree(changed)
    assert await tree.learn(Vectors(embedder, tmp_path)) == 1
    assert len(embedder.asked) == 1
    assert "give_up" in embedder.asked[0]
    assert await tree.learn(Vectors(embedder, tmp_path)) == 0


async def test_texts_of_a_content_are_read_once(tmp_path: Path) -> None:
    tree, vectors = Tree(FILES), Vectors(TrigramEmbedder(), tmp_path)
    await tree.learn(vectors)
    tree.read.clear()
    await tree.near(vectors, "colour")
    await tree.near(vectors, "request")
    assert tree.read == []


async def test_no_more_are_embedded_than_allowed_and_the_first_come_first(tmp_path: Path) -> None:
    embedder, tree = TrigramEmbedder(), Tree(FILES)
    rows = np.arange(len(tree.graph.def_file))[::-1]
    assert await Vectors(embedder, tmp_path).learn(tree.graph, tree.texts, rows, 1) == 1
    assert "retry_request" in embedder.asked[0]  # the last row is a constant, which tells little


async def test_without_vectors_nothing_is_near(tmp_path: Path) -> None:
    embedder, tree = TrigramEmbedder(), Tree(FILES)
    vectors = Vectors(embedder, tmp_path)
    assert await vectors.near(tree.graph, tree.texts, "colour") is None
    await tree.learn(vectors)
    embedder.asked.clear()
    assert await vectors.near(tree.graph, tree.texts, "  ") is None
    assert embedder.asked == []


async def test_models_do_not_share_vectors(tmp_path: Path) -> None:
    tree = Tree(FILES)
    await tree.learn(Vectors(TrigramEmbedder("a"), tmp_path))
    assert await Vectors(TrigramEmbedder("b"), tmp_path).near(tree.graph, tree.texts, "colour") is None


async def test_a_model_whose_vectors_change_their_length_is_learnt_anew(tmp_path: Path) -> None:
    tree = Tree(FILES)
    await tree.learn(Vectors(TrigramEmbedder(length=64), tmp_path))
    vectors = Vectors(TrigramEmbedder(length=32), tmp_path)
    assert set((await tree.near(vectors, "colour")).values()) == {0.0}
    assert await tree.learn(vectors) == 3
    near = await tree.near(vectors, "retry a request")
    assert max(near, key=near.__getitem__) == "http.py:retry_request"


def files_of(folder: Path) -> list[Path]:
    return list(folder.rglob("*.npy"))


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY\x01\x00", b"not numpy at all" * 50])
async def test_a_damaged_file_costs_its_vectors_only(tmp_path: Path, damage: bytes) -> None:
    tree, embedder = Tree(FILES), TrigramEmbedder()
    await tree.learn(Vectors(embedder, tmp_path))
    (file,) = files_of(tmp_path)
    file.write_bytes(damage)
    vectors = Vectors(embedder, tmp_path)
    assert await vectors.near(tree.graph, tree.texts, "colour") is None
    assert await tree.learn(vectors) == 3


def test_objects_in_a_file_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], object), allow_pickle=True)
    assert len(VectorStore(tmp_path)) == 0


def test_many_small_files_are_joined_into_one(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    for number in range(module.SEGMENTS + 3):
        store.add(np.array([number + 1], np.uint64), np.eye(32, dtype=np.float32)[number : number + 1])
    assert len(list(tmp_path.glob("*.npy"))) <= module.SEGMENTS
    assert list(tmp_path.glob("*.tmp")) == []
    again = VectorStore(tmp_path)
    keys, likeness = again.likeness(np.eye(32, dtype=np.float32)[5])
    assert sorted(keys.tolist()) == list(range(1, module.SEGMENTS + 4))
    assert keys[int(np.argmax(likeness))] == 6
    assert likeness.max() == pytest.approx(1.0)


def test_what_cannot_be_written_is_kept_for_the_session(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = VectorStore(tmp_path / "file")
    store.add(np.array([7], np.uint64), np.ones((1, 8), np.float32))
    assert store.holds(np.array([7, 8], np.uint64)).tolist() == [True, False]


def test_vectors_that_are_no_numbers_are_near_nothing(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    store.add(np.array([1, 2], np.uint64), np.array([[np.nan, np.inf], [0.0, 0.0]], np.float32))
    _, likeness = store.likeness(np.zeros(2, np.float32))
    assert np.isfinite(likeness).all()
