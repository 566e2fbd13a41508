"""One run of a program that speaks frames: its pipes, its last words, its end; knows no model and no request."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from codeagent.inference.client import RunnerDiedError
from codeagent.inference.frames import MAX_FRAME, FrameError, Shutdown, body_of, encode

WHO = "The process that holds the model"
TAIL = 8 * 1024
REAP_S = 5.0  # SIGKILL takes effect at once unless the kernel itself is stuck
_LINGER_S = 0.5  # how long a dead runner's pipes may be held open by something it started
_HEAD = 10  # digits; as many as body_of takes
_WAITING_FRAMES = 256  # more than this unread, and the runner has to wait for us

_LAST_WORDS = re.compile(r"GGML_ASSERT|GGML_ABORT|Assertion|terminate called|what\(\):|CUDA error")
_UNPRINTABLE = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SIGNALS = {
    signal.SIGSEGV: "crashed in native code (SIGSEGV). If this repeats, try --gpu-layers 0 or another model file.",
    signal.SIGBUS: "crashed reading memory (SIGBUS). Was the model file changed, or its disk removed, while in use?",
    signal.SIGFPE: "crashed in arithmetic (SIGFPE). If this repeats, the model file may be damaged: pull it again.",
    signal.SIGILL: "met an instruction this processor does not have (SIGILL). Its library was compiled on another "
    "machine: reinstall llama-cpp-python here.",
    signal.SIGKILL: "was killed (SIGKILL), probably because the machine ran out of memory. Close other programs, or "
    "use a smaller model or window (--ctx).",
    signal.SIGTERM: "was told to end by another program (SIGTERM).",
}


def printable(text: str) -> str:
    """Text without escape sequences and control characters, for a terminal; tabs and newlines stay."""
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def exit_reason(returncode: int, stderr: str) -> str:
    """A sentence on why a process ended, from its return code (negative: the signal) and what it said last."""
    if returncode == 0:
        return f"{WHO} ended without being asked to."
    if returncode > 0:
        return f"{WHO} ended with exit code {returncode}."
    if -returncode == signal.SIGABRT:
        words = [line.strip() for line in stderr.splitlines() if _LAST_WORDS.search(line)]
        return f"{WHO} aborted (SIGABRT){': ' + words[0][:300] if words else '.'}"
    with suppress(ValueError):
        number = signal.Signals(-returncode)
        return f"{WHO} {_SIGNALS.get(number, f'was ended by {number.name}.')}"
    return f"{WHO} was ended by signal {-returncode}."


class FrameReader:
    """Cuts bytes, in any partition, into frame bodies. A bad or too large head is refused before its body is read."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._line = 0  # length of the line now being read, 0 while its head is not complete

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies these bytes complete. Raises FrameError, after the good ones, at what is no frame."""
        self._buffer += data
        while self._line or self._read_head():
            if len(self._buffer) < self._line:
                return
            line = bytes(self._buffer[: self._line])
            del self._buffer[: self._line]
            self._line = 0
            yield body_of(line)

    def _read_head(self) -> bool:
        head, space, _ = bytes(self._buffer[: _HEAD + 1]).partition(b" ")
        if ((head or space) and not head.isdigit()) or (not space and len(head) > _HEAD):
            raise FrameError(f"Not a frame: {bytes(self._buffer[:80])!r}")
        if not space:
            return False
        if int(head) > MAX_FRAME:
            raise FrameError(f"A frame of {int(head):,} bytes is over the limit of {MAX_FRAME:,}.")
        self._line = len(head) + 1 + int(head) + 1
        return True


class Child(asyncio.SubprocessProtocol):
    """A process started by `loop.subprocess_exec` in a session of its own. It is killed when the event loop ends.

    asyncio's own Process is not used: in Python 3.11 its wait() returns only when every pipe is closed, so whatever the
    runner left behind with its stderr open would hide its death.
    """

    def __init__(self, grace: float, on_end: Callable[[Child], None]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.verdict = ""  # why we ended it, if we did
        self.expected = False  # nobody is to be told that it ended
        self.frames: deque[bytes] = deque()
        self._grace = grace
        self._on_end = on_end
        self._news = asyncio.Event()
        self._reader = FrameReader()
        self._tail = bytearray()
        self._tail_cut = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio: the process runs."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        self.pid = transport.get_pid()
        self._guard = asyncio.get_running_loop().create_task(self._leave_with_the_loop())

    async def _leave_with_the_loop(self) -> None:
        # asyncio.run cancels every task when it ends: that is when a runner nobody closed has to go.
        try:
            await asyncio.wait({self.done})
        finally:
            if not self.done.done():
                self.expected = True
                self.end("The program stopped using it.")
                await asyncio.wait({self.done}, timeout=REAP_S)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Called by asyncio: it wrote something."""
        if fd == 2:
            self._tail += data
            self._tail_cut = self._tail_cut or len(self._tail) > TAIL
            del self._tail[:-TAIL]
        elif not self.verdict:
            try:
                self.frames.extend(self._reader.feed(data))
            except FrameError as error:
                self.end(f"{WHO} broke the protocol, so it was ended. {printable(str(error))}")
            self._pause_above(_WAITING_FRAMES)
            self._news.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Called by asyncio: it closed a pipe, usually by ending."""
        if fd == 0:
            self._writable.set()
        elif fd == 1:
            asyncio.get_running_loop().call_later(self._grace, self._end_if_mute)

    def _end_if_mute(self) -> None:
        if self.running:
            self.end(f"{WHO} closed its pipe and went on running, so it was ended.")

    def process_exited(self) -> None:
        """Called by asyncio: it is dead, though its pipes may still hold data or be held open by others."""
        self._signal(signal.SIGKILL)  # what it may have started and left in its group
        self._pause_above(_WAITING_FRAMES)
        asyncio.get_running_loop().call_later(_LINGER_S, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio: it is dead and all it said has been read."""
        self._transport.close()
        self.done.set_result(None)
        self._news.set()
        self._writable.set()
        self._on_end(self)

    def pause_writing(self) -> None:
        """Called by asyncio: it does not read as fast as we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called by asyncio: it has caught up."""
        self._writable.set()

    def _pause_above(self, limit: int) -> None:
        wanted = len(self.frames) > limit and self.running
        pipe = self._transport.get_pipe_transport(1)
        if wanted != self._paused and isinstance(pipe, asyncio.ReadTransport) and not pipe.is_closing():
            self._paused = wanted
            if wanted:
                pipe.pause_reading()
            else:
                pipe.resume_reading()

    def _signal(self, number: signal.Signals) -> None:
        # The group has the process's number, because the session does; macOS answers EPERM for a group of zombies.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    @property
    def running(self) -> bool:
        """Whether the process has not exited yet."""
        return self._transport.get_returncode() is None

    async def next_body(self) -> bytes:
        """The body of the next frame. Raises RunnerDiedError when there is none left and the process is gone."""
        while not self.frames:
            if self.done.done():
                raise self.error()
            self._news.clear()
            await self._news.wait()
        body = self.frames.popleft()
        self._pause_above(_WAITING_FRAMES)
        return body

    async def write(self, data: bytes) -> None:
        """Send, and wait until most of it has been taken. Towards a dead process it does nothing: reading tells."""
        pipe = self._transport.get_pipe_transport(0)
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.write(data)
            await self._writable.wait()

    def end(self, reason: str) -> None:
        """Kill the process and all its group now; the first reason given is the one in error()."""
        self.verdict = self.verdict or reason
        if self.running:
            self._signal(signal.SIGKILL)

    async def stop(self, step: float) -> None:
        """Ask it to end and close its stdin, then terminate, then kill its group; at most `step` seconds each."""
        self.expected = True
        pipe = self._transport.get_pipe_transport(0)
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.write(encode(Shutdown()))
            pipe.close()
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None and self.running:
                self._signal(number)
            done, _ = await asyncio.wait({self.done}, timeout=step)
            if done:
                return

    def error(self) -> RunnerDiedError:
        """Why it is gone, as an error to raise, with the last it said."""
        tail = printable(bytes(self._tail).decode(errors="replace"))
        if self._tail_cut:
            tail = tail.partition("\n")[2] or tail
        code = self._transport.get_returncode()
        if self.expected:
            return RunnerDiedError(f"{WHO} was stopped.")
        if code is None:
            return RunnerDiedError(f"{self.verdict} It could not be killed (process {self.pid}).", tail)
        return RunnerDiedError(self.verdict or exit_reason(code, tail), tail)
