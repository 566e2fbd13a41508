"""The vim option of the prompt."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompt_stage import PromptStage, paste, source, until

TEXT = "one two\n  three four\nfive"


ON_ONE_LINE = {
    "x": "ne two",
    "lx": "oe two",
    "wx": "one wo",
    "wbx": "ne two",
    "$x": "one tw",
    "$0x": "ne two",
    "ex": "on two",
    "wi>": "one >two",
    "a>": "o>ne two",
    "A>": "one two>",
    "$I>": ">one two",
    "dw": "two",
    "d$": "",
    "wD": "one ",
    "cwsix": "six two",
    "ccnew": "new",
    "dd": "",
    "ddu": "one two",
    "xxuu": "one two",
    "ZQ~q": "one two",
    "gx": "one two",
}
ON_SEVERAL_LINES = {
    "ggx": "ne two\n  three four\nfive",
    "ggjx": "one two\n three four\nfive",
    "ggGx": "one two\n  three four\nive",
    "kkx": "ne two\n  three four\nfive",
    "ggdd": "  three four\nfive",
    "dd": "one two\n  three four",
    "ddkx": "ne two\n  three four",
    "ggonew": "one two\nnew\n  three four\nfive",
    "ggOnew": "new\none two\n  three four\nfive",
    "ggjI>": "one two\n  >three four\nfive",
    "ggwwx": "one two\n  hree four\nfive",
}


@pytest.mark.parametrize(("text", "cases"), [("one two", ON_ONE_LINE), (TEXT, ON_SEVERAL_LINES)])
async def test_keys_do_what_they_do_in_vim(tmp_path: Path, text: str, cases: dict[str, str]) -> None:
    app = PromptStage(tmp_path, vim=True)
    results: dict[str, str] = {}
    async with app.run_test() as pilot:
        await pilot.press("escape")
        for keys in cases:
            app.prompt.set_text(text)
            await pilot.press("0", *keys)
            results[keys] = app.prompt.text
            await pilot.press("escape")
    assert results == cases


async def test_the_prompt_begins_in_insert_mode_and_enter_sends_in_both(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, vim=True)
    async with app.run_test() as pilot:
        await pilot.press(*"jkx", "enter", *"dd", "escape", "enter")
        assert app.said == [("said", "jkx"), ("said", "dd")]


async def test_the_mode_is_seen(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, vim=True)
    async with app.run_test() as pilot:
        assert "\u276f" in app.shown
        await pilot.press("a", "escape")
        await pilot.pause()
        assert "\u276e" in app.shown


async def test_escape_closes_the_candidates_before_it_leaves_insert_mode(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, vim=True, files=source("a.py"))
    async with app.run_test() as pilot:
        await pilot.press("@")
        await until(pilot, lambda: app.offered)
        await pilot.press("escape", *"zz")
        assert app.prompt.text == "@zz"


async def test_commands_offer_no_candidates(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, vim=True, files=source("a.py"))
    async with app.run_test() as pilot:
        await pilot.press("@", "a", "x", "escape", "x")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert (app.prompt.text, app.offered) == ("@a", [])


async def test_tokens_stay_whole(tmp_path: Path) -> None:
    long = "a\n" * 20
    app = PromptStage(tmp_path, vim=True)
    async with app.run_test() as pilot:
        await pilot.press("b")
        await paste(pilot, long)
        await pilot.press("escape", "h", "l", "i", "c")
        assert app.prompt.text == f"bc{long}"
        await pilot.press("escape", "$", "x")
        assert app.prompt.text == "bc"


async def test_without_the_option_letters_are_letters(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"ab", "escape", *"dd")
        assert app.prompt.text == "abdd"
