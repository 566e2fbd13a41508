"""A screen over others that closes once and takes nothing else with it; knows nothing of what it shows."""

from __future__ import annotations

from typing import ClassVar

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import ModalScreen, ScreenResultType


class Modal(ModalScreen[ScreenResultType]):
    """Escape closes it without a result."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close", id="screen.close")]
    _left = False

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close with a result. Does nothing when it is closed already or another screen is on top.

        Textual would close that other screen instead: a third click or a late download must not. Its workers end here;
        Textual ends them when the widgets that they would draw on are gone.
        """
        if not self.is_active:
            return AwaitComplete()
        self._left = True
        for worker in self.workers:
            if worker.node is self:
                worker.cancel()
        return super().dismiss(result)

    def check_message_enabled(self, message: Message) -> bool:
        """Nothing from its widgets reaches a screen that is left: a handler would miss those that are gone already."""
        return super().check_message_enabled(message) and not (self._left and message.bubble)

    def action_close(self) -> None:
        """Close without a result."""
        self.dismiss(None)
