"""The diff on the screen: what stands where, in which width, and what is sent to the terminal."""

from __future__ import annotations

from typing import Any

import pytest
from approval_app import lines_of, screen_text, until
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from codeagent.tools.diffs import diff
from codeagent.tui.approval.comparison import compare
from codeagent.tui.approval.diff_view import DiffView, UnifiedDiffView

BEFORE = "".join(f"line {n}\n" for n in range(1, 31))
AFTER = BEFORE.replace("line 5\n", "line five\n").replace("line 25\n", "line 25\nline 25 and a half\n")


class Stage(App[None]):
    def __init__(self, view: DiffView) -> None:
        super().__init__()
        self.view = view
        self.clicked: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.view

    def on_diff_view_hunk_clicked(self, event: DiffView.HunkClicked) -> None:
        self.clicked.append(event.hunk)


def deciding(before: str, after: str, name: str = "a.txt") -> DiffView:
    comparison = compare(name, before, after)
    return DiffView(comparison, None, ("undecided",) * len(comparison.hunks))


async def test_below_140_columns_one_column_and_from_there_on_two() -> None:
    app = Stage(deciding(BEFORE, AFTER))
    async with app.run_test(size=(139, 40)) as pilot:
        await pilot.pause()
        assert any(line.endswith("5 - line 5") for line in lines_of(app.view))
        await pilot.resize_terminal(140, 40)
        await pilot.pause()
        (row,) = [line for line in lines_of(app.view) if "- line 5" in line]
        assert "+ line five" in row
        await pilot.resize_terminal(80, 40)
        await pilot.pause()
        (row,) = [line for line in lines_of(app.view) if "- line 5" in line]
        assert "+ line five" not in row


async def test_a_header_tells_number_state_place_and_size() -> None:
    app = Stage(deciding(BEFORE, AFTER))
    async with app.run_test(size=(80, 40)) as pilot:
        app.view.states = ("accepted", "rejected")
        await pilot.pause()
        lines = lines_of(app.view)
        assert "▌✓ accepted  hunk 1 of 2  line 5  +1 -1" in lines
        assert " ✗ rejected  hunk 2 of 2  line 26  +1 -0" in lines


async def test_a_click_tells_the_hunk_and_the_current_one_is_brought_into_sight() -> None:
    app = Stage(deciding(BEFORE, AFTER))
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.pause()
        assert "25 and a half" not in screen_text(app)
        app.view.current = 1
        await pilot.pause()
        assert "25 and a half" in screen_text(app)
        line = next(i for i, text in enumerate(lines_of(app.view)) if "25 and a half" in text)
        await pilot.click(app.view, offset=(10, line))
        assert app.clicked == [1]


@pytest.mark.parametrize("width", [20, 80, 200])
async def test_no_character_of_a_long_line_is_hidden(width: int) -> None:
    new = "".join(f"{n:03d}" for n in range(60))
    app = Stage(deciding("", new + "\n"))
    async with app.run_test(size=(width, 60)) as pilot:
        await pilot.pause()
        prefix = "1 + " if width < 140 else "│1 + "
        column = lines_of(app.view)[1].index(prefix) + len(prefix)
        assert "".join(line[column:].strip() for line in lines_of(app.view)[1:]) == new


@pytest.mark.parametrize("width", [60, 160])
async def test_wide_characters_and_tabs_stay_in_their_columns(width: int) -> None:
    before = "\tname = 1\n漢字 = 1\n👍 = 1\nplain = 1\n"
    app = Stage(deciding(before, before.replace("1", "2")))
    async with app.run_test(size=(width, 30)) as pilot:
        await pilot.pause()
        strips: Any = app.screen._compositor.render_strips()
        assert all(strip.cell_length == width for strip in strips)
        rows = [line for line in lines_of(app.view) if "= " in line]
        if width > 140:
            assert len({cell_len(row.partition("│")[0]) for row in rows}) == 1
        text = "\n".join(rows)
        assert "+     name = 2" in text and "+ 漢字 = 2" in text and "+ 👍 = 2" in text


async def test_a_missing_line_end_is_told() -> None:
    app = Stage(deciding("a\nb", "a\nb\n"))
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        assert [line[1:] for line in lines_of(app.view)[1:]] == [
            "1   a",
            "2 - b  (no newline at end of file)",
            "2 + b",
        ]


async def test_nothing_of_the_code_reaches_the_terminal_as_a_command() -> None:
    evil = "x\x1b[2J\x1b]52;c;aGk=\x07\x9b2J\u202etxt\u2066\r"
    app = Stage(deciding("x\n", f"{evil}\n", f"{evil}.py"))
    async with app.run_test(size=(100, 10)) as pilot:
        await pilot.pause()
        text = screen_text(app)
        assert "x<U+001B>[2J<U+001B>]52;c;aGk=<U+0007><U+009B>2J<U+202E>txt<U+2066><U+000D>" in text
        assert not set(text) & set("\x1b\x07\x9b\u202e\u2066\r")


async def test_the_diff_of_the_log_is_drawn_without_headers() -> None:
    app = Stage(UnifiedDiffView(diff("src/a.txt", BEFORE, AFTER)))
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        lines = [line[1:] for line in lines_of(app.view)]
        assert lines[3:5] == [" 5 - line 5", " 5 + line five"]
        assert lines[7:9] == [" 8   line 8", "⋯"] or lines[8] == "⋯"
        assert "26 + line 25 and a half" in lines
        assert not any("hunk" in line for line in lines)


@pytest.mark.parametrize("text", ["", "nonsense\n", "--- a\n+++ b\n@@ -1 +0,0 @@\n-gone\n"])
async def test_an_odd_diff_of_the_log_does_no_harm(text: str) -> None:
    view = UnifiedDiffView(diff("a", "", "").model_copy(update={"unified": text}))
    app = Stage(view)
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        assert ("gone" in screen_text(app)) == ("gone" in text)


async def test_five_thousand_lines_open_and_scroll_within_seconds() -> None:
    old = "".join(f"value_{n} = compute({n})\n" for n in range(5000))
    app = Stage(deciding(old, old.replace("compute", "calculate"), "a.py"))
    async with app.run_test(size=(160, 40)) as pilot:
        await until(pilot, lambda: "value_0 = calculate(0)" in screen_text(app), 10)
        await until(pilot, lambda: app.view.show_vertical_scrollbar, 10)
        app.view.scroll_to(y=app.view.max_scroll_y, animate=False)
        await until(pilot, lambda: "value_4999 = calculate(4999)" in screen_text(app), 10)
        for _ in range(5):
            app.view.scroll_page_up(animate=False)
            await pilot.pause()
        assert "value_4999" not in screen_text(app)


async def test_another_size_of_the_screen_does_not_lose_the_place_in_a_long_hunk() -> None:
    app = Stage(deciding("", "".join(f"line {n}\n" for n in range(200))))
    async with app.run_test(size=(80, 40)) as pilot:
        await until(pilot, lambda: app.view.show_vertical_scrollbar, 10)
        app.view.scroll_to(y=100, animate=False)
        await pilot.pause()
        await pilot.resize_terminal(90, 30)
        await pilot.pause()
        assert "+ line 100" in screen_text(app)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark", "ansi-light"])
async def test_changed_words_stand_out_in_every_kind_of_theme(theme: str) -> None:
    app = Stage(deciding("total = a - b\n", "total = a + b\n", "a.py"))
    async with app.run_test(size=(60, 10)) as pilot:
        app.theme = theme
        await pilot.pause()
        assert style_of(pilot, "+ total = a ", "+ b") != style_of(pilot, "+ total = ", "a")


def style_of(pilot: Pilot[None], before: str, text: str) -> object:
    """The ground and manner of the first character after `before`."""
    strips: Any = pilot.app.screen._compositor.render_strips()
    for strip in strips:
        at = strip.text.find(before + text)
        if at >= 0:
            segment = next(iter(strip.crop(at + len(before), at + len(before) + 1)))
            return segment.style.bgcolor, segment.style.reverse
    raise AssertionError(f"{before + text!r} is not on the screen")


@pytest.mark.parametrize(("width", "copied"), [(100, "old = 1\nnew = 2"), (160, "new = 2")])
async def test_code_is_marked_with_the_mouse_and_copied_without_its_margin(width: int, copied: str) -> None:
    app = Stage(deciding("old = 1\nkeep\n", "new = 2\nkeep\n"))
    async with app.run_test(size=(width, 12)) as pilot:
        await pilot.pause()
        lines = lines_of(app.view)
        first = next(y for y, line in enumerate(lines) if copied.split("\n")[0] in line)
        last = next(y for y, line in enumerate(lines) if "new = 2" in line)
        column = lines[last].index("new = 2")
        await pilot.mouse_down(app.view, offset=(column, first))
        await pilot.hover(app.view, offset=(column + 7, last))
        await pilot.mouse_up(app.view, offset=(column + 7, last))
        await pilot.pause()
        assert app.screen.get_selected_text() == copied
