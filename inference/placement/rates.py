"""How fast a plan should read and write, from the speed of memory and processors; measures nothing itself."""

from __future__ import annotations

from codeagent.inference.bandwidth import Speed
from codeagent.inference.client import Frozen
from codeagent.inference.frames import DeviceInfo
from codeagent.inference.placement.fit import cache, weights
from codeagent.inference.placement.plans import Plan, Trial


class Rates(Frozen):
    """Tokens a second, at best: written with an empty cache and with a full one, and read. None where a device's speed
    is not known; `unknown` names those devices. `transfer` are seconds to send weights to other machines, once."""

    decode: float | None
    decode_full: float | None
    prefill: float | None
    unknown: tuple[str, ...]
    transfer: float | None


def expected_rates(plan: Plan, host: Speed) -> Rates:
    """A token that is written reads all weights it needs and the cache once; so the memory's bandwidth bounds it. One
    that is read costs a sum and a product for each of those weights; so arithmetic does.

    Devices take turns, so their times add up. A link to another machine carries a token's numbers there and back.
    """
    s = plan.situation
    trial = Trial(context=plan.context, kind=plan.kv_type, moe=plan.cpu_moe)
    first = s.everything - plan.n_gpu_layers
    places: list[tuple[DeviceInfo | None, range]] = [(None, range(first))]
    for device in plan.devices:
        places.append((s.devices[device.index], range(first, first + device.layers)))
        first += device.layers
    empty, full, work = _Sum(), _Sum(), _Sum()
    unknown: list[str] = []
    # The CPU computes experts that are kept there, whoever has the rest of their layer.
    share = s.costs.experts_used / s.costs.experts_total if s.costs.experts_total else 0.0
    everything_read = sum(s.costs.read_per_token(i) for i in range(len(s.costs.layers))) + s.costs.output
    for device, units in places:
        read = sum(_read(plan, trial, unit, device is None) for unit in units)
        if device is None:
            read += share * sum(s.costs.experts[i] for i in range(len(units), plan.cpu_moe))
        kept = sum(cache(s, trial, unit) for unit in units if unit < len(s.costs.layers))
        if not read:
            continue
        bandwidth = host.bandwidth if device is None else device.bandwidth
        flops = host.flops if device is None else device.flops
        sent = 0.0 if device is None or not device.link else 8 * s.costs.hidden / device.link
        if bandwidth is None and device is not None:
            unknown.append(device.name)
        empty.add(read, bandwidth, sent)
        full.add(read + kept, bandwidth, sent)
        work.add(2 * s.costs.active * read / everything_read, flops, sent)
    return Rates(
        decode=empty.rate,
        decode_full=full.rate,
        prefill=work.rate,
        unknown=tuple(unknown),
        transfer=_transfer(plan),
    )


def _read(plan: Plan, trial: Trial, unit: int, on_host: bool) -> float:
    costs = plan.situation.costs
    if unit == len(costs.layers):
        return costs.output
    if unit < trial.moe and not on_host:
        return weights(plan.situation, trial, unit)
    return costs.read_per_token(unit)


def _transfer(plan: Plan) -> float | None:
    linked = [(d.weights, plan.situation.devices[d.index].link) for d in plan.devices]
    seconds = [weight / link for weight, link in linked if link]
    return sum(seconds) if seconds else None


class _Sum:
    """Seconds for one token, as long as all that they are made of is known."""

    def __init__(self) -> None:
        self._seconds: float | None = 0.0

    def add(self, amount: float, speed: float | None, more: float) -> None:
        if self._seconds is not None:
            self._seconds = None if not speed else self._seconds + amount / speed + more

    @property
    def rate(self) -> float | None:
        return 1 / self._seconds if self._seconds else None
