"""The agent checks its own work after an edit: syntax first, then the tests if they may run; knows no model and no
front end.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from pathlib import Path

from codeagent.agent.changes import ChangeLog
from codeagent.agent.tool_runner import ToolRunner
from codeagent.inference.client import Frozen, ToolCall
from codeagent.tools import syntax
from codeagent.tools.api import TestReport, relative
from codeagent.tools.parser import Parser


class CheckReport(Frozen):
    """What a check found; `text` is for the model.

    `passed` is None when there was nothing to check with. `passed_tests` is -1 when they could not be counted: a syntax
    error, or a run that did not end; so is `failed_tests`. `repeated` says that the files stood just so when an earlier
    check failed.
    """

    passed: bool | None
    text: str = ""
    passed_tests: int = -1
    failed_tests: int = -1
    repeated: bool = False


class Checker:
    """Checks the state of the workspace after edits.

    With `required` the tests are the person's own condition (`--verify`), and the turn is not done before they pass.
    """

    def __init__(self, runner: ToolRunner, changes: ChangeLog, root: Path, required: bool, parser: Parser) -> None:
        """`runner` must have a tool named `test`; whether it may run is the gate's decision, as for any call."""
        self._runner = runner
        self._changes = changes
        self._root = root
        self.required = required
        self._parser = parser
        self._failed_states: set[str] = set()
        self.last: CheckReport | None = None

    def outdated(self) -> None:
        """Something may have changed since the last check, so it says nothing any more."""
        self.last = None

    async def now(self) -> CheckReport:
        """How things stand: the last check if nothing changed since, else a new one."""
        return self.last or await self.run_tests()

    async def after_edit(self, before: dict[str, bytes | None]) -> CheckReport:
        """Check files just written, given by absolute path with their bytes before this step."""
        problems = await asyncio.to_thread(self._new_syntax_problems, before)
        if problems:
            text = "The file has a syntax error now, so the tests were not run:\n" + "\n".join(problems)
            self.last = CheckReport(passed=False, text=text, repeated=self._failed_before())
            return self.last
        return await self.run_tests()

    async def run_tests(self) -> CheckReport:
        """Run the tests when that needs no asking, and remember the state of the files if they fail."""
        call = ToolCall(id=f"check_{secrets.token_hex(4)}", name="test", arguments={})
        if not await self._runner.allowed_unasked(call):
            self.last = CheckReport(passed=None)
            return self.last
        ran = await self._runner.run(call)
        report = ran.result.display
        if not isinstance(report, TestReport):
            failed = self.required and not ran.denied  # the person's own check could not even be made
            self.last = CheckReport(passed=False if failed else None, text=ran.result.output)
        elif report.exit_code == 0:
            self.last = CheckReport(passed=True, text=ran.result.output)
        else:
            self.last = CheckReport(
                passed=False,
                text=ran.result.output,
                passed_tests=report.passed if report.exit_code is not None else -1,
                failed_tests=report.failed if report.exit_code is not None and report.passed + report.failed else -1,
                repeated=self._failed_before(),
            )
        return self.last

    def _failed_before(self) -> bool:
        state = hashlib.sha256(self._changes.unified_diff().encode("utf-8", "surrogateescape")).hexdigest()
        known = state in self._failed_states
        self._failed_states.add(state)
        return known

    def _new_syntax_problems(self, before: dict[str, bytes | None]) -> list[str]:
        lines: list[str] = []
        for name, old in before.items():
            path = Path(name)
            try:
                now = path.read_bytes()
            except OSError:
                continue
            known = self._parser.problems(path.name, old) if old else []
            found = syntax.new_problems(known, self._parser.problems(path.name, now))
            lines += [f"{relative(path, self._root)} line {p.line}: {p.message}: {p.snippet}" for p in found[:3]]
        return lines
