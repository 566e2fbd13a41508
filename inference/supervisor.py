"""The owner of the model process: starts it, exchanges frames, sees it hang or die, ends it; knows no request."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ValidationError

from codeagent.inference.child import REAP_S, WHO, Child, printable
from codeagent.inference.client import Frozen, RunnerDiedError
from codeagent.inference.frames import (
    FROM_RUNNER,
    PROTOCOL,
    FrameError,
    FromRunner,
    Hello,
    State,
    encode,
)

_KEPT = re.compile(
    r"""PATH | HOME | USER | LOGNAME | LANG | LANGUAGE | LC_\w+ | TZ | TMPDIR | XDG_\w+
    | LD_LIBRARY_PATH | DYLD_(FALLBACK_)?LIBRARY_PATH | LLAMA_CPP_LIB_PATH | PYTHON(PATH|HOME|USERBASE)
    | (GGML|CUDA|NVIDIA|NCCL|HIP|ROCR|ROCM|HSA|AMD|VK|MESA|SYCL|ONEAPI|ZE|MUSA|ASCEND|MTL|METAL)_\w+
    | (OMP|GOMP|KMP|OPENBLAS|MKL)_\w+""",
    re.VERBOSE,
)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)


class RunnerState(StrEnum):
    """What the model process is doing, as a person is told."""

    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"
    FAILED = "failed"


OnState = Callable[[RunnerState, str, float | None], None]


@dataclass(frozen=True)
class Limits:
    """How long things may take, in seconds, and how often the process is started again.

    A stall is time without any frame, so slow is allowed and hanging is not. `cancel` bounds the wait for the end of a
    cancelled request, `stop_step` each step of ending the process. After more than `restarts` deaths within
    `restart_window` it is not started again until some of them are older than that. The first restart comes at once,
    the second after `backoff`, each further one after twice the time before.
    """

    start_stall: float = 120.0
    load_stall: float = 300.0
    busy_stall: float = 120.0
    cancel: float = 5.0
    stop_step: float = 2.0
    restarts: int = 3
    restart_window: float = 300.0
    backoff: float = 0.5


def runner_argv() -> tuple[str, ...]:
    """The command of the real runner. `-P`: the user's current folder must not be able to stand in for our modules."""
    return (sys.executable, "-P", "-m", "codeagent.inference.runner")


def runner_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment the runner needs: where things are, the language, settings of GPU libraries."""
    return {name: value for name, value in environ.items() if _KEPT.fullmatch(name) and not _SECRET.search(name)}


class _Greeting(BaseModel):
    """As much of Hello as every version of the protocol has, other fields ignored."""

    type: str
    protocol: int


class Supervisor:
    """Runs the model process: at most one at a time, in a group of its own, gone when told or when the event loop ends.

    `on_state` is told of every change, in the event loop, and must not block. A process that died is started again by
    the next start(), within the limits. Frames are sent and received by one task at a time.
    """

    def __init__(
        self,
        on_state: OnState,
        argv: Sequence[str] | None = None,
        limits: Limits | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._on_state = on_state
        self._argv = tuple(argv or runner_argv())
        self._environ = runner_environment(os.environ if environ is None else environ)
        self._child: Child | None = None
        self._told: tuple[RunnerState, str, float | None] | None = None
        self._deaths: deque[float] = deque(maxlen=self.limits.restarts + 1)

    @property
    def alive(self) -> bool:
        """Whether the process runs and has not been given up."""
        child = self._child
        return child is not None and child.running and not (child.verdict or child.expected)

    @property
    def pid(self) -> int | None:
        """The number of the process that runs now, None if none does."""
        return self._child.pid if self._child is not None and self._child.running else None

    def report(self, state: RunnerState, detail: str = "", progress: float | None = None) -> None:
        """Tell the outside, unless it was just told the same."""
        if self._told != (state, detail, progress):
            self._told = (state, detail, progress)
            self._on_state(state, detail, progress)

    async def start(self) -> Hello:
        """Start the process and shake hands. Raises RunnerDiedError, also when it has died too often lately."""
        if self._child is not None:
            await asyncio.wait({self._child.done}, timeout=REAP_S)
            self._refuse_if_pointless(self._child)
            if len(self._deaths) > 1:
                await asyncio.sleep(self.limits.backoff * 2 ** (len(self._deaths) - 2))
        self.report(RunnerState.STARTING, "again, because it ended unexpectedly" if self._deaths else "")
        loop = asyncio.get_running_loop()
        try:
            _, child = await loop.subprocess_exec(
                lambda: Child(self.limits.stop_step, self._ended),
                *self._argv,
                env=self._environ,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = f"{WHO} could not be started ({self._argv[0]}): {error}"
            self.report(RunnerState.FAILED, reason)
            raise RunnerDiedError(reason) from error
        self._child = child
        try:
            return await self._handshake(child)
        except asyncio.CancelledError:
            child.expected = True
            child.end("It was no longer wanted.")
            raise

    def _refuse_if_pointless(self, last: Child) -> None:
        if last.running:
            raise last.error()
        window = self.limits.restart_window
        while self._deaths and self._deaths[0] < time.monotonic() - window:
            self._deaths.popleft()
        if len(self._deaths) > self.limits.restarts:
            error = last.error()
            raise RunnerDiedError(
                f"{WHO} ended {len(self._deaths)} times within {window:g} s, so it is not started again for now. "
                f"The last time: {_first_line(error)}",
                error.stderr_tail,
            )

    async def _handshake(self, child: Child) -> Hello:
        body = await self._next_body(child, self.limits.start_stall, "starting")
        with suppress(ValidationError):  # what is no greeting at all is judged below
            version = _Greeting.model_validate_json(body).protocol
            if version != PROTOCOL:
                raise await self.give_up(
                    f"The program speaks version {PROTOCOL} of the runner's protocol and the process that holds the "
                    f"model version {version}: two versions of codeagent are mixed. Install it again."
                )
        frame = await self._parse(body)
        if not isinstance(frame, Hello):
            raise await self.give_up(f"{WHO} began with a {frame.type} frame instead of hello.")
        return frame

    async def send(self, frame: Frozen) -> None:
        """Send a frame. Raises FrameError if it cannot be encoded, RunnerDiedError if the process takes nothing."""
        try:
            data = encode(frame)
        except ValueError as error:  # pydantic's, for lone surrogates
            raise FrameError(f"The text cannot be written as UTF-8: {error}") from error
        stall = self.limits.busy_stall
        try:
            async with asyncio.timeout(stall):
                await self._started().write(data)
        except TimeoutError:
            raise await self.give_up(_stalled(stall, "being asked something")) from None

    async def receive(self, stall: float, doing: str) -> FromRunner:
        """The next frame that is no State; those are reported. Raises RunnerDiedError after `stall` seconds of silence.

        May be cancelled: no frame is lost by it.
        """
        while True:
            frame = await self._parse(await self._next_body(self._started(), stall, doing))
            if not isinstance(frame, State):
                return frame
            self.report(RunnerState(frame.state), frame.detail, frame.progress)

    async def _next_body(self, child: Child, stall: float, doing: str) -> bytes:
        while True:
            try:
                async with asyncio.timeout(stall):
                    return await child.next_body()
            except TimeoutError:
                if not child.frames:  # there are some if it was this program that slept, as after Ctrl-Z
                    raise await self.give_up(_stalled(stall, doing)) from None

    async def _parse(self, body: bytes) -> FromRunner:
        try:
            return FROM_RUNNER.validate_json(body)
        except ValidationError:
            shown = printable(body[:80].decode(errors="replace"))
            raise await self.give_up(f"{WHO} broke the protocol, so it was ended. Not a known frame: {shown}") from None

    def _started(self) -> Child:
        if self._child is None:
            raise RunnerDiedError(f"{WHO} was never started.")
        return self._child

    def _ended(self, child: Child) -> None:
        if not child.expected:
            self._deaths.append(time.monotonic())
            self.report(RunnerState.FAILED, _first_line(child.error()))

    async def give_up(self, reason: str) -> RunnerDiedError:
        """Kill the process because of `reason`; returns the error to raise, with what it said last."""
        child = self._started()
        child.end(reason)
        await asyncio.wait({child.done}, timeout=REAP_S)
        return child.error()

    async def stop(self) -> None:
        """End the process in bounded time, gently first. Safe to call at any time and more than once."""
        if self._child is not None and not self._child.done.done():
            await self._child.stop(self.limits.stop_step)


def _first_line(error: RunnerDiedError) -> str:
    return str(error).partition("\n")[0]


def _stalled(seconds: float, doing: str) -> str:
    return f"{WHO} gave no sign of life for {seconds:g} s while {doing}, so it was ended. The next request restarts it."
