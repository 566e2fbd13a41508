"""Pictures of the screens: how they look, in sizes and themes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from gguf_files import tiny_model, write
from screen_stage import ScreenStage, until_shown
from session_logs import START, started, turn, write_log
from textual.binding import Binding
from textual.pilot import Pilot
from textual.screen import Screen

from codeagent.inference.host import HostMemory
from codeagent.inference.store import ModelStore
from codeagent.tui import themes
from codeagent.tui.screens.first_run import FirstRun
from codeagent.tui.screens.keys import Keys, key_rows
from codeagent.tui.screens.models import Models
from codeagent.tui.screens.rows import Rows
from codeagent.tui.screens.sessions import Sessions
from codeagent.tui.screens.settings import Settings
from codeagent.tui.screens.theme_picker import ThemePicker

Compare = Callable[..., bool]
SMALL, MIDDLE, LARGE = (80, 24), (120, 40), (200, 60)


@pytest.fixture
def compare(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> Generator[Compare]:
    """Takes a picture of a screen once it shows a text and the keys were pressed, on a clock without a time zone."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()

    def take(
        make: Callable[[], Screen[Any]], size: tuple[int, int], ready: str, *keys: str, theme: str = "dark"
    ) -> bool:
        async def prepare(pilot: Pilot[None]) -> None:
            await until_shown(pilot, ready)
            await pilot.press(*keys)
            await pilot.pause(0.5)

        before: Callable[[Pilot[None]], Awaitable[None]] = prepare
        return snap_compare(ScreenStage(make, theme), terminal_size=size, run_before=before)

    yield take
    monkeypatch.undo()
    time.tzset()


def host() -> HostMemory:
    return HostMemory(total=16 * 10**9, available=12 * 10**9)


@pytest.fixture
def first_run(tmp_path: Path) -> Callable[[], FirstRun]:
    store = ModelStore(tmp_path / "models")
    return lambda: FirstRun("qwen2.5-coder-1.5b", store, tmp_path / "none.toml", tmp_path, None, host)


@pytest.fixture
def models(tmp_path: Path) -> Callable[[], Models]:
    store = ModelStore(tmp_path / "models")
    write(store.folder / "qwen2.5-coder-0.5b.gguf", tiny_model())
    write(store.folder / "mine.gguf", tiny_model())
    write(store.folder / "damaged.gguf", b"GGUF")
    with open(store.folder / "qwen3-4b.gguf.part", "wb") as file:
        file.truncate(1_000_000_000)
    return lambda: Models("qwen2.5-coder-1.5b", store, tmp_path / "none.toml", None, host)


@pytest.fixture
def sessions(tmp_path: Path) -> Callable[[], Sessions]:
    folder = tmp_path / "logs"
    fixed = turn("Why does test_cart fail?", "The discount was taken twice; it is mended, and all 12 tests pass.")
    more = turn("Now add a test for negative amounts", "Added `test_negative_amount`.")
    write_log(folder, "a", [started(), *fixed, *more])
    (folder / "a.name").write_text("discount bug")
    write_log(folder, "b", [started("qwen3-4b"), *turn("Rename Basket to Cart", "Done.")], START + 90_000, tail=b"torn")
    write_log(folder, "c", [started(), *turn("Explain \x1b[31mthis", "It is a shop.")], START + 200_000)
    return lambda: Sessions(folder, "c", Path("/home/me/.local/state/codeagent/shop.md"), tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[], Settings]:
    file = write(tmp_path / "config.toml", b"[sampling]\ntop_k = 3\n")
    return lambda: Settings(file, None, {}, {"sampling": {"seed": 7}}, {"theme": themes.NAMES})


@pytest.fixture
def keys(tmp_path: Path) -> Callable[[], Keys]:
    rows = [
        *key_rows("list", Rows.BINDINGS),
        *key_rows("app", [Binding("ctrl+q", "q", "Quit", id="app.quit"), Binding("f2", "m", "Mode", id="app.mode")]),
    ]
    return lambda: Keys(rows, {"app.mode": "ctrl+t"}, tmp_path / "config.toml")


@pytest.mark.parametrize("size", [SMALL, MIDDLE], ids=str)
def test_first_run(compare: Compare, first_run: Callable[[], FirstRun], size: tuple[int, int]) -> None:
    assert compare(first_run, size, "Apache-2.0")


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE], ids=str)
def test_models(compare: Compare, models: Callable[[], Models], size: tuple[int, int]) -> None:
    assert compare(models, size, "● qwen2.5-coder-1.5b")


def test_a_model_is_to_be_removed(compare: Compare, models: Callable[[], Models]) -> None:
    assert compare(models, SMALL, "● qwen2.5-coder-1.5b", "home", "down", "d")


@pytest.mark.parametrize("size", [SMALL, MIDDLE], ids=str)
def test_sessions(compare: Compare, sessions: Callable[[], Sessions], size: tuple[int, int]) -> None:
    assert compare(sessions, size, "discount bug", "end")


def test_sessions_in_light(compare: Compare, sessions: Callable[[], Sessions]) -> None:
    assert compare(sessions, MIDDLE, "discount bug", "end", "e", theme="light")


@pytest.mark.parametrize("size", [SMALL, MIDDLE], ids=str)
def test_settings(compare: Compare, settings: Callable[[], Settings], size: tuple[int, int]) -> None:
    assert compare(settings, size, "gpu_layers", "slash", *"sampling", "enter")


def test_a_setting_is_changed_in_high_contrast(compare: Compare, settings: Callable[[], Settings]) -> None:
    search = ("slash", *"permission", "enter", "enter")
    assert compare(settings, SMALL, "gpu_layers", *search, theme="high-contrast")


@pytest.mark.parametrize("size", [SMALL, MIDDLE], ids=str)
def test_keys(compare: Compare, keys: Callable[[], Keys], size: tuple[int, int]) -> None:
    assert compare(keys, size, "Quit", "end")


@pytest.mark.parametrize("theme", ["no-colour", "ansi"])
def test_keys_in_the_terminals_own_colours(compare: Compare, keys: Callable[[], Keys], theme: str) -> None:
    assert compare(keys, SMALL, "Quit", "end", theme=theme)


def test_the_theme_picker(compare: Compare) -> None:
    assert compare(lambda: ThemePicker(themes.NAMES, "light", lambda _: None), SMALL, "Colours")
