"""The real model process has no door: it listens nowhere, and what it was told ends with the program that told it."""

from __future__ import annotations

import os
import re
import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from gguf_files import loadable_model, write

from codeagent.inference.client import ChatRequest, Finished, Message, ModelEvent
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient

pytestmark = [
    pytest.mark.case(44),
    pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: looks at processes the way Linux shows them"),
]


def listening() -> set[str]:
    """The inode numbers of all sockets that wait for somebody to connect."""
    found: set[str] = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                found.add(fields[9])
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[3], 16) & 0x10000:
            found.add(fields[6])
    return found


def sockets(process: int) -> set[str]:
    found: set[str] = set()
    for path in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile, as the one this listing was read from
            if inode := re.fullmatch(r"socket:\[(\d+)\]", str(path.readlink())):
                found.add(inode[1])
    return found


async def test_while_it_answers_it_listens_nowhere(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf", loadable_model())
    client = RunnerClient(LoadSettings(path=str(path), name="m", context=512), lambda *_: None)
    try:
        request = ChatRequest(messages=(Message(role="user", content="hello"),), max_tokens=4)
        events: list[ModelEvent] = []
        async for event in client.stream(request):
            assert client.pid is not None
            assert sockets(client.pid) & listening() == set()
            events.append(event)
        assert isinstance(events[-1], Finished)
    finally:
        await client.close()


def test_the_check_would_see_a_door() -> None:
    with socket.socket() as door, socket.socket(socket.AF_UNIX) as other:
        door.bind(("127.0.0.1", 0))
        other.bind(f"\0codeagent-test-{os.getpid()}")
        for one in (door, other):
            one.listen()
        assert len(sockets(os.getpid()) & listening()) == 2
