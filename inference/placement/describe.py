"""A plan as a table for a person and as data for programs; decides nothing."""

from __future__ import annotations

from typing import Any

from codeagent.inference.placement.build import size
from codeagent.inference.placement.plans import Plan


def describe(plan: Plan) -> str:
    """The plan as a table for the person, a line a place, with its notices; ends without a newline."""
    rows: list[tuple[str, ...]] = [("", "layers", "weights", "copy", "cache", "buffers", "total", "free")]
    for d in plan.devices:
        sizes = (d.weights, 0, d.kv, d.compute, d.total, d.free)
        rows.append((d.name, str(d.layers), *(size(n) for n in sizes)))
    h = plan.host
    sizes = (h.weights, h.repack, h.kv, h.compute, h.total, h.free)
    rows.append(("CPU", str(h.layers), *(size(n) for n in sizes)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]
    chosen = " (chosen automatically)" if "context" in plan.automatic else ""
    lines.append(f"Context: {plan.context:,} tokens{chosen}, batch {plan.batch}.")
    lines.append(f"{_cache(plan)}{_split(plan)}")
    for companion, place in zip(plan.situation.companions, plan.companions_at, strict=True):
        what = "draft model" if companion.kind == "draft" else "projector"
        lines.append(f"The {what} {companion.name} takes {size(companion.total)} on {place}, in the total above.")
    return "\n".join([*lines, *plan.notices])


def _cache(plan: Plan) -> str:
    chosen = " (chosen automatically)" if "kv_type" in plan.automatic else ""
    flash = {None: "where the devices can", True: "on", False: "off"}[plan.flash_attention]
    return f"Cache in {plan.kv_type}{chosen}, flash attention {flash}."


def _split(plan: Plan) -> str:
    told = ""
    if plan.cpu_moe:
        chosen = " (chosen automatically)" if "cpu_moe" in plan.automatic else ""
        told += f" Experts of {plan.cpu_moe} layers on the CPU{chosen}."
    if len(plan.devices) > 1:
        told += f" Split by {plan.split_mode}."
    return told


def as_data(plan: Plan) -> dict[str, Any]:
    """The plan for programs: sizes in bytes, contexts in tokens."""
    devices = [
        d.model_dump(include={"name", "description", "layers", "holds_output", "weights", "kv", "compute", "beside"})
        | {"total": d.total, "free": d.free}
        for d in plan.devices
    ]
    companions = [
        {"kind": c.kind, "name": c.name, "bytes": c.total, "place": place}
        for c, place in zip(plan.situation.companions, plan.companions_at, strict=True)
    ]
    return {
        "n_gpu_layers": plan.n_gpu_layers,
        "context": plan.context,
        "batch": plan.batch,
        "kv_type": plan.kv_type,
        "flash_attention": plan.flash_attention,
        "cpu_moe": plan.cpu_moe,
        "split_mode": plan.split_mode,
        "devices": devices,
        "host": plan.host.model_dump() | {"total": plan.host.total},
        "companions": companions,
        "automatic": sorted(plan.automatic),
        "notices": list(plan.notices),
    }
