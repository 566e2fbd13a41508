"""The list of candidates above the editor; shows what it is given and knows nothing of where it comes from."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from codeagent.tui.prompt.completion import Candidate

_HIT = "bold $text-accent"
_QUIET = "dim"
_COMMAND_COLUMN = 24


class Popup(OptionList, can_focus=False):
    """Candidates over the screen, the first one highlighted. The keyboard stays with the editor."""

    DEFAULT_CSS = """
    Popup {
        display: none;
        overlay: screen;
        constrain: none inside;
        width: 100%;
        height: auto;
        max-height: 8;
        offset-y: -100%;
        border: none;
        padding: 0;
        background: $panel;
        scrollbar-size-vertical: 1;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        & > .option-list--option { padding: 0 3; }
        & > .option-list--option-highlighted {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
    }
    """

    class Taken(Message):
        """A candidate was clicked."""

        def __init__(self, candidate: Candidate) -> None:
            super().__init__()
            self.candidate = candidate

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._candidates: list[Candidate] = []

    @property
    def is_open(self) -> bool:
        """Whether there is something to take."""
        return bool(self._candidates)

    @property
    def candidate(self) -> Candidate | None:
        """The highlighted candidate."""
        return None if self.highlighted is None else self._candidates[self.highlighted]

    def offer(self, candidates: Sequence[Candidate]) -> None:
        """Show these in place of what is shown; with none the popup closes."""
        if list(candidates) == self._candidates:
            return
        self._candidates = list(candidates)
        self.set_options(Option(_line(candidate)) for candidate in self._candidates)
        self.highlighted = 0 if self._candidates else None
        self.display = bool(self._candidates)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Taken(self._candidates[event.option_index]))


def _line(candidate: Candidate) -> Content:
    main = Content(candidate.main)
    detail = Content(candidate.detail).stylize(_QUIET)
    for content_hits, first in ((candidate.main_hits, True), (candidate.detail_hits, False)):
        for at in content_hits:
            if first:
                main = main.stylize(_HIT, at, at + 1)
            else:
                detail = detail.stylize(_HIT, at, at + 1)
    gap = max(2, _COMMAND_COLUMN - main.cell_length) if candidate.kind == "command" else 2
    return Content.assemble(main, " " * gap, detail)
