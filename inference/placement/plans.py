"""What a plan is, as plain data: which layers, cache and buffers go where; decides nothing."""

from __future__ import annotations

from typing import Literal

from codeagent.inference.client import Frozen
from codeagent.inference.frames import CacheKind, DeviceInfo, LoadSettings, SplitMode
from codeagent.inference.memory import Costs

Choice = Literal["context", "gpu_layers", "kv_type", "cpu_moe"]


class Companion(Frozen):
    """What is to be loaded beside the model: a draft model, or a projector for pictures; sizes in bytes."""

    kind: Literal["draft", "projector"]
    name: str
    weights: int
    kv: int = 0
    compute: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.kv + self.compute


class DevicePlan(Frozen):
    """What one device is to hold; `index` is its place among the devices that were given, sizes in bytes.

    `layers` counts the output layer too where `holds_output` is set; `beside` is what companions of the model take.
    """

    index: int
    name: str
    description: str
    free: int
    layers: int
    holds_output: bool
    weights: int
    kv: int
    compute: int
    beside: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.kv + self.compute + self.beside


class HostPlan(Frozen):
    """What the computer's own memory is to hold; `repack` is the CPU's second copy of some weights, sizes in bytes."""

    free: int
    layers: int
    weights: int
    repack: int
    kv: int
    compute: int
    beside: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.own

    @property
    def own(self) -> int:
        """What is not part of the mapped file, so that the system cannot drop it and read it again."""
        return self.repack + self.kv + self.compute + self.beside


class Situation(Frozen):
    """What a plan was made from, kept so that a lower one can be made.

    `most_layers` and `least_moe` bound what is chosen automatically; `kinds` are those that the cache may be kept in,
    the one to prefer first.
    """

    costs: Costs
    devices: tuple[DeviceInfo, ...]
    settings: LoadSettings
    memory_free: int
    contexts: tuple[int, ...]
    kinds: tuple[CacheKind, ...]
    most_layers: int
    least_moe: int = 0
    companions: tuple[Companion, ...] = ()

    @property
    def everything(self) -> int:
        """How many layers there are, the output layer with them."""
        return len(self.costs.layers) + 1


class Trial(Frozen):
    """One way to load a model that is to be tried for size: `moe` layers, the first ones, keep their experts on the
    CPU."""

    context: int
    kind: CacheKind
    moe: int


class Plan(Frozen):
    """How to load a model.

    `devices` are those that hold layers, the one with most room last because it gets the output layer: hand over
    exactly these, in this order, with `tensor_split` (layers on each) and `n_gpu_layers`; when it is empty, hand over
    none. `main_device` is the place in `devices` of the one with the output layer. `flash_attention` None leaves that
    to the library. `companions_at` says for each companion where it goes. `automatic` names what was chosen here and
    may therefore be lowered; `notices` are for the person.
    """

    n_gpu_layers: int
    context: int
    batch: int
    kv_type: CacheKind
    flash_attention: bool | None
    cpu_moe: int
    split_mode: SplitMode
    devices: tuple[DevicePlan, ...]
    tensor_split: tuple[float, ...]
    main_device: int | None
    host: HostPlan
    companions_at: tuple[str, ...]
    automatic: frozenset[Choice]
    notices: tuple[str, ...]
    situation: Situation
