"""`codeagent web`: who gets in, what a browser shows, and that nothing is left running."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from browser import chromium, until
from harness import Command, Script
from terminal import children
from yarl import URL

ANSWER = "The answer of the script is forty-two."

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes the way Linux lists them")


class Served:
    """A running `codeagent web`."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address
        self.origin = address.partition("/?")[0]

    @property
    def cookie(self) -> dict[str, str]:
        """The cookie the server gives for the token."""
        url = URL(self.address)
        return {"Cookie": f"codeagent-{url.port}={url.query['token']}"}

    def tabs(self) -> list[int]:
        """The processes behind the tabs."""
        return children(self.process.pid)

    async def end(self, number: signal.Signals = signal.SIGINT) -> tuple[str, str]:
        """Stop it as Ctrl+C does; what it printed after the address."""
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.communicate, timeout=60)


async def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 80)).strip()


@asynccontextmanager
async def serving(codeagent: Command, *args: str | Path) -> AsyncIterator[Served]:
    process = codeagent.start("web", "--port", "0", "--no-open", "--trust", *args)
    try:
        yield Served(process, await address_of(process))
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate, timeout=60)


@pytest.fixture
async def served(codeagent: Command, script: Script) -> AsyncIterator[Served]:
    async with serving(codeagent, "--replay", script({"text": ANSWER}, {"text": "And another."})) as one:
        yield one


async def status(url: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.text(errors="replace")


def session_logs(home: dict[str, str]) -> list[Path]:
    return list(Path(home["XDG_STATE_HOME"]).rglob("sessions/*/*.jsonl"))


def names(folder: Path) -> list[str]:
    return os.listdir(folder)


def words(pid: int) -> list[str]:
    return [os.fsdecode(word) for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_without_the_token_every_address_is_refused(served: Served) -> None:
    for path in ("/", "/?token=guess", "/?token=%FF", "/ws", "/static/js/textual.js", "/download/x", "/nothing"):
        refusal = await status(served.origin + path, Origin=served.origin)
        assert refusal == (403, "Open the address that `codeagent web` printed: it holds the token this page needs.\n")
    assert served.tabs() == []


async def test_the_token_becomes_a_strict_cookie_and_leaves_the_address(served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.get(served.address) as response:
        given = response.headers["Set-Cookie"]
        assert response.headers["Refresh"] == "0; url=/"
        assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "HttpOnly" in given
    assert "SameSite=Strict" in given
    code, page = await status(f"{served.origin}/", **served.cookie)
    assert code == 200
    assert URL(served.address).query["token"] not in page


async def test_other_hosts_and_other_pages_are_refused_even_with_the_cookie(served: Served) -> None:
    for path, headers in (
        ("/", {"Host": "rebound.example:80"}),
        ("/", {"Host": "rebound.example", "Origin": "http://rebound.example"}),
        ("/", {"Host": "127.0.0.1@rebound.example"}),
        ("/", {"Host": "["}),
        ("/", {"Origin": "http://127.0.0.1:1"}),
        ("/", {"Origin": "null"}),
        ("/ws", {"Origin": "https://elsewhere.example"}),
        ("/ws", {}),
    ):
        code, text = await status(served.origin + path, **headers, **served.cookie)
        assert (code, text.startswith("This server ")) == (403, True), (path, headers, text)
    assert served.tabs() == []


async def test_a_websocket_of_another_page_is_not_opened(served: Served) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{served.origin}/ws", headers={"Origin": "http://evil.example"} | served.cookie)
    assert refused.value.status == 403


async def test_the_address_a_browser_is_started_with_opens_once(
    codeagent: Command, script: Script, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}.new && mv {seen}.new {seen}\n')
    browser.chmod(0o755)
    env = {"DISPLAY": ":99", "BROWSER": f"{browser} %s"}
    started = Command(codeagent.env | env, codeagent.cwd).start("web", "--port", "0", "--replay", script({"text": "x"}))
    try:
        printed = await address_of(started)
        await until(seen.exists, "a browser is started")
        assert seen.read_text() != printed
        assert (await status(seen.read_text()))[0] == 200
        assert (await status(seen.read_text()))[0] == 403
        assert (await status(printed))[0] == 200
        assert (await status(printed))[0] == 200
    finally:
        started.kill()
        started.communicate(timeout=60)


@pytest.mark.timeout(240)
async def test_a_browser_shows_the_app_and_its_keys_reach_it(served: Served, tmp_path: Path) -> None:
    async with chromium(tmp_path / "profile") as browser:
        refused = await browser.open(f"{served.origin}/")
        await refused.wait_true("document.body.innerText.includes('it holds the token')")
        page = await browser.open(served.address)
        await page.wait_received("type a request")
        assert await page.evaluate("location.href") == f"{served.origin}/"
        await page.type("hello\n")
        await page.wait_received("forty-two")
        assert await page.colours() > 30
        assert [url for url in page.requests if not url.startswith((f"{served.origin}/", "data:"))] == []
        assert {code for url, code in page.answers.items() if not url.endswith("favicon.ico")} == {200}


@pytest.mark.timeout(240)
async def test_a_link_on_another_page_opens_the_app_too(served: Served, tmp_path: Path) -> None:
    async with chromium(tmp_path / "profile") as browser:
        page = await browser.open(f"data:text/html,<a href='{served.address}'>here</a>")
        await page.wait_true("document.querySelector('a') !== null")
        await page.evaluate("document.querySelector('a').click()")
        await page.wait_received("type a request")


@pytest.mark.timeout(240)
async def test_each_tab_is_a_session_and_ends_when_it_is_closed(
    served: Served, tmp_path: Path, home: dict[str, str]
) -> None:
    async with chromium(tmp_path / "profile") as browser:
        first = await browser.open(served.address)
        await first.wait_received("type a request")
        (one,) = served.tabs()
        second = await browser.open(served.address)
        await second.wait_received("type a request")
        assert len(served.tabs()) == 2
        await second.close()
        await until(lambda: served.tabs() == [one], "the closed tab's process is gone")
        await first.type("still here\n")
        await first.wait_received("forty-two")
        assert len(session_logs(home)) == 2


@asynccontextmanager
async def tab(served: Served) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """What the page does, without a browser."""
    headers = {"Origin": served.origin} | served.cookie
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{served.origin}/ws?width=80&height=24", headers=headers) as connection,
    ):
        yield connection


async def receive(connection: aiohttp.ClientWebSocketResponse, text: str) -> None:
    seen = b""
    while text.encode() not in seen:
        message = await asyncio.wait_for(connection.receive(), 80)
        assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), (message, seen[-2000:])
        seen += message.data if isinstance(message.data, bytes) else message.data.encode()


async def test_ctrl_c_ends_the_server_and_every_tab_and_says_nothing_more(served: Served) -> None:
    async with tab(served) as first, tab(served) as second:
        await receive(first, "type a request")
        await receive(second, "type a request")
        pids = served.tabs()
        assert len(pids) == 2
        assert await served.end() == ("", "Ctrl+C ends it.\n")
        assert served.process.returncode == 0
        assert all(map(gone, pids))


async def test_no_tab_outlives_a_server_that_was_killed(served: Served) -> None:
    async with tab(served) as connection:
        await receive(connection, "type a request")
        pids = served.tabs()
        served.process.kill()
        await until(lambda: all(map(gone, pids)), "the tabs' processes are gone")


NO_MESSAGES = (
    "no json",
    "[" * 100_000,
    "[]",
    "{}",
    '["stdin", 5]',
    '["resize", {"width": "x"}]',
    '["stdin", "\\ud800"]',
    '["?"]',
    '["resize", {"width": -5, "height": 1000000000}]',
)


async def test_what_no_page_would_send_changes_nothing(served: Served) -> None:
    async with tab(served) as connection:
        await receive(connection, "type a request")
        for number, message in enumerate(NO_MESSAGES):
            await connection.send_str(message)
            await connection.send_str(f'["ping", "{number}"]')
            await receive(connection, f'["pong", "{number}"]')


async def test_a_tab_that_cannot_open_says_why_and_is_closed(codeagent: Command, script: Script) -> None:
    async with serving(codeagent, "--replay", script({"text": "x"}), "--resume", "no\x1b]0;such\x07") as served:
        async with tab(served) as connection:
            while not (message := await asyncio.wait_for(connection.receive(), 80)).type.name.startswith("CLOS"):
                assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT)
        await until(lambda: served.tabs() == [], "its process is gone")
        _, errors = await served.end()
    assert "ended with exit code 42" in errors
    assert "is not known in this folder" in errors
    assert "\x1b" not in errors


STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdout.write("__GANGLION__\\n")
sys.stdout.flush()
time.sleep(600)
"""
SERVE = """
import sys
from codeagent.tui.web import serve
serve([sys.executable, "-c", sys.argv[1]], "127.0.0.1", 0, lambda address, once: print(address, flush=True), print)
"""


def serve_stubborn(env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", SERVE, STUBBORN], env=env, stdout=subprocess.PIPE, text=True)


async def test_a_process_that_will_not_quit_is_killed(home: dict[str, str]) -> None:
    process = serve_stubborn(home)
    served = Served(process, await address_of(process))
    try:
        async with tab(served):
            await until(served.tabs, "a process behind the tab")
            (pid,) = served.tabs()
        await until(lambda: gone(pid), "the stubborn process is gone")
    finally:
        await served.end()
    assert process.returncode == 0


def test_a_port_in_use_is_a_sentence(codeagent: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = codeagent("web", "--no-open", "--port", port)
    assert done.code == 1
    assert f"Port {port} of 127.0.0.1 is in use. Choose another with --port" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com", "127.0.0.1.example.com", ""])
def test_no_host_but_this_machine_is_served(codeagent: Command, host: str) -> None:
    done = codeagent("web", "--no-open", "--port", "0", "--host", host)
    assert done.code == 1
    assert "The app is served to this machine only" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--modle", "x"], "No such option '--modle'"),
        (["--task", "x"], "a task is given to `codeagent` itself"),
        (["-C", "/does/not/exist"], "does not exist"),
    ],
)
def test_what_would_fail_in_every_tab_is_refused_at_once(codeagent: Command, args: list[str], said: str) -> None:
    done = codeagent("web", "--no-open", "--port", "0", *args)
    assert done.code == 42
    assert said in done.err


async def test_words_of_the_command_line_reach_no_shell(codeagent: Command, script: Script, workspace: Path) -> None:
    replay = script({"text": ANSWER})
    odd = workspace / "a 'b' $(touch pwned) `touch pwned`; touch pwned"
    odd.mkdir()
    async with serving(codeagent, "-C", odd, "--replay", replay) as served, tab(served) as connection:
        await receive(connection, "Ask for a change")
        assert names(workspace) == [odd.name]
        (pid,) = served.tabs()
        assert str(odd) in words(pid)
