"""The wire between the parent and the runner: typed frames, one length-checked JSON line each; knows no process and
no engine.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from codeagent.inference.client import ChatRequest, Frozen, ModelEvent, ModelInfo

PROTOCOL = 2
MAX_FRAME = 64 * 1024 * 1024

CacheKind = Literal["f16", "q8_0", "q4_0"]
SplitMode = Literal["none", "layer", "row"]


class WarmPlace(Frozen):
    """Where the process may keep states of its cache for later sessions: an absolute folder that is there, for this one
    model, and the bytes it may fill.
    """

    folder: str
    limit: Annotated[int, Field(ge=0)]


class LoadSettings(Frozen):
    """What to load and how. None means: chosen automatically, and only such values may be lowered when memory runs out.

    `context` in tokens; `gpu_layers` counts from the last layer and includes the output layer; `rpc` are "host:port" of
    llama.cpp RPC servers; `batch` is the largest number of tokens decoded at once while the prompt is read; `sequences`
    is how many requests are answered at once, and how many beginnings are remembered, all within one window. With
    `vocabulary_only` no weights are loaded, in a fraction of a second: then requests can be counted, not answered. With
    `embedding` texts are given vectors, and nothing else; `context` is then the most tokens of a text that count, and
    the process steps back behind all others. `kv_type` is how the cache is kept; quantized it needs flash attention.
    `cpu_moe` layers, the first ones, keep their experts on the CPU; `split_mode` says how several GPUs share the model:
    not at all, layer by layer, or every matrix by its rows. `use_mlock` keeps the weights from being swapped out.
    """

    path: str
    name: str
    context: int | None = None
    gpu_layers: int | None = None
    threads: int | None = None
    batch: int = 256
    sequences: Annotated[int, Field(ge=1, le=64)] = 4
    rpc: tuple[str, ...] = ()
    use_mmap: bool = True
    use_mlock: bool = False
    kv_type: CacheKind | None = None
    flash_attention: bool | None = None
    cpu_moe: int | None = None
    split_mode: SplitMode | None = None
    vocabulary_only: bool = False
    embedding: bool = False
    warm: WarmPlace | None = None


class DeviceInfo(Frozen):
    """A device that can hold layers; sizes in bytes.

    Where they are known: `bandwidth` of its memory and of the `link` to it in bytes a second, `flops` a second.
    """

    name: str
    description: str
    kind: Literal["gpu", "igpu", "accelerator", "cpu"]
    free: int
    total: int
    bandwidth: float | None = None
    flops: float | None = None
    link: float | None = None

    @property
    def remote(self) -> bool:
        """Whether it is reached through llama.cpp's RPC; then the library names it so, and `description` is where."""
        return self.name.startswith("RPC")


class Devices(Frozen):
    """All devices that the library sees, in its order."""

    devices: tuple[DeviceInfo, ...]


class Load(Frozen):
    """Load this model; answered by State frames and at last Loaded or Failed(id=0)."""

    type: Literal["load"] = "load"
    settings: LoadSettings


class Generate(Frozen):
    """Run this request; answered by Event frames with the same id, the last of which is Finished, or by Failed."""

    type: Literal["generate"] = "generate"
    id: int
    request: ChatRequest


class Count(Frozen):
    """Count the prompt tokens of this request; answered by Counted or Failed."""

    type: Literal["count"] = "count"
    id: int
    request: ChatRequest


class Embed(Frozen):
    """Give each of these texts its vector; answered by Embedded, Cancelled or Failed."""

    type: Literal["embed"] = "embed"
    id: int
    texts: tuple[str, ...]


class Cancel(Frozen):
    """Stop generation `id` within one token, or embedding `id` within one text; answered by Cancelled. Unknown ids are
    ignored.
    """

    type: Literal["cancel"] = "cancel"
    id: int


class Shutdown(Frozen):
    """End cleanly."""

    type: Literal["shutdown"] = "shutdown"


class Hello(Frozen):
    """First frame of the runner: protocol number, versions of the libraries, and the devices it sees."""

    type: Literal["hello"] = "hello"
    protocol: int
    versions: dict[str, str]
    devices: tuple[DeviceInfo, ...]
    supports_gpu: bool
    system: str = ""


class State(Frozen):
    """A sign of life: what the runner does, with progress from 0 to 1 where it is known."""

    type: Literal["state"] = "state"
    state: Literal["starting", "loading", "ready", "busy"]
    progress: float | None = None
    detail: str = ""


class Loaded(Frozen):
    """The model is ready."""

    type: Literal["loaded"] = "loaded"
    info: ModelInfo


class Event(Frozen):
    """An event of generation `id`."""

    type: Literal["event"] = "event"
    id: int
    event: ModelEvent


class Cancelled(Frozen):
    """Generation `id` stopped because it was asked to."""

    type: Literal["cancelled"] = "cancelled"
    id: int


class Counted(Frozen):
    """The answer to Count."""

    type: Literal["counted"] = "counted"
    id: int
    tokens: int


class Embedded(Frozen):
    """The answer to Embed: one vector a text, in order, each of `length` numbers and of length 1 in space (all zeros
    for a text without a token); as 32-bit floats, little-endian, in base64.
    """

    type: Literal["embedded"] = "embedded"
    id: int
    length: int
    vectors: str


class Failed(Frozen):
    """Request `id` (0: loading) failed; `kind` names the ModelError class, `data` its extra arguments."""

    type: Literal["failed"] = "failed"
    id: int
    kind: Literal["bad_request", "load", "out_of_memory", "overflow", "internal"]
    message: str
    data: dict[str, Any] = Field(default_factory=dict[str, Any])


ToRunner = Annotated[Load | Generate | Count | Embed | Cancel | Shutdown, Field(discriminator="type")]
FromRunner = Annotated[
    Hello | State | Loaded | Event | Cancelled | Counted | Embedded | Failed, Field(discriminator="type")
]
TO_RUNNER: TypeAdapter[ToRunner] = TypeAdapter(ToRunner)
FROM_RUNNER: TypeAdapter[FromRunner] = TypeAdapter(FromRunner)


class FrameError(Exception):
    """Bytes on the wire that are no frame."""


def encode(frame: Frozen) -> bytes:
    """A frame as bytes: the body's length in decimal, a space, the JSON body, a newline. Raises FrameError above
    MAX_FRAME.
    """
    body = frame.model_dump_json(exclude_defaults=False).encode()
    if len(body) > MAX_FRAME:
        raise FrameError(f"A frame of {len(body):,} bytes is over the limit of {MAX_FRAME:,}.")
    return b"%d %s\n" % (len(body), body)


def body_of(line: bytes) -> bytes:
    """The JSON body of one line with its newline, its length checked. Raises FrameError for anything torn, long or
    foreign.
    """
    head, _, rest = line.partition(b" ")
    if not head.isdigit() or len(head) > 10 or not rest.endswith(b"\n") or int(head) != len(rest) - 1:
        raise FrameError(f"Not a frame: {line[:80]!r}")
    return rest[:-1]
