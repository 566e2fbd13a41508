"""The models that are here and those that can be had: choose, pull, remove; stores no setting and loads no model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from codeagent.agent.text import printable
from codeagent.inference.catalog import load_catalog
from codeagent.inference.client import ModelError
from codeagent.inference.frames import DeviceInfo
from codeagent.inference.host import HostMemory, host_memory
from codeagent.inference.store import ModelStore
from codeagent.tui.screens.dialogs import Confirm
from codeagent.tui.screens.figures import gigabytes, size
from codeagent.tui.screens.panel import ListPanel
from codeagent.tui.screens.pull import Pull
from codeagent.tui.screens.rows import Row, cell, one_line
from codeagent.tui.screens.shelf import FIT_COLOURS, Machine, Model, advice, state_of, survey

_FACT = 200


class Models(ListPanel[str | None]):
    """Dismissed with the name of the model to use, which is here then; with None if nothing was chosen."""

    HEADING: ClassVar[str] = "Models"
    COLUMNS: ClassVar[Content] = Content.assemble(
        cell("", 1), cell("MODEL", 22), cell("", 8), cell("FITS", 5), cell("SIZE", 8), cell("MEMORY", 8), "ABOUT"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Use", id="models.use"),
        Binding("p", "pull", "Pull", id="models.pull"),
        Binding("d,delete", "remove", "Remove", id="models.remove"),
        Binding("s", "stop", "Stop the download", id="models.stop"),
    ]

    def __init__(
        self,
        present: str,
        store: ModelStore,
        own_catalogue: Path,
        devices: Callable[[], Sequence[DeviceInfo]] | None = None,
        memory: Callable[[], HostMemory] = host_memory,
    ) -> None:
        """`present` is the model in use, which is marked. `devices`, if given, is asked in a thread for the GPUs."""
        super().__init__()
        self._present = present
        self._store = store
        self._own_catalogue = own_catalogue
        self._devices = devices
        self._machine = Machine(memory())
        self._models: dict[str, Model] = {}
        self._to_use = ""

    def compose_body(self) -> ComposeResult:
        """The list with its details, and the download under way."""
        yield from super().compose_body()
        yield Pull(self._store.folder)

    def on_mount(self) -> None:
        """Read the disk beside the event loop."""
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
        self.refill()

    async def _ask(self, devices: Callable[[], Sequence[DeviceInfo]]) -> None:
        try:
            found = tuple(await asyncio.to_thread(devices))
        except ModelError:
            return  # then the column is about the main memory alone
        self._machine = Machine(self._machine.memory, found)
        self.refill()

    def refill(self) -> None:
        """Show the models whose name or description has what is searched for."""
        wanted = self.sought.casefold()
        found = [m for m in self._models.values() if wanted in f"{m.name} {_about(m)}".casefold()]
        self.show([self._row(model) for model in found], self._present)

    def _row(self, model: Model) -> Row:
        fit = self._machine.fit(model.needed)
        return model.name, Content.assemble(
            cell("●" if model.name == self._present else "", 1, "$accent"),
            cell(model.name, 22),
            cell(state_of(model), 8, "$text-success"),
            cell(fit, 5, FIT_COLOURS[fit]),
            cell(size(model.bytes), 8),
            cell("-" if model.needed is None else gigabytes(model.needed), 8),
            (one_line(_about(model)), "$text-muted"),
        )

    def describe(self, name: str) -> Content:
        """All that is known of a model."""
        model = self._models[name]
        facts = list(model.facts)
        if model.entry is not None and not facts:
            entry = model.entry
            facts = [
                ("parameters", entry.parameters),
                ("context", f"{entry.context:,} tokens"),
                ("licence", entry.licence),
            ]
        if model.path is not None:
            facts.append(("file", str(model.path)))
        lines = [Content(printable(f"{_about(model)} {advice(model, self._machine)}"))]
        lines += [Content.assemble(cell(label, 14, "$text-muted"), one_line(text)[:_FACT]) for label, text in facts]
        return Content("\n").join(lines)

    def choose(self, name: str) -> None:
        """Use a model that is here; pull one that is not, and use it then."""
        model = self._models[name]
        if model.state != "here":
            self.action_pull()
            self._to_use = name
        elif model.problem:
            self.say(model.problem, error=True)
        else:
            self.dismiss(name)

    def action_pull(self) -> None:
        """Download the marked model, or go on with it."""
        model = self._models.get(self.marked or "")
        if model is not None and model.entry is not None and model.state != "here":
            self.say("")
            self._to_use = ""
            self.query_one(Pull).begin(model.entry)
            self.refresh_bindings()

    @on(Pull.Ended)
    def _pull_ended(self, event: Pull.Ended) -> None:
        if event.outcome == "done" and event.entry.name == self._to_use and self.is_active:
            self.dismiss(self._to_use)
            return
        self.say(event.text, error=event.outcome == "failed")
        self.refresh_bindings()
        self.run_worker(self._survey(), group="survey")

    def action_remove(self) -> None:
        """Delete the marked model, or what has come of it, once that is confirmed."""
        model = self._models.get(self.marked or "")
        if model is not None and model.state != "absent":
            self.run_worker(self._remove(model), group="remove")

    async def _remove(self, model: Model) -> None:
        what = "" if model.state == "here" else "what has come of "
        freed = size(model.bytes if model.state == "here" else model.came)
        question = f"Delete {what}{model.name} from this machine? That frees {freed}."
        if not await self.ask(Confirm(question, "Delete")):
            return
        try:
            removed = await asyncio.to_thread(self._store.remove, model.name)
        except ModelError as e:
            self.say(str(e), error=True)
            return
        self.say(f"{model.name} is removed; {size(removed.size)} are free again.")
        await self._survey()

    def action_stop(self) -> None:
        """Stop the download."""
        self.query_one(Pull).stop()

    def action_close(self) -> None:
        """Stop a download first; what has come is kept."""
        if self.query_one(Pull).running:
            self.action_stop()
        else:
            self.dismiss(None)

    def possible(self, action: str) -> bool:
        """Only what can be done with the marked model."""
        pulling, model = self.query_one(Pull).running, self._models.get(self.marked or "")
        match action:
            case "stop":
                return pulling
            case "pull":
                return not pulling and model is not None and model.state != "here"
            case "remove":
                return not pulling and model is not None and model.state != "absent"
            case "choose":
                return not pulling and model is not None and model.name != self._present
            case _:
                return True


def _about(model: Model) -> str:
    if model.problem:
        return "Damaged."
    return model.entry.description if model.entry else "Added by you."
