"""What a model writes fetches nothing: pictures and links in an answer lead to a trap that nobody walks into."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stage import Stage, screen_text, until

pytestmark = pytest.mark.case(25)


@pytest.fixture
def trap() -> Iterator[tuple[str, list[str]]]:
    """An address and what was asked of it."""
    hits: list[str] = []

    class Trap(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Trap)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", hits
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_pictures_and_links_of_an_answer_are_not_fetched_and_not_opened(
    tmp_path: Path,
    trap: tuple[str, list[str]],
    record_property: Callable[[str, object], None],
) -> None:
    place, hits = trap
    connection = http.client.HTTPConnection(place)
    connection.request("GET", "/control")
    connection.getresponse().read()
    assert hits == ["/control"]
    forms = [
        f"![a picture](http://{place}/image.png)",
        f"![by name][trap]\n\n[trap]: http://{place}/by-name.png",
        f"[a link](http://{place}/link)",
        f"<http://{place}/angle>",
        f"http://{place}/bare",
        f'<img src="http://{place}/html.png">',
        f"[![both](http://{place}/both.png)](http://{place}/both)",
        f"```html\n<script src='http://{place}/code.js'></script>\n```",
        f"| ![cell](http://{place}/cell.png) |\n|---|\n| ![cell](http://{place}/cell2.png) |",
        "![a file](file:///etc/passwd) [a file](file:///etc/passwd)",
        "[a program](javascript:alert(1)) [data](data:text/html,x)",
    ]
    app = Stage(tmp_path).app({"text": "\n\n".join([*forms, "the end of it"])})
    async with app.run_test(size=(120, 80)) as pilot:
        await until(pilot, lambda: "type a request" in screen_text(app))
        await pilot.press(*"go", "enter")
        await until(pilot, lambda: "the end of it" in screen_text(app))
        assert "root:" not in screen_text(app)
    assert hits == ["/control"]
    record_property("tried", len(forms))
