"""What a person has decided on the hunks of one write, and the answer it comes to; knows no screen."""

from __future__ import annotations

from typing import Literal

from codeagent.agent.certainty import Certainty
from codeagent.agent.permissions import Answer
from codeagent.tools.api import FileChange
from codeagent.tools.hunks import take
from codeagent.tui.approval.comparison import compare
from codeagent.tui.approval.painter import State
from codeagent.tui.approval.sureness import Sureness


class Decisions:
    """The hunks of a proposed text, each accepted, rejected or undecided."""

    def __init__(self, change: FileChange, certainty: Certainty | None) -> None:
        """All hunks are undecided."""
        self.change = change
        self._certainty = certainty
        self.edit(change.after)

    def edit(self, text: str) -> None:
        """Propose another text instead; its hunks are undecided."""
        self.text = text
        self.comparison = compare(self.change.path.name, self.change.before or "", text)
        self.sureness = Sureness(self.comparison, self._certainty)
        self.states: tuple[State, ...] = ("undecided",) * len(self.comparison.hunks)
        self.order = list(range(len(self.states)))

    @property
    def edited(self) -> bool:
        """Whether the person proposed another text."""
        return self.text != self.change.after

    @property
    def undecided(self) -> list[int]:
        """The hunks that nothing is decided on, in the order in which they are walked."""
        return [hunk for hunk in self.order if self.states[hunk] == "undecided"]

    @property
    def accepted(self) -> list[int]:
        """The hunks that would be applied now: all but the rejected ones."""
        return [hunk for hunk, state in enumerate(self.states) if state != "rejected"]

    @property
    def nothing(self) -> bool:
        """Whether nothing would be written; making an empty file is not nothing."""
        return not self.accepted and (self.change.before is not None or bool(self.text))

    def decide(self, hunk: int, state: State) -> None:
        """Decide on one hunk."""
        self.states = (*self.states[:hunk], state, *self.states[hunk + 1 :])

    def accept_all(self) -> None:
        """Accept every hunk, also those rejected before."""
        self.states = ("accepted",) * len(self.states)

    def walk(self, least_sure_first: bool) -> None:
        """Walk the hunks in the order of the text, or the least sure first."""
        self.order = self.sureness.order() if least_sure_first else list(range(len(self.states)))

    def next_undecided(self, hunk: int) -> int | None:
        """The undecided hunk that follows in the walk, from the start again after the last."""
        at = self.order.index(hunk)
        return next((other for other in self.order[at:] + self.order[:at] if self.states[other] == "undecided"), None)

    def beside(self, hunk: int, step: int) -> int:
        """The hunk before (-1) or after (1) in the walk; the same one at its ends."""
        return self.order[min(max(self.order.index(hunk) + step, 0), len(self.order) - 1)]

    def answer(self, decision: Literal["once", "session"], reason: str) -> Answer:
        """The answer to the question; undecided hunks are accepted. Raises ToolError if the text cannot be written."""
        if self.nothing:
            return Answer("no", reason)
        text = take(self.change.before or "", self.comparison.hunks, set(self.accepted))
        return Answer(decision, reason, None if text == self.change.after else self.change.revised(text))

    def record(self, answer: Answer) -> str:
        """What was decided, for the line that stands where the question was."""
        if answer.decision == "no":
            return f"refused: {answer.reason}" if answer.reason else "refused"
        whole = len(self.accepted) == len(self.states)
        said = "accepted" if whole else f"accepted {len(self.accepted)} of {len(self.states)} hunks"
        said += ", as edited" if self.edited else ""
        said += ", and its edits for the session" if answer.decision == "session" else ""
        return f"{said}: {answer.reason}" if answer.reason else said
