"""How the prompt looks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prompt_stage import PromptStage, paste, source, symbols, until
from textual.pilot import Pilot

FILES = (
    "tui/prompt/prompt.py",
    "tests/tui/test_prompt.py",
    "tui/prompt/pastes.py",
    "my notes/prompt ideas.md",
    "src/\x1b[31m[red]\u202eprompt.py",
    "agent/a_rather_long_folder_name/with_another_one_inside/and_one_more_to_be_sure/of_that/prompts_for_everything.py",
    *(f"examples/prompt_{n}.txt" for n in range(12)),
)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_files(snap_compare: Callable[..., bool], tmp_path: Path, size: tuple[int, int]) -> None:
    app = PromptStage(tmp_path, files=source(*FILES), symbols=symbols("Prompt.set_text", "PromptEditor"))

    async def type_it(pilot: Pilot[None]) -> None:
        await paste(pilot, "x = 1\n" * 40)
        await pilot.press("ctrl+j", *"compare with @tui/app.py and @pro")
        await until(pilot, lambda: app.offered)
        await pilot.press("down")

    assert snap_compare(app, terminal_size=size, run_before=type_it)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_commands_in_a_light_theme(snap_compare: Callable[..., bool], tmp_path: Path, size: tuple[int, int]) -> None:
    app = PromptStage(tmp_path)

    async def type_it(pilot: Pilot[None]) -> None:
        app.theme = "textual-light"
        await pilot.press("/")
        await until(pilot, lambda: app.offered)

    assert snap_compare(app, terminal_size=size, run_before=type_it)


def test_a_shell_line(snap_compare: Callable[..., bool], tmp_path: Path) -> None:
    assert snap_compare(PromptStage(tmp_path), terminal_size=(80, 24), press=[*"!git status"])


def test_an_unknown_command(snap_compare: Callable[..., bool], tmp_path: Path) -> None:
    assert snap_compare(PromptStage(tmp_path), terminal_size=(80, 24), press=[*"/modle", "enter"])


def test_nothing_typed_yet(snap_compare: Callable[..., bool], tmp_path: Path) -> None:
    assert snap_compare(PromptStage(tmp_path), terminal_size=(80, 24))
