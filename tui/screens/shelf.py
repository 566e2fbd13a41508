"""What models there are, here and in the catalogue, and how they fit this machine; reads files and draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from codeagent.inference import dialects
from codeagent.inference.catalog import Entry
from codeagent.inference.frames import DeviceInfo, LoadSettings
from codeagent.inference.gguf import GGUFError, Header, read_header
from codeagent.inference.host import HostMemory
from codeagent.inference.partial import Partial
from codeagent.inference.placement import DEFAULT_CONTEXT, plan
from codeagent.inference.store import ModelStore
from codeagent.tui.screens.figures import gigabytes, size

State = Literal["here", "partial", "absent"]
Fit = Literal["yes", "tight", "no", "?"]

_ENDLESS = 1 << 60
_COMFORT = 0.9
"""The share of memory up to which a model leaves enough for other programs."""
_SORTED: tuple[Fit, ...] = ("yes", "tight", "no", "?")


FIT_COLOURS: dict[Fit, str] = {
    "yes": "$text-success",
    "tight": "$text-warning",
    "no": "$text-error",
    "?": "$text-muted",
}


@dataclass(frozen=True)
class Machine:
    """What this machine has to run a model on."""

    memory: HostMemory
    devices: tuple[DeviceInfo, ...] = ()

    @property
    def room(self) -> int:
        """Bytes of memory in all, that of GPUs with their own included."""
        return self.memory.total + sum(device.total for device in self.devices if device.kind == "gpu")

    def fit(self, needed: int | None) -> Fit:
        """Whether a model that needs this much fits."""
        if needed is None:
            return "?"
        return "yes" if needed < _COMFORT * self.room else "tight" if needed < self.room else "no"


@dataclass(frozen=True)
class Model:
    """A model that is here or could be pulled. `bytes` of the file; `came` of them are here where it is partial.

    `needed` is the memory it works on with a context of 16,384 tokens, None where the file is no model: then `problem`
    says why. `facts` are what the header says of a file that is here.
    """

    name: str
    state: State
    bytes: int
    came: int
    needed: int | None
    entry: Entry | None
    path: Path | None
    facts: tuple[tuple[str, str], ...] = ()
    problem: str = ""


def survey(store: ModelStore, catalogue: dict[str, Entry]) -> list[Model]:
    """All models but those that only give vectors: those that are here, the smallest first, then those on their way,
    then the catalogue's in its order.

    Reads the headers of all models that are here. Raises ModelError when the folder cannot be read.
    """
    here = [
        _installed(found.name, found.path, found.size, catalogue.get(found.name))
        for found in sorted(store.installed(), key=lambda model: model.size)
        if found.name not in catalogue or catalogue[found.name].kind == "chat"
    ]
    names = {model.name for model in here}
    others = [_absent(store, entry) for name, entry in catalogue.items() if name not in names and entry.kind == "chat"]
    return here + sorted(others, key=lambda model: model.state != "partial")


def by_fit(models: Sequence[Model], machine: Machine) -> list[Model]:
    """Those that fit first; among equals the order stays."""
    return sorted(models, key=lambda model: _SORTED.index(machine.fit(model.needed)))


def advice(model: Model, machine: Machine) -> str:
    """A sentence about whether this machine can run it."""
    if model.needed is None:
        return model.problem
    needed, room = gigabytes(model.needed), gigabytes(machine.room)
    match machine.fit(model.needed):
        case "yes":
            busy = model.needed > machine.memory.available and not any(d.kind == "gpu" for d in machine.devices)
            more = (
                f" Only {gigabytes(machine.memory.available)} are free now: close other programs first." if busy else ""
            )
            return f"It fits: it needs {needed} of the {room} here.{more}"
        case "tight":
            return f"It fits only just: it needs {needed} of the {room} here. Close other programs first."
        case "no":
            return f"It does not fit: it needs {needed} and there are {room}. It would run very slowly, or not at all."
        case "?":
            return "How much memory it needs is not known."


def state_of(model: Model) -> str:
    """Whether it is on this machine, in a word."""
    if model.state == "partial":
        return f"{model.came / model.bytes:.0%} here"
    return "here" if model.state == "here" else ""


def _installed(name: str, path: Path, count: int, entry: Entry | None) -> Model:
    try:
        header = read_header(path)
        return Model(name, "here", count, count, working_memory(header), entry, path, facts=_facts(header, entry))
    except GGUFError as e:
        return Model(name, "here", count, count, None, entry, path, problem=str(e))


def _absent(store: ModelStore, entry: Entry) -> Model:
    partial = Partial(store.folder / f"{entry.name}.gguf")
    state: State = "partial" if partial.exists else "absent"
    return Model(entry.name, state, entry.size, partial.size, int(entry.memory_gb * 1e9), entry, None)


def working_memory(header: Header) -> int:
    """Bytes a model works on with the default context, or all it was trained for where that is less. Raises GGUFError.

    The CPU's second copy of some weights is left out: once it is made, the pages of the file behind it are not needed.
    """
    context = min(DEFAULT_CONTEXT, header.number("context_length", 0) or DEFAULT_CONTEXT)
    host = plan(header, (), LoadSettings(path="", name="", context=context), _ENDLESS).host
    return host.total - host.repack


def _facts(header: Header, entry: Entry | None) -> tuple[tuple[str, str], ...]:
    weights: dict[str, int] = {}
    for tensor in header.tensors:
        weights[tensor.type] = weights.get(tensor.type, 0) + tensor.nbytes
    types = sorted(weights, key=lambda kind: -weights[kind])[:3]
    licence = entry.licence if entry else header.text("general.license")
    return (
        ("architecture", f"{header.architecture}, {header.number('block_count', 0)} layers"),
        ("parameters", f"{header.parameters / 1e9:.2f} billion"),
        ("quantization", ", ".join(f"{kind} ({size(weights[kind])})" for kind in types)),
        ("context", f"{header.number('context_length', 0):,} tokens"),
        ("calls tools as", dialects.name_of(header.chat_template, header.architecture)),
        ("licence", licence or "unknown"),
    )
