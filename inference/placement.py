"""Decides what of a model goes on which device, from header and free memory; loads nothing and asks no device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from codeagent.inference.client import Frozen
from codeagent.inference.frames import DeviceInfo, LoadSettings
from codeagent.inference.gguf import Header
from codeagent.inference.memory import Costs, costs
from codeagent.inference.spread import shares, spread

MIB = 1 << 20
DEFAULT_CONTEXT = 16_384
CONTEXTS = (DEFAULT_CONTEXT, 12_288, 8192, 6144, 4096, 2048)
"""What an automatic context is chosen from, the largest that fits first."""
WORTHWHILE = 8192
"""An automatic context is not made smaller than this only to get the whole model on GPUs."""
HOST_RESERVE = 512 * MIB
DEVICE_RESERVE = 128 * MIB
DEVICE_RESERVE_SHARE = 0.04
"""Left free on a device: the driver's own buffers and whatever else draws on it; the larger of the two."""
PIPELINE_COPIES = 4
"""With all layers on several devices llama.cpp keeps this many copies of a batch's inputs, so that devices overlap."""

Choice = Literal["context", "gpu_layers"]


class DevicePlan(Frozen):
    """What one device is to hold; `index` is its place among the devices that were given, sizes in bytes.

    `layers` counts the output layer too where `holds_output` is set.
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

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.kv + self.compute


class HostPlan(Frozen):
    """What the computer's own memory is to hold; `repack` is the CPU's second copy of some weights, sizes in bytes."""

    free: int
    layers: int
    weights: int
    repack: int
    kv: int
    compute: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.repack + self.kv + self.compute

    @property
    def own(self) -> int:
        """What is not part of the mapped file, so that the system cannot drop it and read it again."""
        return self.repack + self.kv + self.compute


class Situation(Frozen):
    """What a plan was made from, kept so that a lower one can be made. `most_layers` bounds an automatic choice."""

    costs: Costs
    devices: tuple[DeviceInfo, ...]
    settings: LoadSettings
    memory_free: int
    contexts: tuple[int, ...]
    most_layers: int


class Plan(Frozen):
    """How to load a model.

    `devices` are those that hold layers, the one with most room last because it gets the output layer: hand over
    exactly these, in this order, with `tensor_split` (layers on each) and `n_gpu_layers`; when it is empty, hand over
    none. `main_device` is the place in `devices` of the one with the output layer. `automatic` names what was chosen
    here and may therefore be lowered; `notices` are for the person.
    """

    n_gpu_layers: int
    context: int
    batch: int
    devices: tuple[DevicePlan, ...]
    tensor_split: tuple[float, ...]
    main_device: int | None
    host: HostPlan
    automatic: frozenset[Choice]
    notices: tuple[str, ...]
    situation: Situation


def plan(header: Header, devices: Sequence[DeviceInfo], settings: LoadSettings, memory_free: int) -> Plan:
    """Place a model: as many layers on GPUs as fit beside cache and buffers, the last ones first, the rest on the CPU.

    `devices` are all that the library sees; integrated GPUs are used only when there is no other, CPUs and accelerators
    without memory of their own never. `memory_free` is the host's available memory in bytes. What the settings say
    holds, even where it does not seem to fit; then a notice says so. Raises GGUFError when the header lacks something.
    """
    model = costs(header)
    trained = model.context_trained or DEFAULT_CONTEXT
    contexts = tuple(c for c in CONTEXTS if c <= trained) or (trained,)
    if settings.context is not None:
        contexts = (settings.context,)
    situation = Situation(
        costs=model,
        devices=tuple(devices),
        settings=settings,
        memory_free=memory_free,
        contexts=contexts,
        most_layers=len(model.layers) + 1,
    )
    return _choose(situation, ())


def shortage(plan: Plan) -> str | None:
    """Why it must not be tried to load so: the system would end this program, or another one, to make room."""
    held = plan.host.own if plan.situation.settings.use_mmap else plan.host.total
    if held <= plan.host.free:
        return None
    return f"It would hold {_size(held)} of memory, and {_size(plan.host.free)} are free."


def lower(plan: Plan) -> Plan | None:
    """The next smaller plan to try after memory ran out, with a notice that says so; None when nothing may be lowered.

    First a third of the GPU layers goes, down to none; then the context shrinks. Only automatic values change.
    """
    situation = plan.situation
    if "gpu_layers" in plan.automatic and plan.n_gpu_layers > 0:
        fewer = plan.n_gpu_layers * 2 // 3 if plan.n_gpu_layers > 4 else 0
        said = f"Memory ran out while loading: {fewer or 'no'} layers on the GPU instead of {plan.n_gpu_layers}."
        return _choose(situation.model_copy(update={"most_layers": fewer, "contexts": (plan.context,)}), (said,))
    smaller = tuple(c for c in CONTEXTS if c < plan.context)
    if "context" in plan.automatic and smaller:
        said = f"Memory ran out while loading: a context of {smaller[0]:,} tokens instead of {plan.context:,}."
        return _choose(situation.model_copy(update={"contexts": smaller}), (said,))
    return None


def _choose(s: Situation, said: tuple[str, ...]) -> Plan:
    """All on GPUs with a worthwhile context if that can be; else the largest context that fits, with what fits."""
    everything = len(s.costs.layers) + 1
    if s.settings.gpu_layers is None and s.most_layers == everything:
        for context in s.contexts:
            counts = _fit(s, context, everything) if context >= min(WORTHWHILE, s.contexts[0]) else None
            if counts:
                return _build(s, context, counts, said)
    for context in s.contexts:
        counts = _layers_for(s, context)
        plan = _build(s, context, counts or {}, said)
        if counts is not None and plan.host.total + HOST_RESERVE <= s.memory_free:
            return plan
    smallest = s.contexts[-1]
    counts = _layers_for(s, smallest)
    return _build(s, smallest, _by_free_memory(s, s.settings.gpu_layers or 0) if counts is None else counts, said)


def _layers_for(s: Situation, context: int) -> dict[int, int] | None:
    """Layers by device index: exactly what was asked for, None when that does not fit, or as many as do."""
    if s.settings.gpu_layers is not None:
        return _fit(s, context, min(s.settings.gpu_layers, len(s.costs.layers) + 1) if _usable(s) else 0)
    for count in range(s.most_layers, 0, -1):
        counts = _fit(s, context, count)
        if counts is not None:
            return counts
    return {}


def _usable(s: Situation) -> list[tuple[int, DeviceInfo]]:
    """The devices that may hold layers, with their index, the one with most free memory last."""
    numbered = list(enumerate(s.devices))
    own = [(i, d) for i, d in numbered if d.kind == "gpu"]
    return sorted(own or [(i, d) for i, d in numbered if d.kind == "igpu"], key=lambda entry: entry[1].free)


def _room(device: DeviceInfo) -> int:
    return max(0, device.free - max(DEVICE_RESERVE, int(device.total * DEVICE_RESERVE_SHARE)))


def _unit(s: Situation, context: int, number: int) -> int:
    """Bytes of one offloaded unit: a repeating layer with its cache, or the output layer, which comes last."""
    if number == len(s.costs.layers):
        return s.costs.output
    return s.costs.layers[number] + s.costs.kv(number, context)


def _compute(s: Situation, context: int, output: bool, pipeline: bool) -> int:
    """Buffers of a device that computes layers.

    A single copy of the inputs shares its space with what is computed after it, several copies do not.
    """
    batch = s.settings.batch
    mask, hidden = s.costs.mask(context, batch), 4 * batch * s.costs.hidden
    if pipeline:
        inputs = PIPELINE_COPIES * (mask + hidden)
        return inputs + (
            max(s.costs.logits(batch), s.costs.activations(batch)) if output else s.costs.activations(batch)
        )
    work = s.costs.activations(batch) + mask
    return max(work, s.costs.logits(batch)) if output else work


def _fit(s: Situation, context: int, count: int) -> dict[int, int] | None:
    """The last `count` units by device index, in the order of `_usable`; None when they do not fit."""
    usable = _usable(s)
    if count == 0 or not usable:
        return {} if count == 0 else None
    everything = len(s.costs.layers) + 1
    sizes = [_unit(s, context, number) for number in range(everything - count, everything)]
    pipeline = count == everything and len(usable) > 1
    last = len(usable) - 1
    room = [_room(d) - _compute(s, context, place == last, pipeline) for place, (_, d) in enumerate(usable)]
    counts = spread(sizes, room)
    return None if counts is None else {usable[place][0]: n for place, n in enumerate(counts) if n}


def _by_free_memory(s: Situation, count: int) -> dict[int, int]:
    """Where layers go that were asked for and do not fit: shared by free memory all the same."""
    usable, everything = _usable(s), len(s.costs.layers) + 1
    if not usable:
        return {}
    sizes = [_unit(s, 0, number) for number in range(everything - min(count, everything), everything)]
    counts = shares(sizes, [max(1, d.free) for _, d in usable])
    return {usable[place][0]: n for place, n in enumerate(counts) if n}


def _build(s: Situation, context: int, counts: dict[int, int], said: tuple[str, ...]) -> Plan:
    total, offloaded, batch = len(s.costs.layers), sum(counts.values()), s.settings.batch
    first = total + 1 - offloaded
    pipeline = offloaded == total + 1 and len(counts) > 1
    placed: list[DevicePlan] = []
    at = first
    for index, count in counts.items():
        units, at = range(at, at + count), at + count
        output = units[-1] == total
        placed.append(
            DevicePlan(
                index=index,
                name=s.devices[index].name,
                description=s.devices[index].description,
                free=s.devices[index].free,
                layers=count,
                holds_output=output,
                weights=sum(s.costs.output if u == total else s.costs.layers[u] for u in units),
                kv=sum(s.costs.kv(u, context) for u in units if u < total),
                compute=_compute(s, context, output, pipeline),
            )
        )
    on_host = range(min(first, total))
    host = HostPlan(
        free=s.memory_free,
        layers=len(on_host) + (0 if offloaded else 1),
        weights=s.costs.embedding + sum(s.costs.layers[i] for i in on_host) + (0 if offloaded else s.costs.output_host),
        repack=sum(s.costs.repack[i] for i in on_host) + (0 if offloaded else s.costs.output_repack),
        kv=sum(s.costs.kv(i, context) for i in on_host),
        compute=_host_compute(s, context, offloaded, pipeline),
    )
    automatic: set[Choice] = set()
    if s.settings.context is None:
        automatic.add("context")
    if s.settings.gpu_layers is None:
        automatic.add("gpu_layers")
    return Plan(
        n_gpu_layers=offloaded,
        context=context,
        batch=batch,
        devices=tuple(placed),
        tensor_split=tuple(float(d.layers) for d in placed),
        main_device=len(placed) - 1 if placed else None,
        host=host,
        automatic=frozenset(automatic),
        notices=said + _notices(s, context, tuple(placed), host),
        situation=s,
    )


def _host_compute(s: Situation, context: int, offloaded: int, pipeline: bool) -> int:
    """The CPU's buffers: inputs alone when all layers are elsewhere, one layer's results, or the scores as well."""
    batch = s.settings.batch
    hidden = 4 * batch * s.costs.hidden
    if offloaded == len(s.costs.layers) + 1:
        copies = PIPELINE_COPIES if pipeline else 1
        return copies * (s.costs.mask(context, batch) + hidden) + hidden
    return _compute(s, context, output=offloaded == 0, pipeline=False) + (0 if offloaded else hidden)


def _notices(s: Situation, context: int, placed: tuple[DevicePlan, ...], host: HostPlan) -> tuple[str, ...]:
    notices: list[str] = []
    wanted, trained = s.settings.gpu_layers, s.costs.context_trained
    if wanted and not _usable(s):
        notices.append(f"{wanted} layers were to go on the GPU, but the library sees none: all run on the CPU.")
    for device in placed:
        if wanted is not None and device.total > device.free:
            notices.append(
                f"The {wanted} layers asked for need {_size(device.total)} on {device.name}, and {_size(device.free)} "
                "are free there: loading may fail."
            )
    held, everything = sum(d.layers for d in placed), len(s.costs.layers) + 1
    if s.most_layers == everything and wanted is None and _usable(s) and held < everything:
        fit = f"{held} of {everything} layers fit" if held else "No layer fits"
        notices.append(f"{fit} on the GPU; the CPU does the rest, which is slower.")
    if trained and context > trained:
        notices.append(f"The model was trained for {trained:,} tokens; beyond that its answers get worse.")
    if s.settings.context is None and context < min(s.contexts[0], DEFAULT_CONTEXT):
        notices.append(f"The context is {context:,} tokens, to fit the memory that is free.")
    if host.total > host.free:
        notices.append(
            f"The model needs {_size(host.total)} of memory and {_size(host.free)} are free: it may be slow or fail. "
            "Close other programs, or use a smaller model."
        )
    return tuple(notices)


def describe(plan: Plan) -> str:
    """The plan as a table for the person, a line a place, with its notices; ends without a newline."""
    rows: list[tuple[str, ...]] = [("", "layers", "weights", "copy", "cache", "buffers", "total", "free")]
    for d in plan.devices:
        sizes = (d.weights, 0, d.kv, d.compute, d.total, d.free)
        rows.append((d.name, str(d.layers), *(_size(n) for n in sizes)))
    h = plan.host
    sizes = (h.weights, h.repack, h.kv, h.compute, h.total, h.free)
    rows.append(("CPU", str(h.layers), *(_size(n) for n in sizes)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]
    chosen = " (chosen automatically)" if "context" in plan.automatic else ""
    lines.append(f"Context: {plan.context:,} tokens{chosen}, batch {plan.batch}.")
    return "\n".join([*lines, *plan.notices])


def _size(n: int) -> str:
    return "-" if n == 0 else f"{n / (1 << 30):.2f} GiB" if n >= 1 << 30 else f"{n / MIB:.1f} MiB"
