"""A client on the fault runner, with what it reported and which processes were started for it."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from pathlib import Path

from codeagent.inference.client import (
    ChatRequest,
    Finished,
    Message,
    ModelClient,
    ModelEvent,
    Prefill,
    TextDelta,
    Usage,
)
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient
from codeagent.inference.supervisor import Limits, RunnerState

FAULT_RUNNER = Path(__file__).parents[1] / "faults" / "fault_runner.py"
SETTINGS = LoadSettings(path="/nowhere.gguf", name="fault")
PATIENT = Limits(start_stall=30, load_stall=30, busy_stall=30, cancel=10, stop_step=5)
HASTY = Limits(start_stall=5, load_stall=2, busy_stall=2, cancel=1, stop_step=0.5)


def wait_gone(pid: int, seconds: float = 5.0) -> bool:
    """Whether a process, which need not be a child of ours, ends before the time is over."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


class Bench:
    """A client on a fault runner, the states it reported, and the processes that were started for it."""

    def __init__(self, pids: Path) -> None:
        self.pids = pids
        self.states: list[tuple[RunnerState, str, float | None]] = []
        self.failed = asyncio.Event()
        self.client: RunnerClient

    def told(self, state: RunnerState, detail: str, progress: float | None) -> None:
        self.states.append((state, detail, progress))
        if state is RunnerState.FAILED:
            self.failed.set()

    def argv(self, *faults: str) -> list[str]:
        return [sys.executable, "-P", str(FAULT_RUNNER), str(self.pids), *faults]

    def plays(self, *faults: str, limits: Limits = PATIENT) -> RunnerClient:
        self.client = RunnerClient(SETTINGS, self.told, self.argv(*faults), limits)
        return self.client

    def started(self) -> list[int]:
        return [int(line) for line in self.pids.read_text().splitlines()] if self.pids.exists() else []


def ask(text: str = "one two") -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content=text),))


async def play(client: ModelClient, text: str = "one two") -> list[ModelEvent]:
    return [event async for event in client.stream(ask(text))]


ANSWER = [
    Prefill(done=2, total=2, cached=0),
    TextDelta(text="one"),
    TextDelta(text="two"),
    Finished(reason="stop", usage=Usage(prompt_tokens=2)),
]
