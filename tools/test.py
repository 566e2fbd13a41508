"""The tool that runs the repository's tests and reports their failures in few lines; judges no code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic.json_schema import SkipJsonSchema

from codeagent.tools.api import Effect, EffectKind, Output, PreparedCall, TestReport, Tool, ToolError, ToolResult
from codeagent.tools.bound import BoundCommand
from codeagent.tools.params import ToolParams
from codeagent.tools.process import Finished, Processes
from codeagent.tools.run import ending
from codeagent.tools.test_report import MAX_FAILURES, Outcome, hanging_at, parse
from codeagent.tools.test_runners import TestCommand, TestRunners
from codeagent.tools.truncate import head_and_tail
from codeagent.tools.workspace import Workspace

TIMEOUT_S = 120.0
_MAX_TAIL = 2_000


class TestParams(ToolParams):
    """`target` is a test file, or a test as its runner names it; without one all tests are run."""

    __test__ = False  # pytest would take the name for a test class

    target: str | SkipJsonSchema[None] = None


class _Test(BoundCommand):
    def __init__(self, command: TestCommand, root: Path, processes: Processes, timeout_s: float) -> None:
        super().__init__(command.arguments, command.line, root, processes)
        self.title = f"Test: {command.line}"
        self.effects = (Effect(kind=EffectKind.EXECUTE, target=command.line),)
        self.preview = Output(text=f"$ {command.line}")
        self._command = command
        self.why = ("runs what is in the repository",)
        self._root = root
        self._timeout_s = timeout_s

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        self.check_unchanged()
        finished = await self._processes.run(self._command.arguments, self._timeout_s, on_output=report)
        if finished.exit_code == 127:
            raise ToolError(f"The tests could not be run: {finished.output.strip()[-500:]}")
        outcome = parse(finished.output, self._root)
        if outcome.nothing_ran:
            raise ToolError(f"No tests were run by `{self._command.line}`.\n{finished.output.strip()[-_MAX_TAIL:]}")
        text = _summary(finished, outcome, hanging_at(finished.output, self._root))
        if self._command.note:
            text = f"{text}\n{self._command.note}"
        return ToolResult(
            output=text,
            display=TestReport(
                command=self._command.line,
                passed=outcome.passed or 0,
                failed=outcome.failed or 0,
                failures=() if finished.exit_code == 0 else outcome.failures,
                exit_code=finished.exit_code,
            ),
        )


class TestTool(Tool[TestParams]):
    """Finds the command by itself unless the person configured one. Tests that fail are a result, not an error."""

    __test__ = False

    name = "test"
    acts = True
    params = TestParams

    def __init__(
        self, workspace: Workspace, processes: Processes, command: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        """`command` is the person's own shell command for running all tests."""
        self._root = workspace.root
        self._processes = processes
        self._runners = TestRunners(workspace, processes, timeout_s)
        self._command = command
        self._timeout_s = timeout_s

    async def prepare(self, params: TestParams) -> PreparedCall:
        """See Tool. Small models write an empty target for none."""
        target = params.target or None
        if self._command is not None:
            command = self._runners.configured(self._command, target)
        else:
            command = await self._runners.find(target)
        return _Test(command, self._root, self._processes, self._timeout_s)


def _summary(finished: Finished, outcome: Outcome, hanging: str) -> str:
    counts = [f"{n} {word}" for n, word in ((outcome.failed, "failed"), (outcome.passed, "passed")) if n]
    numbers = ", ".join(counts) or ending(finished)
    if finished.exit_code == 0:
        return f"Tests pass: {numbers}."
    if finished.timed_out:
        where = f"It hung at:\n{hanging}" if hanging else head_and_tail(finished.output.strip(), _MAX_TAIL)
        return f"The tests were {ending(finished)}: probably an endless loop.\n{where}"
    head = f"Tests fail: {numbers}."
    if finished.signal is not None:
        head = f"Tests fail: the run was {ending(finished)}."
    shown = "\n\n".join(outcome.failures) or finished.output.strip()[-_MAX_TAIL:]
    more = (outcome.failed or 0) - len(outcome.failures)
    note = f"\n\n[... {more} more failed ...]" if more > 0 and len(outcome.failures) == MAX_FAILURES else ""
    return f"{head}\n\n{shown}{note}"
