"""The first screen: what codeagent is, what this machine can run, and the choice of a model; stores nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, OptionList, Static

from codeagent.agent.text import printable
from codeagent.inference.catalog import load_catalog
from codeagent.inference.client import ModelError
from codeagent.inference.frames import DeviceInfo
from codeagent.inference.gguf import read_header
from codeagent.inference.host import HostMemory, host_memory
from codeagent.inference.store import ModelStore
from codeagent.tui.screens.figures import gigabytes, size
from codeagent.tui.screens.panel import Panel
from codeagent.tui.screens.pull import Pull
from codeagent.tui.screens.rows import Row, Rows, cell, one_line
from codeagent.tui.screens.shelf import FIT_COLOURS, Machine, Model, advice, by_fit, state_of, survey
from codeagent.tui.screens.typed import typed_path

ABOUT = (
    "codeagent works on the code in this folder: it reads, edits, runs and tests it, and asks before it changes "
    "anything.\nIts language model runs on this machine, so that nothing leaves it."
)
_COLUMNS = Content.assemble(
    cell("MODEL", 22), cell("FITS", 5), cell("SIZE", 8), cell("MEMORY", 8), cell("", 8), "LICENCE"
)


class FirstRun(Panel[str | None]):
    """Dismissed with the name of a model that is here now, or the path of a GGUF file; with None if none was chosen."""

    HEADING: ClassVar[str] = "Choose a model"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Download and use", id="first_run.choose"),
        Binding("f", "file", "Use a file", id="first_run.file"),
        Binding("s", "stop", "Stop the download", id="first_run.stop"),
    ]
    DEFAULT_CSS = """
    FirstRun .about, FirstRun .machine, FirstRun .advice { height: auto; padding: 0 1; margin: 0 0 1 0; }
    FirstRun .advice { margin: 1 0; }
    FirstRun .machine { color: $text-muted; }
    FirstRun .file { height: 1; padding: 0 1; margin: 0 0 1 0; }
    FirstRun .file Static { width: auto; margin: 0 1 0 0; }
    FirstRun .file Input { width: 1fr; background: $panel; }
    """

    def __init__(
        self,
        wanted: str,
        store: ModelStore,
        own_catalogue: Path,
        root: Path,
        devices: Callable[[], Sequence[DeviceInfo]] | None = None,
        memory: Callable[[], HostMemory] = host_memory,
    ) -> None:
        """`wanted` is the model of the settings, which is not here; relative paths start at `root`.

        `devices`, if given, is asked in a thread for the GPUs of this machine, and may take its time.
        """
        super().__init__()
        self._wanted = wanted
        self._store = store
        self._own_catalogue = own_catalogue
        self._root = root
        self._devices = devices
        self._machine = Machine(memory())
        self._models: dict[str, Model] = {}

    def compose_body(self) -> ComposeResult:
        """Words, the models, advice, and the line for a file."""
        yield Static(Content(ABOUT), classes="about")
        yield Static(classes="machine")
        yield Static(_COLUMNS, classes="columns")
        yield Rows()
        yield Static(classes="advice")
        yield Pull(self._store.folder)
        with Horizontal(classes="file"):
            yield Static(Content("Or a GGUF file:"))
            field = Input(placeholder="path of the file", compact=True, select_on_focus=False)
            field.cursor_blink = False
            yield field

    def on_mount(self) -> None:
        """Read the disk beside the event loop."""
        self.query_one(Rows).focus()
        self._show_machine()
        self.run_worker(self._survey(), group="survey")
        if self._devices is not None:
            self.run_worker(self._ask(self._devices), group="devices")

    async def _survey(self) -> None:
        try:
            models = await asyncio.to_thread(lambda: survey(self._store, load_catalog(self._own_catalogue)))
        except ModelError as e:
            self.say(str(e), error=True)
            return
        self._models = {model.name: model for model in models}
        self._show_models()

    async def _ask(self, devices: Callable[[], Sequence[DeviceInfo]]) -> None:
        try:
            found = tuple(await asyncio.to_thread(devices))
        except ModelError:
            return  # then the advice is about the main memory alone
        self._machine = Machine(self._machine.memory, found)
        self._show_machine()
        self._show_models()

    def _show_machine(self) -> None:
        now = self._machine
        gpus = [d for d in now.devices if d.kind == "gpu"]
        parts = [
            f"This machine has {gigabytes(now.memory.total)} of memory, {gigabytes(now.memory.available)} of it free"
        ]
        parts += [f"{d.description or d.name} with {gigabytes(d.total)}" for d in gpus]
        missing = f" The model {self._wanted} of your settings is not here." if self._wanted else ""
        self.query_one(".machine", Static).update(Content(printable(", ".join(parts) + f".{missing}")))

    def _show_models(self) -> None:
        models = by_fit(list(self._models.values()), self._machine)
        self.query_one(Rows).show([self._row(model) for model in models], self._wanted)
        self._show_advice()

    def _row(self, model: Model) -> Row:
        fit = self._machine.fit(model.needed)
        licence = model.entry.licence if model.entry else dict(model.facts).get("licence", "")
        return model.name, Content.assemble(
            cell(model.name, 22),
            cell(fit, 5, FIT_COLOURS[fit]),
            cell(size(model.bytes), 8),
            cell("-" if model.needed is None else gigabytes(model.needed), 8),
            cell(state_of(model), 8, "$text-success"),
            (one_line(licence), "$text-muted"),
        )

    def _show_advice(self) -> None:
        model = self._marked()
        if model is not None:
            about = f"{model.entry.description} " if model.entry else ""
            self.query_one(".advice", Static).update(Content(printable(about + advice(model, self._machine))))

    def _marked(self) -> Model | None:
        return self._models.get(self.query_one(Rows).marked or "")

    @on(OptionList.OptionHighlighted)
    def _row_marked(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._show_advice()

    @on(OptionList.OptionSelected)
    def _row_chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_choose()

    def action_choose(self) -> None:
        """Use the marked model, after downloading it where it is not here."""
        model = self._marked()
        if model is None:
            return
        if model.state == "here":
            if model.problem:
                self.say(model.problem, error=True)
            else:
                self.dismiss(model.name)
        elif model.entry is not None and not self.query_one(Pull).running:
            self.say("")
            self.query_one(Pull).begin(model.entry)
            self.refresh_bindings()

    @on(Pull.Ended)
    def _pull_ended(self, event: Pull.Ended) -> None:
        if event.outcome == "done" and self.is_active:
            self.dismiss(event.entry.name)
            return
        self.say(event.text, error=event.outcome == "failed")
        self.refresh_bindings()
        self.run_worker(self._survey(), group="survey")

    def action_file(self) -> None:
        """Go to the line for a file."""
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _file_given(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            path = typed_path(event.value, self._root)
            self.run_worker(self._check(path), group="check", exclusive=True)

    async def _check(self, path: Path) -> None:
        try:
            await asyncio.to_thread(read_header, path)
        except ModelError as e:
            self.say(str(e), error=True)
        else:
            self.dismiss(str(path))

    def action_stop(self) -> None:
        """Stop the download."""
        self.query_one(Pull).stop()

    def action_close(self) -> None:
        """Leave the line for a file, stop a download, or close without a model."""
        if self.query_one(Input).has_focus:
            self.query_one(Rows).focus()
        elif self.query_one(Pull).running:
            self.action_stop()
        else:
            self.dismiss(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done now is among the keys."""
        pulling = bool(self.query(Pull)) and self.query_one(Pull).running
        return pulling if action == "stop" else not pulling if action in ("choose", "file") else True
