"""What follows a failed check: go on, go back to the best state so far, or begin anew; knows no model and no tool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codeagent.agent.changes import Files
from codeagent.agent.checks import CheckReport
from codeagent.agent.conversation import Conversation
from codeagent.inference.client import Sampling

HOTTEST = 0.9
HEAT = 0.3
SMALL = 4_000_000_000
REPAIRS = 3
PATIENCE = 3


def repairs_for(parameters: int) -> int:
    """How many failed repairs in a row a model of this size may pile up before they are undone; 0 if it is unknown.

    A model below about four billion parameters hardly ever mends its own failure (bench/formats.md), so it gets none.
    """
    return 0 if 0 < parameters < SMALL else REPAIRS


@dataclass(frozen=True)
class _Point:
    """A state to go back to: the conversation's length, the files, and how many tests passed."""

    length: int
    files: Files
    passed: int


class Attempts:
    """Counts failed checks of one turn and says how to go on: a search that keeps what got better.

    An attempt after which more tests pass than ever since the last beginning is kept and repaired. Otherwise
    conversation and files go back to the best point, and after PATIENCE tries from there to the beginning of the
    turn; what was cached up to that point stays cached. A small model that has answered wrongly tends to repeat
    itself, so each failure raises the temperature and moves the seed. With `repairs` None every failure is repaired in
    place.
    """

    def __init__(
        self,
        conversation: Conversation,
        snapshot: Callable[[], Files],
        restore: Callable[[Files], tuple[str, ...]],
        passed: int,
        repairs: int | None,
    ) -> None:
        """The turn begins here, with `passed` tests passing. `restore` puts files back and names those it changed."""
        self._conversation = conversation
        self._snapshot = snapshot
        self._restore = restore
        self._repairs = repairs
        self._begin = self._best = _Point(len(conversation), snapshot(), passed)
        self._failures = self._in_a_row = self._tries = 0

    def sampling(self, base: Sampling) -> Sampling:
        """The sampling for the next model call."""
        if not self._failures:
            return base
        temperature = max(base.temperature, min(HOTTEST, base.temperature + HEAT * self._failures))
        seed = None if base.seed is None else base.seed + self._failures
        return base.model_copy(update={"temperature": temperature, "seed": seed})

    @property
    def reason_first(self) -> bool:
        """Whether the next answer should begin with a sentence of reasoning: every other one, for variety."""
        return self._failures % 2 == 0

    def passed(self) -> None:
        """The check passed: what comes next is new work."""
        self._failures = self._in_a_row = self._tries = 0
        self._best = self._begin = _Point(len(self._conversation), self._snapshot(), 0)

    def stir(self) -> None:
        """The last answer was no use: throw the dice anew."""
        self._failures += 1

    def failed(self, report: CheckReport) -> None:
        """The check failed, and the conversation ends with its report: keep this state, or go back to a better one."""
        self.stir()
        self._in_a_row += 1
        if report.passed_tests > self._best.passed:
            self._best = _Point(len(self._conversation), self._snapshot(), report.passed_tests)
            self._in_a_row = self._tries = 0
            return
        if self._repairs is None or (self._in_a_row <= self._repairs and not report.repeated):
            return
        self._in_a_row = 0
        self._tries += 1
        if self._tries >= PATIENCE:
            self._best, self._tries = self._begin, 0
        files = self._restore(self._best.files)
        self._conversation.rewind(self._best.length, files, "that did not help, so it was undone and is tried anew")
