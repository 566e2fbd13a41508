"""How much memory a model takes, estimated from its header; knows no devices and decides nothing."""

from __future__ import annotations

import platform
import re

from codeagent.inference.client import Frozen
from codeagent.inference.gguf import Header, Tensor

KV_BYTES = 2
"""The KV cache is kept in f16."""

_LAYER = re.compile(r"blk\.(\d+)\.")

# What llama.cpp keeps a second, interleaved copy of on the CPU (ggml-cpu/repack.cpp): matrices of these types whose
# number of rows divides by 8.
_REPACKED_X86 = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
_REPACKED_ARM = frozenset({"Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "IQ4_NL", "MXFP4"})


class Costs(Frozen):
    """What placement needs to know of a model; sizes in bytes.

    `layers`, `repack`, `kv_per_token` and `state` have one entry a repeating layer; `state` is the cache of a recurrent
    layer, which does not grow. `output` is what the output layer takes on a device, `output_host` on the host: less
    where the model uses its token embedding for both. `embedding` always stays on the host. `hidden` and `widest` are
    numbers of elements: the width between layers or of all heads, and inside the feed-forward part.
    """

    layers: tuple[int, ...]
    repack: tuple[int, ...]
    output: int
    output_host: int
    output_repack: int
    embedding: int
    kv_per_token: tuple[int, ...]
    state: tuple[int, ...]
    hidden: int
    widest: int
    vocabulary: int
    context_trained: int

    def kv(self, layer: int, context: int) -> int:
        """The cache of one layer: 2 (keys and values) · context · kv heads · head size · 2 bytes (f16)."""
        return self.kv_per_token[layer] * context + self.state[layer]

    def total_kv(self, context: int) -> int:
        """The cache of all layers."""
        return sum(self.kv(i, context) for i in range(len(self.layers)))

    def mask(self, context: int, batch: int) -> int:
        """The attention mask, f16; every device that computes layers has one."""
        return context * batch * 2

    def activations(self, batch: int) -> int:
        """Intermediate results of one layer, f32: gate, up and their product, and four of the hidden width.

        Measured against llama.cpp's own report for the 0.5B and 1.5B, batch 256: 17.75 of 17.76 MiB and 32.25 of 32.26.
        """
        return 4 * batch * (3 * self.widest + 4 * self.hidden)

    def logits(self, batch: int) -> int:
        """The scores of the whole vocabulary for every token of a batch and the last hidden state, f32.

        Measured as above: 149.25 of 149.25 MiB and 149.875 of 149.88; for a batch of 512 298.5 of 298.5.
        """
        return 4 * batch * (self.vocabulary + self.hidden)


def costs(header: Header) -> Costs:
    """The costs of a model. Raises GGUFError when the header lacks what is needed.

    Two estimates are upper bounds: layers with a sliding window are counted with a full cache (llama.cpp keeps it whole
    unless told otherwise, and only so can it be rewound), and so are layers that share another's cache.
    """
    count = header.number("block_count", 0)
    layers, repack = [0] * count, [0] * count
    output = output_repack = embedding = 0
    tied: Tensor | None = None
    shared = True
    for tensor in header.tensors:
        layer = _LAYER.match(tensor.name)
        if layer and int(layer[1]) < count:
            layers[int(layer[1])] += tensor.nbytes
            repack[int(layer[1])] += _repacked(tensor)
        elif tensor.name.startswith(("token_embd", "per_layer_token_embd")):
            embedding += tensor.nbytes
            tied = tensor if tensor.name == "token_embd.weight" else tied
        else:
            shared = shared and tensor.name != "output.weight"
            output += tensor.nbytes
            output_repack += _repacked(tensor)
    output_host = output
    if shared and tied:
        output += tied.nbytes
        output_repack += _repacked(tied)
    kv_per_token, state = _cache(header, count)
    hidden = header.number("embedding_length", 0)
    return Costs(
        layers=tuple(layers),
        repack=tuple(repack),
        output=output,
        output_host=output_host,
        output_repack=output_repack,
        embedding=embedding,
        kv_per_token=kv_per_token,
        state=state,
        hidden=max(hidden, header.number("attention.head_count", 1) * _head_size(header)),
        widest=_widest(header),
        vocabulary=header.vocabulary,
        context_trained=header.number("context_length", 0),
    )


def _repacked(tensor: Tensor) -> int:
    kinds = _REPACKED_ARM if platform.machine().lower() in ("arm64", "aarch64") else _REPACKED_X86
    matrix = len(tensor.dims) >= 2 and tensor.dims[1] % 8 == 0
    return tensor.nbytes if matrix and tensor.type in kinds else 0


def _head_size(header: Header) -> int:
    heads = header.number("attention.head_count", 1)
    return header.number("attention.key_length", header.number("embedding_length", 0) // max(heads, 1))


def _widest(header: Header) -> int:
    dense = header.number("feed_forward_length", 0)
    expert = header.number("expert_feed_forward_length", 0)
    return max(dense, expert * header.number("expert_used_count", 0))


def _cache(header: Header, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Bytes a token, and bytes of recurrent state, of each layer (llama.cpp's n_embd_k_gqa, n_embd_s and n_embd_r)."""
    heads = header.numbers("attention.head_count_kv", header.number("attention.head_count", 0), count)
    key = _head_size(header)
    # Multi-head latent attention keeps one compressed vector a token, and no values beside it.
    latent = header.number("attention.key_length_mla", 0) > 0
    value = 0 if latent else header.number("attention.value_length", key)
    inner, depth = header.number("ssm.inner_size", 0), header.number("ssm.state_size", 0)
    groups, kernel = header.number("ssm.group_count", 0), header.number("ssm.conv_kernel", 0)
    recurrent_state = 4 * (inner * depth + max(kernel - 1, 0) * (inner + 2 * groups * depth))
    interval = header.number("full_attention_interval", 0)
    per_token, state = [0] * count, [0] * count
    for i in range(count):
        recurrent = (interval > 0 and (i + 1) % interval != 0) or heads[i] == 0
        per_token[i] = 0 if recurrent else heads[i] * (key + value) * KV_BYTES
        state[i] = recurrent_state if recurrent or (inner and not interval and 0 not in heads) else 0
    return tuple(per_token), tuple(state)
