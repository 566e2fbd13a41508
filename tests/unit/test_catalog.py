"""The shipped catalogue and a person's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from gguf_files import tiny_model, write

from codeagent.inference.catalog import HuggingFace, PackageIndex, load_catalog
from codeagent.inference.client import ModelLoadError
from codeagent.inference.store import ModelStore
from codeagent.tui.screens.shelf import survey

OWN = """
[[model]]
name = "ours"
size = 10
sha256 = "{sha}"
parameters = "1B"
memory_gb = 1.5
context = 2048
licence = "MIT"
description = "Ours."
[[model.sources]]
kind = "huggingface"
repo = "us/ours"
file = "ours.gguf"
"""


def test_the_default_model_has_its_checksum_and_two_sources() -> None:
    entry = load_catalog()["qwen2.5-coder-1.5b"]
    assert entry.size == 1_117_320_768
    assert entry.sha256 == "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
    hub, index = entry.sources
    assert isinstance(hub, HuggingFace)
    assert isinstance(index, PackageIndex)
    assert len(index.requirements) == 22


def test_the_catalogue_has_models_for_larger_machines_with_licence_and_memory() -> None:
    entries = load_catalog().values()
    assert len(entries) >= 14
    assert all(e.licence and e.description and e.memory_gb * 1e9 > e.size for e in entries)
    assert max(e.memory_gb for e in entries) > 20


def test_ones_own_models_come_beside_the_shipped_ones(tmp_path: Path) -> None:
    own = tmp_path / "catalog.toml"
    own.write_text(OWN.format(sha="0" * 64))
    assert {"ours", "qwen2.5-coder-1.5b"} <= load_catalog(own).keys()
    assert load_catalog(tmp_path / "missing.toml") == load_catalog()


@pytest.mark.parametrize(
    "text", ["[[model", OWN.format(sha="short"), OWN.replace("us/ours", "../x"), "[[model]]\nname=1"]
)
def test_a_wrong_catalogue_is_a_sentence(tmp_path: Path, text: str) -> None:
    own = tmp_path / "catalog.toml"
    own.write_text(text)
    with pytest.raises(ModelLoadError, match=r"catalog\.toml"):
        load_catalog(own)


def test_a_model_that_gives_vectors_is_not_offered_to_answer(tmp_path: Path) -> None:
    catalogue = load_catalog()
    embedding = {name for name, entry in catalogue.items() if entry.kind == "embedding"}
    assert "bge-small-en-v1.5" in embedding
    store = ModelStore(tmp_path)
    write(tmp_path / "bge-small-en-v1.5.gguf", tiny_model())
    write(tmp_path / "mine.gguf", tiny_model())
    offered = {model.name for model in survey(store, catalogue)}
    assert {"mine", "qwen2.5-coder-1.5b"} <= offered
    assert not offered & embedding
