"""Writes small GGUF files, whole or broken on purpose, for tests."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

U32, I32, F32, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10


def text(value: str | bytes) -> bytes:
    """A string as the format has it."""
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(item: Any) -> bytes:
    """A typed value: bool, int (u32), float (f32), str, or a list of one of these."""
    if isinstance(item, bool):
        return struct.pack("<IB", BOOL, item)
    if isinstance(item, int):
        return struct.pack("<II", U32, item)
    if isinstance(item, float):
        return struct.pack("<If", F32, item)
    if isinstance(item, str):
        return struct.pack("<I", STRING) + text(item)
    entries = [value(entry) for entry in item]
    kind = entries[0][:4] if entries else struct.pack("<I", U32)
    return struct.pack("<I", ARRAY) + kind + struct.pack("<Q", len(entries)) + b"".join(e[4:] for e in entries)


def tensor(name: str, dims: Iterable[int], kind: int = 0, offset: int = 0) -> bytes:
    """One entry of the tensor table; kind 0 is F32."""
    sizes = tuple(dims)
    return text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)


def keys(**changes: Any) -> dict[str, Any]:
    """The metadata of a tiny model with two layers; a change of None removes a key, `__` in a name stands for a dot."""
    base: dict[str, Any] = {
        "general.architecture": "qwen2",
        "general.name": "Tiny",
        "qwen2.block_count": 2,
        "qwen2.context_length": 32_768,
        "qwen2.embedding_length": 64,
        "qwen2.feed_forward_length": 128,
        "qwen2.attention.head_count": 4,
        "qwen2.attention.head_count_kv": 2,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": ["a", "b", "c"],
        "tokenizer.chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}",
    }
    changed = base | {k.replace("__", "."): v for k, v in changes.items()}
    return {k: v for k, v in changed.items() if v is not None}


def header(
    metadata: Mapping[str, Any],
    tensors: Iterable[bytes],
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    n_tensors: int | None = None,
    n_keys: int | None = None,
) -> bytes:
    """The bytes before the weights, not padded; the counts can be made to lie."""
    table, pairs = list(tensors), [text(k) + value(v) for k, v in metadata.items()]
    counts = (len(table) if n_tensors is None else n_tensors, len(pairs) if n_keys is None else n_keys)
    return magic + struct.pack("<IQQ", version, *counts) + b"".join(pairs) + b"".join(table)


def tiny_model(**changes: Any) -> bytes:
    """A whole file with four F32 tensors of 64 bytes each."""
    names = ("token_embd.weight", "blk.0.attn_q.weight", "blk.1.attn_q.weight", "output.weight")
    head = header(keys(**changes), [tensor(name, (4, 4), offset=64 * i) for i, name in enumerate(names)])
    return head + bytes(-len(head) % 32) + bytes(range(256))


def write(path: Path, content: bytes) -> Path:
    """Put the bytes there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def byte_tokens() -> dict[str, Any]:
    """Changes to `tiny_model` that give it a vocabulary which can be used: every byte is a token, and so is "ab".

    As GPT-2 did, bytes that do not show are written as the characters behind Latin-1.
    """
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    characters = [chr(byte) if byte in shown else chr(256 + hidden.index(byte)) for byte in range(256)]
    return {
        "tokenizer__ggml__pre": "gpt-2",
        "tokenizer__ggml__tokens": [*characters, "ab", "<|end|>"],
        "tokenizer__ggml__merges": ["a b"],
        "tokenizer__ggml__bos_token_id": 257,
        "tokenizer__ggml__eos_token_id": 257,
    }


def loadable_model(**changes: Any) -> bytes:
    """A whole model of two layers with weights of noise, which llama.cpp loads and which answers nonsense."""
    vocabulary, width, inner, keys_width = len(byte_tokens()["tokenizer__ggml__tokens"]), 64, 128, 32
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (width, vocabulary), "output_norm.weight": (width,)}
    for layer in ("blk.0", "blk.1"):
        shapes |= {
            f"{layer}.attn_norm.weight": (width,),
            f"{layer}.attn_q.weight": (width, width),
            f"{layer}.attn_q.bias": (width,),
            f"{layer}.attn_k.weight": (width, keys_width),
            f"{layer}.attn_k.bias": (keys_width,),
            f"{layer}.attn_v.weight": (width, keys_width),
            f"{layer}.attn_v.bias": (keys_width,),
            f"{layer}.attn_output.weight": (width, width),
            f"{layer}.ffn_norm.weight": (width,),
            f"{layer}.ffn_gate.weight": (width, inner),
            f"{layer}.ffn_up.weight": (width, inner),
            f"{layer}.ffn_down.weight": (inner, width),
        }
    table: list[bytes] = []
    at = 0
    for name, dims in shapes.items():
        table.append(tensor(name, dims, offset=at))
        at += 4 * math.prod(dims)
    metadata = keys(**({"qwen2__attention__layer_norm_rms_epsilon": 1e-6} | byte_tokens() | changes))
    head = header(metadata, table)
    noise = random.Random(5)
    weights = struct.pack(f"<{at // 4}f", *(noise.gauss(0, 0.05) for _ in range(at // 4)))
    return head + bytes(-len(head) % 32) + weights
