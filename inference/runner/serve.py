"""Serves frames: one thread reads them, one owns the engine and answers, one shows signs of life; knows no parent.

While requests are being answered, the frames that have come are looked at between two decodes.

A sign of life is sent only when the engine has got on since the last one. An engine that hangs falls silent, and
whoever waits can tell.
"""

from __future__ import annotations

import base64
import os
import sys
import traceback
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Lock, Thread, Timer
from typing import BinaryIO

from pydantic import ValidationError

from codeagent.inference.client import (
    BadRequestError,
    ContextOverflowError,
    Frozen,
    ModelError,
    ModelEvent,
    ModelLoadError,
    OutOfMemoryError,
)
from codeagent.inference.engine.counter import Counter
from codeagent.inference.engine.embeddings import Embeddings
from codeagent.inference.engine.engine import Engine, device_infos
from codeagent.inference.engine.generation import CancelledError
from codeagent.inference.engine.llama import backend
from codeagent.inference.frames import (
    MAX_FRAME,
    PROTOCOL,
    TO_RUNNER,
    Cancel,
    Cancelled,
    Count,
    Counted,
    Embed,
    Embedded,
    Event,
    Failed,
    FrameError,
    Generate,
    Hello,
    Load,
    Loaded,
    Shutdown,
    State,
    body_of,
    encode,
)

BEAT_S = 1.0
LEAVE_S = 1.5
"""How long the engine may take to stop once the parent has gone; a load or a decode that cannot be aborted may not."""

REST_S = 2.0
"""After so long without a request the engine saves what it has read: the next step of a turn comes sooner than that."""

NICE = 15
"""How far a process that only embeds steps back behind others: nobody waits for most of what it does."""

Job = Load | Generate | Count | Embed | None


class Server:
    """Answers the frames of `source` on the descriptor `sink` until Shutdown or the end of the source."""

    def __init__(self, source: BinaryIO, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._writing = Lock()
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._cancelled: dict[int, Flag] = {}
        self._leaving = Flag()
        self._engine: Engine | Counter | Embeddings | None = None
        self._state: State | None = None
        self._beats = 0

    def run(self) -> None:
        """Serve; returns when there is nothing more to do."""
        native = backend()
        self._send(
            Hello(
                protocol=PROTOCOL,
                versions=native.versions(),
                devices=device_infos(native.devices()),
                supports_gpu=native.supports_gpu(),
                system=native.system(),
            )
        )
        Thread(target=self._read, name="reader", daemon=True).start()
        Thread(target=self._show_life, name="heartbeat", daemon=True).start()
        while not self._leaving.is_set():
            engine = self._engine if isinstance(self._engine, Engine) and self._engine.busy else None
            self._state = State(state="busy") if engine else None
            try:
                job = self._jobs.get(block=engine is None, timeout=self._patience())
            except Empty:
                job = None
                if engine is None and isinstance(self._engine, Engine):
                    self._engine.rest()
            if job:
                self._work(job)
            elif engine:
                engine.step()
        if self._engine:
            self._engine.close()

    def _patience(self) -> float | None:
        """How long to wait for the next job before the engine uses the time."""
        return REST_S if isinstance(self._engine, Engine) and self._engine.restless else None

    def _send(self, frame: Frozen) -> None:
        data = memoryview(encode(frame))
        try:
            with self._writing:
                while data:
                    data = data[os.write(self._sink, data) :]
        except BrokenPipeError:
            self._leave()

    def _read(self) -> None:
        try:
            while line := self._source.readline(MAX_FRAME + 16):
                self._take(body_of(line))
        except FrameError as error:
            print(error, file=sys.stderr, flush=True)  # noqa: T201  (the runner's stderr is the error report)
        finally:
            self._leave()

    def _take(self, body: bytes) -> None:
        try:
            frame = TO_RUNNER.validate_json(body)
        except ValidationError as error:
            raise FrameError(f"Not a frame of protocol {PROTOCOL}: {error}") from None
        match frame:
            case Cancel(id=number):
                if flag := self._cancelled.get(number):
                    flag.set()
            case Shutdown():
                self._leave()
            case Generate(id=number) | Embed(id=number):
                self._cancelled[number] = Flag()
                if isinstance(frame, Generate) and isinstance(self._engine, Engine) and not frame.request.background:
                    self._engine.urgent.set()
                self._jobs.put(frame)
            case Load() | Count():
                self._jobs.put(frame)

    def _leave(self) -> None:
        if self._leaving.is_set():
            return
        self._leaving.set()
        for flag in list(self._cancelled.values()):
            flag.set()
        self._jobs.put(None)
        last_resort = Timer(LEAVE_S, os._exit, (0,))
        last_resort.daemon = True
        last_resort.start()

    def _show_life(self) -> None:
        seen = 0
        while not self._leaving.wait(BEAT_S):
            state, beats = self._state, self._beats
            if state and beats != seen:
                self._send(state)
            seen = beats

    def _beat(self) -> None:
        self._beats += 1

    def _work(self, job: Load | Generate | Count | Embed) -> None:
        number = 0 if isinstance(job, Load) else job.id
        self._beat()
        try:
            match job:
                case Load():
                    self._load(job)
                case Count():
                    self._count(job)
                case Generate():
                    self._generate(job)
                case Embed():
                    self._embed(job)
        except Exception as error:
            self._fail(number, error)
        finally:
            if not isinstance(job, Generate):
                self._cancelled.pop(number, None)

    def _fail(self, number: int, error: Exception) -> None:
        self._cancelled.pop(number, None)
        match error:
            case CancelledError():
                self._send(Cancelled(id=number))
            case ModelError():
                self._send(_failure(number, error))
            case _:
                traceback.print_exception(error)
                message = f"The model process failed: {error!r}. Try again."
                self._send(Failed(id=number, kind="internal", message=message))

    def _load(self, job: Load) -> None:
        def progressed(done: float) -> bool:
            self._beat()
            self._state = State(state="loading", progress=min(1.0, done), detail=job.settings.name)
            return not self._leaving.is_set()

        progressed(0.0)
        self._send(State(state="loading", progress=0.0, detail=job.settings.name))
        if self._engine:
            self._engine.close()
            self._engine = None
        if job.settings.vocabulary_only:
            self._engine = Counter(job.settings)
        elif job.settings.embedding:
            os.nice(NICE)
            self._engine = Embeddings(job.settings, progressed, self._beat)
        else:
            self._engine = Engine.load(job.settings, progressed, self._beat)
        self._send(Loaded(info=self._engine.info()))

    def _count(self, job: Count) -> None:
        engine = self._loaded()
        if isinstance(engine, Embeddings):
            raise BadRequestError("The model is loaded to give texts vectors: it counts no requests.")
        self._send(Counted(id=job.id, tokens=engine.count(job.request)))

    def _generate(self, job: Generate) -> None:
        def emit(event: ModelEvent) -> None:
            self._send(Event(id=job.id, event=event))

        def ended(error: Exception | None) -> None:
            if error:
                self._fail(job.id, error)
            else:
                self._cancelled.pop(job.id, None)

        engine = self._loaded()
        if isinstance(engine, Counter):
            raise BadRequestError("Only the vocabulary of the model is loaded: it can count and not answer.")
        if isinstance(engine, Embeddings):
            raise BadRequestError("The model is loaded to give texts vectors: it cannot answer.")
        engine.submit(job.request, emit, self._cancelled[job.id], ended)

    def _embed(self, job: Embed) -> None:
        self._state = State(state="busy")
        engine = self._loaded()
        if not isinstance(engine, Embeddings):
            raise BadRequestError("The model is not loaded for embedding.")
        vectors = engine.embed(job.texts, self._cancelled[job.id])
        data = base64.b64encode(vectors.astype("<f4").tobytes()).decode()
        self._send(Embedded(id=job.id, length=vectors.shape[1], vectors=data))

    def _loaded(self) -> Engine | Counter | Embeddings:
        if self._engine is None:
            raise ModelLoadError("No model is loaded.")
        return self._engine


def _failure(number: int, error: ModelError) -> Failed:
    match error:
        case ContextOverflowError():
            data = {"needed": error.needed, "limit": error.limit}
            return Failed(id=number, kind="overflow", message=str(error), data=data)
        case BadRequestError():
            return Failed(id=number, kind="bad_request", message=str(error))
        case OutOfMemoryError():
            return Failed(id=number, kind="out_of_memory", message=str(error))
        case ModelLoadError():
            return Failed(id=number, kind="load", message=str(error))
        case _:
            return Failed(id=number, kind="internal", message=str(error))
