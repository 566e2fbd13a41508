"""The sessions screen: search, look into, resume, fork, rename and export, by keyboard and by mouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from screen_stage import ScreenStage, content, put, shown, typed, until, until_shown
from session_logs import START, started, turn, write_log
from textual import events
from textual.widgets import Input

from codeagent.agent.session_index import list_sessions
from codeagent.tui.screens.rows import Rows
from codeagent.tui.screens.sessions import SessionChoice, Sessions


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    write_log(folder, "old", [started("m1"), *turn("Why does test_cart fail?", "The discount is taken twice.")])
    write_log(
        folder,
        "mid",
        [started("m2"), *turn("Rename Basket", "Renamed."), *turn("And the docs", "Those too.")],
        START + 100,
    )
    write_log(folder, "new", [started("m3"), *turn("Explain the layout", "Three folders.")], START + 200, tail=b"torn")
    return folder


@pytest.fixture
def stage(logs: Path, tmp_path: Path) -> ScreenStage:
    return ScreenStage(lambda: Sessions(logs, "new", tmp_path / "exports" / "shop.md", tmp_path))


async def test_enter_resumes_the_marked_session(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Explain the layout", "Rename Basket", "Why does test_cart fail?")
        await pilot.press("down", "enter")
        assert stage.results == [SessionChoice("mid", fork=False)]


async def test_the_open_session_is_not_resumed_but_can_be_forked(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Explain the layout")
        await pilot.press("enter")
        await until_shown(pilot, "This session is the one that is open")
        await pilot.press("f")
        assert stage.results == [SessionChoice("new", fork=True)]


async def test_the_marked_session_is_described(stage: ScreenStage) -> None:
    async with stage.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "m3", "1 damaged record left out", "Three folders.")
        await pilot.press("down")
        await until_shown(pilot, "m2", "> Rename Basket", "> And the docs", "Those too.")


async def test_a_click_marks_and_a_double_click_resumes(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Explain the layout")
        await pilot.click(Rows, offset=(10, 2))
        assert (stage.screen.query_one(Rows).marked, stage.results) == ("old", [])
        await pilot.click(Rows, offset=(10, 1), times=2)
        assert stage.results == [SessionChoice("mid", fork=False)]


async def test_more_clicks_than_two_choose_once_and_close_nothing_else(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Explain the layout")
        await pilot.click(Rows, offset=(10, 1), times=4)
        await pilot.pause()
        assert (stage.results, len(stage.screen_stack)) == ([SessionChoice("mid", fork=False)], 1)


async def test_the_keys_at_the_bottom_can_be_clicked(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Explain the layout", "Fork")
        await pilot.click("FooterKey")
        assert stage.results == [None]


async def test_search_finds_answers_and_names_and_escape_shows_all_again(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Rename Basket")
        await pilot.press("slash")
        await typed(pilot, "TAKEN twice")
        await until(pilot, lambda: stage.screen.query_one(Rows).option_count == 1)
        await until_shown(pilot, "Why does test_cart fail?", "found", "The discount is taken twice.")
        await pilot.press("escape")
        await until(pilot, lambda: stage.screen.query_one(Rows).option_count == 3)
        assert stage.results == []
        await pilot.press("escape")
        assert stage.results == [None]


async def test_a_search_without_a_hit_says_so(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Rename Basket")
        await pilot.press("slash")
        await typed(pilot, "zzz")
        await until_shown(pilot, "No session has 'zzz'.")
        await pilot.press("enter", "enter", "f", "r", "e")
        assert stage.results == []


async def test_a_session_gets_a_name(stage: ScreenStage, logs: Path) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Rename Basket")
        await pilot.press("down", "r")
        await until_shown(pilot, "A name for this session")
        await typed(pilot, "docs")
        await pilot.press("enter")
        await until(pilot, lambda: {s.id: s.name for s in list_sessions(logs)}["mid"] == "docs")
        await until_shown(pilot, "docs")
        assert stage.screen.query_one(Rows).marked == "mid"


async def test_export_goes_to_the_proposed_file_and_asks_before_it_replaces_one(
    stage: ScreenStage, tmp_path: Path
) -> None:
    target = tmp_path / "exports" / "shop.md"
    async with stage.run_test(size=(160, 40)) as pilot:
        await until_shown(pilot, "Rename Basket")
        await pilot.press("e")
        await until_shown(pilot, "export this session to")
        assert pilot.app.screen.query_one(Input).value == str(target)
        await pilot.press("enter")
        await until_shown(pilot, "Exported to", "1 damaged record left out")
        assert "> Explain the layout" in content(target)
        put(target, "precious")
        await pilot.press("e")
        await until_shown(pilot, "export this session to")
        await pilot.press("enter")
        await until_shown(pilot, "already exists. Replace it?")
        await pilot.press("enter")  # the answer that has the keys is no
        await until_shown(pilot, "Nothing was exported.")
        assert content(target) == "precious"
        await pilot.press("e")
        await until_shown(pilot, "export this session to")
        await pilot.press("enter")
        await until_shown(pilot, "Replace it?")
        await pilot.press("y")
        await until_shown(pilot, "Exported to")
        assert content(target).startswith("# Explain the layout")


async def test_a_relative_path_starts_at_the_workspace_and_a_wrong_one_is_a_sentence(
    stage: ScreenStage, tmp_path: Path
) -> None:
    async with stage.run_test(size=(160, 40)) as pilot:
        await until_shown(pilot, "Rename Basket")
        for path in ("no/such/x.md", "mine.md"):
            await pilot.press("e")
            await until_shown(pilot, "export this session to")
            pilot.app.screen.query_one(Input).value = path
            await pilot.press("enter")
            await until_shown(pilot, "cannot be exported" if "/" in path else "Exported to")
        assert (tmp_path / "mine.md").exists()
        assert not (tmp_path / "no").exists()


async def test_nothing_in_a_session_steers_the_terminal_or_is_markup(tmp_path: Path) -> None:
    evil = "[bold red]x[/] \x1b]52;c;aGk=\x07 \u202e"
    write_log(tmp_path, "evil", [started(evil), *turn(evil, evil)])
    put(tmp_path / "evil.name", evil)
    stage = ScreenStage(lambda: Sessions(tmp_path, None, tmp_path / "x.md", tmp_path))
    async with stage.run_test(size=(160, 40)) as pilot:
        await until_shown(pilot, "[bold red]x[/] <U+001B>]52;c;aGk=<U+0007> <U+202E>")
        await pilot.press("r")
        await until_shown(pilot, "A name for this session")
        assert not set(shown(stage)) & set("\x1b\x07\u202e")


async def test_a_folder_without_sessions_says_so(tmp_path: Path) -> None:
    stage = ScreenStage(lambda: Sessions(tmp_path / "none", None, tmp_path / "x.md", tmp_path))
    async with stage.run_test() as pilot:
        await until_shown(pilot, "There is no session in this folder yet.")
        await pilot.press("enter", "f", "r", "e", "escape")
        assert stage.results == [None]


async def test_a_screen_left_while_it_reads_takes_nothing_with_it(stage: ScreenStage) -> None:
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Explain the layout")
        for opened in range(1, 40):
            for key in ("down", "down", "escape"):  # all at once, as a terminal may give them
                stage.post_message(events.Key(key, None))
            await until(pilot, lambda opened=opened: len(stage.results) == opened)
            stage.open()
            await until_shown(pilot, "Explain the layout")
