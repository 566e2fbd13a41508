"""The conversation as the model sees it, folded from a session's events; knows no files and no model."""

from __future__ import annotations

from collections.abc import Iterable

from codeagent.agent.events import Emit, Event, MessageAdded, Redone, Rewound
from codeagent.inference.client import Message, Usage


def messages_of(events: Iterable[Event]) -> list[Message]:
    """The messages that stand after these events: added ones, less what was rewound."""
    messages: list[Message] = []
    for event in events:
        apply(messages, event)
    return messages


def apply(messages: list[Message], event: Event) -> None:
    """Bring the messages up to date after one more event."""
    match event:
        case MessageAdded():
            messages.append(event.message)
        case Rewound():
            del messages[event.messages :]
        case Redone():
            messages += event.messages
        case _:
            pass


def without_tokens(messages: Iterable[Message]) -> list[Message]:
    """The same messages without generated tokens, which mean something only to the model that wrote them."""
    return [m.model_copy(update={"tokens": ()}) if m.tokens else m for m in messages]


def unanswered(messages: list[Message]) -> list[Message]:
    """An "interrupted" answer for each call of the last assistant message that never got one, as after a kill."""
    last = next((i for i in range(len(messages) - 1, -1, -1) if messages[i].role == "assistant"), None)
    if last is None:
        return []
    answered = {m.tool_call_id for m in messages[last + 1 :]}
    text = (
        "Interrupted: the session ended before this call finished. It may have run in part; look before you repeat it."
    )
    return [
        Message(role="tool", tool_call_id=call.id, tool_name=call.name, content=text)
        for call in messages[last].tool_calls
        if call.id not in answered
    ]


def answered(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages without a last assistant message whose calls have no answer yet, and what follows it."""
    if not unanswered(list(messages)):
        return messages
    return messages[: max(i for i, message in enumerate(messages) if message.role == "assistant")]


class Conversation:
    """Messages that only grow, or go back to an earlier length; each change is an event before it is seen here."""

    def __init__(self, messages: Iterable[Message], emit: Emit) -> None:
        """Starts with the messages of a resumed session, which are not emitted again."""
        self._messages = list(messages)
        self._emit = emit

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages that stand, oldest first."""
        return tuple(self._messages)

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message, usage: Usage | None = None, is_error: bool = False, raw: str | None = None) -> None:
        """Append a message. `raw` is what a model wrote, where that is not the message's text."""
        self._emit(MessageAdded(message=message, usage=usage, is_error=is_error, raw=raw))
        self._messages.append(message)

    def adopt(self, events: Iterable[Event]) -> None:
        """Begin with the messages of another session's events, which are emitted. Only for one that has none yet."""
        events = list(events)
        for event in events:
            self._emit(event)
        self._messages += messages_of(events)

    def rewind(
        self,
        length: int,
        files: tuple[str, ...],
        reason: str,
        turn: int | None = None,
        conversation: bool = True,
        stayed: tuple[str, ...] = (),
    ) -> None:
        """Go back to the first `length` messages. The log keeps the rest. `turn` is set where a person did it, and
        `conversation` false where only files went back; `stayed` names those that did not.
        """
        self._emit(
            Rewound(messages=length, files=files, reason=reason, turn=turn, conversation=conversation, stayed=stayed)
        )
        del self._messages[length:]

    def bring_back(
        self,
        messages: tuple[Message, ...],
        files: tuple[str, ...],
        turn: int,
        turns: tuple[tuple[int, str, int], ...],
        stayed: tuple[str, ...] = (),
    ) -> None:
        """Append what a rewind dropped."""
        self._emit(Redone(messages=messages, files=files, turn=turn, turns=turns, stayed=stayed))
        self._messages += messages
