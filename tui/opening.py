"""From options to an open session, asking the person what it takes: trust, a model; knows no conversation."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from textual.screen import Screen

from codeagent.agent.bootstrap import BAD_CONFIG, ERROR, UNTRUSTED, Opened, SessionOptions, SetupError, open_session
from codeagent.agent.config import Config, ConfigError, load_config, process_environment
from codeagent.agent.events import Emit
from codeagent.agent.paths import Paths
from codeagent.agent.permissions import Approver
from codeagent.agent.project_files import ProjectFiles, name_project_files, read_project_files
from codeagent.agent.settings_file import set_setting
from codeagent.agent.trust import TrustError, TrustStore
from codeagent.inference.client import ModelClient, ModelLoadError
from codeagent.inference.store import ModelStore, default_models_folder
from codeagent.tui.screens.trust import ProjectChanged, Trust

T = TypeVar("T")


class Asks(Protocol):
    """Shows a screen and waits for its answer."""

    def __call__(self, screen: Screen[T], /) -> Awaitable[T]:
        """The screen's result."""
        ...


def interface_settings(paths: Paths) -> Config:
    """The user's settings as far as the app's looks and keys need them, before any folder is trusted; the defaults
    where they cannot be read, since opening the session will say what is wrong with them.
    """
    try:
        return load_config(paths.config_file, None, process_environment(), {})
    except ConfigError:
        return Config()


async def open_asking(
    options: SessionOptions,
    emit: Emit,
    approver: Approver,
    ask: Asks,
    loaded: tuple[ModelClient, str] | None = None,
) -> Opened | None:
    """Open a session, asking whether to trust the folder and which model to use as needed; None if the person declines.

    Raises SetupError for what asking cannot mend.
    """
    while True:
        if loaded is None and options.replay is None and (wanted := _missing_model(options)) is not None:
            from codeagent.inference.probe import hello  # rare: the app draws sooner without this screen
            from codeagent.tui.screens.first_run import FirstRun

            store = ModelStore(default_models_folder())
            chosen = await ask(
                FirstRun(wanted, store, options.paths.catalog_file, options.root, lambda: hello().devices)
            )
            if chosen is None:
                return None
            options = _with_model(options, chosen)
            continue
        options = await _project(options, ask)
        try:
            return open_session(options, emit, approver, loaded)
        except SetupError as e:
            if e.exit_code != UNTRUSTED:
                raise
            root = options.root.resolve()
            answer = await ask(Trust(root, name_project_files(root), TrustStore(options.paths.trust_file).problem))
            if answer is None:
                return None
            project = read_project_files(root)
            if answer == "always":
                _trust(options, project)
            else:
                options = dataclasses.replace(options, trust=True, obey=project.digest)


async def _project(options: SessionOptions, ask: Asks) -> SessionOptions:
    """The options, with the person's answer where the project's files are not those that were trusted."""
    store, root = TrustStore(options.paths.trust_file), options.root.resolve()
    if options.bare or (options.trust and options.obey is None) or not (options.trust or store.is_trusted(root)):
        return options
    project = read_project_files(root)
    if project.problem or not project.files or options.obey == project.digest or store.covers(root, project):
        return options
    answer = await ask(ProjectChanged(root, project, store.changed(root, project)))
    if answer == "always":
        _trust(options, project)
    return dataclasses.replace(options, obey=project.digest if answer is not None else "")


def _trust(options: SessionOptions, project: ProjectFiles) -> None:
    try:
        TrustStore(options.paths.trust_file).add(options.root.resolve(), project)
    except TrustError as e:
        raise SetupError(ERROR, str(e)) from e


def _missing_model(options: SessionOptions) -> str | None:
    """The catalogue name of the model that is to be used and is not here; None if it is, or is a file."""
    user_file = None if options.bare else options.paths.config_file
    try:
        config = load_config(user_file, None, process_environment(), options.flags)
    except ConfigError as e:
        raise SetupError(BAD_CONFIG, str(e)) from e
    try:
        ModelStore(default_models_folder()).resolve(config.model)
    except ModelLoadError:
        return config.model
    return None


def _with_model(options: SessionOptions, chosen: str) -> SessionOptions:
    """The options with the model the person chose, which also becomes their setting."""
    with contextlib.suppress(ConfigError):  # an unwritable settings file does not keep it from being used now
        set_setting(options.paths.config_file, "model", chosen)
    return dataclasses.replace(options, flags={**options.flags, "model": chosen})
