"""One way of solving the task: a session of its own in a copy of the workspace; knows no other candidate."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from codeagent.agent.bootstrap import Opened, SessionOptions, open_session
from codeagent.agent.calls import SEEDS
from codeagent.agent.changed_file import ChangedFile
from codeagent.agent.checks import CheckReport
from codeagent.agent.events import CandidateReport, Event, SessionStarted, TurnFinished
from codeagent.inference.client import ModelClient, Sampling
from codeagent.inference.scripted import ScriptedClient

HEAT = 0.3
HOTTEST = 0.9
_APART = 7919
"""From one candidate's seed to the next one's; a prime, so that no two rows of calls meet."""


class Candidate:
    """Works on the task once. Its copy is the only thing it changes."""

    def __init__(self, number: int, root: Path, watch: Callable[[int, Event], None]) -> None:
        """`watch` is told of each of its events, with its number, which counts from 1."""
        self.number = number
        self.root = root
        self._watch = watch
        self.events: list[Event] = []
        self.finished: TurnFinished | None = None
        self.files: tuple[tuple[ChangedFile, bytes | None], ...] = ()
        """What it changed in its copy, with what is there now."""
        self._opened: Opened | None = None
        self._checking: asyncio.Task[CheckReport] | None = None
        self._stopped = False
        self._sampling = Sampling()

    async def work(self, task: str, options: SessionOptions, main: Opened) -> CandidateReport:
        """Work on the task until it is done, stopped or failed. Raises SetupError."""
        start = time.monotonic()
        self._sampling = sampling_of(self.number, main.config.sampling)
        client = main.client
        if isinstance(client, ScriptedClient):
            client = client.of_candidate(self.number)
        opened = self._open(options, main, client)
        checked = CheckReport(passed=None)
        try:
            if not self._stopped:
                self.finished = await opened.session.run_turn(task)
                checked = await self._check(opened)
            self.files = tuple((file, opened.changes.data(file)) for file in opened.changes.changed())
        finally:
            await opened.session.close(keep_model=True)
        return self._report(checked, time.monotonic() - start)

    def stop(self) -> None:
        """End it soon, whatever it does; what it did is judged all the same."""
        self._stopped = True
        if self._opened is not None:
            self._opened.session.interrupt()
        if self._checking is not None:
            self._checking.cancel()

    def _open(self, options: SessionOptions, main: Opened, client: ModelClient) -> Opened:
        flags: Mapping[str, Any] = {**options.flags, "sampling": self._sampling.model_dump()}
        verify = None if options.verify is None else options.verify.replace(str(main.root), str(self.root))
        alike = dataclasses.replace(
            options,
            root=self.root,
            flags=flags,
            verify=verify,
            trust=True,
            obey=main.obeyed,
            stands_for=main.root,
            persist=True,
        )
        opened = self._opened = open_session(alike, self._take, None, (client, main.model_name))
        return opened

    async def _check(self, opened: Opened) -> CheckReport:
        if self._stopped or self.finished is None:
            return CheckReport(passed=None)
        if self.finished.outcome == "max_seconds":
            return opened.checker.last or CheckReport(passed=None)
        self._checking = asyncio.create_task(opened.checker.now())
        await asyncio.wait({self._checking})
        return CheckReport(passed=None) if self._checking.cancelled() else self._checking.result()

    def _take(self, event: Event) -> None:
        self._watch(self.number, event)
        if not isinstance(event, SessionStarted):
            self.events.append(event)

    def _report(self, checked: CheckReport, seconds: float) -> CandidateReport:
        turn = self.finished
        changed = "".join(file.unified_diff() for file, _ in self.files).splitlines()
        lines = [line for line in changed if line[:1] in ("+", "-") and not line.startswith(("+++ ", "--- "))]
        return CandidateReport(
            candidate=self.number,
            seed=turn.usage.seed if turn is not None else self._sampling.seed,
            temperature=self._sampling.temperature,
            outcome="cancelled" if turn is None or self._stopped else turn.outcome,
            verify="not_run" if checked.passed is None else "passed" if checked.passed else "failed",
            failed_tests=checked.failed_tests if checked.failed_tests >= 0 else None,
            changed_lines=len(lines),
            tokens=turn.usage.generated_tokens if turn is not None else 0,
            seconds=round(seconds, 1),
            files=tuple(file.shown for file, _ in self.files),
            error=None if turn is None else turn.error,
        )


def sampling_of(number: int, base: Sampling) -> Sampling:
    """How candidate `number` chooses: the first as the session would, each further one more freely."""
    warmer = max(base.temperature, min(HOTTEST, base.temperature + HEAT * (number - 1)))
    seed = None if base.seed is None else (base.seed + _APART * (number - 1)) % SEEDS
    return base.model_copy(update={"temperature": warmer, "seed": seed})
