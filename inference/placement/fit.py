"""How many layers fit on which device; asks no device and makes no plan."""

from __future__ import annotations

from codeagent.inference.frames import DeviceInfo
from codeagent.inference.placement.buffers import Buffers
from codeagent.inference.placement.plans import Situation, Trial
from codeagent.inference.spread import shares, spread

MIB = 1 << 20
DEVICE_RESERVE = 128 * MIB
DEVICE_RESERVE_SHARE = 0.04
"""Left free on a device: the driver's own buffers and whatever else draws on it; the larger of the two."""


def usable(s: Situation) -> list[tuple[int, DeviceInfo]]:
    """The devices that may hold layers, with their index, the one with most free memory last."""
    numbered = list(enumerate(s.devices))
    own = [(i, d) for i, d in numbered if d.kind == "gpu"]
    found = sorted(own or [(i, d) for i, d in numbered if d.kind == "igpu"], key=lambda entry: entry[1].free)
    return found[-1:] if s.settings.split_mode == "none" else found


def unit(s: Situation, trial: Trial, number: int) -> int:
    """Bytes of one offloaded unit: a repeating layer with its cache, or the output layer, which comes last."""
    return weights(s, trial, number) + (0 if number == len(s.costs.layers) else cache(s, trial, number))


def weights(s: Situation, trial: Trial, number: int) -> int:
    """Bytes of a unit's weights on a device."""
    if number == len(s.costs.layers):
        return s.costs.output
    return s.costs.layers[number] - (s.costs.experts[number] if number < trial.moe else 0)


def cache(s: Situation, trial: Trial, number: int) -> int:
    """Bytes of a layer's cache."""
    return s.costs.kv(number, trial.context, trial.kind, s.settings.sequences)


def is_pipeline(s: Situation, trial: Trial, count: int, devices: int) -> bool:
    """Whether llama.cpp lets devices overlap: all layers on several of them, and nothing of them on the CPU."""
    return count == s.everything and devices > 1 and not trial.moe and s.settings.split_mode in (None, "layer")


def buffers(s: Situation, trial: Trial) -> Buffers:
    """The buffers of this way to load the model. Left to itself the library takes flash attention where it can."""
    return Buffers(s.costs, trial, s.settings.batch, s.settings.flash_attention is not False)


def compute(s: Situation, trial: Trial, count: int, place: int, devices: int) -> int:
    """Buffers of the device at this place of those that hold `count` layers, the last of which has the output layer."""
    made, last = buffers(s, trial), place == devices - 1
    if is_pipeline(s, trial, count, devices):
        return made.pipelined(last)
    return made.device(last)


def copied(s: Situation, trial: Trial, count: int, device: DeviceInfo) -> int:
    """A GPU of this machine also computes long batches for layers of the CPU, and takes one matrix at a time for it."""
    on_host = count < s.everything or trial.moe > 0
    return s.costs.largest if on_host and not device.remote else 0


def fit(s: Situation, trial: Trial, count: int) -> dict[int, int] | None:
    """The last `count` units by device index, in the order of usable(); None when they do not fit."""
    places = usable(s)
    if count == 0 or not places:
        return {} if count == 0 else None
    sizes = [unit(s, trial, number) for number in range(s.everything - count, s.everything)]
    room = [
        _room(d) - compute(s, trial, count, place, len(places)) - copied(s, trial, count, d)
        for place, (_, d) in enumerate(places)
    ]
    room[-1] -= beside(s, count)
    counts = spread(sizes, room)
    return None if counts is None else {places[place][0]: n for place, n in enumerate(counts) if n}


def beside(s: Situation, count: int) -> int:
    """Bytes of what is loaded beside the model on the device with most memory: everything if that is used at all."""
    return sum(c.total for c in s.companions) if count else 0


def by_free_memory(s: Situation, count: int) -> dict[int, int]:
    """Where layers go that were asked for and do not fit: shared by free memory all the same."""
    places = usable(s)
    if not places:
        return {}
    trial = Trial(context=0, kind="f16", moe=s.settings.cpu_moe or 0)
    sizes = [unit(s, trial, n) for n in range(s.everything - min(count, s.everything), s.everything)]
    counts = shares(sizes, [max(1, d.free) for _, d in places])
    return {places[place][0]: n for place, n in enumerate(counts) if n}


def _room(device: DeviceInfo) -> int:
    return max(0, device.free - max(DEVICE_RESERVE, int(device.total * DEVICE_RESERVE_SHARE)))
