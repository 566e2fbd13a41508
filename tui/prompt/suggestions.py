"""What the popup offers for the text at the cursor, and taking it; knows editor, popup and history, sends nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial

from codeagent.tui.prompt.completer import OFFERED, Completer
from codeagent.tui.prompt.completion import Candidate, Trigger, find_trigger, one_line
from codeagent.tui.prompt.editor import PromptEditor
from codeagent.tui.prompt.history import Entry, History
from codeagent.tui.prompt.listing import Listing
from codeagent.tui.prompt.pastes import Folds
from codeagent.tui.prompt.popup import Popup


class Suggestions:
    """References and commands while they are typed, or earlier prompts while they are searched."""

    def __init__(
        self,
        editor: PromptEditor,
        popup: Popup,
        folds: Folds,
        completer: Completer,
        history: History,
        failed: Callable[[str], None],
    ) -> None:
        self._editor = editor
        self._popup = popup
        self._folds = folds
        self._completer = completer
        self._history = history
        self._failed = failed
        self._draft: Entry | None = None
        self._offered: Trigger | None = None
        self._settled: Trigger | None = None
        self._closed_at: tuple[str, int, int] | None = None

    @property
    def is_searching(self) -> bool:
        """Whether what is typed is sought in earlier prompts."""
        return self._draft is not None

    def search(self) -> None:
        """Offer the earlier prompts that hold what is in the editor now and is typed from now on."""
        if self._draft is None:
            self._draft = Entry(self._editor.text, self._folds.tokens(self._editor.text))
            self._popup.offer(self._earlier_prompts())

    def settle(self) -> None:
        """The text was put there whole: offer nothing for it until something is typed."""
        self._draft = None
        self._settled = self._trigger()
        self._popup.offer([])

    def close(self) -> bool:
        """Close the popup until another word is begun; a search puts the draft back. False with nothing to close."""
        if self._draft is not None:
            self._editor.become(self._folds.restore(self._draft.text, self._draft.pastes))
            self.settle()
        elif self._popup.is_open:
            self._closed_at = _place(self._trigger())
            self._popup.offer([])
        else:
            return False
        return True

    def update(self) -> None:
        """Offer what fits the text now."""
        if self._draft is not None:
            self._popup.offer(self._earlier_prompts())
            return
        trigger = self._trigger()
        if _place(trigger) != self._closed_at:
            self._closed_at = None
        if trigger is None or trigger == self._settled or self._closed_at is not None:
            self._popup.offer([])
            return
        self._settled = None
        for listing in self._completer.outdated(trigger):
            self._popup.run_worker(partial(self._fetch, listing), group="fetch")
        self._popup.run_worker(partial(self._match, trigger), group="match", exclusive=True)

    def hide(self) -> None:
        """Show nothing while the keyboard is elsewhere."""
        self._popup.offer([])

    def cursor_moved(self) -> None:
        """Close the popup when the cursor has left the word it is for."""
        if self._draft is None and self._popup.is_open and _place(self._trigger()) != _place(self._offered):
            self._popup.offer([])

    def candidate(self) -> Candidate | None:
        """The highlighted candidate. A list that is behind the typing is made anew, so that no wrong one is taken."""
        if not self._popup.is_open:
            return None
        trigger = self._trigger()
        if self._draft is not None:
            self._popup.offer(self._earlier_prompts())
        elif trigger != self._offered:
            self._offered = trigger
            self._popup.offer(self._completer.candidates(trigger) if trigger else [])
        return self._popup.candidate

    def take(self, candidate: Candidate) -> None:
        """Put the candidate in the place of what was typed for it."""
        trigger = self._trigger()
        if candidate.kind == "prompt":
            entry = next(entry for entry in reversed(self._history.entries) if entry.text == candidate.insert)
            self._editor.become(self._folds.restore(entry.text, entry.pastes))
        elif trigger is not None:
            following = self._editor.document[trigger.row][trigger.end : trigger.end + 1]
            gap = "" if candidate.kind == "command" or following.isspace() else " "
            result = self._editor.replace(
                self._folds.show(candidate.insert) + gap,
                (trigger.row, trigger.start),
                (trigger.row, trigger.end),
                maintain_selection_offset=False,
            )
            self._editor.move_cursor(result.end_location)
        self.settle()

    def _trigger(self) -> Trigger | None:
        """What is being completed at the cursor."""
        editor = self._editor
        if editor.document[0].startswith("!") or editor.in_command_mode or not editor.selection.is_empty:
            return None
        row, column = self._editor.cursor_location
        return find_trigger(self._editor.document[row], row, column)

    async def _match(self, trigger: Trigger) -> None:
        stop = threading.Event()
        try:
            candidates = await asyncio.to_thread(self._completer.candidates, trigger, stop.is_set)
        finally:
            stop.set()
        if trigger == self._trigger() and self._draft is None:
            self._offered = trigger
            self._popup.offer(candidates)

    async def _fetch(self, listing: Listing) -> None:
        try:
            await listing.fetch()
        except Exception as e:  # whatever a source raises, the prompt must go on
            self._failed(f"Names after @ cannot be completed: {one_line(str(e) or type(e).__name__)}")
        else:
            self.update()

    def _earlier_prompts(self) -> list[Candidate]:
        sought = self._editor.text.strip().lower()
        found: dict[str, Candidate] = {}
        for entry in reversed(self._history.entries):
            if sought in entry.text.lower() and entry.text not in found:
                first, _, rest = entry.text.strip().partition("\n")
                more = rest.count("\n") + 1 if rest else 0
                found[entry.text] = Candidate(one_line(first), f"+{more} lines" if more else "", entry.text, "prompt")
                if len(found) == OFFERED:
                    break
        return list(found.values())


def _place(trigger: Trigger | None) -> tuple[str, int, int] | None:
    return None if trigger is None else (trigger.kind, trigger.row, trigger.start)
