"""What `codeagent model plan` works out: a plan with what it would bring, as text or data; loads no weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from codeagent.agent.config import load_config, process_environment
from codeagent.agent.loading import load_settings_of
from codeagent.agent.paths import Paths
from codeagent.cli.progress import size
from codeagent.inference.bandwidth import Speed, host_speed
from codeagent.inference.catalog import Entry
from codeagent.inference.client import ModelLoadError
from codeagent.inference.frames import DeviceInfo, LoadSettings
from codeagent.inference.gguf import read_header
from codeagent.inference.host import host_memory
from codeagent.inference.placement import Companion, Plan, describe, largest_context, plan
from codeagent.inference.placement.describe import as_data
from codeagent.inference.placement.described import DescriptionError, described_gpus
from codeagent.inference.placement.rates import Rates, expected_rates
from codeagent.inference.probe import devices as seen_devices
from codeagent.inference.store import ModelStore, UnknownModelError


def header_of(store: ModelStore, name: str, catalog: dict[str, Entry]) -> Path:
    """The model's file. Raises ModelLoadError when it is one of the catalogue that is not here, UnknownModelError."""
    try:
        return store.resolve(name, catalog)
    except UnknownModelError:
        if name not in catalog:
            raise
        raise ModelLoadError(
            f"{name} is not on this machine, and a plan is made from the header of its file. "
            f"Get it with: codeagent model pull {name}"
        ) from None


def load_settings(path: Path, name: str, given: Mapping[str, Any]) -> LoadSettings:
    """The person's settings with the flags over them. Raises ConfigError."""
    names = {"ctx": "context"} | {n: n for n in ("gpu_layers", "devices", "kv_type", "cpu_moe", "split_mode")}
    flags = {setting: given[flag] for flag, setting in names.items()}
    config = load_config(Paths.default().config_file, None, process_environment(), flags)
    return load_settings_of(config, path, name)


def devices_for(gpus: str | None, asked: Sequence[str], endpoints: Sequence[str]) -> tuple[DeviceInfo, ...]:
    """The devices described, or those this machine and the workers have. Raises ModelLoadError, DescriptionError."""
    if gpus is None:
        return seen_devices(endpoints)
    if asked:
        raise DescriptionError("Workers are asked and GPUs described: give either --device or --gpu.")
    return () if gpus.strip() in ("", "none") else tuple(described_gpus(gpus))


def companions_of(draft: Path | None, projector: Path | None) -> list[tuple[Literal["draft", "projector"], Path]]:
    """The files of what is to be loaded beside the model, by what they are."""
    beside: list[tuple[Literal["draft", "projector"], Path]] = [("draft", draft)] if draft else []
    return [*beside, ("projector", projector)] if projector else beside


def companion(kind: Literal["draft", "projector"], path: Path, context: int) -> Companion:
    """What a draft model, with the same context, or a projector takes. Raises GGUFError."""
    header = read_header(path, whole=kind == "draft")
    weights = sum(tensor.nbytes for tensor in header.tensors)
    if kind == "projector":
        return Companion(kind=kind, name=path.stem, weights=weights)
    host = plan(header, (), LoadSettings(path=str(path), name="", context=context, kv_type="f16"), 1 << 60).host
    return Companion(kind=kind, name=path.stem, weights=weights, kv=host.kv, compute=host.compute)


class Outlook:
    """A plan with the largest context that fits and the rates to expect."""

    def __init__(
        self,
        path: Path,
        settings: LoadSettings,
        devices: Sequence[DeviceInfo],
        beside: Sequence[tuple[Literal["draft", "projector"], Path]],
    ) -> None:
        header = read_header(path)
        memory = host_memory().available
        first = plan(header, devices, settings, memory)
        companions = [companion(kind, file, first.context) for kind, file in beside]
        self.plan: Plan = plan(header, devices, settings, memory, companions) if companions else first
        self.largest = largest_context(self.plan)
        self.host: Speed = host_speed(settings.threads)
        self.rates: Rates = expected_rates(self.plan, self.host)

    def data(self) -> dict[str, Any]:
        """For programs: sizes in bytes, rates in tokens a second, None where a speed is not known."""
        rates = self.rates.model_dump()
        return as_data(self.plan) | {"largest_context": self.largest, "rates": rates, "cpu": self.host.model_dump()}

    def text(self) -> str:
        """For a person."""
        largest = f"{self.largest:,} tokens" if self.largest else "none"
        return "\n".join([describe(self.plan), f"The largest context that fits so: {largest}.", *self._rates()])

    def _rates(self) -> list[str]:
        rates = self.rates
        measured = f"the CPU reads {self.host.bandwidth / 1e9:.1f} GB/s and does {self.host.flops / 1e9:,.0f} GFLOPS"
        if rates.decode is None or rates.decode_full is None:
            unknown = ", ".join(rates.unknown)
            lines = [f"Rates: not known, because the speed of {unknown} is not. Describe it: --gpu 24GiB@900GB/s"]
        else:
            lines = [f"Writes about {rates.decode:,.1f} tokens a second, {rates.decode_full:,.1f} with a full context."]
            if rates.prefill is not None:
                lines.append(f"Reads about {rates.prefill:,.0f} tokens a second.")
        lines.append(f"Measured just now, with what else runs: {measured}.")
        for device in self.plan.devices:
            link = self.plan.situation.devices[device.index].link
            if link:
                seconds = device.weights / link
                lines.append(f"The link to {device.name} carries {size(int(link))}/s: {seconds:.1f} s for its weights.")
        return lines
