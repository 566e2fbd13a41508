"""The settings screen: a form made from Config, whose changes go to the user's file."""

from __future__ import annotations

from pathlib import Path

import pytest
from screen_stage import ScreenStage, content, put, typed, until, until_shown
from textual.pilot import Pilot
from textual.widgets import Input

from codeagent.agent.config import Config, load_config
from codeagent.tui import themes
from codeagent.tui.screens.rows import Rows
from codeagent.tui.screens.settings import Settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("# mine\nmax_turns = 7\n")
    return path


@pytest.fixture
def stage(file: Path) -> ScreenStage:
    return ScreenStage(lambda: Settings(file, None, {"CODEAGENT_CTX": "8192"}, {"threads": 3}, {"theme": themes.NAMES}))


async def go_to(pilot: Pilot[None], stage: ScreenStage, name: str) -> None:
    """Mark a setting."""
    rows = stage.screen.query_one(Rows)
    await until(pilot, lambda: rows.option_count > 0)
    rows.highlighted = rows.get_option_index(name)


async def test_every_setting_of_config_has_a_row_with_value_and_source(stage: ScreenStage) -> None:
    async with stage.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "max_turns")
        rows = stage.screen.query_one(Rows)
        names = {option.id for option in rows.options}
        assert {name for name in Config.model_fields if name not in ("sampling", "keys")} <= names
        assert {"sampling.temperature", "sampling.seed"} <= names
        await until_shown(pilot, "8192", "environment", "flag", "user", "automatic")
        await go_to(pilot, stage, "permission_mode")
        await until_shown(pilot, "What may happen without asking.", "one of", "plan, default, acceptEdits")


async def test_a_number_is_typed_and_stored_and_the_comments_stay(stage: ScreenStage, file: Path) -> None:
    async with stage.run_test(size=(120, 40)) as pilot:
        await go_to(pilot, stage, "max_turns")
        await pilot.press("enter")
        await until_shown(pilot, "Model calls in one turn.", "OK (enter)")
        await pilot.press("backspace")
        await typed(pilot, "42")
        await pilot.press("enter")
        await until_shown(pilot, "max_turns is stored.")
        assert content(file) == "# mine\nmax_turns = 42\n"
        await pilot.press("escape")
        assert stage.results == [("max_turns",)]


async def test_a_wrong_value_is_said_at_once_and_not_stored(stage: ScreenStage, file: Path) -> None:
    async with stage.run_test(size=(120, 40)) as pilot:
        await go_to(pilot, stage, "max_turns")
        await pilot.press("enter")
        await until_shown(pilot, "OK (enter)")
        await typed(pilot, "x")
        await pilot.click("#ok")
        await until_shown(pilot, "max_turns cannot be '7x'")
        await pilot.click("#cancel")
        await pilot.press("escape")
        assert (stage.results, content(file)) == ([()], "# mine\nmax_turns = 7\n")


async def test_a_choice_is_made_from_a_list(stage: ScreenStage, file: Path) -> None:
    async with stage.run_test(size=(120, 40)) as pilot:
        await go_to(pilot, stage, "permission_mode")
        await pilot.press("enter")
        await until_shown(pilot, "bypassPermissions", "Choose")
        await pilot.press("up", "enter")
        await until_shown(pilot, "permission_mode is stored.")
        assert load_config(file, None, {}, {}).permission_mode == "plan"
        await go_to(pilot, stage, "theme")
        await pilot.press("enter")
        await until_shown(pilot, "high-contrast")
        await pilot.press("end", "enter")
        await until_shown(pilot, "theme is stored.")
        assert load_config(file, None, {}, {}).theme == themes.NAMES[-1]
        await go_to(pilot, stage, "vim")
        await pilot.press("enter")
        await until_shown(pilot, "Choose")
        await pilot.press("home", "enter")
        await until_shown(pilot, "vim is stored.")
        assert load_config(file, None, {}, {}).vim is True


async def test_a_setting_that_something_stronger_sets_says_so(stage: ScreenStage, file: Path) -> None:
    async with stage.run_test(size=(120, 40)) as pilot:
        await go_to(pilot, stage, "context")
        await pilot.press("enter")
        await until_shown(pilot, "Empty: automatic.")
        pilot.app.screen.query_one(Input).value = "4096"
        await pilot.press("enter")
        await until_shown(pilot, "The environment sets it too, and that holds here.")
        assert load_config(file, None, {}, {}).context == 4096


async def test_back_to_default_takes_it_out_of_the_file(stage: ScreenStage, file: Path) -> None:
    async with stage.run_test(size=(120, 40)) as pilot:
        await go_to(pilot, stage, "devices")
        await pilot.press("u")  # it is not in the file: nothing to take out
        await go_to(pilot, stage, "max_turns")
        await until_shown(pilot, "Back to default")
        await pilot.press("u")
        await until(pilot, lambda: content(file) == "# mine\n")
        await pilot.press("escape")
        assert stage.results == [("max_turns",)]


async def test_emptied_means_automatic_again(stage: ScreenStage, file: Path) -> None:
    put(file, "gpu_layers = 3\n")
    async with stage.run_test(size=(120, 40)) as pilot:
        await go_to(pilot, stage, "gpu_layers")
        await pilot.press("enter")
        await until_shown(pilot, "Empty: automatic.")
        pilot.app.screen.query_one(Input).value = ""
        await pilot.press("enter")
        await until(pilot, lambda: content(file) == "")


async def test_search_leaves_what_has_the_words(stage: ScreenStage) -> None:
    async with stage.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "max_turns")
        await pilot.press("slash")
        await typed(pilot, "gpu")
        await until(pilot, lambda: [o.id for o in stage.screen.query_one(Rows).options] == ["gpu_layers", "split_mode"])


@pytest.mark.parametrize("broken", ["model = \n", "[sampling\n"])
async def test_a_broken_file_is_a_sentence_and_stays(file: Path, stage: ScreenStage, broken: str) -> None:
    put(file, broken)
    async with stage.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "Nothing was changed")
        await pilot.press("enter", "u", "escape")
        assert (stage.results, content(file)) == ([()], broken)


async def test_a_screen_closes_once_and_takes_no_other_with_it(stage: ScreenStage) -> None:
    async with stage.run_test(size=(120, 40)) as pilot:
        await go_to(pilot, stage, "max_turns")
        screen = stage.screen
        assert isinstance(screen, Settings)
        await pilot.press("enter")
        await until_shown(pilot, "OK (enter)")
        screen.dismiss(())  # as something that ends late would
        await until_shown(pilot, "OK (enter)")
        assert stage.results == []
        await pilot.press("escape", "escape")
        screen.dismiss(())
        await pilot.pause()
        assert (stage.results, len(stage.screen_stack)) == ([()], 1)
