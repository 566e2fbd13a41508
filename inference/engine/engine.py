"""The engine as the runner uses it: a loaded model that counts and answers; knows no pipes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Event

from codeagent.inference import dialects
from codeagent.inference.client import ChatRequest, ModelEvent, ModelInfo, ModelLoadError, OutOfMemoryError
from codeagent.inference.engine.beginnings import Beginnings
from codeagent.inference.engine.generation import Generation
from codeagent.inference.engine.ggml import Device, NativeError
from codeagent.inference.engine.identity import identity_of
from codeagent.inference.engine.llama import Backend, Context, Model, backend
from codeagent.inference.engine.machine import default_threads
from codeagent.inference.engine.prompt import prompt_builder
from codeagent.inference.engine.scheduler import Scheduler, Task
from codeagent.inference.engine.template import CHATML
from codeagent.inference.engine.warm import open_warm
from codeagent.inference.frames import DeviceInfo, LoadSettings
from codeagent.inference.gguf import Header, read_header
from codeagent.inference.host import host_memory
from codeagent.inference.placement import Plan, lower, plan, shortage
from codeagent.inference.store import in_use

_NO_MEMORY = ("alloc", "out of memory", "not enough memory", "memory buffer")


class Engine:
    """A model in memory. Made by load(); one thread uses it, and only `cancelled` events and `urgent` may be set from
    others.
    """

    def __init__(
        self,
        settings: LoadSettings,
        header: Header,
        placed: Plan,
        on_progress: Callable[[float], bool],
        beat: Callable[[], None],
    ) -> None:
        devices = backend().devices()
        self._model = Model(
            settings.path,
            gpu_layers=placed.n_gpu_layers,
            devices=[devices[device.index] for device in placed.devices],
            tensor_split=placed.tensor_split,
            main_device=placed.main_device,
            use_mmap=settings.use_mmap,
            use_mlock=settings.use_mlock,
            cpu_moe=placed.cpu_moe,
            split_mode=placed.split_mode,
            on_progress=on_progress,
        )
        try:
            self._context = Context(
                self._model,
                size=placed.context,
                batch=min(placed.batch, placed.context),
                threads=settings.threads or default_threads(),
                kv_type=placed.kv_type,
                flash_attention=placed.flash_attention,
                should_abort=lambda: self._scheduler.should_abort(),
                sequences=min(settings.sequences, placed.batch),
            )
        except NativeError:
            self._model.close()
            raise
        self._claim = ExitStack()
        self._claim.enter_context(in_use(Path(settings.path)))
        source = header.chat_template or CHATML
        vocab = self._model.vocab
        self._dialect = dialect = dialects.detect(source, header.architecture)
        self._prompts = prompt_builder(source, vocab, dialect)
        self._scheduler = Scheduler(self._context, beat)
        self.urgent = self._scheduler.urgent
        """To be set when a request that is not in the background will be submitted: one that is then makes way."""
        self._beginnings = Beginnings(self._prompts)
        if settings.warm:
            self._scheduler.warm = open_warm(
                settings.warm, Path(settings.path), self._scheduler.lineages, _shaping(header, placed)
            )
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
            identity=identity_of(
                settings,
                self._context,
                threads=settings.threads or default_threads(),
                batch=min(placed.batch, placed.context),
                gpu_layers=placed.n_gpu_layers,
            ),
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

    def submit(
        self,
        request: ChatRequest,
        emit: Callable[[ModelEvent], None],
        cancelled: Event,
        on_end: Callable[[Exception | None], None],
    ) -> None:
        """Begin to answer: step() does the work. Events come through `emit`, the last a Finished, and then `on_end` is
        called once, with the error that ended it instead if there was one: CancelledError, BadRequestError (a grammar
        may lead nowhere) or NativeError.

        Setting `cancelled` from any thread ends it, during a decode too. Raises ContextOverflowError and
        BadRequestError at once.
        """
        if not request.background:
            self.urgent.clear()
        prompt = self._prompts.build(request)
        generation = Generation(request, prompt, self._context, self._dialect, emit, self._scheduler.curve)
        if self._scheduler.warm or self._scheduler.lineages.only_to_states:
            back = len(prompt) - 1 if self._scheduler.lineages.only_to_states else 0
            generation.pauses = (self._beginnings.shared(request, prompt), back)
        self._scheduler.add(Task(generation, cancelled, on_end, request.background))

    @property
    def busy(self) -> bool:
        """Whether there are requests that have not ended."""
        return self._scheduler.busy

    def step(self) -> None:
        """Let all requests go on by at most one decode."""
        self._scheduler.step()

    @property
    def restless(self) -> bool:
        """Whether rest() may have something to do."""
        return self._scheduler.warm is not None and self._scheduler.warm.restless

    def rest(self) -> None:
        """To be called when nothing has been asked for a while: what was read is kept for later sessions."""
        if self._scheduler.warm and not self.busy:
            self._scheduler.warm.rest()

    def generate(self, request: ChatRequest, emit: Callable[[ModelEvent], None], cancelled: Event) -> None:
        """Answer this request, and meanwhile all others that were submitted. Raises what submit() tells of."""
        ended: list[Exception | None] = []
        self.submit(request, emit, cancelled, ended.append)
        while not ended:
            self.step()
        if ended[0]:
            raise ended[0]

    def close(self) -> None:
        """End all requests, keep what was read for later sessions, and free the memory. Safe to call twice."""
        self._scheduler.close()
        if self._scheduler.warm:
            self._scheduler.warm.close()
            self._scheduler.warm = None
        self._context.close()
        self._model.close()
        self._claim.close()


def _shaping(header: Header, placed: Plan) -> dict[str, object]:
    """What the state of a cache depends on beside the model and the tokens. Some models turn positions otherwise in a
    window larger than the one they were first trained for.
    """
    trained = header.number("rope.scaling.original_context_length", 0)
    return {
        **backend().versions(),
        "kv_type": placed.kv_type,
        "flash_attention": placed.flash_attention,
        "long": 0 < trained < placed.context,
    }


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
