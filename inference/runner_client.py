"""The local model: a ModelClient whose requests are served by the model process; knows frames, and no engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar, assert_never

from codeagent.inference.child import REAP_S, WHO
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
    WorkerLostError,
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
from codeagent.inference.workers import Workers, lost_sentence, without_sentence

_Kind = TypeVar("_Kind", Event, Counted, Embedded)
Answers = asyncio.Queue[Event | Cancelled | Counted | Embedded | ModelError]


class RunnerClient:
    """A ModelClient over the model process. The process starts and the model loads at the first call that needs it.

    Any number of calls may be open at once; each is cancelled and fails on its own. If the process dies, all of them
    raise RunnerDiedError and the next one starts it again. Ending a call early waits, in bounded time, until the
    process has confirmed it, and failing that ends the process. To be used in one event loop, and closed in it.
    """

    def __init__(
        self,
        settings: LoadSettings,
        on_state: OnState,
        argv: Sequence[str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._settings = settings
        self._workers = Workers(settings.rpc)
        self._supervisor = Supervisor(on_state, argv, limits)
        self._limits = self._supervisor.limits
        self._lock = asyncio.Lock()  # held by whoever starts and loads
        self._info: ModelInfo | None = None  # of the process that runs now
        self._loading = False  # Load was sent and not answered yet
        self._last_id = 0
        self._open: dict[int, Answers] = {}  # requests that were sent and not answered to the end yet
        self._receiving: asyncio.Task[None] | None = None  # runs while requests are open
        self._cancelling: set[asyncio.Task[None]] = set()
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
        async with self._lock:
            return await self._ready()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ModelEvent]:
        """Yield events and last a Finished. Closing the generator cancels within one token. Raises ModelError."""
        async with self._request(lambda number: Generate(id=number, request=request)) as answers:
            if not request.background:
                self._supervisor.report(RunnerState.BUSY)
            while True:
                event = (await self._next(answers, Event)).event
                yield event
                if isinstance(event, Finished):
                    return

    async def count_tokens(self, request: ChatRequest) -> int:
        """The exact number of prompt tokens of this request, by the model's own template and tokenizer."""
        async with self._request(lambda number: Count(id=number, request=request)) as answers:
            return (await self._next(answers, Counted)).tokens

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """The vectors of these texts, by a model that was loaded for embedding. Cancelling stops the work, too."""
        async with self._request(lambda number: Embed(id=number, texts=tuple(texts))) as answers:
            return await self._next(answers, Embedded)

    async def close(self) -> None:
        """End the process in bounded time, also under running requests. Safe to call twice; then calls are refused."""
        self._closed = True
        if self._open and self._supervisor.alive:
            with suppress(RunnerDiedError, TimeoutError):
                async with asyncio.timeout(self._limits.stop_step):
                    for number in list(self._open):
                        await self._supervisor.send(Cancel(id=number))
        await self._supervisor.stop()

    @asynccontextmanager
    async def _request(self, frame: Callable[[int], Generate | Count | Embed]) -> AsyncGenerator[Answers]:
        """A request that is open: the frames that answer it, or the error that ends it. Left early, it is cancelled."""
        async with self._lock:
            await self._ready()
        self._last_id += 1
        number = self._last_id
        answers = self._open[number] = Answers()
        if self._receiving is None or self._receiving.done():
            self._receiving = asyncio.create_task(self._receive())
        try:
            try:
                await self._supervisor.send(frame(number))
            except FrameError as error:  # nothing was sent, nor has anybody else run since it was opened
                del self._open[number]
                raise BadRequestError(f"The request cannot be sent to the model. {error}") from error
            yield answers
        finally:
            if number in self._open:
                # On its own, so that it goes on to the end even when this wait is cancelled.
                cancelling = asyncio.create_task(self._cancel(number, answers))
                self._cancelling.add(cancelling)
                cancelling.add_done_callback(self._cancelling.discard)
                await asyncio.shield(cancelling)
            if not self._open and self._supervisor.alive:
                self._supervisor.report(RunnerState.READY)

    async def _next(self, answers: Answers, kind: type[_Kind]) -> _Kind:
        """The next answer, which has to be of this kind. Raises ModelError."""
        answer = await answers.get()
        if isinstance(answer, ModelError):
            raise answer
        if not isinstance(answer, kind):
            raise await self._unasked(answer)
        return answer

    async def _receive(self) -> None:
        """Hand every frame to the request it answers, while there are any. What ends this ends all of them."""
        failure: ModelError = _closed_error()
        try:
            while self._open:
                frame = await self._supervisor.receive(self._limits.busy_stall, "answering")
                if isinstance(frame, Hello | State | Loaded):
                    raise await self._unasked(frame)
                answers = self._open.get(frame.id)
                if answers is None:
                    if isinstance(frame, Cancelled) and frame.id <= self._last_id:
                        continue  # the Cancel had crossed the last frame of its request
                    raise await self._unasked(frame)
                if not isinstance(frame, Event) or isinstance(frame.event, Finished):
                    del self._open[frame.id]
                answers.put_nowait(_error_of(frame) if isinstance(frame, Failed) else frame)
        except ModelError as error:
            failure = error
            if isinstance(error, RunnerDiedError) and (lost := await self._workers.look()):
                failure = WorkerLostError(lost_sentence(lost))
        finally:
            for answers in self._open.values():
                answers.put_nowait(failure)
            self._open.clear()

    async def _cancel(self, number: int, answers: Answers) -> None:
        """End an open request, or the process if it does not let go of it."""
        try:
            async with asyncio.timeout(self._limits.cancel):
                if number in self._open:  # at the end of an event loop all of them may have been ended before
                    await self._supervisor.send(Cancel(id=number))
                while number in self._open:
                    await answers.get()
        except TimeoutError:
            await self._supervisor.give_up(
                f"{WHO} did not stop answering within {self._limits.cancel:g} s, so it was ended."
            )
        except ModelError:
            pass  # its process died: it is over all the same

    async def _ready(self) -> ModelInfo:
        """The model, loaded. To be called with the lock held."""
        if self._closed:
            raise _closed_error()
        if not self._supervisor.alive:
            if self._receiving:  # what the last process left is not to be taken for the next one's
                await asyncio.wait({self._receiving}, timeout=REAP_S)
                self._receiving.cancel()
            self._info, self._loading = None, False
            if self._workers.left != self._settings.rpc:
                self._settings = self._settings.model_copy(update={"rpc": self._workers.left})
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
            await self._supervisor.send(Load(settings=self._settings))
        try:
            frame = await self._supervisor.receive(self._limits.load_stall, f"loading {self._settings.name}")
        except RunnerDiedError as error:
            if lost := await self._workers.look():
                raise WorkerLostError(lost_sentence(lost)) from None
            said = str(error).removesuffix(error.stderr_tail.strip()).rstrip("\n")
            raise RunnerDiedError(f"{said}\nIt was loading {self._settings.path}.", error.stderr_tail) from None
        self._loading = False
        match frame:
            case Loaded(info=info):
                self._supervisor.report(RunnerState.READY, info.name)
                if self._workers.gone:
                    notices = (*info.notices, without_sentence(self._workers.gone))
                    return info.model_copy(update={"notices": notices})
                return info
            case Failed(id=0):
                error = _error_of(frame)
                self._supervisor.report(RunnerState.FAILED, str(error))
                await self._supervisor.stop()  # gives back all memory; another try starts clean
                raise error
            case _:
                raise await self._unasked(frame)

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
