"""The app's colour themes, and which one holds; knows no widget."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from textual.app import App
from textual.theme import Theme

DARK = Theme(
    name="dark",
    primary="#86aee0",
    secondary="#9ba9c3",
    accent="#e0b070",
    success="#93c486",
    warning="#dcb765",
    error="#ea8985",
    foreground="#d8dbe2",
    background="#14161b",
    surface="#1a1d23",
    panel="#242830",
    dark=True,
    variables={
        "text-muted": "#a9afbc",
        "text-disabled": "#8f96a8",
        "foreground-muted": "#a9afbc",
        "foreground-disabled": "#8f96a8",
        "primary-muted": "#22324a",
        "secondary-muted": "#2a303d",
        "accent-muted": "#3d3120",
        "warning-muted": "#3b3320",
        "success-muted": "#1d3522",
        "error-muted": "#43262a",
        "block-cursor-background": "#2c3a52",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#2a303b",
        "block-hover-background": "#21252d",
        "border": "#4a5974",
        "border-blurred": "#2b303a",
        "footer-background": "#242830",
        "footer-key-foreground": "#e0b070",
        "scrollbar": "#3b4250",
        "scrollbar-hover": "#4a5366",
        "scrollbar-active": "#86aee0",
        "scrollbar-background": "#1a1d23",
    },
)

LIGHT = Theme(
    name="light",
    primary="#28589a",
    secondary="#505a6e",
    accent="#8a4c0c",
    success="#2d6a28",
    warning="#775200",
    error="#a92a29",
    foreground="#26282e",
    background="#fbfaf7",
    surface="#f4f2ed",
    panel="#e7e4dc",
    dark=False,
    variables={
        "text-muted": "#565b66",
        "text-disabled": "#676c77",
        "foreground-muted": "#565b66",
        "foreground-disabled": "#676c77",
        "primary-muted": "#d3e0f2",
        "secondary-muted": "#dfe2e8",
        "accent-muted": "#f2e2cd",
        "warning-muted": "#f3e7c6",
        "success-muted": "#d9ebd3",
        "error-muted": "#f6dcd9",
        "block-cursor-background": "#cddcf0",
        "block-cursor-foreground": "#14161b",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#e3e2dd",
        "block-hover-background": "#ebe8e1",
        "border": "#7d93b5",
        "border-blurred": "#d9d5cb",
        "footer-background": "#e7e4dc",
        "footer-key-foreground": "#8a4c0c",
        "scrollbar": "#c4bfb3",
        "scrollbar-hover": "#aaa498",
        "scrollbar-active": "#28589a",
        "scrollbar-background": "#f4f2ed",
    },
)

HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#9fd0ff",
    secondary="#d0dcff",
    accent="#ffdd66",
    success="#8cff98",
    warning="#ffdd66",
    error="#ffb3b3",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#141414",
    dark=True,
    text_alpha=1.0,
    variables={
        "text": "auto 100%",
        "text-muted": "#e0e0e0",
        "text-disabled": "#cfcfcf",
        "foreground-muted": "#e6e6e6",
        "foreground-disabled": "#c8c8c8",
        "primary-muted": "#00284d",
        "secondary-muted": "#1c2440",
        "accent-muted": "#3d3000",
        "warning-muted": "#3d3000",
        "success-muted": "#003d08",
        "error-muted": "#520000",
        "block-cursor-background": "#083264",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold underline",
        "block-cursor-blurred-background": "#333333",
        "block-cursor-blurred-foreground": "#ffffff",
        "block-hover-background": "#262626",
        "border": "#ffffff",
        "border-blurred": "#9a9a9a",
        "footer-background": "#141414",
        "footer-key-foreground": "#ffdd66",
        "input-selection-background": "#0a3c78",
        "input-selection-foreground": "#ffffff",
        "screen-selection-background": "#0a3c78",
        "screen-selection-foreground": "#ffffff",
        "scrollbar": "#b0b0b0",
        "scrollbar-hover": "#ffffff",
        "scrollbar-active": "#ffffff",
        "scrollbar-background": "#202020",
        "link-background-hover": "#0a3c78",
    },
)

# text-muted and text-disabled are given as colours above, because Textual draws its automatic ones at full strength
# where they stand in a Content.

# Of a terminal's own colours, blue and the bright ones cannot be read on every background; what is chosen is reversed.
_TERMINAL = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "block-cursor-foreground": "ansi_default",
    "block-cursor-background": "ansi_default",
    "block-cursor-text-style": "bold underline",
    "block-cursor-blurred-text-style": "bold",
    "input-cursor-background": "ansi_default",
    "input-cursor-foreground": "ansi_default",
    "input-cursor-text-style": "reverse",
    "border-blurred": "ansi_default",
}

ANSI = Theme(
    name="ansi",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_cyan",
    accent="ansi_magenta",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    variables={
        **_TERMINAL,
        "border": "ansi_cyan",
        "footer-key-foreground": "ansi_cyan",
        "scrollbar": "ansi_cyan",
        "scrollbar-hover": "ansi_cyan",
        "scrollbar-active": "ansi_cyan",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
        "input-selection-background": "ansi_default",
        "screen-selection-background": "ansi_cyan",
        "link-color": "ansi_cyan",
        "link-color-hover": "ansi_cyan",
        "link-background-hover": "ansi_default",
        "markdown-h1-color": "ansi_cyan",
        "markdown-h2-color": "ansi_cyan",
        "markdown-h3-color": "ansi_cyan",
    },
)

_COLOURS = (
    "primary secondary warning error success accent foreground background primary-background secondary-background "
    "boost surface panel text text-muted text-disabled text-primary text-secondary text-warning text-error "
    "text-success text-accent primary-muted secondary-muted warning-muted error-muted success-muted accent-muted "
    "foreground-muted background-muted block-cursor-blurred-foreground block-cursor-blurred-background "
    "block-hover-background border scrollbar scrollbar-hover scrollbar-active scrollbar-background "
    "scrollbar-corner-color scrollbar-background-hover scrollbar-background-active link-background "
    "link-background-hover link-color link-color-hover footer-foreground footer-background footer-key-foreground "
    "footer-key-background footer-description-foreground footer-description-background footer-item-background "
    "input-selection-background input-selection-foreground markdown-h1-color markdown-h2-color markdown-h3-color "
    "markdown-h4-color markdown-h5-color markdown-h6-color button-foreground button-color-foreground "
    "screen-selection-background screen-selection-foreground"
)

NO_COLOUR = Theme(
    name="no-colour",
    ansi=True,
    primary="ansi_default",
    secondary="ansi_default",
    accent="ansi_default",
    success="ansi_default",
    warning="ansi_default",
    error="ansi_default",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    variables={
        **_TERMINAL,
        **dict.fromkeys(_COLOURS.split(), "ansi_default"),
        "markdown-h1-text-style": "bold underline",
        "markdown-h3-text-style": "bold",
    },
)

THEMES = (DARK, LIGHT, HIGH_CONTRAST, NO_COLOUR, ANSI)
NAMES = tuple(theme.name for theme in THEMES)

THEME_CSS = """
.-theme-no-colour Input > .input--cursor, .-theme-ansi Input > .input--cursor {
    color: ansi_default; background: ansi_default; text-style: reverse;
}
.-theme-no-colour Input > .input--selection, .-theme-ansi Input > .input--selection {
    color: ansi_default; background: ansi_default; text-style: reverse;
}
"""
"""For the app's own CSS: in a theme of the terminal's colours, what Textual marks with a colour alone is reversed."""


def register(app: App[Any]) -> None:
    """Make the themes known to an app, beside Textual's own."""
    for theme in THEMES:
        app.register_theme(theme)


def chosen(setting: str, known: Collection[str], environ: Mapping[str, str]) -> str:
    """The theme that holds: the one of the settings; where that is empty or unknown, dark, or no colours with NO_COLOR
    set, or the terminal's own where it has only sixteen.
    """
    if setting in known:
        return setting
    if "NO_COLOR" in environ:
        return NO_COLOUR.name
    return ANSI.name if has_few_colours(environ) else DARK.name


def has_few_colours(environ: Mapping[str, str]) -> bool:
    """Whether a terminal says that it has at most sixteen colours, by the same rules as Rich, which would draw ours as
    the nearest of them. One that says nothing has more.
    """
    many = environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit")
    kind = environ.get("TERM", "").strip().lower()
    return not many and kind not in ("", "dumb") and not kind.endswith(("256color", "kitty", "ghostty", "direct"))


def ansi_color(environ: Mapping[str, str]) -> bool | None:
    """What App's constructor is to be given as its `ansi_color`.

    With NO_COLOR set, Textual makes every colour grey, and the terminal's default ones black on black; only an app that
    begins with the terminal's own colours leaves all of them out instead.
    """
    return True if "NO_COLOR" in environ else None
