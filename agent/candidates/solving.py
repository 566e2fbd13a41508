"""Solves a task several ways at once and makes the best one's changes in the workspace; knows no front end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from codeagent.agent.bootstrap import ERROR, Opened, SessionOptions, SetupError
from codeagent.agent.candidates.adopting import adopt
from codeagent.agent.candidates.candidate import Candidate
from codeagent.agent.candidates.copies import Copies, CopyError
from codeagent.agent.candidates.judging import best, why
from codeagent.agent.events import (
    CandidateChosen,
    CandidateFinished,
    CandidateReport,
    Emit,
    Event,
    Notice,
    TurnFinished,
)
from codeagent.inference.client import Usage


@dataclass(frozen=True)
class Solved:
    """What came of it: a report of each candidate in the order of their numbers, and the chosen one's turn and number.

    `turn` is None where nothing was chosen, because of an interruption. `refused` is a sentence where the changes could
    not be made. `usage` is that of all candidates.
    """

    reports: tuple[CandidateReport, ...]
    turn: TurnFinished | None = None
    chosen: int | None = None
    refused: str = ""
    usage: Usage = field(default_factory=Usage)


class Candidates:
    """Tries one task `count` ways, each in a copy of the workspace of an open session whose conversation is empty."""

    def __init__(
        self,
        opened: Opened,
        options: SessionOptions,
        count: int,
        emit: Emit,
        watch: Callable[[int, Event], None] = lambda number, event: None,
    ) -> None:
        """`emit` gets a report of each that ended and why one was chosen; `watch` all that each does, as it happens."""
        self._opened = opened
        self._options = options
        self._count = count
        self._emit = emit
        self._watch = watch
        self._candidates: list[Candidate] = []
        self._interrupted = False

    def interrupt(self) -> None:
        """Stop all of them; nothing is chosen then."""
        self._interrupted = True
        for candidate in self._candidates:
            candidate.stop()

    async def solve(self, task: str) -> Solved:
        """Work until one passes the check or all have ended. Raises SetupError where no copies can be made."""
        opened = self._opened
        try:
            copies = Copies(self._options.paths, opened.repository.git, opened.root)
        except CopyError as e:
            raise SetupError(ERROR, str(e)) from e
        try:
            try:
                roots = await copies.make(self._count)
            except CopyError as e:
                raise SetupError(ERROR, str(e)) from e
            if copies.lacking:
                self._emit(Notice(level="warning", text=copies.lacking))
            self._candidates = [Candidate(n, root, self._watch) for n, root in enumerate(roots, 1)]
            reports = await self._work(task) if not self._interrupted else []
            usage = sum((c.finished.usage for c in self._candidates if c.finished is not None), Usage())
            if self._interrupted:
                return Solved(tuple(reports), usage=usage)
            return self._choose(task, reports, usage)
        finally:
            await copies.remove()

    async def _work(self, task: str) -> list[CandidateReport]:
        tasks = [
            asyncio.create_task(candidate.work(task, self._options, self._opened)) for candidate in self._candidates
        ]
        try:
            for ended in asyncio.as_completed(tasks):
                report = await ended
                self._emit(CandidateFinished(report=report))
                if report.verify == "passed":
                    self._stop_others(report.candidate)
        finally:
            with suppress(asyncio.CancelledError):
                await _ended(tasks, self._candidates)
        return [each.result() for each in tasks]

    def _stop_others(self, number: int) -> None:
        for candidate in self._candidates:
            if candidate.number != number:
                candidate.stop()

    def _choose(self, task: str, reports: Sequence[CandidateReport], usage: Usage) -> Solved:
        report = best(reports)
        candidate = self._candidates[report.candidate - 1]
        self._emit(CandidateChosen(candidate=report.candidate, because=why(report, reports)))
        refused = adopt(candidate, task, self._opened)
        assert candidate.finished is not None
        return Solved(tuple(reports), candidate.finished, report.candidate, refused, usage)


async def _ended(tasks: Sequence[asyncio.Task[CandidateReport]], candidates: Sequence[Candidate]) -> None:
    """Wait for all of them, which are stopped where they have not ended."""
    for candidate, task in zip(candidates, tasks, strict=True):
        if not task.done():
            candidate.stop()
    if tasks:
        await asyncio.wait(tasks)
