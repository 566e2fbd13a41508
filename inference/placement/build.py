"""Makes the plan of a way to load a model that was chosen, with what a person must know of it; chooses nothing."""

from __future__ import annotations

from codeagent.inference.placement.fit import beside, buffers, cache, compute, copied, is_pipeline, usable, weights
from codeagent.inference.placement.plans import Choice, DevicePlan, HostPlan, Plan, Situation, Trial

DEFAULT_CONTEXT = 16_384


def build(s: Situation, trial: Trial, counts: dict[int, int], said: tuple[str, ...]) -> Plan:
    """The plan for so many layers a device, by its index, in this order."""
    offloaded = sum(counts.values())
    placed = _devices(s, trial, counts, offloaded)
    host = _host(s, trial, offloaded, len(placed))
    automatic: set[Choice] = set()
    if s.settings.context is None:
        automatic.add("context")
    if s.settings.gpu_layers is None:
        automatic.add("gpu_layers")
    if s.settings.kv_type is None:
        automatic.add("kv_type")
    if s.settings.cpu_moe is None and s.costs.experts_total:
        automatic.add("cpu_moe")
    return Plan(
        n_gpu_layers=offloaded,
        context=trial.context,
        batch=s.settings.batch,
        kv_type=trial.kind,
        flash_attention=True if trial.kind != "f16" else s.settings.flash_attention,
        cpu_moe=trial.moe,
        split_mode=s.settings.split_mode or "layer",
        devices=placed,
        tensor_split=tuple(float(d.layers) for d in placed),
        main_device=len(placed) - 1 if placed else None,
        host=host,
        companions_at=(placed[-1].name if placed else "CPU",) * len(s.companions),
        automatic=frozenset(automatic),
        notices=said + _notices(s, trial, placed, host),
        situation=s,
    )


def _devices(s: Situation, trial: Trial, counts: dict[int, int], offloaded: int) -> tuple[DevicePlan, ...]:
    placed: list[DevicePlan] = []
    at, total = s.everything - offloaded, s.everything - 1
    held = sum(weights(s, trial, u) for u in range(at, s.everything))
    for place, (index, count) in enumerate(counts.items()):
        units, at = range(at, at + count), at + count
        device = s.devices[index]
        rows = held * count // max(1, offloaded)  # every matrix is cut by rows, in proportion to the layers
        placed.append(
            DevicePlan(
                index=index,
                name=device.name,
                description=device.description,
                free=device.free,
                layers=count,
                holds_output=units[-1] == total,
                weights=rows if s.settings.split_mode == "row" else sum(weights(s, trial, u) for u in units),
                kv=sum(cache(s, trial, u) for u in units if u < total),
                compute=compute(s, trial, offloaded, place, len(counts)) + copied(s, trial, offloaded, device),
                beside=beside(s, offloaded) if place == len(counts) - 1 else 0,
            )
        )
    return tuple(placed)


def _host(s: Situation, trial: Trial, offloaded: int, devices: int) -> HostPlan:
    c, total = s.costs, s.everything - 1
    on_host = range(min(s.everything - offloaded, total))
    experts = range(len(on_host), trial.moe)
    held = c.embedding + sum(c.layers[i] for i in on_host) + (0 if offloaded else c.output_host)
    held += sum(c.experts[i] for i in experts)
    # Experts that are kept on the CPU by name are not copied.
    repack = sum(c.repack[i] - (c.experts_repack[i] if i < trial.moe else 0) for i in on_host)
    repack += 0 if offloaded else c.output_repack
    made = buffers(s, trial)
    if offloaded < s.everything:
        work = made.host(output=not offloaded)
    elif trial.moe:
        work = made.host_experts()
    else:
        work = made.host_inputs(is_pipeline(s, trial, offloaded, devices))
    return HostPlan(
        free=s.memory_free,
        layers=len(on_host) + (0 if offloaded else 1),
        # Where the file is not mapped there is no first copy beside the interleaved one.
        weights=held if s.settings.use_mmap else held - min(held, repack),
        repack=repack,
        kv=sum(cache(s, trial, i) for i in on_host),
        compute=work,
        beside=0 if offloaded else sum(x.total for x in s.companions),
    )


def _notices(s: Situation, trial: Trial, placed: tuple[DevicePlan, ...], host: HostPlan) -> tuple[str, ...]:
    return (*_of_devices(s, trial, placed), *_of_cache(s, trial), *_of_host(host))


def _of_devices(s: Situation, trial: Trial, placed: tuple[DevicePlan, ...]) -> list[str]:
    notices: list[str] = []
    wanted, found = s.settings.gpu_layers, usable(s)
    if wanted and not found:
        notices.append(f"{wanted} layers were to go on the GPU, but the library sees none: all run on the CPU.")
    for device in placed:
        if wanted is not None and device.total > device.free:
            notices.append(
                f"The {wanted} layers asked for need {size(device.total)} on {device.name}, and {size(device.free)} "
                "are free there: loading may fail."
            )
    held = sum(d.layers for d in placed)
    if s.most_layers == s.everything and wanted is None and found and held < s.everything:
        fit = f"{held} of {s.everything} layers fit" if held else "No layer fits"
        notices.append(f"{fit} on the GPU; the CPU does the rest, which is slower.")
    if trial.moe and s.settings.cpu_moe is None and placed:
        notices.append(
            f"The experts of {trial.moe} of {s.everything - 1} layers are on the CPU, so that all else fits on the GPU."
        )
    if s.settings.cpu_moe and not s.costs.experts_total:
        notices.append("The model has no experts to keep on the CPU: the setting cpu_moe does nothing.")
    if s.settings.split_mode == "row" and any(s.devices[d.index].remote for d in placed):
        notices.append("Devices of other machines cannot share the rows of a matrix: the layers are split instead.")
    return notices


def _of_cache(s: Situation, trial: Trial) -> list[str]:
    notices: list[str] = []
    trained = s.costs.context_trained
    if trained and trial.context > trained:
        notices.append(f"The model was trained for {trained:,} tokens; beyond that its answers get worse.")
    if s.settings.context is None and trial.context < min(s.contexts[0], DEFAULT_CONTEXT):
        notices.append(f"The context is {trial.context:,} tokens, to fit the memory that is free.")
    if s.settings.kv_type is None and trial.kind != "f16":
        notices.append(f"The cache is kept in {trial.kind} instead of f16, to fit the memory that is free.")
    return notices


def _of_host(host: HostPlan) -> list[str]:
    if host.total <= host.free:
        return []
    return [
        f"The model needs {size(host.total)} of memory and {size(host.free)} are free: it may be slow or fail. "
        "Close other programs, or use a smaller model."
    ]


def size(count: int) -> str:
    """Bytes for a person, in MiB or GiB; none as a dash."""
    return "-" if count == 0 else f"{count / (1 << 30):.2f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.1f} MiB"
