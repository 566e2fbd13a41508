"""The screen of all changes since the session or the last request began, each to be put back; writes no file itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Footer, OptionList, Static

from codeagent.agent.changes import ChangeLog
from codeagent.agent.text import printable
from codeagent.agent.timeline import Checkpoint
from codeagent.tools.api import ToolError
from codeagent.tui.approval.diff_view import DiffView
from codeagent.tui.review.changes_list import Entry, Place, coloured, entries, name_in, rows
from codeagent.tui.review.made_diff import MadeDiff
from codeagent.tui.screens.modal import Modal
from codeagent.tui.screens.rows import Rows

WIDE = 100


@dataclass(frozen=True)
class Reverted:
    """What the person put back, and what takes that back again."""

    shown: str
    undo: Callable[[], None]


class Review(Modal[tuple[str, ...]]):
    """Dismissed with the names of the files that the person put back, which the model does not know of."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "revert_hunk", "Revert hunk", id="review.revert_hunk"),
        Binding("R", "revert_file", "Revert file", key_display="R", id="review.revert_file"),
        Binding("u", "undo", "Undo", id="review.undo"),
        Binding("enter", "open", "Open", id="review.open"),
        Binding("t", "scope", "Turn/session", id="review.scope"),
        Binding("escape", "close", "Close", id="review.close"),
        Binding("down,j", "move(1)", "On", show=False, id="review.down"),
        Binding("up,k", "move(-1)", "Back", show=False, id="review.up"),
        Binding("pagedown,space", "page(1)", "A page down", show=False, priority=True, id="review.page_down"),
        Binding("pageup,b", "page(-1)", "A page up", show=False, priority=True, id="review.page_up"),
    ]
    DEFAULT_CSS = """
    Review {
        background: $surface; overflow: hidden;
        .heading { height: 1; padding: 0 1; background: $panel; text-style: bold; text-wrap: nowrap; }
        .parts { height: 1fr; }
        .file { height: 1; padding: 0 1; text-wrap: nowrap; color: $foreground; background: $panel; }
        .instead { height: auto; padding: 1; color: $text-muted; display: none; }
        .says { height: auto; max-height: 4; padding: 0 1; display: none; }
        .says.-some { display: block; }
        .says.-error { color: $text-error; }
        Footer { padding: 0 1; }
        Rows { height: auto; max-height: 35%; }
        &.-wide .parts { layout: horizontal; }
        &.-wide Rows {
            width: 30%; min-width: 36; max-width: 60; height: 100%; max-height: 100%;
            border-right: vkey $border-blurred;
        }
        &.-empty .detail { display: none; }
        &.-open Rows { display: none; }
        &.-fault .instead { display: block; }
        &.-fault MadeDiff { display: none; }
    }
    """

    def __init__(self, changes: ChangeLog, points: Sequence[Checkpoint]) -> None:
        """`points` are the turns that stand; the last one's files are those that its changes are told from."""
        super().__init__()
        self._changes = changes
        self._turn = points[-1] if points else None
        self._since_turn = False
        self._entries: list[Entry] = []
        self._places: list[Place] = []
        self._drawn: Entry | None = None
        self._reverted: list[Reverted] = []
        self._loaded = False

    def compose(self) -> ComposeResult:
        """The heading, the files with their hunks, the diff, and the keys."""
        yield Static(classes="heading")
        with Container(classes="parts"):
            yield Rows()
            with Vertical(classes="detail"):
                yield Static(classes="file")
                yield MadeDiff()
                yield Static(classes="instead")
        yield Static(classes="says")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Read the files."""
        self.query_one(Rows).focus()
        self.run_worker(self._load())

    def on_resize(self) -> None:
        """Lay out anew; names are cut to the width there is."""
        self.set_class(self._wide, "-wide")
        self._drawn = None
        self._fill()

    # What is shown

    @property
    def _wide(self) -> bool:
        return self.size.width >= WIDE

    @property
    def _list_width(self) -> int:
        """As the style sheet has it."""
        return min(max(36, self.size.width * 3 // 10), 60) if self._wide else self.size.width

    async def _load(self) -> None:
        since = self._turn.files if self._since_turn and self._turn is not None else None
        self._entries = await asyncio.to_thread(lambda: entries(self._changes.changed(since)))
        self._loaded = True
        self._drawn = None
        self._fill()

    def _fill(self) -> None:
        listed = self.query_one(Rows)
        before = listed.highlighted or 0
        found = list(rows(self._entries, self._list_width - 4))
        self._places = [place for _, place in found]
        listed.show([row for row, _ in found])
        if found:
            listed.highlighted = min(before, len(found) - 1)
        self.set_class(not found, "-empty")
        self._draw_heading()
        self._draw_marked()
        self.refresh_bindings()

    def _draw_heading(self) -> None:
        since = f"request {self._turn.turn}" if self._since_turn and self._turn is not None else "the session"
        count = len(self._entries)
        text = f"Changes since {since} began: {count} file{'s' * (count != 1)}"
        if not count:
            text = f"Nothing has changed since {since} began" if self._loaded else "Reading the files…"
        self.query_one(".heading", Static).update(Content(text))

    @property
    def _place(self) -> Place | None:
        at = self.query_one(Rows).highlighted
        return self._places[at] if at is not None and at < len(self._places) else None

    def _draw_marked(self) -> None:
        place = self._place
        if place is None:
            return
        entry, diff = self._entries[place.file], self.query_one(MadeDiff)
        if entry is not self._drawn:
            self._drawn = entry
            counts = coloured(entry.counts)
            room = self.size.width - (self._list_width if self._wide else 0) - counts.cell_length - 14
            name = name_in(entry.file.shown, max(10, room))
            title = Content.assemble((name, "bold"), "  ", (entry.kind, "$text-muted"), "  ", counts)
            self.query_one(".file", Static).update(title)
            self.query_one(".instead", Static).update(Content(printable(entry.instead)))
            self.set_class(bool(entry.instead), "-fault")
            diff.show_made(entry.comparison)
        diff.current = place.hunk
        if place.hunk is None:
            diff.scroll_to(y=0, animate=False)

    def _say(self, text: str, error: bool = False) -> None:
        says = self.query_one(".says", Static)
        says.update(Content(printable(text)))
        says.set_class(bool(text), "-some")
        says.set_class(error, "-error")

    @on(OptionList.OptionHighlighted)
    def _marked(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._draw_marked()
        self.refresh_bindings()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_open()

    @on(DiffView.HunkClicked)
    def _clicked(self, event: DiffView.HunkClicked) -> None:
        event.stop()
        place = self._place
        if place is not None:
            self.query_one(Rows).highlighted = self._places.index(Place(place.file, event.hunk))

    # Looking around

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that have nothing to act on are not offered."""
        if action in ("revert_hunk", "revert_file", "open"):
            return bool(self._entries)
        if action == "undo":
            return bool(self._reverted)
        return True

    def action_open(self) -> None:
        """Give the diff the whole screen, or show the list beside it again."""
        self.toggle_class("-open")
        if not self.has_class("-open"):
            self.query_one(Rows).focus()

    def action_close(self) -> None:
        """Show the list again, or close the screen."""
        if self.has_class("-open"):
            self.action_open()
            return
        self.dismiss(tuple(dict.fromkeys(each.shown for each in self._reverted)))

    async def action_scope(self) -> None:
        """Show what changed since the last request began, or since the session did."""
        if self._turn is None or self._turn.files is None:
            self._say("Only the changes of this session's own requests are known, and there is none yet.")
            return
        self._say("")
        self._since_turn = not self._since_turn
        await self._load()

    def action_move(self, direction: int) -> None:
        """While the list is hidden: on within the hunk, then to the next one."""
        at = self.query_one(Rows).highlighted
        if at is None or self.query_one(MadeDiff).scroll_hunk(direction):
            return
        self.query_one(Rows).highlighted = min(max(0, at + direction), len(self._places) - 1)

    def action_page(self, direction: int) -> None:
        """Scroll the diff by a page."""
        diff = self.query_one(MadeDiff)
        (diff.scroll_page_down if direction > 0 else diff.scroll_page_up)(animate=False)

    # Putting back: an action that is awaited keeps the next key waiting, so that it meets the files as they are then.

    async def action_revert_hunk(self) -> None:
        """Put the marked hunk back to what it was."""
        place = self._place
        if place is None:
            return
        entry = self._entries[place.file]
        hunk = 0 if place.hunk is None and len(entry.comparison.hunks) == 1 else place.hunk
        if hunk is None:
            self._say("Mark a hunk first, or press R to put the whole file back.")
            return
        try:
            data = entry.file.without(hunk)
        except ToolError as e:
            self._say(str(e), error=True)
            return
        file = entry.file
        await self._revert(
            f"hunk {hunk + 1} of {file.shown}",
            lambda: self._changes.put(file.path, data, file.now),
            Reverted(file.shown, lambda: self._changes.put(file.path, file.now, data)),
        )

    async def action_revert_file(self) -> None:
        """Put the marked file back to what it was."""
        place = self._place
        if place is not None:
            file = self._entries[place.file].file
            await self._revert(
                file.shown,
                lambda: self._changes.revert(file),
                Reverted(file.shown, lambda: self._changes.revert(file.turned_round())),
            )

    async def _revert(self, what: str, put: Callable[[], None], reverted: Reverted) -> None:
        if await self._do(put):
            self._reverted.append(reverted)
            self._say(f"Put back {what}. Press u to undo that.")
        await self._load()

    async def action_undo(self) -> None:
        """Take the latest revert back."""
        if not self._reverted:
            return
        last = self._reverted.pop()
        if await self._do(last.undo):
            self._say(f"Took the revert in {last.shown} back.")
        await self._load()

    async def _do(self, put: Callable[[], None]) -> bool:
        try:
            await asyncio.to_thread(put)
        except ToolError as e:
            self._say(str(e), error=True)
            return False
        return True
