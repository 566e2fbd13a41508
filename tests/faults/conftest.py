"""Fixtures for processes that go wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from runner_bench import Bench, wait_gone
from sandbox_stage import SandboxStage, sandbox_stage

NO_SANDBOX = 56


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncGenerator[Bench]:
    """A client on a fault runner; fails the test whose processes outlive it."""
    bench = Bench(tmp_path / "pids")
    try:
        yield bench
        await bench.client.close()
        assert [pid for pid in bench.started() if not wait_gone(pid)] == []
    finally:
        for pid in bench.started():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def stage() -> Iterator[SandboxStage]:
    """A home and a workspace on a real disk, with what lies beside them."""
    with sandbox_stage() as made:
        yield made


@pytest.fixture(scope="session")
def lacking() -> str:
    """Why this machine has no full sandbox, "" if it has."""
    with sandbox_stage() as made:
        done = made.codeagent("--task", "x", "--trust", "--sandbox", "require", "--replay", os.devnull)
        return done.err.strip() if done.code == NO_SANDBOX else ""


@pytest.fixture
def full(stage: SandboxStage, lacking: str) -> SandboxStage:
    """The same where this machine has a full sandbox."""
    if lacking:
        pytest.skip(f"NOT TESTED: {lacking}")
    return stage
