"""Reading ahead: what is read while a person types or a tool runs, and that nothing real waits for it or shows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from codeagent.agent.ahead import on_battery
from codeagent.agent.bootstrap import Opened, SessionOptions, open_session
from codeagent.agent.events import Event, MessageAdded, TurnFinished
from codeagent.agent.paths import Paths
from codeagent.inference.client import ChatRequest, ModelEvent
from codeagent.inference.scripted import ScriptedCall, ScriptedClient, ScriptedTurn

SLOW = "for n in 1 2 3; do echo $n; done"
RUN = ScriptedTurn(calls=(ScriptedCall(name="run", arguments={"command": SLOW}),))
DONE = ScriptedTurn(text="Done.")


class Listening(ScriptedClient):
    """A scripted model that notes when requests begin and end."""

    def __init__(self, *turns: ScriptedTurn) -> None:
        super().__init__(turns)
        self.heard: list[str] = []
        self.background = asyncio.Event()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ModelEvent]:
        kind = "ahead" if request.background else "real"
        self.heard.append(f"{kind} begins")
        if request.background:
            self.background.set()
        try:
            async for event in super().stream(request):
                yield event
        finally:
            self.heard.append(f"{kind} ends")


class Bench:
    """An open session over a listening model."""

    def __init__(self, folder: Path, client: Listening, **flags: Any) -> None:
        paths = Paths(folder / "config", folder / "state", folder / "cache", folder / "data")
        root = folder / "repo"
        root.mkdir(exist_ok=True)
        given = {"permission_mode": "bypassPermissions", "sandbox": "off"} | flags
        options = SessionOptions(root=root, paths=paths, trust=True, bare=True, flags=given)
        self.events: list[Event] = []
        self.opened: Opened = open_session(options, self.events.append, None, (client, "script"))

    async def turn(self, text: str) -> TurnFinished:
        return await self.opened.session.run_turn(text)


def played(tmp_path: Path, work: Callable[[Bench, Listening], Any], *turns: ScriptedTurn, **flags: Any) -> Listening:
    async def play() -> Listening:
        client = Listening(*turns)
        bench = Bench(tmp_path, client, **flags)
        try:
            async with asyncio.timeout(30):
                await work(bench, client)
        finally:
            await bench.opened.session.close()
        return client

    return asyncio.run(play())


def test_while_a_command_runs_all_before_its_output_is_read(tmp_path: Path) -> None:
    async def work(bench: Bench, client: Listening) -> None:
        await bench.turn("Count to three.")

    client = played(tmp_path, work, RUN, DONE)
    read = client.read_ahead[-1]
    _, second = client.requests
    assert read.messages[:-1] == second.messages[:-1]
    assert (read.messages[-1].role, read.messages[-1].content) == ("tool", "")
    assert (read.tools, read.max_tokens) == (second.tools, 1)


def test_a_real_request_is_begun_with_nothing_read_ahead_still_open(tmp_path: Path) -> None:
    async def work(bench: Bench, client: Listening) -> None:
        bench.opened.session.read_ahead()
        await client.background.wait()
        await bench.turn("Count to three.")

    heard = played(tmp_path, work, RUN, DONE).heard
    assert heard.count("real begins") == 2
    for index in (i for i, what in enumerate(heard) if what == "real begins"):
        # The one that gives way may end just after: it has been told before, and nothing waits for it.
        assert heard[:index].count("ahead begins") - heard[: index + 2].count("ahead ends") <= 0, heard


def test_the_draft_of_a_request_is_read_behind_the_conversation(tmp_path: Path) -> None:
    async def work(bench: Bench, client: Listening) -> None:
        await bench.turn("Hello.")
        client.background.clear()
        bench.opened.session.read_ahead("Now rename the fun")
        await client.background.wait()

    client = played(tmp_path, work, DONE)
    read = client.read_ahead[-1].messages
    assert [message.role for message in read] == ["system", "user", "assistant", "user"]
    assert read[-1].content == "Now rename the fun"


def test_what_is_read_ahead_is_in_no_log_and_no_bill(tmp_path: Path) -> None:
    told: dict[bool, list[Event]] = {}

    for wanted in (True, False):

        async def work(bench: Bench, client: Listening, wanted: bool = wanted) -> None:
            await bench.turn("Count to three.")
            told[wanted] = bench.events

        folder = tmp_path / str(wanted)
        folder.mkdir()
        client = played(folder, work, RUN, DONE, prefill_ahead=wanted)
        assert bool(client.read_ahead) is wanted
    # A command's output comes in as many pieces as it happens to.
    kinds = {wanted: [e.type for e in events if e.type != "tool_output"] for wanted, events in told.items()}
    assert kinds[True] == kinds[False]
    usage = {
        wanted: [event.usage for event in events if isinstance(event, MessageAdded | TurnFinished)]
        for wanted, events in told.items()
    }
    assert usage[True] == usage[False]


def test_a_session_with_a_seed_reads_nothing_ahead(tmp_path: Path) -> None:
    async def work(bench: Bench, client: Listening) -> None:
        bench.opened.session.read_ahead()
        await bench.turn("Count to three.")

    assert played(tmp_path, work, RUN, DONE, sampling={"seed": 1}).read_ahead == []


@pytest.mark.parametrize(
    ("supplies", "expected"),
    [
        ({}, False),
        ({"AC": {"type": "Mains", "online": "0"}}, False),
        ({"BAT0": {"type": "Battery", "status": "Discharging"}}, True),
        ({"BAT0": {"type": "Battery", "status": "Charging"}}, False),
        ({"mouse": {"type": "Battery", "status": "Discharging", "scope": "Device"}}, False),
    ],
)
def test_a_battery_counts_where_it_is_the_machines_own_and_in_use(
    tmp_path: Path, supplies: dict[str, dict[str, str]], expected: bool
) -> None:
    for name, files in supplies.items():
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(f"{text}\n")
    assert on_battery(tmp_path) is expected
