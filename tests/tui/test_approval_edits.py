"""Approving an edit: what each key leads to, on real files through the real tools."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from approval_app import AskingApp, asking, carried_out, lines_of, prepared, question, screen_text, until
from textual import events
from textual.widgets import Input

from codeagent.agent.certainty import Certainty
from codeagent.agent.permissions import Answer, Question
from codeagent.tools.api import FileChange
from codeagent.tui.approval.diff_view import DiffView
from codeagent.tui.approval.edit_panel import EditApproval, ProposedText
from codeagent.tui.approval.legend import Legend
from codeagent.tui.approval.panel import ApprovalPanel

BEFORE = "".join(f"line {n}\n" for n in range(1, 31))
AFTER = BEFORE.replace("line 2\n", "two\n").replace("line 15\n", "fifteen\n").replace("line 28\n", "twenty-eight\n")


def text_of(file: Path) -> str:
    return file.read_text()


@pytest.fixture
def file(workspace: Path) -> Path:
    path = workspace / "a.txt"
    path.write_text(BEFORE)
    return path


async def test_a_accepts_everything_at_once(workspace: Path, file: Path) -> None:
    edit = await question(workspace, "a.txt", AFTER)
    async with asking(edit) as asked:
        assert await asked.answer("a") == Answer("once")
        assert asked.app.records == ["accepted"]
    await carried_out(edit, Answer("once"))
    assert text_of(file) == AFTER


@pytest.mark.parametrize(
    "keys", [("y", "n", "y", "enter"), ("j", "n", "k", "f"), ("down", "n", "space", "space", "enter")]
)
async def test_hunks_that_are_rejected_are_not_written_and_the_sentence_goes_along(
    workspace: Path, file: Path, keys: tuple[str, ...]
) -> None:
    edit = await question(workspace, "a.txt", AFTER)
    async with asking(edit) as asked:
        await asked.press(*keys)
        answer = await asked.answer("n", "o", "t", "space", "i", "t", "enter")
        assert (answer.decision, answer.reason) == ("once", "not it")
        assert asked.app.records == ["accepted 2 of 3 hunks: not it"]
    await carried_out(edit, answer)
    assert text_of(file) == AFTER.replace("fifteen", "line 15")


async def test_the_sentence_may_be_empty_and_escape_goes_back_to_the_hunks(workspace: Path, file: Path) -> None:
    edit = await question(workspace, "a.txt", AFTER)
    async with asking(edit) as asked:
        await asked.press("n", "f", "x", "escape")
        assert asked.waiting
        await asked.sees("✗ rejected  hunk 1 of 3")
        answer = await asked.answer("f", "enter")
        assert (answer.decision, answer.reason) == ("once", "")
        assert isinstance(answer.call, FileChange) and answer.call.after == AFTER.replace("two", "line 2")


async def test_r_refuses_everything_with_a_sentence(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        assert await asked.answer("y", "r", "w", "h", "y", "enter") == Answer("no", "why")
        assert asked.app.records == ["refused: why"]


async def test_the_sentence_can_be_sent_and_dropped_with_the_mouse(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        legend = asked.app.query_one(Legend)
        await asked.press("r", "x")
        await asked.sees("esc go back")
        await asked.pilot.click(legend, offset=(lines_of(legend)[0].index("go back"), 0))
        await asked.sees("a all")
        await asked.press("r", "n", "o")
        await asked.sees("send it")
        await asked.pilot.click(legend, offset=(lines_of(legend)[0].index("send"), 0))
        assert await asked.answer() == Answer("no", "no")


async def test_rejecting_every_hunk_is_a_refusal(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        await asked.press("n", "n", "n")
        await asked.sees("Every hunk is rejected: enter refuses the edit.")
        assert await asked.answer("enter", "enter") == Answer("no", "")


async def test_enter_does_not_decide_what_is_undecided(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        await asked.press("y", "enter")
        assert asked.waiting
        await asked.sees("2 hunks are not decided yet")


async def test_s_allows_the_file_for_the_session_with_what_is_accepted(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        answer = await asked.answer("n", "s", "enter")
        assert answer.decision == "session"
        assert isinstance(answer.call, FileChange) and answer.call.after == AFTER.replace("two", "line 2")
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        assert await asked.answer("s") == Answer("session")
        assert asked.app.records == ["accepted, and its edits for the session"]


async def test_every_key_of_the_legend_can_be_clicked(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        legend = asked.app.query_one(Legend)

        async def click(label: str) -> None:
            for y, line in enumerate(lines_of(legend)):
                if label in line:
                    await asked.pilot.click(legend, offset=(line.index(label), y))
                    await asked.pilot.pause()
                    return
            raise AssertionError(f"{label} is not in the legend")

        await click("accept")
        await click("reject")
        await asked.sees("✓ accepted  hunk 1 of 3", "✗ rejected  hunk 2 of 3")
        view = asked.app.query_one(DiffView)
        line = next(i for i, text in enumerate(lines_of(view)) if "hunk 1 of 3" in text)
        await asked.pilot.click(view, offset=(5, line))
        await click("reject")
        await click("file")
        answer = await asked.answer("enter")
        assert isinstance(answer.call, FileChange)
        assert answer.call.after == BEFORE.replace("line 28", "twenty-eight")


@pytest.mark.case(16)
async def test_keys_and_clicks_before_the_guard_opens_do_nothing(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER), guard=0.5) as asked:
        legend = asked.app.query_one(Legend)
        assert legend.has_class("-closed")
        await asked.press("a", "y", "enter", "s", "f")
        await asked.pilot.click(legend, offset=(lines_of(legend)[0].index("all"), 0))
        assert asked.waiting
        assert legend.has_class("-closed")
        late = events.Key("a", "a")  # pressed now, delivered when the panel listens
        await asked.until(lambda: not legend.has_class("-closed"))
        asked.app.query_one(ApprovalPanel).post_message(late)
        await asked.pilot.pause()
        assert asked.waiting
        await asked.sees("0 of 3 hunks decided")
        assert await asked.answer("a") == Answer("once")


@pytest.mark.case(16)
async def test_who_types_on_is_not_heard_until_they_pause(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER), guard=0.3) as asked:
        loop = asyncio.get_running_loop()
        end = loop.time() + 1.0
        while loop.time() < end:
            await asked.pilot.press("a")
        assert asked.waiting
        await asked.until(lambda: not asked.app.query_one(Legend).has_class("-closed"))
        assert await asked.answer("a") == Answer("once")


@pytest.mark.case(16)
async def test_pasted_text_never_answers(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        focused = asked.app.focused
        assert isinstance(focused, EditApproval)
        asked.app.post_message(events.Paste("a\ny\n\r"))
        await asked.pilot.pause()
        assert asked.waiting
        await asked.press("r")
        asked.app.post_message(events.Paste("never\x1b[2J\u202e this\na\n"))
        await asked.pilot.pause()
        assert asked.waiting
        assert asked.app.query_one(Input).value == "never<U+001B>[2J<U+202E> this"


async def test_the_text_can_be_edited_in_place_and_is_shown_anew(workspace: Path, file: Path) -> None:
    edit = await question(workspace, "a.txt", AFTER)
    async with asking(edit) as asked:
        await asked.press("e")
        assert isinstance(asked.app.focused, ProposedText)
        assert asked.app.query_one(ProposedText).cursor_location == (1, 0)
        await asked.press("X", "y", "enter", "ctrl+s")
        await asked.sees("edited by you")
        await asked.sees("0 of 3 hunks decided")
        await asked.sees("+ Xy")
        answer = await asked.answer("a")
        assert answer.decision == "once"
        assert asked.app.records == ["accepted, as edited"]
    await carried_out(edit, answer)
    assert text_of(file) == AFTER.replace("two", "Xy\ntwo")


async def test_escape_drops_what_was_edited(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        await asked.press("y", "e", "X", "escape")
        assert asked.waiting
        assert "1 of 3 hunks decided" in asked.screen and "edited by you" not in asked.screen
        assert await asked.answer("a") == Answer("once")


async def test_a_text_that_was_edited_to_nothing_new_is_a_refusal(workspace: Path) -> None:
    (workspace / "a.txt").write_text("one\n")
    async with asking(await question(workspace, "a.txt", "two\n")) as asked:
        await asked.press("e", "delete", "delete", "delete", "o", "n", "e", "ctrl+s")
        await asked.sees("The text is now what the file holds already")
        assert (await asked.answer("enter", "enter")).decision == "no"


async def test_a_character_that_the_file_cannot_hold_is_said_and_nothing_is_lost(workspace: Path) -> None:
    (workspace / "a.txt").write_bytes("café one\n".encode("latin-1"))
    async with asking(await question(workspace, "a.txt", "café two\n")) as asked:
        await asked.press("e")
        asked.app.post_message(events.Paste("€"))
        await asked.press("ctrl+s", "a")
        await asked.sees("latin-1, which has no '€'")
        assert asked.waiting
        await asked.press("e")
        assert asked.app.query_one(ProposedText).text == "€café two\n"
        assert await asked.answer("delete", "ctrl+s", "a") == Answer("once")


async def test_question_mark_tells_every_key_and_decides_nothing(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        await asked.press("question_mark")
        await asked.sees("Edit the proposed text in $VISUAL or $EDITOR")
        await asked.press("a")
        assert asked.waiting
        await asked.press("escape")
        await asked.sees("+ two")


async def test_w_walks_the_hunks_the_least_sure_first(workspace: Path, file: Path) -> None:
    chances = {"two": 0.9, "fifteen": 0.4, "twenty-eight": 0.1}
    text = "\n".join(chances)
    certainty = Certainty(text, tuple(p for word, p in chances.items() for _ in f"{word}\n")[: len(text)])
    async with asking(await question(workspace, "a.txt", AFTER, certainty)) as asked:
        view = asked.app.query_one(DiffView)
        await asked.sees("10% sure of 'twenty-eight' in line 28")
        await asked.press("w")
        assert view.current == 2 and "least sure first" in asked.screen
        await asked.press("y")
        assert view.current == 1
        await asked.press("j")
        assert view.current == 0
        await asked.press("w", "k")
        assert view.current == 0


async def test_without_logprobs_there_is_no_walk(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        assert "least sure" not in asked.screen
        await asked.press("w")
        assert asked.app.query_one(DiffView).current == 0


async def test_down_goes_through_a_hunk_that_is_longer_than_the_screen(workspace: Path, file: Path) -> None:
    long = BEFORE.replace("line 2\n", "".join(f"new {n}\n" for n in range(60))).replace("line 28\n", "end\n")
    async with asking(await question(workspace, "a.txt", long), size=(80, 24)) as asked:
        view = asked.app.query_one(DiffView)
        seen = asked.screen
        for _ in range(30):
            await asked.press("down")
            seen += asked.screen
            if view.current == 1:
                break
        assert all(f"+ new {n}\n" in seen for n in range(60))
        assert view.current == 1


@pytest.mark.case(26)
async def test_a_file_without_a_final_line_end_keeps_it_off(workspace: Path) -> None:
    file = workspace / "a.txt"
    file.write_text("a\nb\nc\nd\ne\nf\ng")
    edit = await question(workspace, "a.txt", "A\nb\nc\nd\ne\nf\nG")
    async with asking(edit) as asked:
        await asked.sees("(no newline at end of file)")
        answer = await asked.answer("n", "y", "enter", "enter")
    await carried_out(edit, answer)
    assert text_of(file) == "a\nb\nc\nd\ne\nf\nG"


@pytest.mark.case(26)
async def test_a_crlf_file_stays_crlf_after_a_partial_accept(workspace: Path) -> None:
    file = workspace / "a.txt"
    file.write_bytes(BEFORE.replace("\n", "\r\n").encode())
    edit = await question(workspace, "a.txt", AFTER)
    async with asking(edit) as asked:
        assert "U+000D" not in asked.screen
        answer = await asked.answer("y", "n", "y", "enter", "enter")
    await carried_out(edit, answer)
    assert file.read_bytes() == AFTER.replace("fifteen", "line 15").replace("\n", "\r\n").encode()


@pytest.mark.case(26)
async def test_bytes_that_are_no_text_stay_after_a_partial_accept(workspace: Path) -> None:
    file = workspace / "a.txt"
    file.write_bytes("é \n".encode() + b"raw \xff\n" + BEFORE.encode())
    edit = Question("1", "edit", await prepared(workspace, "edit", path="a.txt", edits=[
        {"old": "line 2\n", "new": "two\n"}, {"old": "line 15\n", "new": "fifteen\n"},
    ]))  # fmt: skip
    async with asking(edit) as asked:
        answer = await asked.answer("n", "y", "enter", "enter")
    await carried_out(edit, answer)
    assert file.read_bytes() == "é \n".encode() + b"raw \xff\n" + BEFORE.replace("line 15", "fifteen").encode()


@pytest.mark.parametrize("text", ["", "one\n"])
async def test_a_new_file_is_told_as_such_even_if_it_is_empty(workspace: Path, text: str) -> None:
    edit = await question(workspace, "new.txt", text)
    async with asking(edit) as asked:
        await asked.sees("new.txt", "new file")
        assert ("The file will be empty: enter makes it." in asked.screen) == (not text)
        answer = await asked.answer("enter") if not text else await asked.answer("y", "enter")
        assert answer == Answer("once")
    await carried_out(edit, answer)
    assert (workspace / "new.txt").read_text() == text


async def test_a_read_only_file_is_told_as_such(workspace: Path, file: Path) -> None:
    os.chmod(file, 0o444)
    async with asking(await question(workspace, "a.txt", AFTER)) as asked:
        await asked.sees("read-only")


@pytest.mark.case(15)
async def test_hidden_characters_in_path_and_code_are_named(workspace: Path) -> None:
    async with asking(await question(workspace, "ev\u202eil\x1b]0;x\x07.txt", "a\u2066b\x1b[2J\n")) as asked:
        await asked.sees("ev<U+202E>il")
        await asked.sees("a<U+2066>b<U+001B>[2J")
        await asked.press("e")
        await asked.sees("a<U+2066>b<U+001B>[2J")
        assert not set(asked.screen) & set("\x1b\u202e\u2066\x07")
        assert await asked.answer("ctrl+s", "a") == Answer("once")


async def test_square_brackets_are_no_markup(workspace: Path) -> None:
    async with asking(await question(workspace, "[red]a.txt", "[bold]x[/bold] [@click=app.quit]y[/]\n")) as asked:
        await asked.sees("[red]a.txt")
        await asked.sees("[bold]x[/bold] [@click=app.quit]y[/]")


async def test_remapped_keys_work_and_stand_in_the_legend(workspace: Path, file: Path) -> None:
    app = AskingApp()
    edit = await question(workspace, "a.txt", AFTER)
    async with app.run_test(size=(100, 40)) as pilot:
        app.set_keymap({"edit.all": "g"})
        worker = app.run_worker(app.approver.ask(edit))
        await until(pilot, lambda: "g all" in screen_text(app))
        await pilot.press("a")
        assert not worker.is_finished
        await pilot.press("g")
        await until(pilot, lambda: worker.is_finished)
        assert worker.result == Answer("once")


async def test_the_panel_keeps_to_three_fifths_of_the_screen(workspace: Path, file: Path) -> None:
    async with asking(await question(workspace, "new.txt", "x\n" * 500), size=(80, 24)) as asked:
        assert asked.app.query_one(DiffView).size.height == 14
        await asked.pilot.resize_terminal(80, 50)
        await asked.pilot.pause()
        assert asked.app.query_one(DiffView).size.height == 30
