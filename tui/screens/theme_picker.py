"""The choice of a colour theme, tried on the app while it is made; stores nothing and applies none itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import on
from textual.widgets import OptionList

from codeagent.tui.screens.dialogs import Choose


class ThemePicker(Choose):
    """Dismissed with the name of a theme; with None, and the theme that held before, if none was chosen."""

    def __init__(self, names: Sequence[str], present: str, apply: Callable[[str], None]) -> None:
        """`apply` gives the app the theme of this name."""
        super().__init__("Colours", names if present in names else [present, *names], present)
        self._before = present
        self._apply = apply

    @on(OptionList.OptionHighlighted)
    def _marked(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_id is not None:
            self._apply(event.option_id)

    def action_close(self) -> None:
        """Put the theme back that held before."""
        self._apply(self._before)
        self.dismiss(None)
