"""How the approval panels look: dark, light, narrow, wide, without colours."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from approval_app import AskingApp, listens, prepared, question, until
from textual.pilot import Pilot
from textual.widgets import Input

from codeagent.agent.certainty import Certainty
from codeagent.agent.permissions import Question
from codeagent.tools.diffs import diff
from codeagent.tui import themes
from codeagent.tui.approval.diff_view import UnifiedDiffView
from codeagent.tui.approval.edit_panel import ProposedText
from codeagent.tui.approval.panel import ApprovalPanel

BEFORE = '''\
"""A cart."""

from decimal import Decimal


class Cart:
    """What a person wants to buy."""

    def __init__(self):
        self.items = []

    def add(self, name, price, count=1):
        self.items.append((name, price, count))

    def total(self):
        total = 0
        for name, price, count in self.items:
            total = total + price
        return total

    def discount(self, percent):
        # takes off a share
        return self.total() * percent / 100

    def empty(self):
        self.items = []


def main():
    cart = Cart()
    cart.add("apple", 3)
    print(cart.total())
'''
AFTER = (
    BEFORE.replace("total = total + price", "total += price * count")
    .replace("* percent / 100", "* (1 - percent / 100)  # what is left of it, as a share of the whole sum")
    .replace('"apple", 3)\n', '"apple", 3)\n    cart.add("漢字 pear", 2, count=4)\n\tcart.empty() \u202e\n')
)
DOUBTS = {" count": 0.22, " whole": 0.5, "percent": 0.55, ".empty": 0.35}
Snap = Callable[..., bool]
T = TypeVar("T")


def made(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def certainty() -> Certainty:
    """As if the model had written the whole text, not sure of a few words."""
    tokens = re.findall(r"\s*\w+|\W", AFTER)
    words = [(token, DOUBTS.get(token, 0.97)) for token in tokens]
    return Certainty("".join(token for token, _ in words), tuple(p for token, p in words for _ in token))


class Picture(AskingApp):
    """Asks one question in a theme."""

    def __init__(self, asked: Question, theme: str, guard: float = 0) -> None:
        super().__init__(guard, Path("/home/ada/shop"))
        self._asked = asked
        self._first_theme = theme

    def on_mount(self) -> None:
        themes.register(self)
        self.theme = self._first_theme
        self.run_worker(self.approver.ask(self._asked))


def pressing(*keys: str, then: Callable[[Pilot[None]], None] = lambda pilot: None):
    """Press keys as soon as the panel listens."""

    async def press(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: len(pilot.app.query(ApprovalPanel)) == 1)
        await until(pilot, lambda: not keys or listens(pilot.app))
        await pilot.pause()
        await pilot.press(*keys)
        then(pilot)
        await pilot.pause()

    return press


@pytest.fixture
def shop(workspace: Path) -> Path:
    (workspace / "cart.py").write_text(BEFORE)
    return workspace


@pytest.mark.parametrize(
    ("theme", "size"),
    [
        ("dark", (80, 24)),
        ("light", (80, 24)),
        ("dark", (120, 40)),
        ("light", (120, 40)),
        ("dark", (200, 60)),
        ("light", (200, 60)),
        ("dark", (44, 30)),
        ("high-contrast", (120, 40)),
        ("no-colour", (120, 40)),
        ("ansi", (120, 40)),
    ],
)
def test_an_edit_partly_decided(snap_compare: Snap, shop: Path, theme: str, size: tuple[int, int]) -> None:
    app = Picture(made(question(shop, "cart.py", AFTER, certainty())), theme)
    assert snap_compare(app, terminal_size=size, run_before=pressing("y", "n", "k"))


def test_an_edit_before_it_listens(snap_compare: Snap, shop: Path) -> None:
    app = Picture(made(question(shop, "cart.py", AFTER)), "dark", guard=3600)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing())


def test_the_keys_of_an_edit(snap_compare: Snap, shop: Path) -> None:
    app = Picture(made(question(shop, "cart.py", AFTER, certainty())), "light")
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("question_mark"))


def still_cursor(pilot: Pilot[None]) -> None:
    for field in pilot.app.query(Input):
        field.cursor_blink = False
    for editor in pilot.app.query(ProposedText):
        editor.cursor_blink = False


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_refusal_with_a_sentence(snap_compare: Snap, shop: Path, theme: str) -> None:
    app = Picture(made(question(shop, "cart.py", AFTER)), theme)
    keys = ("r", *"keep", "space", *"it", "space", *"simple")
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing(*keys, then=still_cursor))


def test_the_proposed_text_in_place(snap_compare: Snap, shop: Path) -> None:
    app = Picture(made(question(shop, "cart.py", AFTER)), "dark")
    keys = ("j", "j", "e", "x")
    assert snap_compare(app, terminal_size=(120, 40), run_before=pressing(*keys, then=still_cursor))


def test_a_new_file(snap_compare: Snap, shop: Path) -> None:
    app = Picture(made(question(shop, "new/cart.py", AFTER)), "light")
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("k"))


@pytest.mark.parametrize(("theme", "size"), [("dark", (80, 24)), ("light", (120, 40)), ("dark", (200, 60))])
def test_a_command(snap_compare: Snap, shop: Path, theme: str, size: tuple[int, int]) -> None:
    text = 'for f in *.py; do\n\tpython -m compileall "$f"  # \u202eelif ti gniod\ndone && echo ' + "done-" * 30
    app = Picture(Question("1", "run", made(prepared(shop, "run", command=text))), theme)
    assert snap_compare(app, terminal_size=size, run_before=pressing("k"))


@pytest.mark.parametrize(("theme", "size"), [("dark", (80, 24)), ("light", (160, 40))])
def test_a_finished_edit(snap_compare: Snap, theme: str, size: tuple[int, int]) -> None:
    class Finished(AskingApp):
        def on_mount(self) -> None:
            themes.register(self)
            self.theme = theme
            self.mount(UnifiedDiffView(diff("cart.py", BEFORE, AFTER)))

    assert snap_compare(Finished(), terminal_size=size)
