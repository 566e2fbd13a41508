"""Chooses how to load a model, from header and free memory, and what to lower when that fails; loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codeagent.inference.client import ModelLoadError
from codeagent.inference.frames import CacheKind, DeviceInfo, LoadSettings
from codeagent.inference.gguf import Header
from codeagent.inference.memory import PADDING, Costs, costs
from codeagent.inference.placement.build import DEFAULT_CONTEXT, build, size
from codeagent.inference.placement.fit import MIB, by_free_memory, fit, usable
from codeagent.inference.placement.plans import Companion, Plan, Situation, Trial

CONTEXTS = (DEFAULT_CONTEXT, 12_288, 8192, 6144, 4096, 2048)
"""What an automatic context is chosen from, the largest that fits first."""
WORTHWHILE = 8192
"""An automatic context is not made smaller than this only to get the whole model on GPUs, or to keep the cache f16."""
HOST_RESERVE = 512 * MIB
LONGEST = 1 << 20
"""The longest context that is looked at, in tokens."""


def plan(
    header: Header,
    devices: Sequence[DeviceInfo],
    settings: LoadSettings,
    memory_free: int,
    companions: Sequence[Companion] = (),
) -> Plan:
    """Place a model: as many layers on GPUs as fit beside cache and buffers, the last ones first, the rest on the CPU.

    `devices` are all that the library sees; integrated GPUs are used only when there is no other, CPUs and accelerators
    without memory of their own never. `memory_free` is the host's available memory in bytes. What the settings say
    holds, even where it does not seem to fit; then a notice says so. Raises GGUFError when the header lacks something,
    ModelLoadError when the settings contradict each other.
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
        kinds=_kinds(settings, model),
        most_layers=len(model.layers) + 1,
        companions=tuple(companions),
    )
    return _choose(situation, ())


def shortage(plan: Plan) -> str | None:
    """Why it must not be tried to load so: the system would end this program, or another one, to make room."""
    settings = plan.situation.settings
    held = plan.host.own if settings.use_mmap and not settings.use_mlock else plan.host.total
    if held <= plan.host.free:
        return None
    return f"It would hold {size(held)} of memory, and {size(plan.host.free)} are free."


def lower(plan: Plan) -> Plan | None:
    """The next smaller plan to try after memory ran out, with a notice that says so; None when nothing may be lowered.

    First experts leave the GPU, where there are any; then a third of the GPU layers goes, down to none; then the
    context shrinks to what is still worth while, the cache is quantized, and the context shrinks further. Only
    automatic values change.
    """
    s, layers = plan.situation, len(plan.situation.costs.layers)
    whole = plan.n_gpu_layers == s.everything and s.costs.experts_total > 0
    if "cpu_moe" in plan.automatic and whole and plan.cpu_moe < layers:
        more = min(layers, plan.cpu_moe + max(1, layers // 4))
        said = f"Memory ran out while loading: the experts of {more} layers on the CPU instead of {plan.cpu_moe}."
        return _choose(s.model_copy(update={"least_moe": more, "contexts": (plan.context,)}), (said,))
    if "gpu_layers" in plan.automatic and plan.n_gpu_layers > 0:
        fewer = plan.n_gpu_layers * 2 // 3 if plan.n_gpu_layers > 4 else 0
        said = f"Memory ran out while loading: {fewer or 'no'} layers on the GPU instead of {plan.n_gpu_layers}."
        return _choose(s.model_copy(update={"most_layers": fewer, "contexts": (plan.context,)}), (said,))
    smaller = tuple(c for c in CONTEXTS if c < plan.context) if "context" in plan.automatic else ()
    quantized = s.kinds[s.kinds.index(plan.kv_type) + 1 :] if "kv_type" in plan.automatic else ()
    if quantized and not (smaller and smaller[0] >= WORTHWHILE):
        said = f"Memory ran out while loading: the cache in {quantized[0]} instead of {plan.kv_type}."
        return _choose(s.model_copy(update={"kinds": quantized, "contexts": (plan.context,)}), (said,))
    if smaller:
        said = f"Memory ran out while loading: a context of {smaller[0]:,} tokens instead of {plan.context:,}."
        kinds = s.kinds[s.kinds.index(plan.kv_type) :]
        return _choose(s.model_copy(update={"kinds": kinds, "contexts": smaller}), (said,))
    return None


def largest_context(plan: Plan) -> int:
    """The longest context, in steps of 256 up to what the model was trained for, that fits with the layers placed as
    they are and the cache kept as it is; 0 when not even the shortest does."""
    s = plan.situation
    longest = min(s.costs.context_trained or LONGEST, LONGEST) // PADDING

    def fits(steps: int) -> bool:
        trial = Trial(context=steps * PADDING, kind=plan.kv_type, moe=plan.cpu_moe)
        counts = fit(s, trial, plan.n_gpu_layers)
        return counts is not None and _host_holds(build(s, trial, counts, ()))

    low, high = 0, longest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low * PADDING


def _kinds(settings: LoadSettings, model: Costs) -> tuple[CacheKind, ...]:
    if settings.kv_type in (None, "f16"):
        may = settings.kv_type is None and settings.flash_attention is not False and model.quantizable
        return ("f16", "q8_0") if may else ("f16",)
    if settings.flash_attention is False:
        raise ModelLoadError(
            f"A cache in {settings.kv_type} needs flash attention, which is switched off. Take one of the two settings "
            "back: kv_type or flash_attention."
        )
    if not model.quantizable:
        raise ModelLoadError(
            f"The cache of this model cannot be kept in {settings.kv_type}: its heads of {model.head} numbers do not "
            "divide into blocks of 32. Leave the setting kv_type out."
        )
    return (settings.kv_type,)


def _trials(s: Situation) -> Iterator[Trial]:
    """Caches to try, the best first: a context that is worth while comes before exact numbers."""
    for kind in s.kinds:
        for context in s.contexts:
            if context >= WORTHWHILE or kind == s.kinds[-1] or len(s.contexts) == 1:
                yield Trial(context=context, kind=kind, moe=max(s.least_moe, s.settings.cpu_moe or 0))


def _choose(s: Situation, said: tuple[str, ...]) -> Plan:
    """All on GPUs with a worthwhile context if that can be; else the largest context that fits, with what fits."""
    trials = [t.model_copy(update={"moe": min(t.moe, len(s.costs.layers))}) for t in _trials(s)]
    if s.settings.gpu_layers is None and s.most_layers == s.everything:
        for trial in trials:
            counts = fit(s, trial, s.everything) if trial.context >= min(WORTHWHILE, s.contexts[0]) else None
            if counts:
                return build(s, trial, counts, said)
        if (found := _with_experts_elsewhere(s, trials)) is not None:
            return build(s, *found, said)
    for trial in trials:
        counts = _layers_for(s, trial)
        made = build(s, trial, counts or {}, said)
        if counts is not None and _host_holds(made):
            return made
    last = trials[-1]
    counts = _layers_for(s, last)
    return build(s, last, by_free_memory(s, s.settings.gpu_layers or 0) if counts is None else counts, said)


def _with_experts_elsewhere(s: Situation, trials: Sequence[Trial]) -> tuple[Trial, dict[int, int]] | None:
    """All on GPUs but the experts of as few layers as possible: a token needs few of them, and all of the rest."""
    if s.settings.cpu_moe is not None or not s.costs.experts_total:
        return None
    for trial in trials:
        for moe in range(trial.moe + 1, len(s.costs.layers) + 1):
            tried = trial.model_copy(update={"moe": moe})
            counts = fit(s, tried, s.everything)
            if counts:
                if _host_holds(build(s, tried, counts, ())):
                    return tried, counts
                break
    return None


def _host_holds(made: Plan) -> bool:
    return made.host.total + HOST_RESERVE <= made.host.free


def _layers_for(s: Situation, trial: Trial) -> dict[int, int] | None:
    """Layers by device index: exactly what was asked for, None when that does not fit, or as many as do."""
    if s.settings.gpu_layers is not None:
        return fit(s, trial, min(s.settings.gpu_layers, s.everything) if usable(s) else 0)
    for count in range(s.most_layers, 0, -1):
        counts = fit(s, trial, count)
        if counts is not None:
            return counts
    return {}
