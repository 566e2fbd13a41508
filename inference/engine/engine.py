"""The engine as the runner uses it: a loaded model that counts and answers; knows no pipes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Event

from codeagent.inference import dialects
from codeagent.inference.client import ChatRequest, ModelEvent, ModelInfo, ModelLoadError, OutOfMemoryError
from codeagent.inference.engine.generation import Generation
from codeagent.inference.engine.ggml import Device, NativeError
from codeagent.inference.engine.llama import Backend, Context, Model, backend
from codeagent.inference.engine.machine import default_threads
from codeagent.inference.engine.prompt import prompt_builder
from codeagent.inference.engine.template import CHATML
from codeagent.inference.frames import DeviceInfo, LoadSettings
from codeagent.inference.gguf import Header, read_header
from codeagent.inference.host import host_memory
from codeagent.inference.placement import Plan, lower, plan, shortage
from codeagent.inference.store import in_use

_NO_MEMORY = ("alloc", "out of memory", "not enough memory", "memory buffer")


class Engine:
    """A model in memory. Made by load(); one thread uses it, and only `cancelled` events may be set from others."""

    def __init__(
        self,
        settings: LoadSettings,
        header: Header,
        placed: Plan,
        on_progress: Callable[[float], bool],
        beat: Callable[[], None],
    ) -> None:
        self._beat = beat
        self._cancelled = Event()
        devices = backend().devices()
        self._model = Model(
            settings.path,
            gpu_layers=placed.n_gpu_layers,
            devices=[devices[device.index] for device in placed.devices],
            tensor_split=placed.tensor_split,
            main_device=placed.main_device,
            use_mmap=settings.use_mmap,
            on_progress=on_progress,
        )
        try:
            self._context = Context(
                self._model,
                size=placed.context,
                batch=min(placed.batch, placed.context),
                threads=settings.threads or default_threads(),
                should_abort=self._should_abort,
            )
        except NativeError:
            self._model.close()
            raise
        self._claim = ExitStack()
        self._claim.enter_context(in_use(Path(settings.path)))
        source = header.chat_template or CHATML
        vocab = self._model.vocab
        dialect = dialects.detect(source, header.architecture)
        self._prompts = prompt_builder(source, vocab, dialect)
        self._generation = Generation(self._context, dialect, beat)
        notices = placed.notices
        if not header.chat_template:
            notices += (
                "The model file brings no chat template: ChatML is used, which may not be what it was trained on.",
            )
        if not self._model.can_rewind:
            notices += (
                "This kind of model cannot go back in a conversation: when a message changes, all of it is read again.",
            )
        self._info = ModelInfo(
            name=settings.name,
            context_length=self._context.size,
            dialect=dialect.name,
            architecture=header.architecture,
            parameters=self._model.parameters,
            gpu_layers=placed.n_gpu_layers,
            reasoning="</think>" in source,
            can_rewind=self._model.can_rewind,
            notices=notices,
        )

    @classmethod
    def load(
        cls,
        settings: LoadSettings,
        on_progress: Callable[[float], bool] = lambda _done: True,
        beat: Callable[[], None] = lambda: None,
    ) -> Engine:
        """Load a model where it fits, lowering what is automatic when memory runs out, and say so in the notices.

        `on_progress` gets 0 to 1 and ends the loading by returning False. `beat` is called, often, whenever the engine
        has got on, while a decode is running too. Raises ModelLoadError or OutOfMemoryError.
        """
        header = read_header(Path(settings.path))
        native = backend()
        _connect(native, settings.rpc)
        placed = plan(header, device_infos(native.devices()), settings, host_memory().available)
        if (why := shortage(placed)) is not None:
            raise OutOfMemoryError(f"{_no_memory(settings, placed)} {why}")
        while True:
            try:
                return cls(settings, header, placed, on_progress, beat)
            except NativeError as error:
                if not any(word in line.lower() for line in native.log for word in _NO_MEMORY):
                    raise ModelLoadError(
                        f"llama.cpp cannot load {settings.path}. It says: {str(error) or 'nothing'}"
                    ) from None
                lowered = lower(placed)
                if lowered is None:
                    raise OutOfMemoryError(_no_memory(settings, placed)) from None
                placed = lowered

    def info(self) -> ModelInfo:
        """What is loaded."""
        return self._info

    def count(self, request: ChatRequest) -> int:
        """The number of prompt tokens of this request. Raises BadRequestError."""
        return len(self._prompts.build(request))

    def generate(self, request: ChatRequest, emit: Callable[[ModelEvent], None], cancelled: Event) -> None:
        """Answer: events through `emit`, the last a Finished.

        Setting `cancelled` from any thread ends it with CancelledError, during a decode too. Raises
        ContextOverflowError before the first event and BadRequestError usually then: a grammar may lead nowhere later.
        """
        prompt = self._prompts.build(request)
        self._cancelled = cancelled
        self._generation.run(request, prompt, emit, cancelled)

    def close(self) -> None:
        """Free the memory. Safe to call twice."""
        self._context.close()
        self._model.close()
        self._claim.close()

    def _should_abort(self) -> bool:
        self._beat()
        return self._cancelled.is_set()


def device_infos(devices: list[Device]) -> tuple[DeviceInfo, ...]:
    """The devices as data."""
    return tuple(
        DeviceInfo(name=d.name, description=d.description, kind=d.kind, free=d.free, total=d.total) for d in devices
    )


def _connect(native: Backend, endpoints: tuple[str, ...]) -> None:
    for endpoint in endpoints:
        try:
            native.add_rpc_server(endpoint)
        except NativeError as error:
            raise ModelLoadError(
                f"The RPC server {endpoint} cannot be used: {error}. Start it, or leave it out."
            ) from None


def _no_memory(settings: LoadSettings, placed: Plan) -> str:
    advice = [
        "Close other programs or choose a smaller model",
        *(["a smaller window (--ctx)"] if settings.context is not None else []),
        *(["fewer GPU layers (--gpu-layers)"] if settings.gpu_layers else []),
    ]
    return (
        f"There is not enough memory for {settings.name} with a window of {placed.context:,} tokens and "
        f"{placed.n_gpu_layers} layers on the GPU. {', or '.join(advice)}. The model is {settings.path}."
    )
