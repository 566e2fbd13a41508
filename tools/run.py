"""The tool that runs a shell command: what only looks without a shell, all else in bash; decides nothing."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from codeagent.tools.api import Effect, EffectKind, Output, PreparedCall, Tool, ToolError, ToolResult
from codeagent.tools.bound import BoundCommand
from codeagent.tools.commands.judge import Look, acting_parts, judge
from codeagent.tools.commands.programs import check_loader
from codeagent.tools.commands.reach import Reach
from codeagent.tools.commands.words import NotUnderstoodError
from codeagent.tools.params import ToolParams, clamped
from codeagent.tools.process import Finished, Processes
from codeagent.tools.truncate import head_and_tail
from codeagent.tools.workspace import Workspace, printable

MAX_CHARACTERS = 8_000
MAX_KEPT = 64 * 1024
# What Linux takes as one argument; and nobody reads a longer one before they agree to it.
MAX_COMMAND = 100_000
_UNREACHABLE = re.compile(
    r"resolve host|name resolution|Name or service not known|Network is unreachable|EAI_AGAIN|ENOTFOUND"
    r"|dial tcp: lookup"
)
_NO_NETWORK = "\n[Commands have no network. If this one needs it, call run with network: true.]"
_LEFT_OUT = "\n[Files that may hold secrets were left out of the search.]"


class RunParams(ToolParams):
    """`command` is for bash, in the root of the workspace."""

    command: str
    timeout_s: Annotated[int, clamped(1, 3600)] = 120
    network: bool = False


class _Run(BoundCommand):
    def __init__(
        self, params: RunParams, workspace: Workspace, processes: Processes, why: tuple[str, ...], acts: tuple[str, ...]
    ) -> None:
        super().__init__(processes.shell(params.command), params.command, workspace.root, processes)
        self.title = _title(params.command)
        effects = [Effect(kind=EffectKind.EXECUTE, target=params.command)]
        if params.network:
            effects.append(Effect(kind=EffectKind.NETWORK, target=params.command))
        self.effects = tuple(effects)
        self.preview = Output(text=f"$ {params.command}")
        self.why = (*why, "wants the network and may then reach any host") if params.network else why
        self.acts = acts
        self._params = params

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        self.check_unchanged()
        params = self._params
        finished = await self._processes.run(
            self._arguments, params.timeout_s, report, MAX_KEPT, network=params.network
        )
        wants = not params.network and finished.exit_code != 0 and _UNREACHABLE.search(finished.output)
        return _result(finished, _NO_NETWORK if wants else "")


class _Look(BoundCommand):
    """A command that only looks. `arguments` are run as they are: no shell reads them again."""

    def __init__(self, params: RunParams, look: Look, processes: Processes) -> None:
        super().__init__(_arguments(look), params.command, look.folder, processes)
        self.title = _title(params.command)
        reads = [Effect(kind=EffectKind.READ, target=printable(str(path))) for path in look.reads]
        self.effects = (Effect(kind=EffectKind.LOOK, target=params.command), *reads)
        self.preview = Output(text=f"$ {params.command}")
        self.why = ("runs without a sandbox, in which all commands are asked about",)
        self._timeout_s = params.timeout_s
        self._left_out = look.searches

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        self.check_unchanged()
        finished = await self._processes.run(self._arguments, self._timeout_s, report, MAX_KEPT, folder=self._folder)
        return _result(finished, _LEFT_OUT if self._left_out else "")


class RunTool(Tool[RunParams]):
    """A command that fails is a result like any other: what it printed and its exit code."""

    name = "run"
    params = RunParams

    def __init__(self, workspace: Workspace, processes: Processes) -> None:
        """Commands get the cleaned environment of these processes, and start in the workspace's root."""
        self._workspace = workspace
        self._processes = processes

    async def prepare(self, params: RunParams) -> PreparedCall:
        """See Tool."""
        command = params.command
        if not command.strip():
            raise ToolError("The command is empty.")
        if "\0" in command:
            raise ToolError("A command cannot hold a NUL character.")
        if len(command) > MAX_COMMAND:
            raise ToolError(f"The command is longer than {MAX_COMMAND:,} characters. Write a script and run that.")
        reach = Reach(self._workspace.roots, self._workspace.root)
        try:
            check_loader(self._processes.environment, self._workspace.roots)
            look = judge(command, reach, self._processes.find)
        except NotUnderstoodError as e:
            acts = acting_parts(command, reach, self._processes.find)
            return _Run(params, self._workspace, self._processes, (str(e),), acts)
        if params.network:
            return _Run(params, self._workspace, self._processes, (), ())
        return _Look(params, look, self._processes)


def ending(finished: Finished) -> str:
    """How a process ended, as a clause."""
    if finished.limit:
        return f"stopped: {finished.limit}"
    if finished.timed_out:
        return f"stopped after {finished.seconds:.0f} s without having ended"
    if finished.signal is not None:
        return f"ended by {finished.signal}"
    return f"exit code {finished.exit_code}"


def _title(command: str) -> str:
    return f"Run {command.strip().splitlines()[0][:80]}"


def _arguments(look: Look) -> Sequence[str]:
    if len(look.steps) == 1 and not look.steps[0].redirects:
        return look.steps[0].arguments
    plan = json.dumps([[step.operator, step.arguments, step.redirects] for step in look.steps])
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("pipeline.py")), plan]


def _result(finished: Finished, note: str = "") -> ToolResult:
    shown = head_and_tail(finished.output.rstrip(), MAX_CHARACTERS)
    return ToolResult(
        output=f"{shown}\n[{ending(finished)}]".lstrip("\n") + note,
        display=Output(text=finished.output, exit_code=finished.exit_code),
    )
