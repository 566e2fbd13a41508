"""The turns of a session as points to go back to, for files, conversation or both, and forward again; knows no
screen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codeagent.agent.changes import ChangeLog, Files
from codeagent.agent.conversation import Conversation
from codeagent.agent.events import Event, MessageAdded, Redone, Rewound, TurnStarted
from codeagent.inference.client import Message
from codeagent.tools.ledger import FileLedger


@dataclass(frozen=True)
class Checkpoint:
    """The state before turn number `turn`, which counts from 1: what was then said, and the conversation's length.

    `files` is None for a turn of an earlier run of the session, whose files are no longer known.
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
    """Goes back and forward. Files that tools wrote are put back, where nobody else changed them since."""

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
        """Learn the turns of an earlier run of the session from its log."""
        length = 0
        for event in events:
            match event:
                case TurnStarted():
                    self._points.append(Checkpoint(len(self._points) + 1, event.text, length, None))
                case MessageAdded():
                    length += 1
                case Rewound():
                    length = min(length, event.messages)
                    if event.turn is not None and event.conversation:
                        del self._points[event.turn - 1 :]
                case Redone():
                    for turn, text, at in event.turns:
                        self._points.append(Checkpoint(turn, text, at, None))
                    length += len(event.messages)
                case _:
                    pass

    def begin(self, text: str) -> None:
        """A turn begins here; what had been undone is gone for good."""
        point = Checkpoint(len(self._points) + 1, text, len(self._conversation), self._changes.snapshot())
        self._points.append(point)
        self._undone.clear()

    def rewind(self, turn: int, conversation: bool = True, files: bool = True) -> tuple[str, ...]:
        """Go back to before a turn, and return the files that were put back. Raises ValueError for a turn unknown."""
        if not 1 <= turn <= len(self._points):
            raise ValueError(f"There is no turn {turn}.")
        point = self._points[turn - 1]
        now = self._changes.snapshot() if files and point.files is not None else None
        put_back = self._changes.restore(point.files, self._ledger) if files and point.files is not None else ()
        dropped = self._conversation.messages[point.messages :] if conversation else ()
        points = tuple(self._points[turn - 1 :]) if conversation else ()
        self._undone.append(_Undone(points, dropped, now, turn))
        length = point.messages if conversation else len(self._conversation)
        self._conversation.rewind(length, put_back, f"went back to before turn {turn}", turn, conversation)
        if conversation:
            del self._points[turn - 1 :]
        return put_back

    def redo(self) -> tuple[str, ...] | None:
        """Take the latest rewind back, and return the files that changed; None if there was none."""
        if not self._undone:
            return None
        undone = self._undone.pop()
        restored = self._changes.restore(undone.files, self._ledger) if undone.files is not None else ()
        turns = tuple((p.turn, p.text, p.messages) for p in undone.points)
        self._conversation.bring_back(undone.messages, restored, undone.turn, turns)
        self._points += undone.points
        return restored
