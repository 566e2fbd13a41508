"""The keys screen: what every key does, and other keys for an action."""

from __future__ import annotations

from pathlib import Path

import pytest
from screen_stage import ScreenStage, content, put, shown, typed, until, until_shown
from textual.binding import Binding, BindingType

from codeagent.agent.config import load_config
from codeagent.tui.screens.keys import KeyRow, Keys, key_rows
from codeagent.tui.screens.rows import Rows

BINDINGS: list[BindingType] = [
    Binding("ctrl+q,f10", "quit", "Quit", id="app.quit"),
    Binding("shift+tab", "mode", "Next mode", id="app.mode"),
    Binding("slash", "find", "Find", id="app.find"),
    Binding("x", "hidden", "", id="app.hidden"),
    ("f1", "help", "Help"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text('[keys]\n"app.mode" = "ctrl+t"\n')
    return path


@pytest.fixture
def stage(file: Path) -> ScreenStage:
    rows = [*key_rows("app", BINDINGS), KeyRow("prompt", "ctrl+s", "Say it now", "prompt.steer")]
    return ScreenStage(lambda: Keys(rows, {"app.mode": "ctrl+t"}, file))


def test_rows_come_from_bindings_with_all_keys_of_an_action() -> None:
    assert key_rows("app", BINDINGS) == [
        KeyRow("app", "ctrl+q,f10", "Quit", "app.quit"),
        KeyRow("app", "shift+tab", "Next mode", "app.mode"),
        KeyRow("app", "slash", "Find", "app.find"),
        KeyRow("app", "f1", "Help", ""),
    ]


async def test_all_keys_are_listed_as_a_person_calls_them(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "ctrl+q, f10", "Quit", "ctrl+t", "Next mode", "/", "Find", "Say it now")
        assert "shift+tab" not in shown(stage)
        await pilot.press("down")
        await until_shown(pilot, "app.mode Its own: shift+tab")


async def test_search_looks_at_keys_and_words(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Quit")
        await pilot.press("slash")
        await typed(pilot, "f10")
        await until(pilot, lambda: stage.screen.query_one(Rows).option_count == 1)
        await until_shown(pilot, "Quit")


async def test_an_action_gets_the_next_key_that_is_pressed(stage: ScreenStage, file: Path) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Quit")
        await pilot.press("enter")
        await until_shown(pilot, "Press the new key for: Quit")
        await pilot.press("ctrl+e")
        await until_shown(pilot, "“Quit” has the key ctrl+e now.")
        assert load_config(file, None, {}, {}).keys == {"app.mode": "ctrl+t", "app.quit": "ctrl+e"}
        await pilot.press("escape")
        assert stage.results == [{"app.mode": "ctrl+t", "app.quit": "ctrl+e"}]


@pytest.mark.parametrize("key", ["tab", "f12", "ctrl+c", "alt+up"])
async def test_keys_that_screens_use_themselves_can_be_given_too(stage: ScreenStage, file: Path, key: str) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Quit")
        await pilot.press("enter")
        await until_shown(pilot, "Press the new key")
        await pilot.press(key)
        await until_shown(pilot, "“Quit” has the key")
        assert load_config(file, None, {}, {}).keys["app.quit"] == key


async def test_escape_keeps_the_key_and_nothing_changed_is_none(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Quit")
        await pilot.press("enter")
        await until_shown(pilot, "Press the new key")
        await pilot.press("escape", "escape")
        assert stage.results == [None]


async def test_a_key_that_is_taken_in_the_same_place_is_refused(stage: ScreenStage, file: Path) -> None:
    before = content(file)
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Quit")
        await pilot.press("enter")
        await until_shown(pilot, "Press the new key")
        await pilot.press("ctrl+t")
        await until_shown(pilot, "ctrl+t already stands for “Next mode” there")
        assert content(file) == before


async def test_an_action_gets_its_own_key_back(stage: ScreenStage, file: Path) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Quit")
        await pilot.press("down")
        await until_shown(pilot, "Its own key again")
        await pilot.press("u")
        await until_shown(pilot, "has its own key again")
        assert load_config(file, None, {}, {}).keys == {}
        await pilot.press("escape")
        assert stage.results == [{}]


async def test_a_key_without_a_name_cannot_be_changed(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Help")
        await pilot.press("down", "down", "down")
        await until_shown(pilot, "This key cannot be changed.")
        await pilot.press("enter", "u")
        assert "Press the new key" not in shown(stage)


async def test_a_settings_file_that_is_broken_is_a_sentence_and_stays(stage: ScreenStage, file: Path) -> None:
    put(file, "[keys\n")
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Quit")
        await pilot.press("enter")
        await until_shown(pilot, "Press the new key")
        await pilot.press("ctrl+e")
        await until_shown(pilot, "Nothing was changed")
        await pilot.press("escape")
        assert (stage.results, content(file)) == ([None], "[keys\n")
