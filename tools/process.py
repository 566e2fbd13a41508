"""Starts the commands of tools: own group, bounded time and output, no secrets; knows no tool."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from asyncio import StreamReaderProtocol
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from codeagent.tools.api import ToolError
from codeagent.tools.environment import clean_environment
from codeagent.tools.sandbox.api import Launch, Request
from codeagent.tools.sandbox.sandbox import Sandbox, SandboxError, State
from codeagent.tools.supervise import STARTER
from codeagent.tools.truncate import HeadTail

MAX_OUTPUT = 256 * 1024
_MAX_REPORTED = 1024 * 1024
_DRAIN_SECONDS = 0.5
_KILL_SECONDS = 5.0
_CODED = 128
_TOO_LARGE = ("File size limit exceeded", "File too large")  # as shells and EFBIG say it
PACKAGES = str(Path(__file__).parent.parent.parent)
"""The folder that this package is imported from, for processes that run without site-packages."""


@dataclass(frozen=True)
class Finished:
    """How a process ended. `exit_code` is None when a signal ended it or it was stopped: for taking too long, or for
    passing a limit, which `limit` then tells as a clause.

    `output` is stdout and stderr as they came, head and tail; with separate errors `errors` is stderr. `beginning` is
    all bytes of the output, or its head if some were left out.
    """

    output: str
    beginning: bytes
    errors: str
    exit_code: int | None
    signal: str | None
    timed_out: bool
    seconds: float
    left_out: int
    limit: str = ""


class Processes:
    """Starts the processes of one session, all in one folder and with one environment."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        sandbox: Sandbox | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """`environ` is cleaned before any process sees it. Without a `sandbox` there are no limits either: that is for
        our own programs, which only look. `warn` is told of protected files that a command made or changed."""
        self._folder = folder
        self._sandbox = sandbox
        self._warn = warn
        own = sandbox.environment() if sandbox is not None else {}
        self.environment = {name: value for name, value in (clean_environment(environ) | own).items() if value}

    def find(self, name: str) -> str | None:
        """The absolute path of a program on PATH, or beside this Python; never one that the workspace brings along."""
        scripts = sysconfig.get_path("scripts")
        folders = [f for f in self.environment.get("PATH", os.defpath).split(os.pathsep) if f.startswith("/")]
        outside = [f for f in folders if not Path(os.path.realpath(f)).is_relative_to(self._folder)]
        return shutil.which(name, path=os.pathsep.join(outside)) or shutil.which(name, path=scripts)

    def shell(self, command: str) -> list[str]:
        """The arguments that run a shell command."""
        return [self.find("bash") or "/bin/sh", "-c", command]

    async def run(
        self,
        arguments: Sequence[str],
        timeout_s: float,
        on_output: Callable[[str], None] | None = None,
        max_output: int = MAX_OUTPUT,
        separate_errors: bool = False,
        folder: Path | None = None,
        network: bool = False,
    ) -> Finished:
        """Run a program, and end all that it started when it exits, when time is up, when this is cancelled, and when
        this process is killed. In a sandbox it has no network unless `network` says so: the gate must have granted it.

        Raises ToolError if it cannot be started."""
        if any("\0" in argument for argument in arguments):
            raise ToolError("A command cannot hold a NUL character.")
        start = time.monotonic()
        launch = self._launch(Request(arguments, folder or self._folder, network))
        before = self._sandbox.state() if self._sandbox is not None else {}
        lifeline, far_end = socket.socketpair()
        try:
            process = self._start(launch, far_end, separate_errors, folder or self._folder)
        except BaseException:
            lifeline.close()
            raise
        finally:
            far_end.close()
        output, errors = HeadTail(max_output), HeadTail(max_output)
        readers = [asyncio.create_task(_read(process.stdout, output, on_output))]
        if separate_errors:
            readers.append(asyncio.create_task(_read(process.stderr, errors, None)))
        timed_out = False
        try:
            try:
                async with asyncio.timeout(timeout_s):  # wait_for may lose a cancellation in Python 3.11
                    await process.wait()
            except TimeoutError:
                timed_out = True
        finally:
            with contextlib.suppress(OSError):
                lifeline.send(b".")  # closing alone is not heard if a fork of this process holds the end too
            try:
                await _ended(process, readers)
            finally:
                passed = _last_word(lifeline)
        finished = self._finished(process.returncode, launch, timed_out, passed, output, errors, start)
        self._check(finished, before)
        return finished

    def _launch(self, request: Request) -> Launch:
        if self._sandbox is None:
            return Launch(tuple(request.command))
        try:
            launch = self._sandbox.launch(request)
        except SandboxError as e:
            raise ToolError(str(e)) from e
        return replace(launch, options={**launch.options, **self._sandbox.limits.options()})

    def _finished(
        self,
        code: int | None,
        launch: Launch,
        timed_out: bool,
        passed: str,
        output: HeadTail,
        errors: HeadTail,
        start: float,
    ) -> Finished:
        name = _signal_name(-code) if code is not None and code < 0 else None
        if launch.coded_signals and code is not None and code > _CODED:
            name = _coded_signal(code)
        stopped = timed_out or bool(passed)
        too_large = name == "SIGXFSZ" or (code != 0 and any(words in output.text()[-2000:] for words in _TOO_LARGE))
        limit = passed or ("file" if too_large else "")
        return Finished(
            output=output.text(),
            beginning=output.beginning(),
            errors=errors.text(),
            exit_code=code if code is not None and code >= 0 and name is None and not stopped else None,
            signal=None if stopped else name,
            timed_out=timed_out,
            seconds=time.monotonic() - start,
            left_out=output.left_out,
            limit=self._sandbox.limits.told(limit) if limit and self._sandbox is not None else "",
        )

    def _check(self, finished: Finished, before: State) -> None:
        """Raise ToolError for a command that was never run; warn of what it did to protected files."""
        if self._sandbox is None:
            return
        if failure := self._sandbox.failure(finished.exit_code, finished.errors or finished.output):
            raise ToolError(failure)
        self._tell_tampering(before)

    def _tell_tampering(self, before: State) -> None:
        if self._sandbox is not None and self._warn is not None and (tampered := self._sandbox.tampered(before)):
            self._warn(tampered)

    def attached(self, arguments: Sequence[str], folder: Path, network: bool) -> tuple[int, str]:
        """Run a program at the person's own terminal and pass on its exit code, 128 and more for a signal, with the
        limit it passed, if any, as a clause. Raises ToolError if it cannot be started."""
        launch = self._launch(Request(arguments, folder, network, terminal=sys.stdin.isatty()))
        if sys.stdin.isatty():
            launch = replace(launch, options={**launch.options, "terminal": "1"})
        before = self._sandbox.state() if self._sandbox is not None else {}
        lifeline, far_end = socket.socketpair()
        with lifeline:
            process = subprocess.Popen(
                supervised(launch, far_end.fileno()),
                cwd=folder,
                env=self.environment | _terminal(),
                pass_fds=(far_end.fileno(), *launch.descriptors),
            )
            far_end.close()
            _close(launch.descriptors)
            code = _waited(process)
            passed = _last_word(lifeline)
        self._tell_tampering(before)
        code = 128 - code if code < 0 else code
        limit = passed or ("file" if code == 128 + signal.SIGXFSZ else "")
        return code, self._sandbox.limits.told(limit) if limit and self._sandbox is not None else ""

    def _start(self, launch: Launch, lifeline: socket.socket, separate_errors: bool, folder: Path) -> _Process:
        try:
            return _Process(
                subprocess.Popen(
                    supervised(launch, lifeline.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE if separate_errors else subprocess.STDOUT,
                    cwd=folder,
                    env=self.environment,
                    pass_fds=(lifeline.fileno(), *launch.descriptors),
                    start_new_session=True,
                )
            )
        except OSError as e:
            raise ToolError(f"The command could not be started: {e.strerror}.") from e
        finally:
            _close(launch.descriptors)


def supervised(launch: Launch, lifeline: int | None = None) -> list[str]:
    """The arguments that start the supervisor with a command; without a lifeline it becomes the command."""
    options = {**launch.options, **({} if lifeline is None else {"lifeline": str(lifeline)})}
    told = [f"{name}={value}" for name, value in options.items()]
    return [sys.executable, "-I", "-S", "-c", STARTER, PACKAGES, *told, "--", *launch.arguments]


def run_quickly(launch: Launch, folder: Path, environ: Mapping[str, str], seconds: float) -> tuple[int | None, str]:
    """Run a program of our own choice to its end, here and now: its exit code, None if it had to be ended, and output.

    Raises OSError if it cannot be started."""
    lifeline, far_end = socket.socketpair()
    with lifeline, far_end:
        try:
            done = subprocess.run(
                supervised(launch, far_end.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(environ),
                pass_fds=(far_end.fileno(), *launch.descriptors),
                start_new_session=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return None, f"it did not end within {seconds:g} seconds"
        finally:
            _close(launch.descriptors)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _waited(process: subprocess.Popen[bytes]) -> int:
    """The exit code; the keys that would interrupt this process are for the one that has the terminal."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _terminal() -> dict[str, str]:
    """A command at a terminal may know which it is."""
    return {"TERM": os.environ["TERM"]} if sys.stdin.isatty() and os.environ.get("TERM") else {}


def _last_word(lifeline: socket.socket) -> str:
    """The limit that the supervisor says was passed, "" if none was; closes the lifeline."""
    with lifeline:
        lifeline.setblocking(False)
        try:
            return lifeline.recv(64).decode("ascii", "replace").partition("\n")[0]
        except OSError:
            return ""


class _Process:
    """A process that the event loop waits for. Not asyncio's: whoever cancels that while it starts waits for ever, in
    Python 3.11 at least."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid, self.stdout, self.stderr = process.pid, process.stdout, process.stderr
        self.returncode: int | None = None
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        threading.Thread(target=self._wait, args=(process,), name="process", daemon=True).start()

    async def wait(self) -> None:
        """Wait for the end, after which `returncode` is there."""
        await self._ended.wait()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._end, code)

    def _end(self, code: int) -> None:
        self.returncode = code
        self._ended.set()


async def _read(pipe: IO[bytes] | None, kept: HeadTail, on_output: Callable[[str], None] | None) -> None:
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: StreamReaderProtocol(stream), pipe)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        while data := await stream.read(65536):
            if on_output is not None and kept.total < _MAX_REPORTED:
                on_output(decoder.decode(data))
                if kept.total + len(data) >= _MAX_REPORTED:
                    on_output("\n[... the rest of the output is not shown while it comes ...]\n")
            kept.feed(data)
    finally:
        transport.close()


async def _ended(process: _Process, readers: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the end of a process whose lifeline is cut, and for its output; neither without bound.

    Who is cancelled once more meanwhile, as at the end of a program, still waits: the event loop must not close before.
    """
    again: asyncio.CancelledError | None = None
    until = time.monotonic() + _KILL_SECONDS
    try:
        while process.returncode is None:
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    await process.wait()
            except asyncio.CancelledError as e:
                again = e
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # the supervisor itself was stopped
                break
        if again is not None:
            raise again
        await asyncio.wait(readers, timeout=_DRAIN_SECONDS)
    finally:
        for reader in readers:
            reader.cancel()


def _coded_signal(code: int) -> str | None:
    """The signal that bubblewrap says ended a command, whose number it adds to 128."""
    try:
        return signal.Signals(code - _CODED).name
    except ValueError:
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
