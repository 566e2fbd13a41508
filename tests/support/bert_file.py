"""Writes a tiny BERT, whose weights are random, as a GGUF file: a model that looks both ways and has no cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gguf_files import header, tensor, write

WORDS = ("red", "blue", "cat", "dog")
WIDTH, FORWARD, WINDOW, LAYERS = 32, 64, 16, 2
CLS, RANK = 2, 4


def bert(path: Path, **changes: Any) -> Path:
    """The file; a change of None removes a key, `__` in a name stands for a dot."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"▁{word}" for word in WORDS)]
    keys: dict[str, Any] = {
        "general.architecture": "bert",
        "bert.block_count": LAYERS,
        "bert.context_length": WINDOW,
        "bert.embedding_length": WIDTH,
        "bert.feed_forward_length": FORWARD,
        "bert.attention.head_count": 2,
        "bert.attention.layer_norm_epsilon": 1e-12,
        "bert.attention.causal": False,
        "bert.pooling_type": CLS,
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.pre": "jina-v2-en",
        "tokenizer.ggml.token_type_count": 2,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.unknown_token_id": 1,
        "tokenizer.ggml.cls_token_id": 2,
        "tokenizer.ggml.bos_token_id": 2,
        "tokenizer.ggml.seperator_token_id": 3,
        "tokenizer.ggml.mask_token_id": 4,
    }
    changed = keys | {name.replace("__", "."): value for name, value in changes.items()}
    chance = np.random.default_rng(7)
    table: list[bytes] = []
    weights = b""
    for name, dims in _tensors(len(tokens)):
        table.append(tensor(name, dims, offset=len(weights)))
        ones = name.endswith("norm.weight")
        rows = np.ones(dims) if ones else chance.normal(0.0, 0.3, dims)
        data = rows.astype("<f4").tobytes()
        weights += data + bytes(-len(data) % 32)
    head = header({name: value for name, value in changed.items() if value is not None}, table)
    return write(path, head + bytes(-len(head) % 32) + weights)


def _tensors(vocabulary: int) -> list[tuple[str, tuple[int, ...]]]:
    found: list[tuple[str, tuple[int, ...]]] = [
        ("token_embd.weight", (WIDTH, vocabulary)),
        ("token_types.weight", (WIDTH, 2)),
        ("position_embd.weight", (WIDTH, WINDOW)),
        ("token_embd_norm.weight", (WIDTH,)),
        ("token_embd_norm.bias", (WIDTH,)),
    ]
    for layer in range(LAYERS):
        for name, rows, columns in (
            *((part, WIDTH, WIDTH) for part in ("attn_q", "attn_k", "attn_v", "attn_output")),
            ("ffn_up", WIDTH, FORWARD),
            ("ffn_down", FORWARD, WIDTH),
        ):
            found += [(f"blk.{layer}.{name}.weight", (rows, columns)), (f"blk.{layer}.{name}.bias", (columns,))]
        for name in ("attn_output_norm", "layer_output_norm"):
            found += [(f"blk.{layer}.{name}.weight", (WIDTH,)), (f"blk.{layer}.{name}.bias", (WIDTH,))]
    return found
