"""The themes: contrast that is computed, no colour where none is wanted, and the picker."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.style import Style
from screen_stage import ScreenStage, until_shown
from textual.app import App, ComposeResult
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme
from textual.widgets import Button, Footer, Input, OptionList, ProgressBar, Static, TextArea

from codeagent.tui import themes
from codeagent.tui.prose.prose import Prose
from codeagent.tui.screens.keys import Keys
from codeagent.tui.screens.settings import Settings
from codeagent.tui.screens.theme_picker import ThemePicker

SIGNALS = ("primary", "secondary", "accent", "success", "warning", "error")
TEXTS = ("foreground", "text-muted", *SIGNALS, *(f"text-{name}" for name in SIGNALS))
CURSOR, BLURRED = "block-cursor-background", "block-cursor-blurred-background"
GROUNDS = ("background", "surface", "panel", CURSOR, BLURRED, "block-hover-background")
PAIRS = [
    ("block-cursor-foreground", CURSOR),
    ("block-cursor-blurred-foreground", BLURRED),
    ("footer-foreground", "footer-background"),
    ("footer-key-foreground", "footer-background"),
    ("footer-description-foreground", "footer-background"),
    ("input-cursor-foreground", "input-cursor-background"),
    ("input-selection-foreground", "input-selection-background"),
    ("success", "success-muted"),
    ("error", "error-muted"),
    *[("foreground", f"{name}-muted") for name in SIGNALS],
    *[(f"markdown-h{level}-color", "background") for level in range(1, 7)],
]


def luminance(color: Color) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color.rgb]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: Color, other: Color) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def colours(theme: Theme) -> dict[str, str]:
    return theme.to_color_system().generate() | theme.variables


def too_low(theme: Theme, limit: float, faint: float) -> dict[tuple[str, str], float]:
    """The pairs below the limit; text that is disabled only needs the faint one."""
    found, variables = {}, colours(theme)
    base = Color.parse(variables["background"])
    wanted = [(text, ground, limit) for text in TEXTS for ground in GROUNDS]
    wanted += [("text-disabled", ground, faint) for ground in GROUNDS] + [(*pair, limit) for pair in PAIRS]
    for text, ground, least in wanted:
        below = base + Color.parse(variables[ground])
        ratio = contrast(below + Color.parse(variables[text]), below)
        if ratio < least:
            found[text, ground] = round(ratio, 2)
    return found


def test_high_contrast_has_the_contrast_of_level_aaa_everywhere() -> None:
    assert too_low(themes.HIGH_CONTRAST, 7, 7) == {}


@pytest.mark.parametrize("theme", [themes.DARK, themes.LIGHT], ids=lambda theme: theme.name)
def test_dark_and_light_have_the_contrast_of_level_aa(theme: Theme) -> None:
    assert too_low(theme, 4.5, 3.5) == {}


def test_themes_have_the_colours_by_name_that_a_content_needs() -> None:
    # Textual draws "auto" colours at full strength there, so that muted text would not be.
    for theme in (themes.DARK, themes.LIGHT, themes.HIGH_CONTRAST):
        assert not [name for name in (*TEXTS, "text-disabled") if "auto" in colours(theme)[name]]


class Everything(App[None]):
    """One of each widget that the app uses."""

    CSS = themes.THEME_CSS

    def compose(self) -> ComposeResult:
        yield Static("text")
        yield Prose(
            "# one\n## two\n### three\n\ntext `code` [link](x)\n\n- item\n\n> quote\n\n```py\ndef f(): return 1\n```"
        )
        yield Input("typed")
        yield TextArea("text")
        yield OptionList("one", "two")
        yield Button("press")
        yield ProgressBar(total=10, show_eta=False)
        yield Footer()

    def on_mount(self) -> None:
        themes.register(self)


async def test_no_colour_uses_none_anywhere() -> None:
    app = Everything()
    async with app.run_test(size=(60, 60)) as pilot:
        app.theme = "no-colour"
        await pilot.pause()
        for focus in (Input, TextArea, OptionList, Button):
            app.query_one(focus).focus()
            await pilot.pause()
            assert coloured(app) == set()


@pytest.mark.parametrize("name", themes.NAMES)
async def test_with_no_color_set_no_theme_uses_any(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Everything(ansi_color=themes.ansi_color(os.environ))
    async with app.run_test(size=(60, 60)) as pilot:
        app.theme = name
        await pilot.pause()
        assert coloured(app) == set()
        assert all(style.color is not None and style.color.is_default for text, style in pieces(app) if text.strip())


@pytest.mark.parametrize("name", ["no-colour", "ansi"])
async def test_screens_in_the_terminals_own_colours_use_no_others(name: str, tmp_path: Path) -> None:
    # Red, green, yellow, magenta and cyan can be read on light and on dark; blue and the bright ones cannot.
    allowed = set() if name == "no-colour" else {f"color({n})" for n in (1, 2, 3, 5, 6)}
    for make in (
        lambda: Settings(tmp_path / "c.toml", None, {}, {}, {}),
        lambda: Keys([], {}, tmp_path / "c.toml"),
        lambda: ThemePicker(themes.NAMES, "ansi", lambda _: None),
    ):
        stage = ScreenStage(make, name)
        async with stage.run_test() as pilot:
            await pilot.pause(0.2)
            assert coloured(stage) <= allowed
            await pilot.press("slash", "x")
            await pilot.pause(0.2)
            assert coloured(stage) <= allowed


async def test_the_marked_row_is_reversed_where_there_are_no_colours(tmp_path: Path) -> None:
    stage = ScreenStage(lambda: ThemePicker(themes.NAMES, "light", lambda _: None), "no-colour")
    async with stage.run_test() as pilot:
        await until_shown(pilot, "light")
        assert [text.strip() for text, style in pieces(stage) if style.reverse and text.strip()] == ["light"]


def pieces(app: App[None]) -> list[tuple[str, Style]]:
    """Every piece of text on the screen with its style."""
    strips = app.screen._compositor.render_strips()
    return [(segment.text, segment.style) for strip in strips for segment in strip if segment.style is not None]


def coloured(app: App[None]) -> set[str]:
    """The names of all colours on the screen, the terminal's default ones left out."""
    found = {c for _, style in pieces(app) for c in (style.color, style.bgcolor) if c is not None}
    return {color.name for color in found if not color.is_default}


@pytest.mark.parametrize("name", themes.NAMES)
async def test_every_theme_can_be_put_on(name: str) -> None:
    app = Everything()
    async with app.run_test() as pilot:
        app.theme = name
        await pilot.pause()
        assert app.current_theme.name == name


def test_the_setting_holds_and_else_dark_or_none() -> None:
    known = {*themes.NAMES, *BUILTIN_THEMES}
    assert themes.chosen("light", known, {"NO_COLOR": "1"}) == "light"
    assert themes.chosen("nord", known, {}) == "nord"
    assert themes.chosen("", known, {}) == "dark"
    assert themes.chosen("misspelt", known, {}) == "dark"
    assert themes.chosen("", known, {"NO_COLOR": "1"}) == "no-colour"
    assert themes.chosen("", known, {"TERM": "linux"}) == "ansi"
    assert themes.chosen("", known, {"TERM": "screen", "COLORTERM": "truecolor"}) == "dark"
    assert themes.chosen("", known, {"TERM": "xterm-256color"}) == "dark"


async def test_the_picker_tries_themes_on_and_escape_puts_the_old_one_back() -> None:
    tried: list[str] = []
    stage = ScreenStage(lambda: ThemePicker(themes.NAMES, "light", tried.append))
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Colours", "light")
        await pilot.press("down", "up", "up", "escape")
        assert (tried, stage.results) == (["light", "high-contrast", "light", "dark", "light"], [None])


async def test_the_picker_gives_the_theme_that_was_chosen() -> None:
    stage = ScreenStage(lambda: ThemePicker(themes.NAMES, "nord", lambda _: None))
    async with stage.run_test() as pilot:
        await until_shown(pilot, "nord")
        await pilot.press("down", "down", "enter")
        assert stage.results == ["light"]


async def test_a_click_beside_the_picker_closes_it() -> None:
    stage = ScreenStage(lambda: ThemePicker(themes.NAMES, "dark", lambda _: None))
    async with stage.run_test() as pilot:
        await until_shown(pilot, "Colours")
        await pilot.click(offset=(1, 1))
        assert stage.results == [None]
