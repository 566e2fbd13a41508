"""The app in a browser of this machine: who may come in, which page they get, and a clean end; knows no agent."""

from __future__ import annotations

import asyncio
import errno
import hmac
import ipaddress
import logging
import re
import secrets
import shlex
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp_jinja2
from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler
from textual_serve.server import Server

from codeagent.tui.web_tab import STOP_SECONDS, Tab

PAGE = "web_page.html"
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
# Nothing is loaded from elsewhere and nobody can frame the page. xterm.js writes its styles into the page itself.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; script-src 'self' 'nonce-{nonce}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HOST = re.compile(r"(localhost|[0-9.]+|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class WebError(Exception):
    """The server cannot start; the text is a sentence for the person."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine as only this machine can reach it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Door:
    """Lets in who shows the token once, and then the cookie given for it; refuses other hosts and other pages.

    `launch` is a second token that opens once: the command line of the browser that is started shows it to everybody
    on the machine. Cookies do not tell ports apart, so the cookie's name does.
    """

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(32)
        self.launch = secrets.token_urlsafe(32)
        self._launches = {self.launch}
        self._cookie = f"codeagent-{port}"

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Stands before every route."""
        # A foreign name that resolves to this machine (DNS rebinding) makes a foreign page one of the same origin.
        named = _HOST.fullmatch(request.host)
        if named is None or not is_loopback(named[1].strip("[]")):
            return _refusal("This server is reached as 127.0.0.1 or localhost only.")
        # Browsers let any page open a WebSocket anywhere, and a page of another port gets the cookie sent along.
        origin = request.headers.get("Origin")
        if origin != f"http://{request.host}" and (origin is not None or request.path == "/ws"):
            return _refusal("This server answers only to its own page.")
        given = request.query.get("token")
        if request.path == "/" and given is not None and self._opens(given):
            return self._welcome()
        if not _same(request.cookies.get(self._cookie, ""), self.token):
            return _refusal("Open the address that `codeagent web` printed: it holds the token this page needs.")
        return await handler(request)

    def _opens(self, given: str) -> bool:
        for launch in self._launches:
            if _same(given, launch):
                self._launches.remove(launch)
                return True
        return _same(given, self.token)

    def _welcome(self) -> web.Response:
        # Not a redirect by status: where a foreign page (a web mail, a terminal in a browser) has the link, that
        # request would count as the foreign page's, and a strict cookie would not be sent.
        response = web.Response(text="The app is at /", headers={"Refresh": "0; url=/"})
        response.set_cookie(self._cookie, self.token, httponly=True, samesite="Strict")
        return response


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode())


def _refusal(text: str) -> web.Response:
    return web.Response(status=403, text=f"{text}\n")


class AppServer(Server):
    """textual-serve's server with a door, a page that needs no other site, and tabs that surely end."""

    def __init__(self, command: Sequence[str], door: Door, complain: Callable[[str], None]) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]  # its PathLike has no parameter
            shlex.join(command), title="codeagent", templates_path=Path(__file__).parent
        )
        self._argv = command
        self._door = door
        self._complain = complain
        self._sockets: set[web.WebSocketResponse] = set()

    async def make_app(self) -> web.Application:
        """The web application with the library's routes."""
        app = await self._make_app()
        app.middlewares.append(self._door.middleware)
        app.on_response_prepare.append(_add_headers)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """The library prints its name here."""

    async def on_shutdown(self, app: web.Application) -> None:
        """End every tab."""
        await asyncio.gather(*(socket.close(code=1001) for socket in self._sockets))

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page."""
        nonce = secrets.token_urlsafe(16)
        context = {"title": self.title, "host": request.host, "nonce": nonce}
        response = aiohttp_jinja2.render_template(PAGE, request, context)
        response.headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run the app as long as the page is there."""
        socket = web.WebSocketResponse(heartbeat=15, compress=False)
        tab = Tab(
            self._argv,
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=socket.close,
            download_manager=self.download_manager,
            complain=self._complain,
        )
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await tab.start(_number(request, "width", 80), _number(request, "height", 24))
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await tab.take(message.data)
        except OSError as error:
            self._complain(f"The app could not be started: {error.strerror or error}.")
        finally:
            self._sockets.discard(socket)
            await tab.stop()
            await socket.close()
        return socket


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else default


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def serve(
    command: Sequence[str],
    host: str,
    port: int,
    announce: Callable[[str, str], None],
    complain: Callable[[str], None],
) -> None:
    """Serve a process of `command` to each tab until SIGINT, SIGTERM or SIGHUP; then no process of it is left.

    Port 0 is any free one. `announce` is called once, when the server answers, with the address and one that opens
    once only. `complain` gets a sentence for each tab that went wrong. Raises WebError.
    """
    if not is_loopback(host):
        raise WebError(f"The app is served to this machine only, so the host cannot be {host!r}. Use 127.0.0.1.")
    asyncio.run(_serve(command, _listen(host, port), announce, complain))


def _listen(host: str, port: int) -> socket.socket:
    host = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            advice = "is in use. Choose another with --port, or --port 0 for any free one."
        elif error.errno == errno.EACCES:
            advice = "needs more rights than you have. Choose one above 1023 with --port."
        else:
            advice = f"cannot be served: {error.strerror or error}."
        raise WebError(f"Port {port} of {host} {advice}") from error


async def _serve(
    command: Sequence[str],
    listening: socket.socket,
    announce: Callable[[str, str], None],
    complain: Callable[[str], None],
) -> None:
    for name in ("textual-serve", "aiohttp"):
        # What the two log is for their developers, and would be printed with tracebacks.
        logging.getLogger(name).addHandler(logging.NullHandler())
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, ended.set)
    host, port = listening.getsockname()[:2]
    door = Door(port)
    runner = web.AppRunner(
        await AppServer(command, door, complain).make_app(), access_log=None, shutdown_timeout=STOP_SECONDS
    )
    try:
        await runner.setup()
        await web.SockSite(runner, listening).start()
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        announce(f"{address}/?token={door.token}", f"{address}/?token={door.launch}")
        await ended.wait()
    finally:
        await runner.cleanup()
