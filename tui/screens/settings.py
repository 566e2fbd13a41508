"""All settings with their values and where those come from; changes go to the user's settings file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from codeagent.agent.config import ConfigError
from codeagent.agent.settings_file import Setting, parse_setting, set_setting, settings, unset_setting
from codeagent.tui.screens.dialogs import AskText, Choose
from codeagent.tui.screens.panel import ListPanel
from codeagent.tui.screens.rows import Row, cell, one_line

_SOURCES = {
    "default": "the default",
    "user": "your settings file",
    "project": "this folder's settings",
    "environment": "the environment",
    "flag": "the command line",
}


class Settings(ListPanel[tuple[str, ...]]):
    """Dismissed with the names of the settings that were changed."""

    HEADING: ClassVar[str] = "Settings"
    COLUMNS: ClassVar[Content] = Content.assemble(cell("SETTING", 23), cell("VALUE", 24), cell("FROM", 11), "ABOUT")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Change", id="settings.change"),
        Binding("u,delete", "unset", "Back to default", id="settings.unset"),
    ]

    def __init__(
        self,
        user_file: Path,
        project_file: Path | None,
        environ: Mapping[str, str],
        flags: Mapping[str, Any],
        choices: Mapping[str, Sequence[str]],
    ) -> None:
        """The first four are the arguments of `load_config`. `choices` are the values of settings that Config leaves
        free, such as the theme's.
        """
        super().__init__()
        self._user_file = user_file
        self._project_file = project_file
        self._environ = environ
        self._flags = flags
        self._choices = choices
        self._settings: dict[str, Setting] = {}
        self._changed: list[str] = []

    def on_mount(self) -> None:
        """Read the files beside the event loop."""
        self.run_worker(self._read(), group="read")

    async def _read(self) -> None:
        try:
            found = await asyncio.to_thread(settings, self._user_file, self._project_file, self._environ, self._flags)
        except ConfigError as e:
            self.say(str(e), error=True)
            return
        self._settings = {setting.name: setting for setting in found}
        self.refill()

    def refill(self) -> None:
        """Show the settings whose name, description or value has what is searched for."""
        wanted = self.sought.casefold()
        self.show(
            [
                self._row(s)
                for s in self._settings.values()
                if wanted in f"{s.name} {s.description} {shown(s.value)}".casefold()
            ]
        )

    def _row(self, setting: Setting) -> Row:
        own = setting.origin != "default"
        return setting.name, Content.assemble(
            cell(setting.name, 23),
            cell(shown(setting.value) or "none", 24, "bold" if own else "$text-muted"),
            cell(setting.origin, 11, "$text-accent" if own else "$text-muted"),
            (one_line(setting.description), "$text-muted"),
        )

    def describe(self, name: str) -> Content:
        """What a setting is for, its default, what it may be, and which source it is from."""
        setting = self._settings[name]
        lines = [Content(one_line(setting.description))]
        place = f" {self._user_file}" if setting.origin == "user" else ""
        facts = [("value", f"{shown(setting.value) or 'none'}, from {_SOURCES[setting.origin]}{place}")]
        facts.append(("default", shown(setting.default) or "none"))
        choices = self._values(setting)
        if choices:
            facts.append(("one of", ", ".join(choices)))
        lines += [Content.assemble(cell(label, 8, "$text-muted"), one_line(text)) for label, text in facts]
        return Content("\n").join(lines)

    def _values(self, setting: Setting) -> tuple[str, ...]:
        return tuple(self._choices.get(setting.name, ())) or setting.choices

    def choose(self, name: str) -> None:
        """Change a setting."""
        self.run_worker(self._change(self._settings[name]), group="change")

    async def _change(self, setting: Setting) -> None:
        choices = self._values(setting)
        if choices:
            text = await self.ask(Choose(f"{setting.name}: {setting.description}", choices, shown(setting.value)))
        else:
            question = f"{setting.name}: {setting.description}" + (" Empty: automatic." if setting.optional else "")
            value = "" if setting.value is None else shown(setting.value)
            text = await self.ask(AskText(question, value, shown(setting.default), check=_check(setting)))
        if text is None:
            return
        if setting.optional and not text.strip():
            await self._store(setting, lambda: unset_setting(self._user_file, setting.key))
        else:
            value = parse_setting(setting.key, text)
            await self._store(setting, lambda: set_setting(self._user_file, setting.key, value))

    def action_unset(self) -> None:
        """Take the marked setting out of the user's file."""
        setting = self._settings.get(self.marked or "")
        if setting is not None:
            self.run_worker(self._store(setting, lambda: unset_setting(self._user_file, setting.key)), group="change")

    async def _store(self, setting: Setting, store: Callable[[], object]) -> None:
        try:
            await asyncio.to_thread(store)
        except ConfigError as e:
            self.say(str(e), error=True)
            return
        if setting.name not in self._changed:
            self._changed.append(setting.name)
        await self._read()
        now = self._settings[setting.name]
        overruled = now.origin not in ("default", "user")
        note = f" {_SOURCES[now.origin].capitalize()} sets it too, and that holds here." if overruled else ""
        self.say(f"{setting.name} is stored.{note}")

    def action_close(self) -> None:
        """Close and say what changed."""
        self.dismiss(tuple(self._changed))

    def possible(self, action: str) -> bool:
        """Only a setting that is in the user's file can be taken out."""
        setting = self._settings.get(self.marked or "")
        if action == "unset":
            return setting is not None and setting.origin == "user"
        return setting is not None or action != "choose"


def shown(value: object) -> str:
    """A value as a person reads and types it."""
    if value is None:
        return "automatic"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # a setting's
    return str(value)


def _check(setting: Setting) -> Callable[[str], str | None]:
    def check(text: str) -> str | None:
        if setting.optional and not text.strip():
            return None
        try:
            parse_setting(setting.key, text)
        except ConfigError as e:
            return str(e)
        return None

    return check
