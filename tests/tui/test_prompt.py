"""Writing and sending in the prompt, and the walk through earlier prompts, all by pressing keys."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from prompt_stage import PromptStage, paste, until
from textual import events

from codeagent.tui.prompt.history import KEPT, Entry, History


async def test_enter_sends_the_text_and_clears_the_prompt(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"fix it", "enter")
        assert app.said == [("said", "fix it")]
        assert app.prompt.text == ""


@pytest.mark.parametrize("keys", [(), (" ", " "), ("!",), ("!", "!", " ")])
async def test_enter_with_nothing_to_send_does_nothing(tmp_path: Path, keys: tuple[str, ...]) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*keys, "enter", "ctrl+s")
        assert app.said == []


@pytest.mark.parametrize("key", ["shift+enter", "ctrl+j", "alt+enter"])
async def test_a_new_line_can_be_begun_without_sending(tmp_path: Path, key: str) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("a", key, "b", "enter")
        assert app.said == [("said", "a\nb")]


async def test_ctrl_s_sends_into_the_running_turn(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"not that file", "ctrl+s", *"/undo", "ctrl+s")
        assert app.said == [("steer", "not that file"), ("command", "undo", "")]


async def test_keys_that_come_in_a_burst_keep_their_order(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        app.burst(*"first", "enter", *"second", "ctrl+j", *"line", "enter", *"third")
        await until(pilot, lambda: app.prompt.text == "third")
        assert app.said == [("said", "first"), ("said", "second\nline")]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("!git status", ("shell", "git status", True)),
        ("!!git diff", ("shell", "git diff", False)),
        ("!! ls ", ("shell", "ls", False)),
        (" !no shell line", ("said", " !no shell line")),
    ],
)
async def test_a_shell_line_says_whether_the_model_sees_the_output(
    tmp_path: Path, typed: str, said: tuple[object, ...]
) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*typed, "enter")
        assert app.said == [said]


async def test_commands_carry_their_argument(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"/rewind 3 ", "enter")
        assert app.said == [("command", "rewind", "3")]


async def test_an_unknown_command_is_explained_and_its_text_stays(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"/hepl me", "enter")
        assert app.said == [("unknown", "/hepl me", "help")]
        assert app.prompt.text == "/hepl me"
        assert "There is no command /hepl. Did you mean /help?" in app.shown
        await pilot.press("home", " ", "enter")
        assert app.said[1:] == [("said", " /hepl me")]


async def test_a_path_at_the_beginning_is_no_command(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"/etc/hosts is wrong", "enter")
        assert app.said == [("said", "/etc/hosts is wrong")]


async def test_the_prompt_grows_to_ten_lines_and_shrinks_again(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        assert app.prompt.size.height == 1
        await pilot.press(*["ctrl+j"] * 3)
        assert app.prompt.size.height == 4
        await pilot.press(*["ctrl+j"] * 20)
        assert app.prompt.size.height == 10
        await pilot.press("x", "enter")
        await until(pilot, lambda: app.prompt.size.height == 1)


async def test_what_the_parent_puts_back_replaces_the_text_and_can_be_undone(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"draft")
        app.prompt.set_text("from the queue")
        await pilot.pause()
        assert app.prompt.text == "from the queue"
        await pilot.press("ctrl+underscore")
        assert app.prompt.text == "draft"


async def test_a_sent_text_comes_back_with_undo(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"long thought", "enter", "ctrl+underscore")
        assert app.prompt.text == "long thought"


async def test_undo_and_redo_of_many_lines_move_scrollbar_and_cursor(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        text = "line\n" * 30
        app.prompt.set_text(text)
        await pilot.pause()
        for key, there in (("ctrl+underscore", ""), ("ctrl+y", text), ("ctrl+underscore", "")):
            await pilot.press(key)
            await pilot.pause()
            assert app.prompt.text == there


async def test_letters_of_many_scripts_arrive_as_typed(tmp_path: Path) -> None:
    text = "naïve 日本語 한국어 🙂 👍🏽 e\u0301 \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 全\u3000角"
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        for character in text:
            app.burst(character)
        await until(pilot, lambda: app.prompt.text == text)
        assert "\u200c" not in app.shown
        await pilot.press("enter")
        assert app.said == [("said", text)]


async def test_a_very_long_line_can_be_edited(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.prompt.set_text("x" * 50_000)
        await pilot.press("y", "backspace", "backspace", "up", "up", "z", "enter")
        sent = app.said[0][1]
        assert isinstance(sent, str)
        assert (len(sent), sent.count("z"), sent.count("x")) == (50_000, 1, 49_999)


async def test_selected_text_is_copied_and_with_none_the_key_is_free(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"copy me")
        assert not app.prompt.copy_selection()
        await pilot.press("f7")
        assert app.prompt.copy_selection()
        assert app.clipboard == "copy me"


async def test_keys_can_be_changed(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    app.set_keymap({"prompt.submit": "f5", "edit.cursor_line_start": "f6"})
    async with app.run_test() as pilot:
        await pilot.press("b", "enter", "f6", "a", "f5")
        assert app.said == [("said", "b\na")]


async def test_keys_the_prompt_has_no_use_for_are_left_to_the_app(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    app.bind("escape,pageup,ctrl+d,alt+o,alt+q,f9", "app.note", description="note")
    async with app.run_test() as pilot:
        await pilot.press("escape", "pageup", "ctrl+d", "alt+o", "f9")
        app.post_message(events.Key("alt+q", "q"))
        await until(pilot, lambda: app.noted == 6)
        assert app.prompt.text == ""


# Earlier prompts


async def test_up_and_down_walk_earlier_prompts_and_keep_the_draft(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        for text in ("one", "two"):
            await pilot.press(*text, "enter")
        seen: list[str] = []
        await pilot.press(*"draft")
        for key in ("up", "up", "up", "down", "down", "down"):
            await pilot.press(key)
            seen.append(app.prompt.text)
        assert seen == ["two", "one", "one", "two", "draft", "draft"]


async def test_a_changed_earlier_prompt_is_still_changed_when_one_comes_back_to_it(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        for text in ("one", "two"):
            await pilot.press(*text, "enter")
        await pilot.press("up", "!", "up", "down")
        assert app.prompt.text == "two!"


async def test_up_moves_in_the_text_before_it_walks(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"old", "enter", *"a", "ctrl+j", *"b", "up")
        assert app.prompt.text == "a\nb"
        await pilot.press("up")
        assert app.prompt.text == "old"


async def test_a_recalled_command_leaves_the_arrows_to_the_walk(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"first", "enter", *"/undo", "enter")
        await pilot.press("up", "up")
        assert app.prompt.text == "first"


async def test_prompts_are_remembered_by_the_next_run(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"!make test", "enter")
        await paste(pilot, "line\n" * 240)
        await pilot.press("enter")
    again = PromptStage(tmp_path)
    async with again.run_test() as pilot:
        await pilot.press("up")
        assert "[pasted text 1: 240 lines]" in again.shown
        await pilot.press("enter")
        assert again.said == [("said", ("line\n" * 240).rstrip())]
        await pilot.press("up", "up")
        assert again.prompt.text == "!make test"


async def test_two_prompts_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    one, two = PromptStage(tmp_path), PromptStage(tmp_path)
    async with one.run_test() as pilot:
        await pilot.press(*"a", "enter")
    async with two.run_test() as pilot:
        await pilot.press("up", *"b", "enter")
    async with PromptStage(tmp_path).run_test() as pilot:
        await pilot.press("up", "up")
    lines = (tmp_path / "history.jsonl").read_text().split("\n")
    assert [json.loads(line)["text"] for line in lines if line] == ["a", "ab"]
    assert stat.S_IMODE((tmp_path / "history.jsonl").stat().st_mode) == 0o600


async def test_broken_lines_in_the_history_are_passed_over(tmp_path: Path) -> None:
    lines = ['{"text": "good"}', '{"text": 5}', "[1]", '{"text": "cut o', "\x00\x00", "\udcff", '{"text": "", "x": 1}']
    (tmp_path / "history.jsonl").write_text("\n".join(lines), errors="surrogateescape")
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"new", "enter", "up", "up")
        assert app.prompt.text == "good"
    assert [entry.text for entry in History(tmp_path / "history.jsonl").entries] == ["good", "new"]


async def test_escape_sequences_in_the_history_file_are_not_drawn(tmp_path: Path) -> None:
    entry = {
        "text": "a\x1b]52;c;eA==\x07b\u202e [pasted text 9: 2 lines]",
        "pastes": {"[pasted text 9: 2 lines]": "\x1b[2J"},
    }
    (tmp_path / "history.jsonl").write_text(json.dumps(entry) + "\n")
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("up")
        assert "ab<U+202E> [pasted text 9: 2 lines]" in app.shown
        assert not {"\x1b", "\x07", "\u202e"} & set(app.shown)
        assert "\x1b" not in app.prompt.text


async def test_a_history_that_cannot_be_written_is_said_once_and_prompts_are_remembered(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").mkdir()
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"a", "enter", *"b", "enter")
        notices = [said for said in app.said if said[0] == "notice"]
        assert len(notices) == 1
        assert "history.jsonl cannot be written (Is a directory)" in str(notices[0][1])
        await pilot.press("up", "up")
        assert app.prompt.text == "a"


def test_the_history_file_is_cut_back_to_its_last_entries(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history.jsonl"
    history = History(path)
    for n in range(KEPT * 2):
        assert history.add(Entry(f"prompt {n}")) is None
    entries = History(path).entries
    assert (len(entries), entries[0].text, entries[-1].text) == (KEPT, f"prompt {KEPT}", f"prompt {KEPT * 2 - 1}")
    assert len(path.read_bytes().splitlines()) == KEPT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert history.add(Entry("later")) is None
    assert History(path).entries[-1].text == "later"


async def test_ctrl_r_searches_earlier_prompts(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        for text in ("fix the parser", "write docs", "fix the lexer"):
            await pilot.press(*text, "enter")
        await pilot.press("ctrl+r", *"fix")
        await until(pilot, lambda: app.offered == ["fix the lexer", "fix the parser"])
        await pilot.press("down", "enter")
        assert app.prompt.text == "fix the parser"
        assert len(app.said) == 3


async def test_a_search_given_up_puts_the_draft_back(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"old", "enter", *"my draft", "ctrl+r", *"zzz", "enter", "ctrl+s")
        assert "none fits" in app.shown
        await pilot.press("escape")
        assert (app.prompt.text, app.said) == ("my draft", [("said", "old")])
