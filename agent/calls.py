"""The model calls of one session: a seed for each, all from the session's own, and what is kept of it in the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from codeagent.agent.conversation import apply
from codeagent.agent.events import Event, MessageAdded, ModelAsked, SessionStarted
from codeagent.inference.client import ChatRequest, Message, Sampling

SEEDS = (1 << 32) - 1
"""How many there are; the number itself means "random" to llama.cpp."""
_STRIDE = 0x9E3779B1  # 2^32 divided by the golden ratio: whole rows of calls meet no seed twice


@dataclass(frozen=True)
class Call:
    """A model call of a recorded session, which counts from 1: the request with the seed that was used, and the answer.

    `cached` of the `prompt` tokens were known when it began; that decides in which batches the rest was read.
    """

    number: int
    request: ChatRequest
    tokens: tuple[int, ...]
    raw: str
    prompt: int
    cached: int


class Calls:
    """Gives each call of a session its seed, the same ones whenever the session's is the same, and its record."""

    def __init__(self) -> None:
        self._calls = 0
        self._told = _fields(ChatRequest(messages=()))

    def next(self, request: ChatRequest) -> tuple[ChatRequest, ModelAsked]:
        """The request as it is to be made, and its record. The first one has the session's own seed; without one all
        are left to chance.
        """
        number, self._calls = self._calls, self._calls + 1
        request = request.model_copy(update={"sampling": _seeded(request.sampling, number)})
        now = _fields(request)
        changed = {name: value for name, value in now.items() if self._told[name] != value}
        self._told = now
        return request, ModelAsked(messages=len(request.messages), changed=changed)


def calls_of(events: Iterable[Event]) -> Iterator[Call]:
    """The calls of a session that were answered to the end, oldest first. Raises ValueError where a record makes no
    sense.
    """
    messages: list[Message] = []
    fields = _fields(ChatRequest(messages=()))
    asked: ChatRequest | None = None
    number = 0
    for event in events:
        match event:
            case SessionStarted():  # each time it is opened its record begins anew
                fields, asked = _fields(ChatRequest(messages=())), None
            case ModelAsked():
                fields |= event.changed
                if event.messages != len(messages):
                    raise ValueError("the log of the session is not whole")
                asked = ChatRequest.model_validate({**fields, "messages": messages})
                number += 1
            case MessageAdded(message=message, usage=usage) if message.role == "assistant" and asked and usage:
                sampling = asked.sampling.model_copy(update={"seed": usage.seed})
                request = asked.model_copy(update={"sampling": sampling})
                raw = message.content if event.raw is None else event.raw
                yield Call(number, request, message.tokens, raw, usage.prompt_tokens, usage.cached_tokens)
                asked = None
            case _:
                pass
        apply(messages, event)


def _seeded(sampling: Sampling, number: int) -> Sampling:
    if sampling.seed is None:
        return sampling
    return sampling.model_copy(update={"seed": (sampling.seed + number * _STRIDE) % SEEDS})


def _fields(request: ChatRequest) -> dict[str, Any]:
    return request.model_dump(mode="json", exclude={"messages"})
