"""The choice of a request to go back to, with keys and clicks, over real files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static
from textual.widgets._footer import FooterKey

from codeagent.agent.changes import ChangeLog
from codeagent.agent.timeline import Checkpoint
from codeagent.tools.api import Effect, EffectKind
from codeagent.tui import themes
from codeagent.tui.review.rewind import Rewind, RewindChoice
from codeagent.tui.screens.rows import Rows

REQUESTS = (
    "Read shop.py and tell me what it does",
    "total() should use Decimal\nand so should discount()",
    "Add a test for an empty list of prices; it must not need the network, or any file of its own, to run",
    "Thanks, now write a changelog",
)
WRITES: tuple[tuple[str, ...], ...] = ((), ("shop.py",), ("shop.py", "test_shop.py"), ("CHANGELOG.md",))
BOTH, CONVERSATION, FILES = (True, True), (True, False), (False, True)


class World:
    """A session of four requests: what they asked and the files before each."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.changes = ChangeLog(root)
        self.points: list[Checkpoint] = []
        for number, (request, names) in enumerate(zip(REQUESTS, WRITES, strict=True), start=1):
            self.points.append(Checkpoint(number, request, 4 * (number - 1), self.changes.snapshot()))
            for name in names:
                self.write(name, f"{number}\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        self.changes.note((Effect(kind=EffectKind.WRITE, target=str(path)),))
        path.write_text(text)
        self.changes.wrote([str(path)])


class Stage(App[None]):
    """Nothing but the dialog; `result` is what it was dismissed with."""

    def __init__(self, points: Sequence[Checkpoint], changes: ChangeLog, theme: str = "dark") -> None:
        super().__init__()
        self._shown = Rewind(points, changes)
        self._looks = theme
        self.result: RewindChoice | str | None = "none yet"

    def on_mount(self) -> None:
        themes.register(self)
        self.theme = self._looks
        self.push_screen(self._shown, self._dismissed)

    def _dismissed(self, result: RewindChoice | None) -> None:
        self.result = result

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.screen._compositor.render_strips()
        )

    @property
    def about(self) -> str:
        return str(self._shown.query_one(".about", Static).content)


async def settled(pilot: Pilot[None]) -> None:
    """Wait for the files to be read."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_every_request_is_listed_with_its_first_line_and_the_files_that_would_go_back(world: World) -> None:
    app = Stage(world.points, world.changes)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        rows = [line for line in app.text.splitlines() if "file" in line and "  " in line]
        for request, files in zip(
            ("Read shop.py", "total() should use Decimal …", "Add a test", "Thanks"),
            ("3 files", "3 files", "3 files", "1 file"),
            strict=True,
        ):
            assert any(request in row and files in row for row in rows)
        assert "and so should" not in app.text
        assert "Puts back CHANGELOG.md." in app.text


@pytest.mark.parametrize(("key", "what"), [("enter", BOTH), ("c", CONVERSATION), ("f", FILES)])
async def test_a_key_goes_back_to_before_the_marked_request(world: World, key: str, what: tuple[bool, bool]) -> None:
    app = Stage(world.points, world.changes)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("up", "up", key)
        await pilot.pause()
    assert app.result == RewindChoice(2, *what)


@pytest.mark.parametrize(("name", "what"), [("Both", BOTH), ("Conversation", CONVERSATION), ("Files", FILES)])
async def test_a_click_does_the_same(world: World, name: str, what: tuple[bool, bool]) -> None:
    app = Stage(world.points, world.changes)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.click(Rows, offset=(5, 2))
        await pilot.pause()
        await pilot.click(next(key for key in app.screen.query(FooterKey) if key.description == name))
        await pilot.pause()
    assert app.result == RewindChoice(3, *what)


async def test_escape_goes_nowhere(world: World) -> None:
    app = Stage(world.points, world.changes)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("up", "escape")
        await pilot.pause()
    assert app.result is None


async def test_files_that_somebody_else_changed_are_said_to_stay(world: World) -> None:
    (world.root / "shop.py").write_text("mine\n")
    app = Stage(world.points, world.changes)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("up")
        await pilot.pause()
        assert app.about.startswith("Puts back test_shop.py, CHANGELOG.md.")
        assert app.about.endswith("1 file changed by somebody else since will stay: shop.py.")


async def test_of_a_request_whose_files_are_not_kept_any_more_only_the_conversation_goes_back(world: World) -> None:
    points = [Checkpoint(1, "long ago", 0, None), *world.points[1:]]
    app = Stage(points, world.changes)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "files unknown" in app.text
        await pilot.press("home")
        await pilot.pause()
        assert "not kept any more" in app.about
        await pilot.press("f")
        await pilot.pause()
        assert app.result == "none yet"
        await pilot.press("enter")
        await pilot.pause()
    assert app.result == RewindChoice(1, conversation=True, files=False)


async def test_where_no_file_changed_since_files_alone_cannot_go_back(tmp_path: Path) -> None:
    app = Stage([Checkpoint(1, "hello", 0, {})], ChangeLog(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "No file has changed since." in app.text
        assert "no files" in app.text
        await pilot.press("f")
        await pilot.pause()
        assert app.result == "none yet"


async def test_a_long_session_scrolls_and_begins_at_its_end(tmp_path: Path) -> None:
    points = [Checkpoint(n, f"request number {n}", n, {}) for n in range(1, 201)]
    app = Stage(points, ChangeLog(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "request number 200" in app.text
        assert "request number 1 " not in app.text
        await pilot.press("home", "enter")
        await pilot.pause()
    assert app.result == RewindChoice(1, *BOTH)


@pytest.mark.case(24)
async def test_what_a_request_says_cannot_reach_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;x\x07\u202e[red]x[/]"
    app = Stage([Checkpoint(1, evil, 0, {}), Checkpoint(2, " \n ", 1, {})], ChangeLog(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "[red]" in app.text
        assert not {"\x1b", "\x07", "\u202e"} & set(app.text)
        assert "(nothing)" in app.text


SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture(world: World, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[None]) -> None:
        await settled(pilot)
        await pilot.press("up")
        await settled(pilot)

    (world.root / "test_shop.py").write_text("mine\n")
    theme = "light" if size[0] == 120 else "dark"
    assert snap_compare(Stage(world.points, world.changes, theme=theme), terminal_size=size, run_before=look)
