"""A screen over others that closes once and takes nothing else with it; knows nothing of what it shows."""

from __future__ import annotations

from typing import ClassVar

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, ScreenResultType


class Modal(ModalScreen[ScreenResultType]):
    """Escape closes it without a result."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close", id="screen.close")]

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close with a result. Does nothing when it is closed already or another screen is on top.

        Textual would close that other screen instead: a third click or a late download must not.
        """
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def action_close(self) -> None:
        """Close without a result."""
        self.dismiss(None)
