"""What a sequence of the cache is, as bytes, and a few such states kept in memory for models that cannot go back; knows
no files and no requests.

A recurrent or hybrid model keeps one state of all it has read, and layers with a sliding window forget what lies behind
it: neither can give up the last tokens only. They go back to where a state was taken.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

from codeagent.inference.engine.llama import Context, bindings

MOST_STATES = 16
MOST_BYTES = 256 << 20
_WHOLE, _PARTIAL = 0, bindings.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY


def state_size(context: Context, sequence: int) -> int:
    """Bytes of a sequence's whole state."""
    return bindings.llama_state_seq_get_size_ext(context.handle, sequence, _WHOLE)


def save_state(context: Context, sequence: int, partial: bool = False) -> bytearray:
    """A sequence's state: with `partial` only what cannot be cut, as of its last token. Empty when there is none."""
    flags = _PARTIAL if partial else _WHOLE
    size: int = bindings.llama_state_seq_get_size_ext(context.handle, sequence, flags)
    data = bytearray(size)
    if not size:
        return data
    written = bindings.llama_state_seq_get_data_ext(context.handle, _bytes(data), size, sequence, flags)
    return data if written == size else bytearray()


def load_state(context: Context, sequence: int, data: bytearray | memoryview, partial: bool = False) -> bool:
    """Make a sequence what it was when its state was saved. The data must be ours, byte for byte: the library trusts
    it. False, and nothing certain, when it does not take it.
    """
    flags = _PARTIAL if partial else _WHOLE
    return bindings.llama_state_seq_set_data_ext(context.handle, _bytes(data), len(data), sequence, flags) == len(data)


def needs_states(context: Context) -> bool:
    """Whether the model of this context may be unable to give up only the last tokens."""
    return not context.model.can_rewind or context.model.window > 0


@dataclass(eq=False)
class Checkpoint:
    """The partial state after these tokens."""

    tokens: list[int]
    data: bytearray


class Checkpoints:
    """Partial states, the one not used for longest leaving first. They fit any sequence that holds their tokens."""

    def __init__(self, most: int = MOST_STATES, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._kept: list[Checkpoint] = []  # the one used last at the end

    def keep(self, tokens: Sequence[int], data: bytearray) -> None:
        """Keep a state, in the place of one after the same tokens."""
        found = Checkpoint(list(tokens), data)
        self._kept = [kept for kept in self._kept if kept.tokens != found.tokens]
        self._kept.append(found)
        while len(self._kept) > self._most or sum(len(kept.data) for kept in self._kept) > self._most_bytes:
            del self._kept[0]

    def has(self, tokens: Sequence[int]) -> bool:
        """Whether there is a state after exactly these tokens."""
        return any(kept.tokens == tokens for kept in self._kept)

    def best(self, tokens: Sequence[int], length: int) -> Checkpoint | None:
        """The latest state on the way to these tokens that is not after more than `length` of them."""
        found = max(self.along(tokens[:length]), key=lambda kept: len(kept.tokens), default=None)
        if found:
            self._kept.remove(found)
            self._kept.append(found)
        return found

    def along(self, tokens: Sequence[int]) -> list[Checkpoint]:
        """All states on the way to these tokens."""
        return [kept for kept in self._kept if kept.tokens == tokens[: len(kept.tokens)]]


def _bytes(data: bytearray | memoryview) -> object:
    return (ctypes.c_uint8 * len(data)).from_buffer(data)  # without a copy
