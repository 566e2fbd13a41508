"""run and todo: commands are run as they were shown, and the plan is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from codeagent.tools.api import (
    Effect,
    EffectKind,
    Output,
    PreparedCall,
    Todo,
    TodoList,
    Tool,
    ToolError,
    ToolResult,
)
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace

Tools = dict[str, Tool[Any]]


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return {tool.name: tool for tool in builtin_tools(Workspace(tmp_path), FileLedger(), os.environ)}


async def prepare(tools: Tools, name: str, **arguments: Any) -> PreparedCall:
    tool = tools[name]
    return await tool.prepare(tool.params.model_validate(arguments))


async def call(tools: Tools, name: str, **arguments: Any) -> ToolResult:
    return await (await prepare(tools, name, **arguments)).execute(lambda text: None)


# --- run --------------------------------------------------------------------------------------------------------------


async def test_run_gives_output_and_exit_code_to_both_readers(tools: Tools, tmp_path: Path) -> None:
    result = await call(tools, "run", command="pwd; echo oops >&2; exit 3")
    assert result.output == f"{tmp_path}\noops\n[exit code 3]"
    assert result.display == Output(text=f"{tmp_path}\noops\n", exit_code=3)
    assert not result.is_error


async def test_run_shows_the_exact_command_before_it_runs(tools: Tools, tmp_path: Path) -> None:
    command = "touch made\necho 'two  lines'"
    prepared = await prepare(tools, "run", command=command)
    assert prepared.effects == (Effect(kind=EffectKind.EXECUTE, target=command),)
    assert prepared.preview == Output(text=f"$ {command}")
    assert not (tmp_path / "made").exists()


async def test_run_passes_output_on_as_it_comes(tools: Tools) -> None:
    seen: list[str] = []
    await (await prepare(tools, "run", command="echo one; echo two")).execute(seen.append)
    assert "".join(seen) == "one\ntwo\n"


async def test_run_stops_what_takes_too_long_and_says_so(tools: Tools) -> None:
    result = await call(tools, "run", command="echo begun; sleep 100", timeout_s=1)
    assert result.output == "begun\n[stopped after 1 s without having ended]"
    assert result.display == Output(text="begun\n", exit_code=None)


async def test_run_cuts_long_output_in_the_middle_and_says_so(tools: Tools) -> None:
    output = (await call(tools, "run", command="seq 1 100000")).output
    assert len(output) < 8_200
    assert output.startswith("1\n2\n")
    assert "left out" in output
    assert output.endswith("100000\n[exit code 0]")


@pytest.mark.parametrize("command", ["", "  \n", "echo \0"])
async def test_run_refuses_what_is_no_command(tools: Tools, command: str) -> None:
    with pytest.raises(ToolError):
        await prepare(tools, "run", command=command)


async def test_run_says_which_signal_ended_a_command(tools: Tools) -> None:
    assert (await call(tools, "run", command="kill -9 $$")).output == "[ended by SIGKILL]"


# --- todo -------------------------------------------------------------------------------------------------------------


async def test_run_says_how_to_get_a_network_to_a_command_that_misses_one(tools: Tools) -> None:
    command = "echo 'curl: (6) Could not resolve host: example.org'; exit 6"
    assert "call run with network: true" in (await call(tools, "run", command=command)).output
    assert "network" not in (await call(tools, "run", command=command, network=True)).output
    assert "network" not in (await call(tools, "run", command=command.replace("exit 6", "exit 0"))).output


async def test_todo_replaces_the_plan(tools: Tools) -> None:
    items = [{"text": "look", "status": "done"}, {"text": "fix", "status": "in_progress"}]
    prepared = await prepare(tools, "todo", items=items)
    assert prepared.effects == ()
    result = await prepared.execute(lambda text: None)
    assert result.output == "[x] look\n[>] fix"
    assert result.display == TodoList(items=(Todo(text="look", status="done"), Todo(text="fix", status="in_progress")))


async def test_todo_refuses_a_status_that_is_none(tools: Tools) -> None:
    with pytest.raises(ValueError, match="status"):
        await prepare(tools, "todo", items=[{"text": "x", "status": "maybe"}])
