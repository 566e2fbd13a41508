"""An index of a real folder with a real database, real workers and the real ripgrep; and waiting in bounded time."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.context.index.pool import Limits
from codeagent.tools.process import Processes
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.workspace import Workspace

FAULTY = (sys.executable, str(Path(__file__).with_name("faulty_index_worker.py")))
"""The command of a worker whose parser does what a file tells it to."""


def make_index(
    root: Path,
    database: Path,
    limits: Limits | None = None,
    worker_argv: Sequence[str] | None = None,
    home: Path | None = None,
) -> CodeIndex:
    """An index; `home` is where git's global settings are looked for."""
    workspace = Workspace(root)
    environ = {**os.environ, "HOME": str(home or root)}
    environ.pop("XDG_CONFIG_HOME", None)
    ripgrep = Ripgrep(workspace, Processes(workspace.root, environ))
    return CodeIndex(root, database, lambda: ripgrep.files(workspace.root), limits, worker_argv)


@asynccontextmanager
async def open_index(
    root: Path,
    database: Path,
    limits: Limits | None = None,
    worker_argv: Sequence[str] | None = None,
    home: Path | None = None,
) -> AsyncGenerator[CodeIndex]:
    """The same, closed at the end."""
    index = make_index(root, database, limits, worker_argv, home)
    try:
        yield index
    finally:
        await index.close()


@asynccontextmanager
async def watching(index: CodeIndex, notices: list[str]) -> AsyncGenerator[None]:
    """Has the index watched, its notices collected."""

    async def watch() -> None:
        async for notice in index.watch():
            notices.append(notice)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a condition, which fails the test if it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        await asyncio.sleep(0.005)


def git(folder: Path, *arguments: str, home: Path | None = None) -> str:
    """Run git with nobody's settings but those in `home`."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(home or folder), "GIT_CONFIG_NOSYSTEM": "1"}
    own = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"]
    own += ["-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *own, *arguments], cwd=folder, env=environ, check=True, capture_output=True, text=True
    )
    return done.stdout


def write(root: Path, files: dict[str, str]) -> None:
    """Write files, folders made."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(index: CodeIndex) -> list[str]:
    """The paths of the index."""
    return [file.path for file in index.files()]
