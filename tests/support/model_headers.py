"""Writes files with the real header of models that are not on this machine, and a hole where their weights would be.

Names, shapes and types of the tensors are those of the published Q4_K_M files, made from the published hyperparameters:
llama.cpp reads such a file and plans its memory, and a plan can be held against that. Nothing in it can be computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf_files

from codeagent.inference.gguf import TENSOR_TYPES

_NUMBERS = {name: (number, block, size) for number, (name, block, size) in TENSOR_TYPES.items()}
_ALIGNMENT = 32


@dataclass(frozen=True)
class Shape:
    """The hyperparameters of a model; `experts` are (how many, used for a token, their width), `window` the keys of a
    sliding one."""

    architecture: str
    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    context: int = 32_768
    tied: bool = False
    biases: bool = False
    head_norms: bool = False
    experts: tuple[int, int, int] | None = None
    more: dict[str, Any] = field(default_factory=dict[str, Any])


SHAPES = {
    "qwen2.5-coder-1.5b": Shape("qwen2", 28, 1536, 8960, 12, 2, 128, 151_936, tied=True, biases=True),
    "qwen2.5-coder-7b": Shape("qwen2", 28, 3584, 18_944, 28, 4, 128, 152_064, biases=True),
    "qwen2.5-coder-32b": Shape("qwen2", 64, 5120, 27_648, 40, 8, 128, 152_064, biases=True),
    "qwen3-30b-a3b": Shape(
        "qwen3moe", 48, 2048, 6144, 32, 4, 128, 151_936, context=40_960, head_norms=True, experts=(128, 8, 768)
    ),
    "gemma3-12b": Shape(
        "gemma3",
        48,
        3840,
        15_360,
        16,
        8,
        256,
        262_144,
        context=131_072,
        tied=True,
        head_norms=True,
        more={"gemma3.attention.sliding_window": 1024},
    ),
}


def model_file(folder: Path, name: str) -> Path:
    """The file of one of SHAPES, as long as the real one and all hole behind its header."""
    shape = SHAPES[name]
    table: list[bytes] = []
    at = 0
    for tensor, kind, dims in _tensors(shape):
        number, block, size = _NUMBERS[kind]
        table.append(gguf_files.tensor(tensor, dims, number, at))
        nbytes = math.prod(dims) // block * size
        at += -(-nbytes // _ALIGNMENT) * _ALIGNMENT
    head = gguf_files.header(_metadata(name, shape), table)
    path = folder / f"{name}.gguf"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + -len(head) % _ALIGNMENT + at)
    return path


def _metadata(name: str, shape: Shape) -> dict[str, Any]:
    keys = {
        "block_count": shape.layers,
        "context_length": shape.context,
        "embedding_length": shape.width,
        "feed_forward_length": shape.inner,
        "attention.head_count": shape.heads,
        "attention.head_count_kv": shape.kv_heads,
        "attention.key_length": shape.head,
        "attention.value_length": shape.head,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "rope.freq_base": 1e6,
        "vocab_size": shape.vocabulary,
    }
    if shape.experts is not None:
        count, used, inner = shape.experts
        keys |= {"expert_count": count, "expert_used_count": used, "expert_feed_forward_length": inner}
    own = {f"{shape.architecture}.{key}": value for key, value in keys.items()} | shape.more
    return {"general.architecture": shape.architecture, "general.name": name, "tokenizer.ggml.model": "none"} | own


def _tensors(shape: Shape) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    yield "token_embd.weight", "Q6_K" if shape.tied else "Q4_K", (shape.width, shape.vocabulary)
    for layer in range(shape.layers):
        for name, kind, dims in _layer(shape, "Q6_K" if _more_bits(layer, shape.layers) else "Q4_K"):
            yield f"blk.{layer}.{name}", kind, dims
    yield "output_norm.weight", "F32", (shape.width,)
    if not shape.tied:
        yield "output.weight", "Q6_K", (shape.width, shape.vocabulary)


def _more_bits(layer: int, layers: int) -> bool:
    """Which layers of a Q4_K_M file keep attn_v and ffn_down in Q6_K (llama-quant.cpp: use_more_bits)."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _layer(shape: Shape, better: str) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    queries, keys = shape.heads * shape.head, shape.kv_heads * shape.head
    norms = ["attn_norm", "ffn_norm"]
    if shape.architecture == "gemma3":
        norms += ["post_attention_norm", "post_ffw_norm"]
    yield from ((f"{norm}.weight", "F32", (shape.width,)) for norm in norms)
    if shape.head_norms:
        yield "attn_q_norm.weight", "F32", (shape.head,)
        yield "attn_k_norm.weight", "F32", (shape.head,)
    yield "attn_q.weight", "Q4_K", (shape.width, queries)
    yield "attn_k.weight", "Q4_K", (shape.width, keys)
    yield "attn_v.weight", better, (shape.width, keys)
    yield "attn_output.weight", "Q4_K", (queries, shape.width)
    if shape.biases:
        yield from ((f"attn_{part}.bias", "F32", (n,)) for part, n in (("q", queries), ("k", keys), ("v", keys)))
    if shape.experts is None:
        yield "ffn_gate.weight", "Q4_K", (shape.width, shape.inner)
        yield "ffn_up.weight", "Q4_K", (shape.width, shape.inner)
        yield "ffn_down.weight", better, (shape.inner, shape.width)
        return
    count, _, inner = shape.experts
    yield "ffn_gate_inp.weight", "F32", (shape.width, count)
    yield "ffn_gate_exps.weight", "Q4_K", (shape.width, inner, count)
    yield "ffn_up_exps.weight", "Q4_K", (shape.width, inner, count)
    yield "ffn_down_exps.weight", better, (inner, shape.width, count)
