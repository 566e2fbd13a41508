"""How much memory a model takes, estimated from its header; knows no devices and decides nothing."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from fractions import Fraction

from codeagent.inference.client import Frozen
from codeagent.inference.gguf import Header, Tensor

KV_BYTES: Mapping[str, Fraction] = {"f16": Fraction(2), "q8_0": Fraction(34, 32), "q4_0": Fraction(18, 32)}
"""Bytes of a number in the cache, by how it is kept."""
KV_BLOCK = 32
"""Numbers that a quantized cache keeps together: a head's size must divide by it."""
PADDING = 256
"""llama.cpp makes a context a multiple of this."""

_EXPERTS = re.compile(r"blk\.\d+\.ffn_(up|down|gate|gate_up)_(ch|)exps")
_LAYER = re.compile(r"blk\.(\d+)\.")

# What llama.cpp keeps a second, interleaved copy of on the CPU (ggml-cpu/repack.cpp): matrices of these types whose
# number of rows divides by 8.
_REPACKED_X86 = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
_REPACKED_ARM = frozenset({"Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "IQ4_NL", "MXFP4"})


class Costs(Frozen):
    """What placement needs to know of a model; sizes in bytes.

    `layers`, `repack`, `experts`, `experts_repack`, `cached` and `state` have one entry a repeating layer. `experts` is
    the part of `layers` that only chosen experts need; `cached` are the numbers kept of a token, `state` is the cache
    of a recurrent layer, which does not grow. `output` is what the output layer takes on a device, `output_host` on the
    host: less where the model uses its token embedding for both. `embedding` always stays on the host. `largest` is the
    largest matrix of a layer. Widths are numbers of elements: `hidden` between layers, `queries` and `keys` of all
    heads, `widest` inside the feed-forward part of a dense layer or of an expert. `masks` is 2 with a sliding window.
    `active` are the numbers that one token is multiplied with.
    """

    layers: tuple[int, ...]
    repack: tuple[int, ...]
    experts: tuple[int, ...]
    experts_repack: tuple[int, ...]
    output: int
    output_host: int
    output_repack: int
    embedding: int
    largest: int
    cached: tuple[int, ...]
    state: tuple[int, ...]
    hidden: int
    heads: int
    head: int
    queries: int
    keys: int
    widest: int
    masks: int
    experts_used: int
    experts_total: int
    vocabulary: int
    context_trained: int
    active: float

    def kv(self, layer: int, context: int, kind: str = "f16", sequences: int = 1) -> int:
        """The cache of one layer: context (in steps of 256) times the numbers of a token, which sequences share, and
        the state that each has of its own."""
        return int(self.cached[layer] * KV_BYTES[kind] * padded(context)) + self.state[layer] * sequences

    @property
    def quantizable(self) -> bool:
        """Whether the cache can be kept in blocks."""
        return self.head > 0 and self.head % KV_BLOCK == 0

    def read_per_token(self, layer: int) -> float:
        """Bytes of a layer's weights that one token needs: of the experts only as many as are used."""
        share = self.experts_used / self.experts_total if self.experts_total else 1.0
        return self.layers[layer] - self.experts[layer] * (1 - share)


def padded(context: int) -> int:
    """The context as llama.cpp makes it."""
    return -(-context // PADDING) * PADDING


def costs(header: Header) -> Costs:
    """The costs of a model. Raises GGUFError when the header lacks what is needed.

    Two estimates are upper bounds: layers with a sliding window are counted with a full cache (llama.cpp keeps it whole
    unless told otherwise, and only so can it be rewound), and so are layers that share another's cache.
    """
    count = header.number("block_count", 0)
    layers, repack, experts, experts_repack = [0] * count, [0] * count, [0] * count, [0] * count
    output = output_repack = embedding = largest = 0
    tied: Tensor | None = None
    shared = True
    for tensor in header.tensors:
        layer = _LAYER.match(tensor.name)
        if layer and (number := int(layer[1])) < count:
            layers[number] += tensor.nbytes
            repack[number] += _repacked(tensor)
            largest = max(largest, tensor.nbytes)
            if _EXPERTS.match(tensor.name):
                experts[number] += tensor.nbytes
                experts_repack[number] += _repacked(tensor)
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
    cached, state = _cache(header, count)
    heads, head = header.number("attention.head_count", 1), _head_size(header)
    dense, used = header.number("feed_forward_length", 0), header.number("expert_used_count", 0)
    return Costs(
        layers=tuple(layers),
        repack=tuple(repack),
        experts=tuple(experts),
        experts_repack=tuple(experts_repack),
        output=output,
        output_host=output_host,
        output_repack=output_repack,
        embedding=embedding,
        largest=largest,
        cached=cached,
        state=state,
        hidden=header.number("embedding_length", 0),
        heads=heads,
        head=head,
        queries=heads * head,
        keys=header.number("attention.head_count_kv", heads) * head,
        widest=max(dense, header.number("expert_feed_forward_length", 0) * used),
        masks=2 if header.number("attention.sliding_window", 0) else 1,
        experts_used=used,
        experts_total=header.number("expert_count", 0),
        vocabulary=header.vocabulary,
        context_trained=header.number("context_length", 0),
        active=sum(_active(t, header) for t in header.tensors if t is not tied or shared),
    )


def _active(tensor: Tensor, header: Header) -> float:
    share = header.number("expert_used_count", 0) / max(1, header.number("expert_count", 0))
    return tensor.elements * (share if _EXPERTS.match(tensor.name) else 1)


def _repacked(tensor: Tensor) -> int:
    kinds = _REPACKED_ARM if platform.machine().lower() in ("arm64", "aarch64") else _REPACKED_X86
    matrix = len(tensor.dims) >= 2 and tensor.dims[1] % 8 == 0
    return tensor.nbytes if matrix and tensor.type in kinds else 0


def _head_size(header: Header) -> int:
    heads = header.number("attention.head_count", 1)
    return header.number("attention.key_length", header.number("embedding_length", 0) // max(heads, 1))


def _cache(header: Header, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers a token, and bytes of recurrent state, of each layer (llama.cpp's n_embd_k_gqa, n_embd_s, n_embd_r)."""
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
        per_token[i] = 0 if recurrent else heads[i] * (key + value)
        state[i] = recurrent_state if recurrent or (inner and not interval and 0 not in heads) else 0
    return tuple(per_token), tuple(state)
