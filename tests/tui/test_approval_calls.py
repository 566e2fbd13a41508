"""Approving a command or another call: what is shown of it, and what each key leads to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from approval_app import asking, lines_of, prepared
from textual import events
from textual.widgets import Input

from codeagent.agent.permissions import Answer, Question
from codeagent.tools.api import Effect, EffectKind, Output, PreparedCall, ToolResult
from codeagent.tui.approval.legend import Legend

HERE = Path("/home/me/shop")


class RemoteCall(PreparedCall):
    """A call of a tool from elsewhere, which reaches the network."""

    title = "issues.create in shop"
    effects = (Effect(kind=EffectKind.NETWORK, target="example.org"),)
    preview = Output(text='{"title": "It is broken"}')

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        return ToolResult(output="made")


async def command(folder: Path, text: str) -> Question:
    return Question("1", "run", await prepared(folder, "run", command=text))


async def test_the_exact_command_its_folder_and_what_always_would_allow_are_shown(workspace: Path) -> None:
    async with asking(await command(workspace, "pytest -q  tests"), folder=HERE) as asked:
        lines = [line.lstrip("▌ ") for line in asked.screen.split("\n")]
        assert "pytest -q  tests" in lines
        assert "in /home/me/shop" in lines
        assert "asked because it runs `pytest`, which may do more than look" in lines
        allowed = lines.index('"Always in this session" allows this and nothing else:')
        assert lines[allowed + 1 : allowed + 3] == [
            "execute pytest -q  tests",
            "in /home/me/shop, with this environment",
        ]


async def test_why_a_command_asks_and_which_scripts_always_is_bound_to_are_shown(workspace: Path) -> None:
    for name in ("build.sh", "Makefile"):
        (workspace / name).write_text("#!/bin/sh\n")
        (workspace / name).chmod(0o755)
    async with asking(await command(workspace, "./build.sh > out && make"), folder=HERE) as asked:
        await asked.sees("asked because it redirects into or from a file")
        await asked.sees("Makefile as it is (a8076d3d28d2)", "build.sh as it is")
    async with asking(await command(workspace, "ls | xargs rm"), folder=HERE) as asked:
        await asked.sees("asked because it starts other programs with `xargs`")


async def test_a_command_that_wants_the_network_says_so(workspace: Path) -> None:
    call = await prepared(workspace, "run", command="npm install", network=True)
    async with asking(Question("1", "run", call), folder=HERE) as asked:
        await asked.sees("asks to run a command and use the network", "wants the network and may then reach any host")
        await asked.sees("network npm install")


@pytest.mark.parametrize(
    ("keys", "answer", "record"),
    [
        ("y", Answer("once"), "allowed once"),
        ("s", Answer("session"), "allowed for the session"),
        (("n", "enter"), Answer("no"), "refused"),
        (("r", "w", "h", "y", "enter"), Answer("no", "why"), "refused: why"),
        (("n", "y", "escape", "y"), Answer("once"), "allowed once"),
    ],
)
async def test_each_key_leads_to_its_answer(
    workspace: Path, keys: tuple[str, ...], answer: Answer, record: str
) -> None:
    async with asking(await command(workspace, "make")) as asked:
        assert await asked.answer(*keys) == answer
        assert asked.app.records == [record]


@pytest.mark.parametrize("key", ["enter", "space", "a", "f", "e", "escape", "tab"])
async def test_other_keys_answer_nothing(workspace: Path, key: str) -> None:
    async with asking(await command(workspace, "make")) as asked:
        await asked.press(key)
        assert asked.waiting


async def test_every_key_of_the_legend_can_be_clicked(workspace: Path) -> None:
    async with asking(await command(workspace, "make")) as asked:
        legend = asked.app.query_one(Legend)
        await asked.pilot.click(legend, offset=(lines_of(legend)[0].index("always"), 0))
        assert await asked.answer() == Answer("session")


@pytest.mark.case(15)
async def test_control_and_bidi_characters_of_a_command_are_named(workspace: Path) -> None:
    async with asking(await command(workspace, "echo \u202etxt.exe\u2069 \x1b[8m; rm -rf ~\x07\x9b1A\r")) as asked:
        await asked.sees("echo <U+202E>txt.exe<U+2069> <U+001B>[8m; rm -rf ~<U+0007><U+009B>1A<U+000D>")
        assert not set(asked.screen) & set("\x1b\x07\x9b\r\u202e\u2069")


@pytest.mark.case(15)
async def test_a_command_of_many_lines_is_shown_whole(workspace: Path) -> None:
    text = "\n".join(f"echo {n}  " for n in range(60))
    async with asking(await command(workspace, text), size=(80, 24)) as asked:
        seen = asked.screen
        for _ in range(80):
            await asked.press("down")
            seen += asked.screen
        assert all(f"echo {n}" in seen for n in range(60))
        assert "execute these 60 lines, letter for letter" in seen
        assert asked.waiting


@pytest.mark.case(15)
async def test_what_stands_far_to_the_right_is_not_hidden(workspace: Path) -> None:
    async with asking(await command(workspace, "ls" + " " * 500 + "; rm -rf ~"), size=(60, 30)) as asked:
        await asked.sees("; rm -rf ~")


async def test_a_call_that_runs_no_command_shows_what_its_tool_shows_and_its_effects(workspace: Path) -> None:
    async with asking(Question("1", "mcp__shop__create", RemoteCall())) as asked:
        await asked.sees("mcp__shop__create", "asks to use the network", '{"title": "It is broken"}')
        await asked.sees("network: example.org", "network example.org")


@pytest.mark.case(16)
async def test_keys_clicks_and_pastes_before_the_guard_opens_do_nothing(workspace: Path) -> None:
    async with asking(await command(workspace, "make"), guard=0.5) as asked:
        legend = asked.app.query_one(Legend)
        await asked.press("y", "s", "y")
        await asked.pilot.click(legend, offset=(lines_of(legend)[0].index("yes"), 0))
        asked.app.post_message(events.Paste("y"))
        await asked.pilot.pause()
        assert asked.waiting
        await asked.until(lambda: not legend.has_class("-closed"))
        asked.app.post_message(events.Paste("y"))
        await asked.pilot.pause()
        assert asked.waiting
        assert await asked.answer("y") == Answer("once")


@pytest.mark.case(15, 16)
async def test_a_pasted_sentence_is_one_line_without_hidden_characters(workspace: Path) -> None:
    async with asking(await command(workspace, "make")) as asked:
        await asked.press("n")
        asked.app.post_message(events.Paste("use \u202ejust\ty\ny\n"))
        await asked.pilot.pause()
        assert asked.app.query_one(Input).value == "use <U+202E>just y"
        assert await asked.answer("enter") == Answer("no", "use <U+202E>just y")
