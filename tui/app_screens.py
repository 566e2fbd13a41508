"""Opens the screens beside the conversation and does what they answer; knows no events and no turns."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Iterable
from typing import Protocol, TypeVar

from textual.screen import Screen

from codeagent.agent.bootstrap import Opened, SessionOptions
from codeagent.agent.config import Config, ConfigError, process_environment
from codeagent.agent.project_files import PROJECT_CONFIG, read_project_files
from codeagent.agent.settings_file import set_setting
from codeagent.inference.store import ModelStore, default_models_folder
from codeagent.tui import themes
from codeagent.tui.commands import COMMANDS
from codeagent.tui.screens.dialogs import Confirm
from codeagent.tui.screens.keys import KeyRow, Keys

T = TypeVar("T")
LONGEST_ADDRESS = 1000


class Host(Protocol):
    """What the screens need of the app."""

    theme: str

    @property
    def opened(self) -> Opened:
        """The open session."""
        ...

    @property
    def options(self) -> SessionOptions:
        """How the session was opened."""
        ...

    @property
    def interface(self) -> Config:
        """Looks and keys as the settings have them."""
        ...

    def say(self, text: str, level: str = "info") -> None:
        """A short notice that goes away."""
        ...

    def ask(self, screen: Screen[T], /) -> Awaitable[T]:
        """Show a screen and wait for its result."""
        ...

    def use_interface(self, interface: Config) -> None:
        """Take other looks and keys at once."""
        ...

    def key_rows(self) -> Iterable[KeyRow]:
        """All actions with their keys."""
        ...

    def copy(self, text: str) -> None:
        """Put text on the clipboard."""
        ...

    async def reopen(self, options: SessionOptions, new_model: bool = False) -> None:
        """Close this session and open another."""
        ...


class AppScreens:
    """Each screen by the name of its command."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def show(self, name: str) -> None:
        """Open the screen of this command and do what the person chose there."""
        match name:
            case "help" | "keys":
                await self._keys()
            case "theme":
                await self._theme()
            case "settings":
                await self._settings()
            case "model":
                await self._model()
            case "sessions":
                await self._sessions()
            case _:
                raise ValueError(f"there is no screen {name}")

    async def link(self, address: str) -> None:
        """Show the whole address of a link and copy it if the person says so; nothing is ever opened or fetched."""
        if len(address) > LONGEST_ADDRESS:
            self._host.say(f"The link's address has {len(address):,} characters: too many to be shown.", "warning")
            return
        question = f"This link leads to\n\n{address}\n\nNothing is opened. Copy the address?"
        if await self._host.ask(Confirm(question, "Copy it")):
            self._host.copy(address)

    async def _keys(self) -> None:
        host = self._host
        commands = [KeyRow("commands", f"/{c.name}", c.description, "") for c in COMMANDS]
        shell = [KeyRow("prompt", "!COMMAND", "Run a command; !! keeps its output from the model", "")]
        rows = [*host.key_rows(), *shell, *commands]
        keys = await host.ask(Keys(rows, host.interface.keys, self._host.options.paths.config_file))
        if keys is not None:
            host.use_interface(host.interface.model_copy(update={"keys": keys}))

    async def _theme(self) -> None:
        from codeagent.tui.screens.theme_picker import ThemePicker  # the app draws sooner without its screens

        host = self._host
        before = host.theme

        def apply(name: str) -> None:
            host.theme = name

        chosen = await host.ask(ThemePicker(themes.NAMES, before, apply))
        host.theme = chosen or before
        if chosen is None or chosen == before:
            return
        try:
            set_setting(self._host.options.paths.config_file, "theme", chosen)
        except ConfigError as e:
            host.say(f"{e} The colours hold until the end of this session.", "warning")

    async def _settings(self) -> None:
        from codeagent.tui.screens.settings import Settings  # the app draws sooner without its screens

        host, root = self._host, self._host.opened.root
        obeyed = host.opened.obeyed
        project = root / PROJECT_CONFIG if obeyed and read_project_files(root).digest == obeyed else None
        screen = Settings(
            self._host.options.paths.config_file,
            project,
            process_environment(),
            host.options.flags,
            {"theme": themes.NAMES},
        )
        if changed := await host.ask(screen):
            host.say(f"Changed {', '.join(map(str, changed))}. It holds from the next session on: /new.")

    async def _model(self) -> None:
        from codeagent.inference.probe import hello  # the app draws sooner without its screens
        from codeagent.tui.screens.models import Models

        host = self._host
        present = host.opened.model_name
        store = ModelStore(default_models_folder())
        chosen = await host.ask(Models(present, store, self._host.options.paths.catalog_file, lambda: hello().devices))
        if chosen is None or chosen == present:
            return
        try:
            set_setting(self._host.options.paths.config_file, "model", chosen)
        except ConfigError as e:
            host.say(f"{e} The model is used for this session only.", "warning")
        flags = {**host.options.flags, "model": chosen}
        resumed = dataclasses.replace(
            host.options, flags=flags, resume=host.opened.session.id, continue_latest=False, fork=False, replay=None
        )
        if not host.opened.session.messages or not host.options.persist:
            resumed = dataclasses.replace(resumed, resume=None)
        await host.reopen(resumed, new_model=True)

    async def _sessions(self) -> None:
        from codeagent.tui.screens.sessions import Sessions  # the app draws sooner without its screens

        host = self._host
        opened = host.opened
        proposed = self._host.options.paths.state / "exports" / f"{opened.root.name or 'session'}.md"
        choice = await host.ask(Sessions(opened.log_folder, opened.session.id, proposed, opened.root))
        if choice is None or (choice.id == opened.session.id and not choice.fork):
            return
        await host.reopen(dataclasses.replace(host.options, resume=choice.id, fork=choice.fork, continue_latest=False))
