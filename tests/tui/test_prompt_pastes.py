"""What happens to pasted text: made safe, folded when long, sent in full."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_stage import PromptStage, paste, source, until

from codeagent.tui.prompt.pastes import Folds, clean

LONG = "def f():\n    return 1\n" * 120


async def test_a_long_paste_is_folded_and_sent_in_full(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"why? ")
        await paste(pilot, LONG)
        await pilot.press(*" ok")
        assert "why? [pasted text 1: 240 lines] ok" in app.shown
        await pilot.press("enter")
        assert app.said == [("said", f"why? {LONG} ok")]


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("a\n" * 10, None),
        ("a\n" * 11, "[pasted text 1: 11 lines]"),
        ("a" * 1000, None),
        ("a" * 1001, "[pasted text 1: 1,001 characters]"),
    ],
)
async def test_only_long_pastes_are_folded(tmp_path: Path, text: str, token: str | None) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, text)
        assert app.prompt.text == text
        assert ("pasted text" in app.shown) == (token is not None)
        assert token is None or token in app.shown


@pytest.mark.parametrize("keys", [("backspace",), ("left", "delete"), ("ctrl+w",), ("shift+left", "delete")])
async def test_deleting_the_token_drops_the_paste(tmp_path: Path, keys: tuple[str, ...]) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("a", " ")
        await paste(pilot, LONG)
        await pilot.press(*keys)
        assert app.prompt.text == "a "


async def test_undo_brings_a_deleted_paste_back(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, LONG)
        await pilot.press("backspace")
        assert app.prompt.text == ""
        await pilot.press("ctrl+underscore")
        assert app.prompt.text == LONG


async def test_the_cursor_cannot_stand_inside_a_token(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, LONG)
        await pilot.press("left", *"before ", "right", *" after")
        await pilot.click(app.prompt, offset=(18, 0))
        await pilot.press("x")
        assert app.prompt.text.replace("x", "") == f"before {LONG} after"


async def test_a_folded_paste_can_be_opened_in_place(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, LONG)
        await pilot.press("alt+o")
        assert "lines]" not in app.shown
        assert app.prompt.text == LONG
        assert app.prompt.size.height == 10


@pytest.mark.parametrize("after", ["", " ok", "\n\nok"])
async def test_what_the_parent_puts_back_is_folded_as_it_was(tmp_path: Path, after: str) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, LONG)
        await paste(pilot, after)
        await pilot.press("enter")
        sent = str(app.said[0][1])
        app.prompt.set_text(sent)
        await pilot.pause()
        assert "[pasted text 1: 240 lines]" in app.shown
        assert app.prompt.text.rstrip() == sent


async def test_several_pastes_keep_apart(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, "a\n" * 20)
        await pilot.press(" ")
        await paste(pilot, "[pasted text 1: 20 lines]\n" * 20)
        await pilot.press("enter")
        assert app.said == [("said", "a\n" * 20 + " " + ("[pasted text 1: 20 lines]\n" * 20).rstrip())]


@pytest.mark.parametrize(
    ("pasted", "text"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]52;c;aGk=\x07x", "x"),
        ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1bcgone", "gone"),
        ("\x9b31mred\x00\x08\x7f", "red"),
        ("a\r\nb\rc\x0bd\te", "a\nb\nc\nd\te"),
        ("\x1b]never closed", "]never closed"),
        ("x\udcffy", "xy"),
    ],
)
async def test_pasted_control_characters_never_reach_screen_or_model(tmp_path: Path, pasted: str, text: str) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, pasted)
        assert app.prompt.text == text
        assert not any(ord(c) < 32 and c != "\n" for c in app.shown)
    assert clean(pasted * 300).isprintable() or "\n" in text


async def test_pasted_invisible_characters_are_seen_and_sent_as_they_are(tmp_path: Path) -> None:
    text = "if x\u202e: 👨\u200d👩\u200d👧 \u2066y"
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, text)
        assert "x<U+202E>:" in app.shown
        assert not {"\u202e", "\u200d", "\u2066"} & set(app.shown)
        await pilot.press("enter")
        assert app.said == [("said", text)]


async def test_pasted_lines_never_send(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, "!rm -rf x\r\n/undo\n")
        assert app.said == []
        assert app.prompt.text == "!rm -rf x\n/undo\n"


@pytest.mark.parametrize("written", ["{path}", "'{path}'", '"{path}"', "{escaped}", "file://{quoted}", " {path}\n"])
async def test_the_path_of_an_image_becomes_a_reference(tmp_path: Path, written: str) -> None:
    image = tmp_path / "shots" / "a b.png"
    image.parent.mkdir()
    image.write_bytes(b"\x89PNG")
    path = str(image)
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, written.format(path=path, escaped=path.replace(" ", "\\ "), quoted=path.replace(" ", "%20")))
        assert app.prompt.text == '@"shots/a b.png" '


@pytest.mark.parametrize("text", ["missing.png", "see shot.png", "notes.txt", "\x00.png", "x" * 5000 + ".png"])
async def test_other_text_is_pasted_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "shot.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("")
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, text)
        assert app.prompt.text == clean(text)


async def test_copying_and_pasting_a_token_copies_the_paste(tmp_path: Path) -> None:
    app = PromptStage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, LONG)
        await pilot.press("f7", "ctrl+x")
        assert (app.prompt.text, app.clipboard) == ("", LONG)
        await pilot.press("ctrl+v")
        assert app.prompt.text == LONG


async def test_a_reference_can_be_completed_beside_a_token(tmp_path: Path) -> None:
    app = PromptStage(tmp_path, files=source("a.py"))
    async with app.run_test() as pilot:
        await paste(pilot, LONG)
        await pilot.press(" ", "@", "a")
        await until(pilot, lambda: app.offered)
        await pilot.press("tab")
        assert app.prompt.text == f"{LONG} @a.py "


@given(st.lists(st.text(max_size=80), max_size=4), st.booleans())
def test_what_is_shown_expands_to_what_was_pasted_without_controls(parts: list[str], long: bool) -> None:
    folds = Folds()
    texts = [part * 60 if long else part for part in parts]
    shown = [folds.paste(text) for text in texts]
    assert folds.expand("".join(shown)) == "".join(clean(text) for text in texts)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in "".join(shown))
