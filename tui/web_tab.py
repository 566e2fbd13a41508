"""One browser tab's process of the app: started, fed, ended, whatever it does; knows no request and no cookie."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from codeagent.agent.text import printable
from codeagent.tui.paste_guard import PasteGuard

_READY = b"__GANGLION__\n"
_STEPS: tuple[tuple[signal.Signals | None, float], ...] = (
    (None, 5.0),  # it was asked to quit
    (signal.SIGTERM, 2.0),
    (signal.SIGKILL, 2.0),
)
STOP_SECONDS = sum(seconds for _, seconds in _STEPS) + 3
"""After this long, stop() has ended."""
_PR_SET_PDEATHSIG = 1
_TAIL = 8 * 1024
_MAX_CELLS = 1000


class Tab(AppService):
    """The process behind one tab, in a process group of its own, and gone when the server is.

    textual-serve runs the command in a shell, waits without end for it to quit and leaves the page open when it died;
    this does not. `complain` gets a sentence when it ended badly.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        write_bytes: Callable[[bytes], Awaitable[None]],
        write_str: Callable[[str], Awaitable[None]],
        close: Callable[[], Awaitable[object]],
        download_manager: DownloadManager,
        complain: Callable[[str], None],
    ) -> None:
        async def close_page() -> None:
            await close()

        super().__init__(
            argv[0],
            write_bytes=write_bytes,
            write_str=write_str,
            close=close_page,
            download_manager=download_manager,
        )
        self._argv = argv
        self._complain = complain
        self._killed = False
        self._guard = PasteGuard()

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._build_environment(_cells(width), _cells(height)),
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )
        assert process.stdin is not None
        self._process, self._stdin = process, process.stdin
        return process

    async def set_terminal_size(self, width: int, height: int) -> None:
        """Tell the app the size of the page in cells."""
        await super().set_terminal_size(_cells(width), _cells(height))

    async def take(self, text: str) -> None:
        """Do what the page asks for. What is no message of the page is ignored."""
        try:
            message: object = json.loads(text)
        except (ValueError, RecursionError):
            return
        match message:
            case ["stdin", str(keys)]:
                await self.send_bytes(self._guard.filter(keys).encode("utf-8", "replace"))
            case ["resize", {"width": int(width), "height": int(height)}]:
                await self.set_terminal_size(width, height)
            case ["ping", str(sent)]:
                await self.remote_write_str(json.dumps(["pong", sent]))
            case ["focus"]:
                await self.focus()
            case ["blur"]:
                await self.blur()
            case _:
                pass

    async def run(self) -> None:
        """Carry what the app writes to the page until it ends, and then close the page. Called by start()."""
        process = self._process
        assert process is not None and process.stdout is not None and process.stderr is not None
        errors = asyncio.create_task(_tail(process.stderr))
        with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            await process.stdout.readuntil(_READY)
            while True:
                await self._carry(process.stdout)
        await asyncio.wait({errors}, timeout=1)
        errors.cancel()
        await _ended(process, 1)
        said = "" if errors.cancelled() or not errors.done() else printable(errors.result()).strip()
        if process.returncode and not self._killed:
            self._complain(f"The session of a tab ended with exit code {process.returncode}. {said}".rstrip())
            with suppress(ConnectionError):
                await self.remote_write_bytes(said.replace("\n", "\r\n").encode())
        await self.remote_close()

    async def _carry(self, stdout: asyncio.StreamReader) -> None:
        kind = await stdout.readexactly(1)
        payload = await stdout.readexactly(int.from_bytes(await stdout.readexactly(4)))
        # A page that is gone takes nothing; the app must still be able to write until it has quit.
        with suppress(ConnectionError):
            match kind:
                case b"D":
                    await self.on_data(payload)
                case b"M":
                    await self.on_meta(payload)
                case b"P":
                    await self.on_packed(payload)
                case _:
                    pass

    async def stop(self) -> None:
        """End the process: first by asking it to quit. Takes at most STOP_SECONDS."""
        process, reader = self._process, self._task
        if process is None or reader is None:
            return
        self._task = None
        await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self.send_meta({"type": "quit"})
        for number, seconds in _STEPS:
            if number is not None:
                self._killed = True
                _signal_group(process, number)
            if await _ended(process, seconds):
                break
        _signal_group(process, signal.SIGKILL)  # what it may have left behind
        await asyncio.wait({reader}, timeout=1)
        reader.cancel()


def _cells(number: int) -> int:
    return max(1, min(number, _MAX_CELLS))


async def _tail(stream: asyncio.StreamReader) -> str:
    kept = b""
    while data := await stream.read(_TAIL):
        kept = (kept + data)[-_TAIL:]
    return kept.decode(errors="replace")


async def _ended(process: Process, seconds: float) -> bool:
    # In Python 3.11 Process.wait() also waits for the pipes, which something the app started may hold open.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while process.returncode is None:  # noqa: ASYNC110  # there is no event for the exit alone
                await asyncio.sleep(0.02)
    return process.returncode is not None


def _signal_group(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _die_with_parent() -> Callable[[], object] | None:
    """What a child does first: on Linux, ask to be told to end when the server is gone, however that happened."""
    if sys.platform != "linux":
        return None
    return partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGTERM)
