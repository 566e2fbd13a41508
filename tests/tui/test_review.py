"""The review of all changes: looked through and put back with keys and clicks, on real files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from codeagent.agent.changes import ChangeLog
from codeagent.agent.timeline import Checkpoint
from codeagent.tools.api import Effect, EffectKind
from codeagent.tui import themes
from codeagent.tui.review.made_diff import MadeDiff
from codeagent.tui.review.review import Review
from codeagent.tui.screens.rows import Rows

BEFORE = '''"""Prices and orders."""

from decimal import Decimal


def total(prices):
    result = 0
    for price in prices:
        result += price
    return result


def discount(price, percent):
    """The price less so many percent."""
    return price - price * percent / 100


class Order:
    """What somebody buys."""

    def __init__(self, items):
        self.items = items

    def total(self):
        return total(self.items)
'''
AFTER = (
    BEFORE.replace(
        "def total(prices):\n    result = 0\n",
        "def total(prices: list[Decimal]) -> Decimal:\n    result = Decimal(0)\n",
    )
    .replace(
        "    return price - price * percent / 100\n",
        "    if not 0 <= percent <= 100:\n        raise ValueError(percent)\n"
        "    return price * (100 - percent) / 100\n",
    )
    .replace("        return total(self.items)\n", "        return discount(total(self.items), self.percent)\n")
)
TEST = "from shop import total\n\n\ndef test_nothing_costs_nothing():\n    assert total([]) == 0\n"


class World:
    """A folder with the log of what tools did in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.changes = ChangeLog(root)

    def write(self, name: str, data: str | bytes) -> Path:
        path = self.root / name
        self.changes.note((Effect(kind=EffectKind.WRITE, target=str(path)),))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        self.changes.wrote([str(path)])
        return path

    def given(self, name: str, data: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path


class Stage(App[None]):
    """Nothing but the screen; `result` is what it was dismissed with."""

    def __init__(self, changes: ChangeLog, points: Sequence[Checkpoint] = (), theme: str = "dark") -> None:
        super().__init__()
        self._shown = Review(changes, points)
        self._looks = theme
        self.result: tuple[str, ...] | None = None

    def on_mount(self) -> None:
        themes.register(self)
        self.theme = self._looks
        self.push_screen(self._shown, self._dismissed)

    def _dismissed(self, result: tuple[str, ...] | None) -> None:
        self.result = result

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.screen._compositor.render_strips()
        )

    @property
    def said(self) -> str:
        return str(self._shown.query_one(".says", Static).content)


async def settled(pilot: Pilot[None]) -> None:
    """Wait for the files to be read."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def shop(world: World) -> World:
    """Three hunks in one file, a new file, and a file that is no text."""
    world.given("shop.py", BEFORE)
    world.given("logo.bin", b"\0one")
    world.write("shop.py", AFTER)
    world.write("tests/unit/test_shop.py", TEST)
    world.write("logo.bin", b"\0two")
    return world


async def test_every_changed_file_and_hunk_is_listed_and_the_marked_one_is_drawn(shop: World) -> None:
    app = Stage(shop.changes)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "Changes since the session began: 3 files" in app.text
        for words in ("M logo.bin", "M shop.py  +6 -4", "line 15  +3 -1", "A tests/unit/test_shop.py  +5 -0"):
            assert words in app.text
        assert "logo.bin is a binary file, not text." in app.text
        await pilot.press("down", "down")
        await pilot.pause()
        assert "hunk 1 of 3  line 6  +2 -2" in app.text
        assert "+ def total(prices: list[Decimal]) -> Decimal:" in app.text
        assert app.screen.query_one(MadeDiff).current == 0
        await pilot.press("end")
        await pilot.pause()
        assert "+ def test_nothing_costs_nothing():" in app.text


async def test_a_hunk_is_put_back_and_brought_back(shop: World) -> None:
    app = Stage(shop.changes)
    file = shop.root / "shop.py"
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("down", "down", "down", "r")
        await settled(pilot)
        assert "raise ValueError" not in file.read_text()
        assert "Decimal(0)" in file.read_text()
        assert app.said == "Put back hunk 2 of shop.py. Press u to undo that."
        assert "hunk 2 of 2  line 25" in app.text
        await pilot.press("u")
        await settled(pilot)
        assert file.read_text() == AFTER
        assert "hunk 3 of 3" in app.text
        await pilot.press("escape")
        await pilot.pause()
    assert app.result == ()


async def test_a_whole_file_is_put_back_and_told_when_the_screen_closes(shop: World) -> None:
    app = Stage(shop.changes)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("down", "R", "up", "R", "R")
        await settled(pilot)
        assert "Nothing has changed since the session began" in app.text
        await pilot.press("escape")
        await pilot.pause()
    assert (shop.root / "shop.py").read_text() == BEFORE
    assert (shop.root / "logo.bin").read_bytes() == b"\0one"
    assert not (shop.root / "tests" / "unit" / "test_shop.py").exists()
    assert app.result == ("shop.py", "logo.bin", "tests/unit/test_shop.py")


async def test_several_reverts_are_undone_the_last_first(shop: World) -> None:
    app = Stage(shop.changes)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("down", "down", "r", "r", "r")
        await settled(pilot)
        assert (shop.root / "shop.py").read_text() == BEFORE
        await pilot.press("u")
        await settled(pilot)
        assert (shop.root / "shop.py").read_text().count("self.percent") == 1
        await pilot.press("u", "u", "u")
        await settled(pilot)
        assert (shop.root / "shop.py").read_text() == AFTER


async def test_a_file_that_somebody_changed_meanwhile_is_left_and_shown_as_it_is_now(shop: World) -> None:
    app = Stage(shop.changes)
    file = shop.root / "shop.py"
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("down")
        file.write_text(AFTER + "# mine\n")
        await pilot.press("R")
        await settled(pilot)
        assert file.read_text() == AFTER + "# mine\n"
        assert "was changed by somebody else just now" in app.said
        assert "# mine" in app.text
        await pilot.press("R")
        await settled(pilot)
        assert file.read_text() == BEFORE
        file.write_text("other\n")
        await pilot.press("u")
        await settled(pilot)
        assert file.read_text() == "other\n"
        assert "was changed by somebody else just now" in app.said


async def test_on_a_file_of_several_hunks_the_key_for_a_hunk_asks_for_one(shop: World) -> None:
    app = Stage(shop.changes)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("down", "r")
        await settled(pilot)
        assert app.said == "Mark a hunk first, or press R to put the whole file back."
    assert (shop.root / "shop.py").read_text() == AFTER


async def test_the_changes_of_the_last_request_alone_are_shown_on_a_key(world: World) -> None:
    world.given("a.txt", "zero\n")
    world.write("a.txt", "one\n")
    point = Checkpoint(2, "and now b", 5, world.changes.snapshot())
    world.write("b.txt", "b\n")
    app = Stage(world.changes, [Checkpoint(1, "a", 0, {}), point])
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "2 files" in app.text
        await pilot.press("t")
        await settled(pilot)
        assert "Changes since request 2 began: 1 file" in app.text
        assert "a.txt" not in app.text
        await pilot.press("t")
        await settled(pilot)
        assert "Changes since the session began: 2 files" in app.text


async def test_without_a_request_of_this_run_there_is_only_the_session(world: World) -> None:
    app = Stage(world.changes, [Checkpoint(1, "earlier", 0, None)])
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "Nothing has changed since the session began" in app.text
        await pilot.press("t", "r", "R", "u", "enter", "down")
        await settled(pilot)
        assert "there is none yet" in app.said


async def test_enter_gives_the_diff_the_whole_screen_and_the_arrows_lead_through_it(shop: World) -> None:
    app = Stage(shop.changes)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert not app.screen.query_one(Rows).display
        diff = app.screen.query_one(MadeDiff)
        for _ in range(3):
            await pilot.press("down")
        await pilot.pause()
        assert diff.current == 2
        assert "hunk 3 of 3" in app.text
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen.query_one(Rows).display
        assert app.result is None
        await pilot.press("escape")
    assert app.result == ()


async def test_a_click_on_the_diff_marks_the_hunk_and_one_on_the_list_the_row(shop: World) -> None:
    app = Stage(shop.changes)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.click(Rows, offset=(6, 2))
        await pilot.pause()
        diff = app.screen.query_one(MadeDiff)
        assert diff.current == 0
        await pilot.click(MadeDiff, offset=(30, 15))
        await pilot.pause()
        assert diff.current == 1
        assert app.screen.query_one(Rows).highlighted == 3
        await pilot.click(Rows, offset=(6, 2), times=2)
        await pilot.pause()
        assert not app.screen.query_one(Rows).display


async def test_the_page_keys_scroll_a_long_diff(world: World) -> None:
    world.write("long.txt", "".join(f"line {n}\n" for n in range(200)))
    app = Stage(world.changes)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("space", "pagedown")
        await pilot.pause()
        diff = app.screen.query_one(MadeDiff)
        assert diff.scroll_offset.y > 15
        await pilot.press("b", "pageup")
        await pilot.pause()
        assert diff.scroll_offset.y == 0


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("one\ntwo\n", "one\r\ntwo\r\n", "Only line ends or the encoding changed."),
        (None, "", "The file is empty."),
    ],
)
async def test_a_change_without_lines_says_what_it_is(world: World, before: str | None, after: str, words: str) -> None:
    if before is not None:
        world.given("a.txt", before)
    world.write("a.txt", after)
    app = Stage(world.changes)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert words in app.text
        await pilot.press("R")
        await settled(pilot)
        assert "Nothing has changed" in app.text


async def test_what_files_hold_and_are_called_cannot_reach_the_terminal(world: World) -> None:
    evil = "\x1b]52;c;cHduZWQ=\x07\x1b[2J\u202e[red]x[/]"
    world.given(f"a{evil.replace('/', '')}.py", "x\n")
    world.write(f"a{evil.replace('/', '')}.py", f"{evil}\nx = '{evil}'\n")
    app = Stage(world.changes)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("down")
        await settled(pilot)
        await pilot.press("r")
        await settled(pilot)
        assert "[red]" in app.text
        for sign in ("\x1b", "\x07", "\u202e"):
            assert sign not in app.text
        assert "\x1b" not in app.said


SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture(shop: World, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[None]) -> None:
        await settled(pilot)
        await pilot.press("down", "down", "down")
        await settled(pilot)

    theme = "light" if size[0] == 120 else "dark"
    assert snap_compare(Stage(shop.changes, theme=theme), terminal_size=size, run_before=look)
