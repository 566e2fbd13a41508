"""The local model: a ModelClient whose requests are served by the model process; knows frames, and no engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import assert_never

from codeagent.inference.child import WHO
from codeagent.inference.client import (
    BadRequestError,
    ChatRequest,
    ContextOverflowError,
    Finished,
    ModelError,
    ModelEvent,
    ModelInfo,
    ModelLoadError,
    OutOfMemoryError,
    RunnerDiedError,
)
from codeagent.inference.frames import (
    Cancel,
    Cancelled,
    Count,
    Counted,
    Embed,
    Embedded,
    Event,
    Failed,
    FrameError,
    FromRunner,
    Generate,
    Hello,
    Load,
    Loaded,
    LoadSettings,
    State,
)
from codeagent.inference.supervisor import Limits, OnState, RunnerState, Supervisor


class RunnerClient:
    """A ModelClient over the model process. The process starts and the model loads at the first call that needs it.

    If the process dies, the call it was serving raises RunnerDiedError and the next one starts it again. Nothing
    of a cancelled request reaches the next: cancelling waits, in bounded time, until the process has confirmed it, and
    failing that ends the process. To be used in one event loop, and closed in it.
    """

    def __init__(
        self,
        settings: LoadSettings,
        on_state: OnState,
        argv: Sequence[str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._settings = settings
        self._supervisor = Supervisor(on_state, argv, limits)
        self._limits = self._supervisor.limits
        self._lock = asyncio.Lock()
        self._info: ModelInfo | None = None  # of the process that runs now
        self._loading = False  # Load was sent and not answered yet
        self._last_id = 0
        self._open_id: int | None = None  # a request that was sent and not answered to the end yet
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The number of the model process, to measure it; None while none runs."""
        return self._supervisor.pid

    @property
    def ready(self) -> bool:
        """Whether the model is loaded, so that nothing has to be waited for but the answer."""
        return self._info is not None and self._supervisor.alive

    async def info(self) -> ModelInfo:
        """Load the model if that has not happened, and describe it. Raises ModelError."""
        if self._info is not None and self._supervisor.alive:
            return self._info  # also while a stream is open
        async with self._lock:
            return await self._ready()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ModelEvent]:
        """Yield events and last a Finished. Closing the generator cancels within one token. Raises ModelError."""
        async with self._lock:
            await self._ready()
            number = self._next_id()
            try:
                self._supervisor.report(RunnerState.BUSY)
                await self._ask(Generate(id=number, request=request))
                while self._open_id is not None:
                    frame = await self._answer(number)
                    if not isinstance(frame, Event):
                        raise await self._unasked(frame)
                    yield frame.event
            finally:
                await self._settle()
                if self._supervisor.alive:
                    self._supervisor.report(RunnerState.READY)

    async def count_tokens(self, request: ChatRequest) -> int:
        """The exact number of prompt tokens of this request, by the model's own template and tokenizer."""
        async with self._lock:
            await self._ready()
            number = self._next_id()
            try:
                await self._ask(Count(id=number, request=request))
                frame = await self._answer(number)
                if not isinstance(frame, Counted):
                    raise await self._unasked(frame)
                return frame.tokens
            finally:
                await self._settle()

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """The vectors of these texts, by a model that was loaded for embedding. Cancelling stops the work, too."""
        async with self._lock:
            await self._ready()
            number = self._next_id()
            try:
                await self._ask(Embed(id=number, texts=tuple(texts)))
                frame = await self._answer(number)
                if not isinstance(frame, Embedded):
                    raise await self._unasked(frame)
                return frame
            finally:
                await self._settle()

    async def close(self) -> None:
        """End the process in bounded time, also under a running request. Safe to call twice; then calls are refused."""
        self._closed = True
        if self._open_id is not None and self._supervisor.alive:
            with suppress(RunnerDiedError, TimeoutError):
                async with asyncio.timeout(self._limits.stop_step):
                    await self._supervisor.send(Cancel(id=self._open_id))
        await self._supervisor.stop()

    async def _ready(self) -> ModelInfo:
        """The model, loaded, with no request open. To be called with the lock held."""
        if self._closed:
            raise _closed_error()
        await self._settle()
        if not self._supervisor.alive:
            self._info, self._loading = None, False
            await self._supervisor.start()
            if self._closed:  # while it started
                await self._supervisor.stop()
                raise _closed_error()
        if self._info is None:
            self._info = await self._load()
        return self._info

    async def _load(self) -> ModelInfo:
        # Loading cannot be cancelled. If the wait for it is, the next call goes on waiting where this one stopped.
        if not self._loading:
            self._loading = True
            self._supervisor.report(RunnerState.LOADING, self._settings.name)
            await self._ask(Load(settings=self._settings))
        try:
            frame = await self._supervisor.receive(self._limits.load_stall, f"loading {self._settings.name}")
        except RunnerDiedError as error:
            said = str(error).removesuffix(error.stderr_tail.strip()).rstrip("\n")
            raise RunnerDiedError(f"{said}\nIt was loading {self._settings.path}.", error.stderr_tail) from None
        self._loading = False
        match frame:
            case Loaded(info=info):
                self._supervisor.report(RunnerState.READY, info.name)
                return info
            case Failed(id=0):
                error = _error_of(frame)
                self._supervisor.report(RunnerState.FAILED, str(error))
                await self._supervisor.stop()  # gives back all memory; another try starts clean
                raise error
            case _:
                raise await self._unasked(frame)

    def _next_id(self) -> int:
        self._last_id += 1
        self._open_id = self._last_id
        return self._last_id

    async def _ask(self, frame: Load | Generate | Count | Embed) -> None:
        try:
            await self._supervisor.send(frame)
        except FrameError as error:
            self._open_id = None
            raise BadRequestError(f"The request cannot be sent to the model. {error}") from error

    async def _answer(self, number: int) -> Event | Cancelled | Counted | Embedded:
        """The next frame of this request; its last one closes it. A Failed is raised as the error it names."""
        while True:
            frame = await self._supervisor.receive(self._limits.busy_stall, "answering")
            if isinstance(frame, Hello | State | Loaded) or frame.id > number:
                raise await self._unasked(frame)
            if frame.id < number:
                if isinstance(frame, Cancelled):
                    continue  # the Cancel had crossed the last frame of its request
                raise await self._unasked(frame)
            if not isinstance(frame, Event) or isinstance(frame.event, Finished):
                self._open_id = None
            if isinstance(frame, Failed):
                raise _error_of(frame)
            return frame

    async def _settle(self) -> None:
        """Cancel the open request, if any, and wait for its end. Interrupted, it is left to the next call."""
        number = self._open_id
        if number is None:
            return
        if self._supervisor.alive:
            try:
                async with asyncio.timeout(self._limits.cancel):
                    await self._supervisor.send(Cancel(id=number))
                    while self._open_id is not None:
                        await self._answer(number)
            except TimeoutError:
                await self._supervisor.give_up(
                    f"{WHO} did not stop answering within {self._limits.cancel:g} s, so it was ended."
                )
            except ModelError:
                pass  # the request failed or its process died: it is over all the same
        self._open_id = None

    async def _unasked(self, frame: FromRunner) -> RunnerDiedError:
        return await self._supervisor.give_up(f"{WHO} broke the protocol with a {frame.type} frame, so it was ended.")


def _closed_error() -> ModelError:
    return ModelError("The model was closed and takes no more requests.")


def _error_of(frame: Failed) -> ModelError:
    match frame.kind:
        case "bad_request":
            return BadRequestError(frame.message)
        case "load":
            return ModelLoadError(frame.message)
        case "out_of_memory":
            return OutOfMemoryError(frame.message)
        case "overflow":
            match frame.data:
                case {"needed": int(needed), "limit": int(limit)}:
                    return ContextOverflowError(needed, limit)
                case _:
                    return ModelError(frame.message)
        case "internal":
            return ModelError(frame.message)
        case _:
            assert_never(frame.kind)
