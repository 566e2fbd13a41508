"""The turns of a session as points to go back to, for files, conversation or both, and forward again; knows no
screen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codeagent.agent.changes import ChangeLog, Files, Restored
from codeagent.agent.conversation import Conversation, without_tokens
from codeagent.agent.events import Event, MessageAdded, Redone, Rewound, TurnStarted
from codeagent.inference.client import Message
from codeagent.tools.ledger import FileLedger


@dataclass(frozen=True)
class Checkpoint:
    """The state before turn number `turn`, which counts from 1: what was then said, and the conversation's length.

    `files` is None for a turn whose files are not known any more.
    """

    turn: int
    text: str
    messages: int
    files: Files | None


@dataclass(frozen=True)
class _Undone:
    points: tuple[Checkpoint, ...]
    messages: tuple[Message, ...]
    files: Files | None
    turn: int


class Timeline:
    """Goes back and forward. Files that tools wrote or commands changed are put back, where nobody else did since.

    Each state to go to is marked in the log of changes, so that a session that is resumed can go there too.
    """

    def __init__(self, conversation: Conversation, changes: ChangeLog, ledger: FileLedger) -> None:
        """Begins without points."""
        self._conversation = conversation
        self._changes = changes
        self._ledger = ledger
        self._points: list[Checkpoint] = []
        self._undone: list[_Undone] = []

    @property
    def points(self) -> tuple[Checkpoint, ...]:
        """The turns that stand, oldest first."""
        return tuple(self._points)

    def recall(self, events: Iterable[Event]) -> None:
        """Learn the turns of an earlier run of the session from its log, and what was undone in it at last."""
        messages: list[Message] = []
        for event in events:
            match event:
                case TurnStarted():
                    self._points.append(self._known(len(self._points) + 1, event.text, len(messages)))
                    self._undone.clear()
                case MessageAdded():
                    messages.append(event.message)
                case Rewound():
                    if event.turn is not None:
                        points = tuple(self._points[event.turn - 1 :]) if event.conversation else ()
                        dropped = tuple(without_tokens(messages[event.messages :]))
                        files = self._changes.marked(_undone(len(self._undone)))
                        self._undone.append(_Undone(points, dropped, files, event.turn))
                        if event.conversation:
                            del self._points[event.turn - 1 :]
                    del messages[event.messages :]
                case Redone():
                    if self._undone:
                        self._undone.pop()
                    self._points += [self._known(*turn) for turn in event.turns]
                    messages += event.messages
                case _:
                    pass

    def begin(self, text: str) -> None:
        """A turn begins here; what had been undone is gone for good."""
        turn = len(self._points) + 1
        self._points.append(Checkpoint(turn, text, len(self._conversation), self._changes.mark(_before(turn))))
        self._undone.clear()

    def rewind(self, turn: int, conversation: bool = True, files: bool = True) -> tuple[str, ...]:
        """Go back to before a turn, and return the files that were put back. Raises ValueError for a turn unknown."""
        if not 1 <= turn <= len(self._points):
            raise ValueError(f"There is no turn {turn}.")
        point = self._points[turn - 1]
        now, done = self._restore(point.files if files else None)
        dropped = self._conversation.messages[point.messages :] if conversation else ()
        points = tuple(self._points[turn - 1 :]) if conversation else ()
        self._undone.append(_Undone(points, dropped, now, turn))
        length = point.messages if conversation else len(self._conversation)
        reason = f"went back to before turn {turn}"
        self._conversation.rewind(length, done.back, reason, turn, conversation, done.stayed)
        if conversation:
            del self._points[turn - 1 :]
        return done.back

    def redo(self) -> tuple[str, ...] | None:
        """Take the latest rewind back, and return the files that changed; None if there was none."""
        if not self._undone:
            return None
        undone = self._undone.pop()
        done = Restored((), ())
        if undone.files is not None:
            done = self._changes.put_back(undone.files, self._ledger)
        turns = tuple((p.turn, p.text, p.messages) for p in undone.points)
        self._conversation.bring_back(undone.messages, done.back, undone.turn, turns, done.stayed)
        self._points += undone.points
        return done.back

    def _restore(self, files: Files | None) -> tuple[Files | None, Restored]:
        """Put files back, if any are given; what they were before that is marked, to be brought back."""
        name = _undone(len(self._undone))
        if files is None:
            self._changes.unmark(name)
            return None, Restored((), ())
        return self._changes.mark(name), self._changes.put_back(files, self._ledger)

    def _known(self, turn: int, text: str, messages: int) -> Checkpoint:
        return Checkpoint(turn, text, messages, self._changes.marked(_before(turn)))


def _before(turn: int) -> str:
    return f"turn {turn}"


def _undone(depth: int) -> str:
    return f"undone {depth}"
