"""A local stand-in for the hub and the package index: real HTTP with ranges, which can be told to stall."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class PullServer:
    """What is served by path, what was asked for, and where sending stops until `go_on` is set."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    claimed_sha256: dict[str, str] = field(default_factory=dict[str, str])
    requests: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    stall_at: dict[str, int] = field(default_factory=dict[str, int])
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def hub_file(self, repo: str, name: str, content: bytes, claimed_sha256: str | None = None) -> str:
        """Put a file of a hub repository there; its path."""
        path = f"/{repo}/resolve/{COMMIT}/{name}"
        self.files[path] = self.files[f"/{repo}/resolve/main/{name}"] = content
        sha256 = claimed_sha256 or hashlib.sha256(content).hexdigest()
        self.claimed_sha256[path] = self.claimed_sha256[f"/{repo}/resolve/main/{name}"] = sha256
        return path

    def wheels(self, stem: str, version: str, content: bytes, pieces: int) -> list[str]:
        """Cut content into wheels `<stem>1` … and list them under /links/; their paths."""
        step = -(-len(content) // pieces)
        paths: list[str] = []
        for n in range(1, pieces + 1):
            name = f"{stem.replace('-', '_')}{n}"
            path = f"/links/{name}-{version}-py3-none-any.whl"
            self.files[path] = _wheel(name, version, n, content[(n - 1) * step : n * step])
            paths.append(path)
        links = "".join(f'<a href="{p}">{p.rpartition("/")[2]}</a>' for p in paths)
        self.files["/links/"] = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
        return paths

    def asked(self, path: str) -> list[int]:
        """The first byte each GET for this path began with."""
        return [start for method, asked, start in self.requests if method == "GET" and asked == path]


def _wheel(name: str, version: str, n: int, piece: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/data/part{n:02}.bin", piece)
        info = f"{name}-{version}.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return buffer.getvalue()


@contextmanager
def serving() -> Generator[PullServer]:
    """A server on a free port of the loopback interface."""
    state = PullServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:  # the library's name
            self._answer(body=False)

        def do_GET(self) -> None:  # the library's name
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            content = state.files.get(self.path)
            wanted = self.headers.get("Range", "bytes=0-")
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            state.requests.append((self.command, self.path, start))
            if content is None:
                self.send_error(404)
                return
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
            if "Range" in self.headers:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if self.path in state.claimed_sha256:
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("X-Linked-Etag", f'"{state.claimed_sha256[self.path]}"')
                self.send_header("X-Linked-Size", str(len(content)))
            self.end_headers()
            if body:
                self._send(content[start:], state.stall_at.pop(self.path, None))

        def _send(self, content: bytes, stall_at: int | None) -> None:
            try:
                if stall_at is not None:
                    self.wfile.write(content[:stall_at])
                    self.wfile.flush()
                    state.stalled.set()
                    state.go_on.wait(60)
                    content = content[stall_at:]
                self.wfile.write(content)
            except OSError:
                self.close_connection = True  # the other side was killed

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
