"""The tool that runs a shell command; starts it through process.Processes alone and judges nothing about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from codeagent.tools.api import Effect, EffectKind, Output, PreparedCall, Tool, ToolError, ToolResult
from codeagent.tools.params import ToolParams, clamped
from codeagent.tools.process import Finished, Processes
from codeagent.tools.truncate import head_and_tail

MAX_CHARACTERS = 8_000
MAX_KEPT = 64 * 1024


class RunParams(ToolParams):
    """`command` is for bash, in the root of the workspace."""

    command: str
    timeout_s: Annotated[int, clamped(1, 3600)] = 120


class _Run(PreparedCall):
    def __init__(self, params: RunParams, processes: Processes) -> None:
        self.title = f"Run {params.command.splitlines()[0][:80]}"
        self.effects = (Effect(kind=EffectKind.EXECUTE, target=params.command),)
        self.preview = Output(text=f"$ {params.command}")
        self._params = params
        self._processes = processes

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        command = self._processes.shell(self._params.command)
        finished = await self._processes.run(command, self._params.timeout_s, report, MAX_KEPT)
        return ToolResult(
            output=f"{head_and_tail(finished.output.rstrip(), MAX_CHARACTERS)}\n[{ending(finished)}]".lstrip("\n"),
            display=Output(text=finished.output, exit_code=finished.exit_code),
        )


class RunTool(Tool[RunParams]):
    """A command that fails is a result like any other: what it printed and its exit code."""

    name = "run"
    params = RunParams

    def __init__(self, processes: Processes) -> None:
        """Commands get the cleaned environment of these processes."""
        self._processes = processes

    async def prepare(self, params: RunParams) -> PreparedCall:
        """See Tool."""
        if not params.command.strip():
            raise ToolError("The command is empty.")
        if "\0" in params.command:
            raise ToolError("A command cannot hold a NUL character.")
        return _Run(params, self._processes)


def ending(finished: Finished) -> str:
    """How a process ended, as a clause."""
    if finished.timed_out:
        return f"stopped after {finished.seconds:.0f} s without having ended"
    if finished.signal is not None:
        return f"ended by {finished.signal}"
    return f"exit code {finished.exit_code}"
