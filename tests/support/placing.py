"""Models and GPUs that are only described, for plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codeagent.inference.frames import DeviceInfo, LoadSettings
from codeagent.inference.gguf import Header, LongArray, Tensor, Value
from codeagent.inference.placement import Plan, plan

MIB, GIB = 1 << 20, 1 << 30


def model(
    layers: int = 28, *, tied: bool = False, trained: int = 32_768, more: Mapping[str, Value] | None = None
) -> Header:
    """A dense model in the shape of a 7B: 3,584 wide, 4 KV heads of 128, Q4_K but for a Q6_K output."""
    shapes = {"attn_q": (3584, 3584), "attn_output": (3584, 3584), "attn_k": (3584, 512), "attn_v": (3584, 512)}
    shapes |= {"ffn_gate": (3584, 18_944), "ffn_up": (3584, 18_944), "ffn_down": (18_944, 3584)}
    tensors = [Tensor("token_embd.weight", "Q4_K", (3584, 152_064), 0, 3584 * 152_064 // 256 * 144)]
    if not tied:
        tensors.append(Tensor("output.weight", "Q6_K", (3584, 152_064), 0, 3584 * 152_064 // 256 * 210))
    tensors += [
        Tensor(f"blk.{i}.{name}.weight", "Q4_K", (a, b), 0, a * b // 256 * 144)
        for i in range(layers)
        for name, (a, b) in shapes.items()
    ]
    metadata: dict[str, Value] = {
        "general.architecture": "qwen2",
        "qwen2.block_count": layers,
        "qwen2.context_length": trained,
        "qwen2.embedding_length": 3584,
        "qwen2.feed_forward_length": 18_944,
        "qwen2.attention.head_count": 28,
        "qwen2.attention.head_count_kv": 4,
        "tokenizer.ggml.tokens": LongArray(152_064),
    }
    return Header(Path("m.gguf"), 3, 0, 0, metadata | dict(more or {}), tuple(tensors))


def gpus(*free: float, kind: str = "gpu") -> list[DeviceInfo]:
    """GPUs with so many GiB, all free."""
    return [
        DeviceInfo.model_validate(
            {"name": f"GPU{i}", "description": "", "kind": kind, "free": int(f * GIB), "total": int(f * GIB)}
        )
        for i, f in enumerate(free)
    ]


def settings(**chosen: Any) -> LoadSettings:
    return LoadSettings(path="m.gguf", name="m", **chosen)


def placed(devices: Sequence[DeviceInfo], memory: int = 64 * GIB, header: Header | None = None, **chosen: Any) -> Plan:
    return plan(header or model(), devices, settings(**chosen), memory)


def everything(found: Plan) -> tuple[int, int]:
    """Weights and cache over all places, which no plan may change."""
    return (
        found.host.weights + sum(d.weights for d in found.devices),
        found.host.kv + sum(d.kv for d in found.devices),
    )


def experts(layers: int = 24, count: int = 64) -> Header:
    """A model whose layers are mostly experts, 8 of `count` used for a token."""
    dense = [t for t in model(layers).tensors if ".ffn_" not in t.name]
    bulk = [
        Tensor(f"blk.{i}.ffn_{part}_exps.weight", "Q4_K", (3584, 1024, count), 0, 3584 * 1024 * count // 256 * 144)
        for i in range(layers)
        for part in ("gate", "up", "down")
    ]
    keys = {"expert_count": count, "expert_used_count": 8, "expert_feed_forward_length": 1024}
    header = model(layers, more={f"qwen2.{k}": v for k, v in keys.items()})
    return Header(header.path, 3, 0, 0, header.metadata, (*dense, *bulk))
