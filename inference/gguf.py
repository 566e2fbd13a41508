"""Reads a GGUF file's header, with limits, before native code sees the file; knows no engine and loads no weights."""

from __future__ import annotations

import math
import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from codeagent.inference.client import ModelLoadError

MAX_HEADER = 256 << 20
MAX_KEYS = 4096
MAX_TENSORS = 65_536
MAX_KEY_LENGTH = 65_535
MAX_STRING = 16 << 20
MAX_ARRAY = 16 << 20
MAX_NAME = 63
MAX_DIMS = 4
MAX_ALIGNMENT = 64 << 10
MAX_LAYERS = 512
KEPT_ARRAY = 1024
"""Arrays longer than this (token lists, scores, merges) are kept as their length alone."""

_CHUNK = 4 << 20

_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<B"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_BOOL, _STRING, _ARRAY = 7, 8, 9
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")

TENSOR_TYPES: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),
}
"""Number in the file → name, elements a block, bytes a block. Source: ggml.h and the type traits of llama.cpp."""


class GGUFError(ModelLoadError):
    """The file is no usable GGUF model. The text is one sentence: which file, what is wrong, what to do."""


@dataclass(frozen=True)
class LongArray:
    """An array that was checked and passed over: its length alone is known."""

    length: int


Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...] | LongArray


@dataclass(frozen=True)
class Tensor:
    """One tensor: dimensions in ggml's order (the row first), `offset` from the start of the file, sizes in bytes."""

    name: str
    type: str
    dims: tuple[int, ...]
    offset: int
    nbytes: int

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.dims)


@dataclass(frozen=True)
class Header:
    """What a GGUF file says about itself, checked. `data_offset` is where the weights start; sizes in bytes."""

    path: Path
    version: int
    file_size: int
    data_offset: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]

    @property
    def architecture(self) -> str:
        """The name of the model family, such as `qwen2`; every other key of the model starts with it."""
        return str(self.metadata["general.architecture"])

    @property
    def chat_template(self) -> str:
        """The Jinja template of the conversation, or an empty string."""
        return self.text("tokenizer.chat_template")

    @property
    def parameters(self) -> int:
        """How many numbers the model has learnt."""
        return sum(t.elements for t in self.tensors)

    @property
    def vocabulary(self) -> int:
        """The number of tokens, or 0 when the file does not say."""
        tokens = self.metadata.get("tokenizer.ggml.tokens")
        if isinstance(tokens, LongArray):
            return tokens.length
        return len(tokens) if isinstance(tokens, tuple) else self.number("vocab_size", 0)

    def text(self, key: str) -> str:
        """The text under a full key, or an empty string when it is missing or no text."""
        value = self.metadata.get(key, "")
        return value if isinstance(value, str) else ""

    def number(self, key: str, default: int) -> int:
        """A whole number ≥ 0 under `<architecture>.<key>`; of a per-layer list the largest. Else GGUFError."""
        return max(self._whole(key, default))

    def numbers(self, key: str, default: int, count: int) -> tuple[int, ...]:
        """`count` whole numbers ≥ 0, one a layer, under `<architecture>.<key>`; a single one counts for all layers."""
        values = self._whole(key, default)
        return (values + (values[-1],) * count)[:count]

    def _whole(self, key: str, default: int) -> tuple[int, ...]:
        value = self.metadata.get(f"{self.architecture}.{key}", default)
        values = value if isinstance(value, tuple) else (value,)
        whole = tuple(int(v) for v in values if isinstance(v, int) and 0 <= v < 1 << 32)
        if not whole or len(whole) != len(values):
            raise GGUFError(f"{self.path} is damaged (no sensible value for {key!r}): pull or copy the model again.")
        return whole


def read_header(path: Path, whole: bool = True) -> Header:
    """Read and check the header of the file: never more than 256 MiB, never the weights. Raises GGUFError.

    It must be of a whole language model, or with `whole` False may be of what goes beside one, such as a projector.

    What is checked: magic, version, counts, string and array lengths, nesting, alignment, the dimensions' product,
    duplicate names, and that every tensor of the table lies inside the file (one cut short is known from that).
    """
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise GGUFError(f"{path} is empty, so there is no model in it: pull or copy it again.")
        return _Parser(path, file, size).header(whole)


def _open(path: Path) -> BinaryIO:
    # O_NONBLOCK: opening a FIFO nobody writes to would otherwise wait for ever.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as e:
        raise GGUFError(f"There is no model file {path}: pull it, or give the path of a GGUF file.") from e
    except PermissionError as e:
        raise GGUFError(f"{path} may not be read by this user: change its permissions, or copy it.") from e
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) and e.strerror else str(e)
        raise GGUFError(f"{path} cannot be opened ({reason}): give the path of a GGUF file.") from e
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(fd, "rb")
    os.close(fd)
    kind = "a folder" if stat.S_ISDIR(mode) else "not an ordinary file"
    raise GGUFError(f"{path} is {kind}: give the path of a GGUF file.")


class _Parser:
    """Walks the header once. `data` is what has been read of the file so far, `at` the place in it."""

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.path = path
        self.file = file
        self.size = size
        self.data = bytearray()
        self.at = 0

    def header(self, whole: bool) -> Header:
        version, n_tensors, n_keys = self._preamble()
        metadata = self._metadata(n_keys)
        alignment = self._alignment(metadata)
        infos = [self._tensor_info() for _ in range(n_tensors)]
        if len({name for name, *_ in infos}) != len(infos):
            raise self._damaged("two tensors have the same name")
        start = -(-self.at // alignment) * alignment
        tensors = tuple(self._tensor(*info, start=start, alignment=alignment) for info in infos)
        end = max((t.offset + t.nbytes for t in tensors), default=start)
        if end > self.size:
            raise GGUFError(
                f"{self.path} is incomplete, {end - self.size:,} bytes short of {end:,}: pull or copy the model again."
            )
        header = Header(self.path, version, self.size, start, metadata, tensors)
        self._check_model(header, whole)
        return header

    def _damaged(self, what: str) -> GGUFError:
        return GGUFError(f"{self.path} is damaged ({what}): pull or copy the model again.")

    def _need(self, count: int) -> int:
        """Make sure `count` more bytes are there and step over them; where they start."""
        start, self.at = self.at, self.at + count
        if self.at > MAX_HEADER:
            raise self._damaged(f"its header is over {MAX_HEADER >> 20} MiB")
        if self.at > self.size:
            raise GGUFError(f"{self.path} is incomplete, it ends inside its header: pull or copy the model again.")
        while len(self.data) < self.at:
            try:
                chunk = self.file.read(max(_CHUNK, self.at - len(self.data)))
            except OSError as e:
                raise GGUFError(f"{self.path} cannot be read ({e.strerror}): check the disk, or copy it again.") from e
            if not chunk:
                raise GGUFError(f"{self.path} became shorter while it was read: wait until it is complete.")
            self.data += chunk
        return start

    def _u32(self) -> int:
        start = self._need(4)
        return _U32.unpack_from(self.data, start)[0]

    def _u64(self) -> int:
        start = self._need(8)
        return _U64.unpack_from(self.data, start)[0]

    def _string(self, limit: int, what: str) -> str:
        length = self._u64()
        if length > limit:
            raise self._damaged(f"{what} of {length:,} bytes")
        start = self._need(length)
        return self.data[start : self.at].decode("utf-8", "replace")

    def _preamble(self) -> tuple[int, int, int]:
        # The magic first: a foreign file of three bytes is foreign, not incomplete.
        magic = bytes(self.data[self._need(min(4, self.size)) : self.at])
        if magic != b"GGUF":
            raise GGUFError(f"{self.path} is not a GGUF file: give a model in the GGUF format.")
        version = self._u32()
        if version & 0xFFFF == 0:
            raise GGUFError(f"{self.path} was written for big-endian machines: get the little-endian version.")
        if version not in (2, 3):
            raise GGUFError(
                f"{self.path} is GGUF version {version:,}, and versions 2 and 3 can be read: get another file."
            )
        n_tensors, n_keys = self._u64(), self._u64()
        if n_tensors > MAX_TENSORS or n_keys > MAX_KEYS:
            raise self._damaged(f"it claims {n_tensors:,} tensors and {n_keys:,} keys")
        return version, n_tensors, n_keys

    def _metadata(self, count: int) -> dict[str, Value]:
        metadata: dict[str, Value] = {}
        for _ in range(count):
            key = self._string(MAX_KEY_LENGTH, "a key")
            if not key or key in metadata:
                raise self._damaged(f"the key {key[:60]!r} is empty or given twice")
            metadata[key] = self._value(self._u32(), key)
        return metadata

    def _value(self, kind: int, key: str) -> Value:
        if kind != _ARRAY:
            return self._scalar(kind, key)
        kind, length = self._u32(), self._u64()
        if kind == _ARRAY:
            raise self._damaged(f"nested lists under {key[:60]!r}")
        if length > MAX_ARRAY:
            raise self._damaged(f"a list of {length:,} entries under {key[:60]!r}")
        if length <= KEPT_ARRAY:
            return tuple(self._scalar(kind, key) for _ in range(length))
        if kind == _STRING:
            self._skip_strings(length, key)
        elif kind in _SCALARS:
            self._need(length * _SCALARS[kind].size)
        else:
            raise self._damaged(f"unknown type {kind} under {key[:60]!r}")
        return LongArray(length)

    def _scalar(self, kind: int, key: str) -> Scalar:
        if kind == _STRING:
            return self._string(MAX_STRING, f"a text under {key[:60]!r}")
        layout = _SCALARS.get(kind)
        if layout is None:
            raise self._damaged(f"unknown type {kind} under {key[:60]!r}")
        start = self._need(layout.size)
        value = layout.unpack_from(self.data, start)[0]
        if kind == _BOOL:
            if value > 1:
                raise self._damaged(f"{value} as true or false under {key[:60]!r}")
            return bool(value)
        return value

    def _skip_strings(self, count: int, key: str) -> None:
        for _ in range(count):
            length = self._u64()
            if length > MAX_STRING:
                raise self._damaged(f"a text of {length:,} bytes under {key[:60]!r}")
            self._need(length)

    def _alignment(self, metadata: Mapping[str, Value]) -> int:
        value = metadata.get("general.alignment", 32)
        if not isinstance(value, int) or not 0 < value <= MAX_ALIGNMENT or value & (value - 1):
            raise self._damaged(f"an alignment of {value}")
        return value

    def _tensor_info(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._string(MAX_NAME, "a tensor's name")
        n_dims = self._u32()
        if not 1 <= n_dims <= MAX_DIMS:
            raise self._damaged(f"the tensor {name!r} has {n_dims:,} dimensions")
        dims = tuple(self._u64() for _ in range(n_dims))
        return name, dims, self._u32(), self._u64()

    def _tensor(self, name: str, dims: tuple[int, ...], kind: int, offset: int, start: int, alignment: int) -> Tensor:
        if kind not in TENSOR_TYPES:
            raise GGUFError(f"{self.path} stores the tensor {name!r} in the unknown type {kind}: update codeagent.")
        type_name, block, block_bytes = TENSOR_TYPES[kind]
        elements = math.prod(dims)
        if elements == 0 or elements >= 1 << 62 or dims[0] % block:
            raise self._damaged(f"the tensor {name!r} has the size {' x '.join(map(str, dims))}")
        nbytes = elements // block * block_bytes
        if offset % alignment or start + offset + nbytes >= 1 << 62:
            raise self._damaged(f"the tensor {name!r} lies at {offset:,}")
        return Tensor(name, type_name, dims, start + offset, nbytes)

    def _check_model(self, header: Header, whole: bool) -> None:
        if not header.text("general.architecture"):
            raise self._damaged("it does not say which architecture it is")
        parts = header.metadata.get("split.count", 0)
        if isinstance(parts, int) and parts > 1:
            raise GGUFError(
                f"{self.path} is one of {parts} parts: join them first with llama.cpp's `llama-gguf-split --merge`."
            )
        if not header.tensors:
            raise GGUFError(f"{self.path} holds no weights: give the GGUF file of a whole model.")
        if not whole:
            return
        kind = header.text("general.type")
        if kind not in ("", "model"):
            raise GGUFError(f"{self.path} is not a model of its own but a {kind[:40]!r}: give the model's GGUF file.")
        if f"{header.architecture}.block_count" not in header.metadata:
            raise GGUFError(f"{self.path} is not a language model: give the GGUF file of one.")
        if not 1 <= header.number("block_count", 0) <= MAX_LAYERS:
            raise self._damaged("its number of layers makes no sense")
