"""All keys and what they do, made from the bindings, and giving an action another key; knows no action."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.keys import format_key
from textual.widgets import Static

from codeagent.agent.config import ConfigError
from codeagent.agent.settings_file import set_setting, unset_setting
from codeagent.agent.text import printable
from codeagent.tui.screens.dialogs import Dialog
from codeagent.tui.screens.panel import ListPanel
from codeagent.tui.screens.rows import Row, cell, one_line


@dataclass(frozen=True)
class KeyRow:
    """An action: where it can be used, its own keys separated by commas, what it does, and its binding's id, without
    which it cannot get other keys.
    """

    group: str
    keys: str
    description: str
    id: str


def key_rows(group: str, bindings: Iterable[BindingType]) -> list[KeyRow]:
    """The rows of a widget's or screen's BINDINGS; those without a description are left out."""
    keys: dict[tuple[str, str], list[str]] = {}
    for binding in Binding.make_bindings(bindings):
        if binding.description:
            keys.setdefault((binding.description, binding.id or ""), []).append(binding.key)
    return [KeyRow(group, ",".join(found), description, name) for (description, name), found in keys.items()]


def _shown(keys: str) -> str:
    return ", ".join(format_key(key.strip()) for key in keys.split(","))


class PressKey(Dialog[str | None], inherit_bindings=False):
    """Dismissed with the next key that is pressed, be it one that screens have a use for; escape closes it without."""

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The question alone."""
        with Vertical(classes="box"):
            yield Static(Content(printable(self._question)))

    def on_key(self, event: events.Key) -> None:
        """Take the key, whatever it is."""
        event.stop()
        event.prevent_default()
        self.dismiss(None if event.key == "escape" else event.key)


class Keys(ListPanel[dict[str, str] | None]):
    """Dismissed with all keys that differ from the actions' own, by id, or None where nothing was changed here."""

    HEADING: ClassVar[str] = "Keys"
    COLUMNS: ClassVar[Content] = Content.assemble(cell("WHERE", 14), cell("KEYS", 22), "WHAT IT DOES")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Another key", id="keys.change"),
        Binding("u,delete", "unset", "Its own key again", id="keys.unset"),
    ]

    def __init__(self, rows: Sequence[KeyRow], keymap: Mapping[str, str], config_file: Path) -> None:
        """`keymap` are the keys that differ from the actions' own, by id; changes are stored under `[keys]` in
        `config_file`.
        """
        super().__init__()
        self._rows = {str(i): row for i, row in enumerate(rows)}
        self._keymap = dict(keymap)
        self._config_file = config_file
        self._changed = False

    def on_mount(self) -> None:
        """Show all."""
        self.refill()

    def refill(self) -> None:
        """Show the actions whose words or keys have what is searched for."""
        wanted = self.sought.casefold()
        self.show(
            [
                self._row(name, row)
                for name, row in self._rows.items()
                for keys in [self._keys(row)]
                if wanted in f"{row.group} {keys} {_shown(keys)} {row.description} {row.id}".casefold()
            ]
        )

    def _keys(self, row: KeyRow) -> str:
        return self._keymap.get(row.id, row.keys)

    def _row(self, name: str, row: KeyRow) -> Row:
        return name, Content.assemble(
            cell(row.group, 14, "$text-muted"),
            cell(_shown(self._keys(row)), 22, "bold $text-accent" if row.id in self._keymap else "bold"),
            one_line(row.description),
        )

    def describe(self, name: str) -> Content:
        """The action's id, and its own key where it has another one."""
        row = self._rows[name]
        if not row.id:
            return Content.assemble(("This key cannot be changed.", "$text-muted"))
        other = f"  Its own: {_shown(row.keys)}" if row.id in self._keymap else ""
        return Content.assemble((f"{one_line(row.id)}{other}", "$text-muted"))

    def choose(self, name: str) -> None:
        """Wait for another key for an action."""
        row = self._rows[name]
        if row.id:
            self.run_worker(self._change(row), group="change")

    async def _change(self, row: KeyRow) -> None:
        key = await self.ask(PressKey(f"Press the new key for: {row.description}\n\nEsc keeps what it has."))
        if key is None:
            return
        taken = [r for r in self._rows.values() if r.group == row.group and r.id != row.id and key in self._parts(r)]
        if taken:
            self.say(
                f"{key} already stands for “{taken[0].description}” there: give that another key first.", error=True
            )
            return
        if await self._store(lambda: set_setting(self._config_file, ("keys", row.id), key)):
            self._keymap[row.id] = key
            self._done(f"“{row.description}” has the key {_shown(key)} now.")

    def _parts(self, row: KeyRow) -> list[str]:
        return [part.strip() for part in self._keys(row).split(",")]

    def action_unset(self) -> None:
        """Give the marked action its own key again."""
        row = self._rows.get(self.marked or "")
        if row is not None and row.id in self._keymap:
            self.run_worker(self._unset(row), group="change")

    async def _unset(self, row: KeyRow) -> None:
        if await self._store(lambda: unset_setting(self._config_file, ("keys", row.id))):
            del self._keymap[row.id]
            self._done(f"“{row.description}” has its own key again.")

    async def _store(self, store: Callable[[], object]) -> bool:
        try:
            await asyncio.to_thread(store)
        except ConfigError as e:
            self.say(str(e), error=True)
            return False
        return True

    def _done(self, text: str) -> None:
        self._changed = True
        self.say(text)
        self.refill()

    def action_close(self) -> None:
        """Close with the keys as they are now."""
        self.dismiss(dict(self._keymap) if self._changed else None)

    def possible(self, action: str) -> bool:
        """Only what can be done with the marked action."""
        row = self._rows.get(self.marked or "")
        if action == "choose":
            return row is not None and bool(row.id)
        return row is not None and row.id in self._keymap if action == "unset" else True
