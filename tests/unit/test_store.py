"""Finding models by name and by path."""

from __future__ import annotations

from pathlib import Path

import pytest
from gguf_files import tiny_model, write

from codeagent.inference.client import ModelLoadError
from codeagent.inference.store import ModelInUseError, ModelStore, UnknownModelError, in_use


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    write(tmp_path / "models" / "mine.gguf", tiny_model())
    return ModelStore(tmp_path / "models")


def test_a_name_is_found_in_the_folder(store: ModelStore) -> None:
    assert store.resolve("mine") == store.folder / "mine.gguf"
    assert [(m.name, m.size) for m in store.installed()] == [("mine", len(tiny_model()))]


def test_a_path_is_taken_as_it_is(store: ModelStore, tmp_path: Path) -> None:
    assert store.resolve(str(tmp_path / "other.gguf")) == tmp_path / "other.gguf"
    assert store.resolve("./mine.gguf") == Path("mine.gguf")


def test_a_model_that_could_be_pulled_says_how(store: ModelStore) -> None:
    with pytest.raises(UnknownModelError, match="codeagent model pull qwen3-8b"):
        store.resolve("qwen3-8b")


@pytest.mark.parametrize("name", ["", "..", "nonsense", "a b", "x" * 500, "mine\0", "ménage"])
def test_any_other_name_is_a_sentence(store: ModelStore, name: str) -> None:
    with pytest.raises(ModelLoadError, match="There is no model named"):
        store.resolve(name)


def test_an_empty_or_missing_folder_holds_no_models(tmp_path: Path) -> None:
    assert ModelStore(tmp_path / "none").installed() == []


def test_a_model_in_use_is_not_removed(store: ModelStore) -> None:
    path = store.resolve("mine")
    with in_use(path), in_use(path), pytest.raises(ModelInUseError):
        store.remove("mine")
    assert store.remove("mine").size == len(tiny_model())
    assert not path.exists()


def test_a_name_is_made_from_the_file(store: ModelStore, tmp_path: Path) -> None:
    added = store.add(write(tmp_path / "A Model.GGUF", tiny_model()), None, False, lambda _done, _total: None)
    assert added.name == "a-model"
    assert sorted(p.name for p in store.folder.iterdir()) == ["a-model.gguf", "mine.gguf"]
