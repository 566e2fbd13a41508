"""Fixtures for processes that go wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import pytest_asyncio
from runner_bench import Bench, wait_gone


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
