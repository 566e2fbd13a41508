"""A machine lent with `codeagent worker`, used by the real model process, and lost in the middle of an answer."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from codeagent.agent.bootstrap import SessionOptions, open_session
from codeagent.agent.confinement import runner_command
from codeagent.agent.events import Event, Notice
from codeagent.agent.paths import Paths
from codeagent.inference.client import ChatRequest, Finished, Message, ModelLoadError, TextDelta, WorkerLostError
from codeagent.inference.frames import LoadSettings
from codeagent.inference.probe import devices
from codeagent.inference.runner_client import RunnerClient

pytestmark = [pytest.mark.model, pytest.mark.timeout(120)]

READY_S = 60
GIB = 1 << 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def worker(*flags: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A worker that is ready, with its address."""
    port = free_port()
    command = [sys.executable, "-P", "-m", "codeagent", "worker", "--port", str(port), "--threads", "1", *flags]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "are lent on" in line, line + process.stderr.read()
        yield f"127.0.0.1:{port}", process
    finally:
        process.terminate()  # not SIGINT: whoever runs the tests in the background has it ignored
        process.wait(READY_S)
        if process.stderr is not None:
            process.stderr.close()


@asynccontextmanager
async def client(model: Path, *endpoints: str) -> AsyncGenerator[RunnerClient]:
    settings = LoadSettings(path=str(model), name="small", rpc=endpoints, context=2048)
    running = RunnerClient(settings, lambda *_: None, runner_command(settings, os.environ))
    try:
        yield running
    finally:
        await running.close()


def story(tokens: int) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content="Tell a long story."),), max_tokens=tokens)


def test_a_worker_lends_no_more_memory_than_it_is_told_to() -> None:
    with worker("--memory", "0.5") as (endpoint, _):
        found = [d for d in devices((endpoint,)) if d.remote]
    assert [(d.description, d.total) for d in found] == [(endpoint, GIB // 2)]
    assert found[0].free <= GIB // 2
    assert found[0].link is not None
    assert found[0].link > 0


def test_a_worker_writes_nothing_and_ends_with_the_command(record_property: Callable[[str, object], None]) -> None:
    with worker() as (endpoint, process):
        port = int(endpoint.rpartition(":")[2])
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("NOT TESTED: this kernel does not list children")
        child = int(children.read_text().split()[0])
        status = Path(f"/proc/{child}/status").read_text()
        record_property("confined", "NoNewPrivs:\t1" in status)
        assert "Seccomp:\t2" in status
    end = time.monotonic() + READY_S
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < end, "the process that lends outlives the command"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_worker_that_was_never_there_is_named_when_the_model_loads() -> None:
    with pytest.raises(ModelLoadError, match=r"127\.0\.0\.1:9"):
        devices(("127.0.0.1:9",))


async def test_a_worker_that_dies_ends_the_answer_and_the_next_one_comes_without_it(small_model: Path) -> None:
    with worker() as (endpoint, process):
        async with client(small_model, endpoint) as running:
            assert (await running.info()).gpu_layers == 25
            with pytest.raises(WorkerLostError, match=re.escape(endpoint)):
                async for event in running.stream(story(400)):
                    if isinstance(event, TextDelta):
                        os.killpg(process.pid, signal.SIGKILL)
            events = [event async for event in running.stream(story(8))]
            assert isinstance(events[-1], Finished)
            info = await running.info()
            assert info.gpu_layers == 0
            assert any(endpoint in notice and "without it" in notice for notice in info.notices)


async def test_a_session_goes_on_without_a_worker_that_died_and_says_so(
    small_model: Path, workspace: Path, tmp_path: Path
) -> None:
    paths = Paths(*(tmp_path / name for name in ("config", "state", "cache", "data")))
    with worker() as (endpoint, process):
        flags = {"model": str(small_model), "devices": (endpoint,), "context": 4096, "sandbox": "off"}
        events: list[Event] = []

        def emit(event: Event) -> None:
            events.append(event)
            if isinstance(event, TextDelta) and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(READY_S)

        options = SessionOptions(root=workspace, paths=paths, trust=True, bare=True, flags=flags)
        opened = open_session(options, emit, None)
        try:
            lost = await opened.session.run_turn("Tell a story of at least two hundred words. Use no tool.")
            assert lost.outcome == "model_error"
            assert endpoint in (lost.error or "")
            events.clear()
            assert (await opened.session.run_turn("Say hello. Use no tool.")).outcome == "done"
            told = [e.text for e in events if isinstance(e, Notice)]
            assert any(endpoint in text and "without it" in text for text in told), told
        finally:
            await opened.session.close()
