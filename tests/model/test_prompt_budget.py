"""The system prompt and the tools stay small: a small model's window is the user's, not ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeagent import prompts
from codeagent.inference.client import ChatRequest, Message, ToolSpec
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace

BUDGET = 1000


@pytest.mark.model
async def test_the_system_prompt_and_all_tools_fit_the_budget(small_model: Path, workspace: Path) -> None:
    """The 0.5B has the tokenizer and the template of the default model."""
    tools = builtin_tools(Workspace(workspace), FileLedger(), {})
    request = ChatRequest(
        messages=(
            Message(role="system", content=prompts.load("system/agent.md")),
            Message(role="user", content=""),
        ),
        tools=tuple(
            ToolSpec(name=t.name, description=t.description, parameters=t.schema(), fenced=t.fenced) for t in tools
        ),
    )
    client = RunnerClient(LoadSettings(path=str(small_model), name="small", context=2048), lambda *_: None)
    try:
        assert 100 < await client.count_tokens(request) <= BUDGET
    finally:
        await client.close()
