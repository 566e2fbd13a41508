"""Links and images in what a model says: nothing is fetched, nothing is opened, and the whole address is shown."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from harness import COMMAND, Script
from terminal import Terminal
from untrusted_repo import strace, traced

DONE = "That is all."


class Trap(BaseHTTPRequestHandler):
    """Counts who comes."""

    hits: list[str]

    def do_GET(self) -> None:
        self.hits.append(self.path)
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Not on stderr."""


@pytest.fixture
def trap() -> Iterator[tuple[str, list[str]]]:
    hits: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneTrap", (Trap,), {"hits": hits}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", hits
    server.shutdown()
    thread.join()
    server.server_close()


def unfolded(screen: str) -> str:
    """The text of a box, without its border and the folds of its lines."""
    return "".join(line.partition("│")[2].partition("│")[0].strip() for line in screen.splitlines())


@pytest.mark.case(25)
def test_what_a_model_writes_is_never_fetched_and_a_click_shows_where_a_link_leads(
    home: dict[str, str], workspace: Path, script: Script, trap: tuple[str, list[str]], tmp_path: Path
) -> None:
    site, hits = trap
    secret = f"{site}/steal?d={'A1' * 40}"
    text = (
        f"![alt]({site}/image.png)\n\n[the docs]({secret})\n\n<{site}/auto>\n\n{site}/bare\n\n"
        f'<img src="{site}/html.png">\n\n[ref]: {site}/ref.png\n\n![x][ref]\n\n[passwords](file:///etc/passwd)\n\n'
        f"[script](javascript:alert(1))\n\n{DONE}\n"
    )
    log = tmp_path / "strace"
    with Terminal(
        [*strace(log), COMMAND, "--trust", "--replay", script({"text": text}), "say it"], home, workspace
    ) as one:
        one.wait_for(DONE)
        one.wait_quiet()
        one.click("the docs")
        one.wait_for("This link leads to")
        one.wait_until(
            lambda: secret in "".join(line.strip(" │") for line in one.text.splitlines()), "the whole address"
        )
        one.send("n")
        one.wait_gone("This link leads to")
        assert b"\x1b]52;" not in one.raw
        assert "[passwords](file:///etc/passwd)" in one.text  # no link at all: its address is there to be read
        one.click(f"{site}/bare")
        one.wait_for("This link leads to")
        one.wait_for("Copy it")
        one.send("y")
        copied = b"\x1b]52;c;" + base64.b64encode(f"{site}/bare".encode())
        one.wait_until(lambda: copied in one.raw, "the address is copied")
        one.send("\x03\x03")
        one.process.wait(60)
        assert b"\x1b]8;" not in one.raw
    assert hits == []
    started = {Path(program).name for program in traced(log).programs}
    assert started & {"xdg-open", "open", "sensible-browser", "www-browser", "firefox", "curl", "wget"} == set()
