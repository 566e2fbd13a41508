"""The multi-line editor of the prompt: keeps tokens whole and takes pastes apart; knows no history or completion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events, getters
from textual.actions import SkipAction
from textual.app import App
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.dom import DOMNode
from textual.geometry import Offset
from textual.widgets import TextArea
from textual.widgets.text_area import EditResult, Location, Selection

from codeagent.tui.prompt.completion import REFERENCE, reference
from codeagent.tui.prompt.pastes import Folds, pasted_image
from codeagent.tui.prompt.vim import Vim

# Ctrl+Z sends the app to the background; Ctrl+_ is undo in shells.
_KEYS = {"undo": "ctrl+underscore,ctrl+z,super+z"}


def _edit_bindings() -> list[Binding]:
    """The keys of the text area with an id each, so that the user can change them; up and down are the prompt's."""
    return [
        replace(
            binding,
            key=_KEYS.get(binding.action, binding.key),
            id="edit." + binding.action.replace("(True)", "_select"),
        )
        for binding in TextArea.BINDINGS
        if isinstance(binding, Binding) and binding.action not in ("cursor_up", "cursor_down")
    ]


class PromptEditor(TextArea, inherit_bindings=False):
    """A text area that grows with its text. Tokens of folded pastes are entered, left and deleted as one character."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *_edit_bindings(),
        Binding("alt+o", "unfold", "Unfold the pasted text at the cursor", id="prompt.unfold", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"prompt-editor--fold", "prompt-editor--reference"}
    DEFAULT_CSS = """
    PromptEditor {
        height: auto;
        max-height: 10;
        border: none;
        padding: 0;
        background: transparent;
        scrollbar-size-vertical: 1;
        &:focus { border: none; }
        & .prompt-editor--fold {
            color: $text-accent;
            background: $accent-muted;
        }
        & .prompt-editor--reference { color: $text-primary; }
    }
    """

    if TYPE_CHECKING:  # the type Textual gives it is not known in full
        app = getters.app(App[object])

    def __init__(
        self,
        folds: Folds,
        root: Path,
        owner: DOMNode,
        *,
        placeholder: str,
        vim: bool,
        mode_changed: Callable[[], None],
    ) -> None:
        self._folds = folds  # first: the text area moves its cursor while it is made
        super().__init__(placeholder=Content(placeholder), highlight_cursor_line=False, compact=True)
        self.set_reactive(TextArea.cursor_blink, False)
        self.set_reactive(TextArea.match_cursor_bracket, False)
        self._root = root
        self._owner = owner
        self._vim = Vim(self, mode_changed) if vim else None

    @property
    def in_command_mode(self) -> bool:
        """Whether letters are vim commands now."""
        return self._vim is not None and self._vim.mode == "normal"

    @property
    def on_first_row(self) -> bool:
        """Whether there is no row of the screen above the cursor's."""
        return self.navigator.is_first_wrapped_line(self.cursor_location)

    @property
    def on_last_row(self) -> bool:
        """Whether there is no row of the screen below the cursor's."""
        return self.navigator.is_last_wrapped_line(self.cursor_location)

    def put(self, text: str) -> None:
        """Insert pasted text in place of the selection: made safe, folded if long, an image's path as a reference."""
        image = pasted_image(text, self._root)
        shown = self._folds.paste(text) if image is None else self._folds.show(reference(image)) + " "
        if result := self._replace_via_keyboard(shown, *self.selection):
            self.move_cursor(result.end_location)

    def become(self, text: str, *, at_first_row: bool = False) -> None:
        """Replace everything, as one step for undo; the cursor goes to the end, or to that of the first line."""
        self.history.checkpoint()
        self.replace(text, self.document.start, self.document.end, maintain_selection_offset=False)
        self.history.checkpoint()
        self.move_cursor((0, len(self.document[0])) if at_first_row else self.document.end)
        if self._vim is not None:
            self._vim.settle()

    async def on_key(self, event: events.Key) -> None:
        """Run what the key is bound to here or in the prompt, give it to vim, or leave it to the text area.

        Textual runs bindings in the app's task, where Enter would overtake the letters still waiting in this widget's
        queue, or be overtaken by those after it. So they are run here, in the order of the keys.
        """
        bound = event.key.startswith("alt+") or not event.is_printable
        if bound and await self._run_binding(event.key):
            event.stop()
            event.prevent_default()
        elif event.key.startswith("alt+"):
            event.prevent_default()  # the text area would insert the letter, and no alt key of the app would work
        elif self._vim is not None and self._vim.take(event.key, event.character):
            event.stop()
            event.prevent_default()
        elif event.character and ord(event.character[0]) >= 0xA0 and not event.is_printable:
            event.stop()
            event.prevent_default()
            self.put(event.character)

    async def _run_binding(self, key: str) -> bool:
        active = self.screen.active_bindings.get(key)
        if active is None or active.node not in (self, self._owner):
            return False
        return await self.app.run_action(active.binding.action, active.node)

    async def on_paste(self, event: events.Paste) -> None:
        """Take the paste in place of the text area, which would draw escape sequences as they are."""
        event.stop()
        event.prevent_default()
        self.put(event.text)

    def action_paste(self) -> None:
        """Paste what was copied in this app."""
        self.put(self.app.clipboard)

    def action_copy(self) -> None:
        """Copy the selection, folded pastes in full."""
        if self.selection.is_empty:
            raise SkipAction
        self.app.copy_to_clipboard(self._folds.expand(self.selected_text))

    def action_cut(self) -> None:
        """Cut the selection or the line, folded pastes in full."""
        start, end = self.selection
        result = self._delete_cursor_line() if start == end else self._delete_via_keyboard(start, end)
        if result is not None:
            self.app.copy_to_clipboard(self._folds.expand(result.replaced_text))

    def action_delete_right(self) -> None:
        """Delete the next character; in an empty editor the key is left to others."""
        if not self.text:
            raise SkipAction
        super().action_delete_right()

    def action_cursor_page_up(self) -> None:
        """Move up a page; a text that is seen whole leaves the key to others."""
        self._skip_if_seen_whole()
        super().action_cursor_page_up()

    def action_cursor_page_down(self) -> None:
        """Move down a page; a text that is seen whole leaves the key to others."""
        self._skip_if_seen_whole()
        super().action_cursor_page_down()

    def _skip_if_seen_whole(self) -> None:
        if self.virtual_size.height <= self.content_size.height:
            raise SkipAction

    def action_unfold(self) -> None:
        """Put the pasted text in the place of its token."""
        row, column = self.cursor_location
        for start, end in self._folds.spans(self.document[row]):
            token = self.document[row][start:end]
            if start <= column <= end and not token.startswith("<"):
                self.replace(self._folds.opened(token), (row, start), (row, end), maintain_selection_offset=False)
                return
        raise SkipAction

    def delete(self, start: Location, end: Location, *, maintain_selection_offset: bool = True) -> EditResult:
        """Delete a range with all of the tokens it touches."""
        return self.replace("", start, end, maintain_selection_offset=maintain_selection_offset)

    def replace(
        self, insert: str, start: Location, end: Location, *, maintain_selection_offset: bool = True
    ) -> EditResult:
        """Replace a range with all of the tokens it touches."""
        top, bottom = sorted((start, end))
        top, bottom = self._outside(top, False), self._outside(bottom, True)
        return super().replace(insert, top, bottom, maintain_selection_offset=maintain_selection_offset)

    def validate_selection(self, selection: Selection) -> Selection:
        """Keep both ends out of tokens; a move into a token leaves it on the other side."""
        if selection.is_empty:
            return Selection.cursor(self._outside(selection.end, selection.end > self.selection.end))
        forward = selection.end > selection.start
        return Selection(self._outside(selection.start, not forward), self._outside(selection.end, forward))

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """Scroll to the cursor, unless it is about to be moved back into the text."""
        # Textual's undo and redo change the text first, and if the scrollbar goes with it, this is called in between.
        if self.cursor_location[0] >= self.document.line_count:
            return Offset(0, 0)
        return super().scroll_cursor_visible(center, animate)

    def get_line(self, line_index: int) -> Text:
        """The line with tokens and references marked."""
        line = super().get_line(line_index)
        plain = line.plain
        if "@" in plain:
            style = self.get_component_rich_style("prompt-editor--reference", partial=True)
            for match in REFERENCE.finditer(plain):
                line.stylize(style, *match.span())
        spans = list(self._folds.spans(plain))
        if spans:
            style = self.get_component_rich_style("prompt-editor--fold")
            for start, end in spans:
                line.stylize(style, start, end)
        return line

    def _outside(self, location: Location, forward: bool) -> Location:
        row, column = location
        if row < self.document.line_count:
            for start, end in self._folds.spans(self.document[row]):
                if start < column < end:
                    return row, end if forward else start
        return location
