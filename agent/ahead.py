"""Has the model read what it will need next while a person types or a tool runs; knows no front end, keeps no record.

What is read stays in the model's cache, so that the next real request has less to read. Nothing of it is generated,
logged or counted, and it gives way at once to whatever is asked in earnest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

from codeagent.inference.client import ChatRequest, Message, ModelClient, ModelError, Sampling, ToolSpec

POWER = Path("/sys/class/power_supply")


class Ahead:
    """Reads one thing at a time: the latest that was wanted."""

    def __init__(self, client: ModelClient, tools: Callable[[], tuple[ToolSpec, ...]], wanted: bool) -> None:
        """`tools` are those that the next request will list. Where it is not `wanted`, nothing is ever read."""
        self._client = client
        self._tools = tools
        self._wanted = wanted
        self._task: asyncio.Task[None] | None = None
        self._latest: tuple[Message, ...] = ()

    def read(self, messages: Sequence[Message]) -> None:
        """Begin to read these messages instead of what is being read; the next request is to begin with them."""
        latest = tuple(messages)
        if latest == self._latest or not self._wanted or on_battery():
            return
        self.stop()
        self._latest = latest
        self._task = asyncio.create_task(self._read(latest))

    def stop(self) -> None:
        """Give way to a real request, which need not wait for that."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
        self._latest = ()

    async def close(self) -> None:
        """Stop, and wait until that has happened."""
        self.stop()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _read(self, messages: tuple[Message, ...]) -> None:
        request = ChatRequest(
            messages=messages,
            tools=self._tools(),
            tool_choice="none",
            sampling=Sampling(temperature=0.0),
            max_tokens=1,
            background=True,
        )
        with suppress(ModelError):  # the real request will meet it again, and tell
            async with aclosing(self._client.stream(request)) as stream:
                async for _ in stream:
                    pass


def on_battery(folder: Path = POWER) -> bool:
    """Whether this machine runs on a battery of its own, as far as the kernel tells."""
    batteries = [supply for supply in folder.glob("*") if _said(supply / "type") == "Battery"]
    own = [supply for supply in batteries if _said(supply / "scope") != "Device"]  # and not that of a mouse
    return any(_said(supply / "status") == "Discharging" for supply in own)


def _said(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
