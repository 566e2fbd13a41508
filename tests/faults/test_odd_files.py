"""Files and folders that are huge, deep, endless or oddly named: bounded time and memory, and a sentence each."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Command, Script

from codeagent.tools.api import Tool, ToolError, ToolResult
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace

pytestmark = pytest.mark.case(36)

SECONDS = 30.0
DEPTH = 4_096
MANY = 100_000


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace with one of each, and two files that are as files should be."""
    workspace = tmp_path_factory.mktemp("odd")
    (workspace / "good.py").write_text("x = 1  # needle\n")
    with open(workspace / "huge.log", "wb") as file:
        file.write(b"needle\n")
        file.truncate(2 << 30)
    (workspace / "line.js").write_bytes(b"var x = '" + b"needle" * (50_000_000 // 6) + b"'")
    (workspace / "binary.bin").write_bytes(bytes(range(256)) * 64 + b"needle")
    (workspace / "sparse.txt").write_bytes(b"needle\n")
    os.truncate(workspace / "sparse.txt", 1_000_000)
    os.mkfifo(workspace / "pipe")
    (workspace / "zero").symlink_to("/dev/zero")
    (workspace / "kmsg").symlink_to("/proc/kmsg")
    (workspace / "loop").symlink_to("loop")
    (workspace / "around").symlink_to(".")
    (workspace / "new\nline\x1b[2J.txt").write_text("needle\n")
    (workspace / ("n" * 255)).write_text("needle\n")
    deep(workspace)
    yield workspace
    subprocess.run(["rm", "-rf", workspace], check=True)  # which knows how to; Python's own way is too deep


def deep(folder: Path) -> None:
    """Folders in folders, deeper than a path can name."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("needle.txt", os.O_WRONLY | os.O_CREAT, dir_fd=at))
    os.close(at)


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def test_a_session_that_looks_at_each_of_them_answers_each_and_ends_in_time(
    home: dict[str, str], script: Script, odd: Path, record_property: Callable[[str, object], None]
) -> None:
    names = sorted(path.name for path in odd.iterdir())
    calls = [call("read", path=name) for name in names]
    calls += [call("edit", path=name, old="needle", new="needles") for name in names if name != "good.py"]
    calls += [call("write", path=f"{name}/x.txt", content="x\n") for name in ("pipe", "zero", "loop", "huge.log")]
    calls += [call("list", path=".", depth=20), call("list", path="d"), call("grep", pattern="needle")]
    calls += [call("read", path="/".join("d" * DEPTH) + "/needle.txt"), call("list", path="/".join("d" * DEPTH))]
    before = {name: os.lstat(odd / name)[:7] for name in names}
    # Each with a good one, or so many failures in a row would end the turn.
    turns = [{"calls": [one, call("read", path="good.py", last=n)]} for n, one in enumerate(calls, 1)]
    began = time.monotonic()
    done = Command(home, odd)(
        "--task", "look at everything", "--trust", "--sandbox", "off", "--yolo", "--max-turns", "200", "--replay",
        script(*turns, {"text": "Seen."}), "--output-format", "json",
    )  # fmt: skip
    seconds = time.monotonic() - began
    assert done.result["result"] == "Seen.", done.err
    assert "Traceback" not in done.err
    assert "broke on this call" not in done.err
    assert "\x1b" not in done.err
    assert seconds < SECONDS
    edited = {"n" * 255, "new\nline\x1b[2J.txt"}
    assert {n: os.lstat(odd / n)[:7] for n in names if n not in edited} == {
        n: before[n] for n in names if n not in edited
    }
    record_property("tried", len(calls))


@pytest.fixture
def tools(odd: Path) -> dict[str, Tool[Any]]:
    return {tool.name: tool for tool in builtin_tools(Workspace(odd), FileLedger(), os.environ)}


async def answer(tools: dict[str, Tool[Any]], name: str, **arguments: Any) -> str:
    tool = tools[name]
    result: ToolResult = await (await tool.prepare(tool.params.model_validate(arguments))).execute(lambda text: None)
    return result.output


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("huge.log", "too large: 2,147,483,648 bytes"),
        ("line.js", "too large: 50,"),
        ("binary.bin", "is a binary file"),
        ("sparse.txt", "is a binary file"),
        ("pipe", "is a named pipe"),
        ("zero", "outside the workspace"),
        ("kmsg", "outside the workspace"),
        ("loop", "circle"),
        ("around", "folder"),
        ("d", "is a folder"),
        ("good.py/x", "a part of its path is a file"),
        ("n" * 256, "its name is too long"),
        ("/".join("d" * DEPTH), "is too long"),
    ],
)
async def test_what_cannot_be_read_or_edited_is_said_in_a_sentence(
    tools: dict[str, Tool[Any]], name: str, says: str
) -> None:
    for tool, more in (("read", {}), ("edit", {"old": "needle", "new": "thread"})):
        with pytest.raises(ToolError) as refused:
            await answer(tools, tool, path=name, **more)
        assert says in str(refused.value)


async def test_a_search_finds_what_is_in_good_files_and_skips_the_rest(tools: dict[str, Tool[Any]]) -> None:
    began = time.monotonic()
    found = await answer(tools, "grep", pattern="needle")
    assert time.monotonic() - began < SECONDS
    assert "good.py" in found
    assert "new\\x0aline" in found
    assert "\x1b" not in found
    assert len(found) < 100_000


@pytest.mark.case(27)
async def test_a_file_with_holes_is_refused_and_keeps_them(tools: dict[str, Tool[Any]], odd: Path) -> None:
    before = os.stat(odd / "sparse.txt")
    with pytest.raises(ToolError, match="binary"):
        await answer(tools, "edit", path="sparse.txt", old="needle", new="thread")
    after = os.stat(odd / "sparse.txt")
    assert (after.st_blocks, after.st_size, after.st_mtime_ns) == (before.st_blocks, before.st_size, before.st_mtime_ns)


LISTING = """
import asyncio, os, resource, sys, time
from pathlib import Path
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace

async def main():
    tools = {tool.name: tool for tool in builtin_tools(Workspace(Path(sys.argv[1])), FileLedger(), os.environ)}
    tool = tools["list"]
    prepared = await tool.prepare(tool.params.model_validate({"depth": 20}))
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    output = (await prepared.execute(lambda text: None)).output
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(len(output), round(time.monotonic() - began, 2), grown // 1024, output.splitlines()[-1])

asyncio.run(main())
"""


def test_a_listing_of_a_hundred_thousand_files_is_cut_and_says_so(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    quick = Path("/dev/shm")  # a disk takes its time for so many files
    workspace = Path(tempfile.mkdtemp(dir=quick if os.access(quick, os.W_OK) else tmp_path))
    for folder in range(MANY // 1000):
        (workspace / f"f{folder}").mkdir()
        at = os.open(workspace / f"f{folder}", os.O_RDONLY)
        for number in range(1000):
            os.close(os.open(f"{number}.txt", os.O_WRONLY | os.O_CREAT, dir_fd=at))
        os.close(at)
    ran = subprocess.run([sys.executable, "-c", LISTING, workspace], capture_output=True, text=True, timeout=100)
    shutil.rmtree(workspace)
    size, seconds, megabytes, last = ran.stdout.split(maxsplit=3)
    assert int(size) < 20_000
    assert float(seconds) < SECONDS
    assert int(megabytes) < 300
    assert last == "[... 99,800 more entries: list a folder of these ...]\n"
    record_property("tried", MANY)


def test_reading_what_is_endless_or_too_large_takes_no_memory(tools: dict[str, Tool[Any]], odd: Path) -> None:
    from codeagent.tools.files import read_bytes

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in (Path("/dev/zero"), Path("/dev/full"), odd / "huge.log", odd / "pipe", odd / "line.js"):
        with pytest.raises(ToolError):
            read_bytes(path, path.name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024
