"""A headless Chromium driven over its DevTools protocol; every wait is bounded."""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

PATIENCE = 80.0
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


async def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait until a condition holds and return what it gives; fail the test when it does not in time."""
    for _ in range(int(seconds / 0.05)):
        if found := condition():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"Not within {seconds:.0f} seconds: {what}")


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.received = bytearray()
        """What came over the page's WebSockets."""
        self.requests: list[str] = []
        """The addresses it asked for."""
        self.answers: dict[str, int] = {}
        """Address to the status it was answered with."""
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def attach(cls, socket: aiohttp.ClientWebSocketResponse) -> Self:
        """Begin to listen."""
        page = cls(socket)
        for domain in ("Page", "Network", "Runtime"):
            await page.call(f"{domain}.enable")
        return page

    async def _read(self) -> None:
        async for message in self._socket:
            data = message.json()
            if "id" in data:
                self._waiting.pop(data["id"]).set_result(data)
                continue
            params: dict[str, Any] = data["params"]
            match data["method"]:
                case "Network.webSocketFrameReceived" if params["response"]["opcode"] == 2:
                    self.received += base64.b64decode(params["response"]["payloadData"])
                case "Network.requestWillBeSent":
                    self.requests.append(params["request"]["url"])
                case "Network.responseReceived":
                    self.answers[params["response"]["url"]] = params["response"]["status"]
                case _:
                    pass

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol and its answer."""
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        answer = await asyncio.wait_for(future, PATIENCE)
        assert "error" not in answer, answer
        return answer["result"]

    async def goto(self, url: str) -> None:
        """Go to an address as if it had been typed."""
        await self.call("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return answer["result"].get("value")

    async def type(self, text: str) -> None:
        """Press the keys of a text, with Enter for a newline."""
        for character in text:
            key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13} if character == "\n" else {}
            typed = "\r" if character == "\n" else character
            await self.call("Input.dispatchKeyEvent", type="keyDown", text=typed, **({"key": typed} | key))
            await self.call("Input.dispatchKeyEvent", type="keyUp", **({"key": typed} | key))

    async def wait_received(self, text: str) -> None:
        """Wait until the app has sent a text to the page."""
        await until(lambda: text.encode() in self.received, f"{text!r} in {bytes(self.received[-3000:])!r}")

    async def wait_true(self, expression: str) -> None:
        """Wait until an expression in the page is true."""
        for _ in range(int(PATIENCE / 0.1)):
            if await self.evaluate(expression):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"Never true: {expression}")

    async def picture(self) -> bytes:
        """What it looks like, as PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])

    async def colours(self) -> int:
        """How many different colours it shows."""
        # Drawn again on a canvas of its own: what WebGL has drawn cannot be read back.
        picture = base64.b64encode(await self.picture()).decode()
        return await self.evaluate(
            "(async () => { const image = new Image(); "
            f"image.src = 'data:image/png;base64,{picture}'; await image.decode(); "
            "const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext('2d'); "
            "context.drawImage(image, 0, 0); "
            "const data = context.getImageData(0, 0, image.width, image.height).data; "
            "return new Set(new Uint32Array(data.buffer)).size; })()"
        )

    async def close(self) -> None:
        """Close the tab."""
        await self.call("Page.close")
        await self.detach()

    async def detach(self) -> None:
        """No longer listen."""
        await self._socket.close()
        await asyncio.wait({self._reader}, timeout=PATIENCE)


class Browser:
    """A running Chromium with a profile of its own."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address
        self._pages: list[Page] = []

    async def open(self, url: str = "about:blank") -> Page:
        """A new tab, at an address as if it had been typed."""
        async with self._session.put(f"{self._address}/json/new?about:blank") as response:
            target = await response.json()
        page = await Page.attach(await self._session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0))
        self._pages.append(page)
        await page.call("Emulation.setDeviceMetricsOverride", width=1200, height=800, deviceScaleFactor=1, mobile=False)
        await page.goto(url)
        return page

    async def detach(self) -> None:
        """No longer listen to any tab."""
        for page in self._pages:
            await page.detach()


@asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Browser]:
    """A browser for the length of a block; the test is skipped by name where there is none."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine, so the page was not seen in a browser; install chromium")
    process = await asyncio.create_subprocess_exec(
        program,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        found = profile / "DevToolsActivePort"
        await until(lambda: found.is_file() and "\n" in found.read_text(), "Chromium's DevTools answer")
        async with aiohttp.ClientSession() as session:
            browser = Browser(session, f"http://127.0.0.1:{found.read_text().split()[0]}")
            try:
                yield browser
            finally:
                await browser.detach()
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), PATIENCE)
