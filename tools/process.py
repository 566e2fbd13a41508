"""The only place that starts processes: own group, bounded time and output, no secrets; knows no tool."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from asyncio import StreamReaderProtocol
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from codeagent.tools.api import ToolError
from codeagent.tools.truncate import HeadTail

MAX_OUTPUT = 256 * 1024
_MAX_REPORTED = 1024 * 1024
_DRAIN_SECONDS = 0.5
_KILL_SECONDS = 5.0

# What programs need to work as they do for the person. Everything else stays here: keys and tokens, and what makes
# other programs run code (PYTHON*, LD_PRELOAD, BASH_ENV, GIT_*, NODE_OPTIONS).
_PASSED_ON = """
    PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TEMP TMP CI
    XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_RUNTIME_DIR
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS
    HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy
    VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV PYENV_ROOT PYENV_VERSION
    CARGO_HOME RUSTUP_HOME RUSTUP_TOOLCHAIN GOPATH GOROOT GOCACHE GOMODCACHE GOPROXY GOTOOLCHAIN
    JAVA_HOME MAVEN_HOME GRADLE_USER_HOME NVM_DIR NVM_BIN VOLTA_HOME PNPM_HOME COREPACK_HOME
    LD_LIBRARY_PATH CUDA_HOME CUDA_VISIBLE_DEVICES SDKROOT DEVELOPER_DIR
"""
_SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH", "COOKIE")
_FIXED = {
    "TERM": "dumb",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    # An edit within a second of a run, of the same length, would not be seen by Python if it had written bytecode.
    "PYTHONDONTWRITEBYTECODE": "1",
}


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What of an environment a command may see: known harmless names, nothing that looks like a secret, no terminal."""
    passed_on = frozenset(_PASSED_ON.split())
    kept = {
        name: value
        for name, value in environ.items()
        if (name in passed_on or name.startswith("LC_"))
        and not any(word in name.upper() for word in _SECRET_WORDS)
        and not (name.lower().endswith("_proxy") and "@" in value)
    }
    return kept | _FIXED


@dataclass(frozen=True)
class Finished:
    """How a process ended. `exit_code` is None when a signal ended it or it was stopped for taking too long.

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


class Processes:
    """Starts the processes of one session, all in one folder and with one environment."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """`environ` is cleaned before any process sees it."""
        self._folder = folder
        self.environment = clean_environment(environ)

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
    ) -> Finished:
        """Run a program, and end all that it started when it exits, when time is up, when this is cancelled, and when
        this process is killed. Raises ToolError if it cannot be started."""
        if any("\0" in argument for argument in arguments):
            raise ToolError("A command cannot hold a NUL character.")
        start = time.monotonic()
        lifeline_read, lifeline_write = os.pipe()
        try:
            process = self._start(arguments, lifeline_read, separate_errors, folder or self._folder)
        except BaseException:
            os.close(lifeline_write)
            raise
        finally:
            os.close(lifeline_read)
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
            with contextlib.suppress(BrokenPipeError):
                os.write(lifeline_write, b".")  # closing alone is not heard if a fork of this process holds the end too
            os.close(lifeline_write)
            await _ended(process, readers)
        code = process.returncode
        return Finished(
            output=output.text(),
            beginning=output.beginning(),
            errors=errors.text(),
            exit_code=code if code is not None and code >= 0 and not timed_out else None,
            signal=_signal_name(-code) if code is not None and code < 0 and not timed_out else None,
            timed_out=timed_out,
            seconds=time.monotonic() - start,
            left_out=output.left_out,
        )

    def _start(self, arguments: Sequence[str], lifeline: int, separate_errors: bool, folder: Path) -> _Process:
        supervisor = Path(__file__).with_name("supervise.py")
        try:
            return _Process(
                subprocess.Popen(
                    [sys.executable, "-I", "-S", str(supervisor), str(lifeline), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE if separate_errors else subprocess.STDOUT,
                    cwd=folder,
                    env=self.environment,
                    pass_fds=(lifeline,),
                    start_new_session=True,
                )
            )
        except OSError as e:
            raise ToolError(f"The command could not be started: {e.strerror}.") from e


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


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
