"""Thin typed wrapper of llama.cpp's C API, the only file that imports llama_cpp; knows no chat and no frames."""

from __future__ import annotations

import ctypes
import json
import math
import os
import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

# The libraries read these when they are loaded. Threads that spin without end while they wait for each other make a
# token take seconds on a busy machine, and threads that never spin cost a third of the speed on an idle one; this many
# turns cost neither (two cores, 1.5B: 33 tokens a second idle, and 16 beside two busy processes, against 20 and 18
# passive).
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
# On a fatal error ggml would start a debugger to print a backtrace, and take seconds to die.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")

import llama_cpp
import numpy as np
from llama_cpp import llama_cpp as _bindings
from llama_cpp import llama_grammar as _schemas

from codeagent.inference.engine.ggml import CACHE_KINDS, SPLIT_MODES, Device, NativeError, Registry
from codeagent.inference.frames import CacheKind, SplitMode

# The bindings are generated from C and typed accordingly; everything that leaves this file has a real type.
_c: Any = _bindings
bindings: Any = _c
"""For what wraps a part of the library in a file of its own."""
_cast: Any = ctypes.cast
_pointer_to: Any = ctypes.POINTER

_UNKNOWN_TOKEN, _CONTROL_TOKEN, _USER_DEFINED_TOKEN = 1, 8, 16
_WARNING, _ERROR, _CONTINUED = 3, 4, 5
_LEAST_LOGPROB = -10_000.0


class DecodeAbortedError(Exception):
    """The abort callback stopped a decode."""


class CacheFullError(Exception):
    """The cache has no room for the tokens of a decode."""


class Backend:
    """The native library, of which a process has one: its log, its devices and its versions."""

    def __init__(self) -> None:
        self.log: deque[str] = deque(maxlen=2000)
        self._partial = ("", 0)
        # The library keeps only the address: without this reference it would call freed memory.
        self._on_log = _c.llama_log_callback(self._heard)
        _c.llama_log_set(self._on_log, None)
        _c.llama_backend_init()
        self.registry = Registry(Path(llama_cpp.__file__).parent / "lib")

    def _heard(self, level: int, text: bytes, _data: object) -> None:
        before, kind = self._partial
        kind = kind if level == _CONTINUED else level
        *lines, rest = (before + text.decode(errors="replace")).split("\n")
        self._partial = (rest, kind)
        for line in lines:
            self.log.append(line)
            if kind in (_WARNING, _ERROR):
                print(line, file=sys.stderr, flush=True)  # noqa: T201  (the runner's stderr is the error report)

    def devices(self) -> list[Device]:
        """Every device, in the library's order."""
        return self.registry.devices()

    def add_rpc_server(self, endpoint: str) -> None:
        """Make the devices of a llama.cpp RPC server ("host:port") ours. Raises NativeError when that cannot be."""
        if not _c.llama_supports_rpc():
            raise NativeError("llama-cpp-python was built without RPC (-DGGML_RPC=on)")
        self.registry.add_rpc_server(endpoint)

    def versions(self) -> dict[str, str]:
        """The versions of the native library and of its Python package."""
        return {"llama.cpp": _c.llama_version().decode(), "llama-cpp-python": version("llama-cpp-python")}

    def supports_gpu(self) -> bool:
        """Whether the library was built with any GPU backend (RPC counts: it may reach one)."""
        return bool(_c.llama_supports_gpu_offload())

    def system(self) -> str:
        """The processor features and backends the library was built for, as it says it."""
        return _c.llama_print_system_info().decode(errors="replace").strip()

    def last_error(self, lines: int = 3) -> str:
        """The last lines of the log that look like a failure, for an error text."""
        bad = [line for line in self.log if any(word in line.lower() for word in ("error", "fail", "unable", "memory"))]
        return " ".join(bad[-lines:]).strip()


@cache
def backend() -> Backend:
    """The process's one Backend. Cached because the native library's state is the process's, too."""
    return Backend()


class Model:
    """The weights and the vocabulary, or the latter alone. `on_progress` gets 0 to 1 and ends it by returning False."""

    def __init__(
        self,
        path: str,
        *,
        gpu_layers: int = 0,
        devices: Sequence[Device] = (),
        tensor_split: Sequence[float] = (),
        main_device: int | None = None,
        use_mmap: bool = True,
        use_mlock: bool = False,
        cpu_moe: int = 0,
        split_mode: SplitMode = "layer",
        vocabulary_only: bool = False,
        on_progress: Callable[[float], bool] | None = None,
    ) -> None:
        backend().log.clear()
        params = _c.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.vocab_only = vocabulary_only
        if use_mlock:
            params.load_mode = _c.LLAMA_LOAD_MODE_MMAP_MLOCK if use_mmap else _c.LLAMA_LOAD_MODE_MLOCK
        elif not use_mmap:
            params.load_mode = _c.LLAMA_LOAD_MODE_NONE
        params.split_mode = SPLIT_MODES[split_mode]
        on_cpu = backend().registry.experts_on_cpu(cpu_moe)
        params.tensor_buft_overrides = ctypes.cast(on_cpu, ctypes.c_void_p) if cpu_moe else None
        handles = (ctypes.c_void_p * (len(devices) + 1))(*[device.handle for device in devices], None)
        params.devices = ctypes.cast(handles, ctypes.c_void_p)
        split = (ctypes.c_float * max(int(_c.llama_max_devices()), len(tensor_split)))(*tensor_split)
        if tensor_split:
            params.tensor_split = ctypes.cast(split, ctypes.POINTER(ctypes.c_float))
        if main_device is not None:
            params.main_gpu = main_device

        def progressed(done: float, _data: object) -> bool:
            return on_progress is None or on_progress(done)

        report = _c.llama_progress_callback(progressed)
        params.progress_callback = report
        self.handle = _c.llama_model_load_from_file(path.encode(), params)
        if not self.handle:
            raise NativeError(backend().last_error())
        self.vocab = Vocab(_c.llama_model_get_vocab(self.handle))
        self.parameters: int = _c.llama_model_n_params(self.handle)
        self.vector_length: int = _c.llama_model_n_embd_out(self.handle)
        self.window: int = _c.llama_model_n_swa(self.handle)
        """How many tokens back some of its layers look; 0: all of them look at all."""
        self.can_rewind = not (_c.llama_model_is_recurrent(self.handle) or _c.llama_model_is_hybrid(self.handle))

    def close(self) -> None:
        """Free it; its contexts must be closed before."""
        if self.handle:
            _c.llama_model_free(self.handle)
            self.handle = None


class Vocab:
    """Text to tokens and back."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.size: int = _c.llama_vocab_n_tokens(handle)
        self.adds_bos: bool = _c.llama_vocab_get_add_bos(handle)
        self.bos: int = _c.llama_vocab_bos(handle)
        self.eos: int = _c.llama_vocab_eos(handle)
        self._pieces: dict[int, bytes] = {}

    def tokenize(self, text: str, parse_special: bool, ends: bool = False) -> list[int]:
        """The tokens of a text, with `ends` between the marks that the model wants there. Only with `parse_special` do
        texts of control tokens become those tokens."""
        data = text.encode(errors="replace")
        room = len(data) + 8
        while True:
            buffer = (ctypes.c_int32 * room)()
            count = _c.llama_tokenize(self.handle, data, len(data), buffer, room, ends, parse_special)
            if count >= 0:
                return buffer[:count]
            room = -count

    def piece(self, token: int) -> bytes:
        """The bytes of one token, perhaps part of a character; control tokens as their text; empty for -1."""
        known = self._pieces.get(token)
        if known is not None:
            return known
        if not 0 <= token < self.size:
            return b""
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            length = _c.llama_token_to_piece(self.handle, token, buffer, room, 0, True)
            if length >= 0:
                return self._pieces.setdefault(token, buffer.raw[:length])
            room = -length

    def is_end(self, token: int) -> bool:
        """Whether the token ends the answer."""
        return _c.llama_vocab_is_eog(self.handle, token)

    def is_mark(self, token: int) -> bool:
        """Whether the token marks up a chat, or ends the answer."""
        return self.is_end(token) or bool(_c.llama_vocab_get_attr(self.handle, token) & _CONTROL_TOKEN)

    def goes_on(self, text: bytes) -> bool:
        """Whether some token begins with this text and is longer."""
        at = bisect_right(self._sorted, text)
        return at < len(self._sorted) and self._sorted[at].startswith(text)

    @cached_property
    def _sorted(self) -> list[bytes]:
        return sorted(map(self.piece, range(self.size)))  # 0.3 s at a vocabulary of 152,000

    @cached_property
    def first_bytes(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The first byte of each token's text; 0 where there is none. Takes a good part of a second, once."""
        return np.array([(self.piece(token) or b"\0")[0] for token in range(self.size)], np.uint8)

    @cached_property
    def control_tokens(self) -> list[tuple[int, bytes]]:
        """The tokens that mark up a chat, ends of an answer aside, with their texts."""
        marks = (t for t in range(self.size) if _c.llama_vocab_get_attr(self.handle, t) & _CONTROL_TOKEN)
        return [(token, self.piece(token)) for token in marks if not self.is_end(token)]

    def special_texts(self) -> tuple[frozenset[str], frozenset[str]]:
        """The texts of control tokens, and those of the tokens the model's maker added."""
        control: set[str] = set()
        added: set[str] = set()
        for token in range(self.size):
            attributes = _c.llama_vocab_get_attr(self.handle, token)
            if attributes & (_UNKNOWN_TOKEN | _CONTROL_TOKEN):
                control.add(self.piece(token).decode(errors="replace"))
            elif attributes & _USER_DEFINED_TOKEN:
                added.add(self.piece(token).decode(errors="replace"))
        return frozenset(control), frozenset(added)


class Entry(NamedTuple):
    """One token to decode: where it goes, and whether its scores are wanted."""

    token: int
    position: int
    sequence: int
    scored: bool


class Context:
    """A KV cache that `sequences` sequences of tokens share, the attention over it, and the scores that come out.

    A sequence may fill the whole window, `size`, if the others leave it. `should_abort` is asked many times during a
    decode, and must be quick. With a `pooling` (a llama_pooling_type) it is for embed() alone.
    """

    def __init__(
        self,
        model: Model,
        *,
        size: int,
        batch: int,
        threads: int,
        should_abort: Callable[[], bool],
        sequences: int = 1,
        kv_type: CacheKind = "f16",
        flash_attention: bool | None = None,
        pooling: int = 0,
    ) -> None:
        params = _c.llama_context_default_params()
        params.type_k = params.type_v = CACHE_KINDS[kv_type]
        if flash_attention is not None:
            params.flash_attn_type = int(flash_attention)
        if pooling:
            params.embeddings, params.pooling_type = True, pooling
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = size, batch, batch, sequences
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = params.no_perf = True
        self.model, self.batch, self.sequences = model, batch, sequences
        self.handle = _c.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise NativeError(backend().last_error())
        self.size: int = _c.llama_n_ctx(self.handle)
        self._memory = _c.llama_get_memory(self.handle)
        int32, int8 = ctypes.c_int32 * batch, ctypes.c_int8 * batch
        self._tokens, self._positions, self._sequences, self._scored = int32(), int32(), int32(), int8()
        # Every token belongs to one sequence: its list of them is one place of the array above.
        place = ctypes.sizeof(ctypes.c_int32)
        lists = (_pointer_to(ctypes.c_int32) * batch)()
        for n in range(batch):
            lists[n] = _cast(ctypes.addressof(self._sequences) + place * n, _pointer_to(ctypes.c_int32))
        self._batch = _c.llama_batch(0, self._tokens, None, self._positions, int32(*[1] * batch), lists, self._scored)

        def asked(_data: object) -> bool:
            return should_abort()

        self._on_abort = _c.ggml_abort_callback(asked)
        _c.llama_set_abort_callback(self.handle, self._on_abort, None)

    def decode(self, entries: Sequence[Entry]) -> None:
        """Decode 1 to `batch` tokens of any sequences at once, those of one sequence in the order of their positions.

        The scores wanted are then those at() the places of their entries. Raises CacheFullError, with nothing changed;
        DecodeAbortedError or NativeError, and then the cache may hold any number of the tokens: remove those.
        """
        count = self._batch.n_tokens = len(entries)
        columns = zip(*entries, strict=True)
        for array in (self._tokens, self._positions, self._sequences, self._scored):
            array[:count] = next(columns)
        self._run(_c.llama_decode, self._batch)
        _c.llama_synchronize(self.handle)  # so that whoever measures the time measures this decode and not the next

    def embed(self, tokens: Sequence[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The pooled vector of one text of 1 to `batch` tokens. Raises as decode() does."""
        if self._memory:
            self.clear()
        # Models that look both ways, as BERT does, have no cache: they are no decoders.
        self._tokens[: len(tokens)] = tokens
        batch = _c.llama_batch_get_one(self._tokens, len(tokens))
        self._run(_c.llama_decode if self._memory else _c.llama_encode, batch)
        found = _c.llama_get_embeddings_seq(self.handle, 0)
        if not found:
            raise NativeError("the model gives no vectors")
        return np.ctypeslib.as_array(found, shape=(self.model.vector_length,)).copy()

    def _run(self, native: Any, batch: Any) -> None:
        result = native(self.handle, batch)
        if result == 1:
            raise CacheFullError
        if result == 2:
            raise DecodeAbortedError
        if result != 0:
            raise NativeError(f"{native.__name__} gave {result}. {backend().last_error()}")

    def remove_from(self, position: int, sequence: int = 0) -> bool:
        """Forget a sequence's tokens from this position on; False, and nothing certain, when this model cannot."""
        if not _c.llama_memory_seq_rm(self._memory, sequence, position, -1):
            return False
        # A sliding window may have dropped what a rewound sequence needs again.
        first = max(0, position + 1 - self.model.window) if self.model.window else 0
        kept = _c.llama_memory_seq_pos_min(self._memory, sequence)
        return position == 0 or not self.model.can_rewind or 0 <= kept <= first

    def copy(self, source: int, target: int) -> None:
        """Give an empty sequence all tokens of another; they share the memory until they part. Less than 1 ms."""
        _c.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def clear(self, sequence: int = -1) -> None:
        """Forget all of a sequence, or of every one."""
        _c.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def logits(self, at: int = -1) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The scores after the entry at this place of the last decode, or its last one: a view, valid until the next.

        The entry must have been `scored`.
        """
        return np.ctypeslib.as_array(_c.llama_get_logits_ith(self.handle, at), shape=(self.model.vocab.size,))

    def logprob(self, token: int, at: int = -1) -> float:
        """The natural logarithm of the probability of a token after an entry, as for logits(), before sampling
        settings.

        About 0.1 ms at a vocabulary of 152,000.
        """
        logits, scratch = self.logits(at), self._scratch
        top = logits.max()
        np.exp(np.subtract(logits, top, out=scratch), out=scratch)
        value = float(logits[token] - top) - math.log(float(scratch.sum()))
        # Not max(): broken weights give not-a-number, which no frame can carry, and no comparison with it holds.
        return value if value > _LEAST_LOGPROB else _LEAST_LOGPROB

    @cached_property
    def _scratch(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.empty(self.model.vocab.size, np.float32)

    def close(self) -> None:
        """Free it."""
        if self.handle:
            _c.llama_free(self.handle)
            self.handle = None


def schema_grammar(schema: dict[str, Any]) -> str:
    """The GBNF of a JSON schema, by llama-cpp-python's converter, which raises anything for a bad one."""
    convert: Any = _schemas.json_schema_to_gbnf
    return convert(json.dumps(schema))
