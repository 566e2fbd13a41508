"""Several requests in one engine at once, on the real model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from codeagent.inference.client import ChatRequest, Finished, Message, ModelEvent, Prefill, Sampling, TextDelta
from codeagent.inference.engine.engine import Engine
from codeagent.inference.engine.generation import CancelledError
from codeagent.inference.frames import LoadSettings

pytestmark = pytest.mark.model

MARGIN = 0.1
"""How far apart two logarithms of probabilities may be that differ only by the shape of the batch."""
STEPS = 2000
TOPICS = ("Name three colours.", "Write a Python function that adds two numbers.", "What is the capital of France?")
RULES = "These are the rules of the house. " * 60


@dataclass
class Asked:
    """A request on its way, and what came of it."""

    engine: Engine
    request: ChatRequest
    on_event: Callable[[ModelEvent], None] = lambda _event: None
    events: list[ModelEvent] = field(default_factory=list[ModelEvent])
    ended: list[Exception | None] = field(default_factory=list[Exception | None])
    cancelled: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.engine.submit(self.request, self._heard, self.cancelled, self.ended.append)

    def _heard(self, event: ModelEvent) -> None:
        self.events.append(event)
        self.on_event(event)

    @property
    def end(self) -> Finished:
        assert self.ended == [None]
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last

    @property
    def writing(self) -> bool:
        return any(isinstance(event, TextDelta) for event in self.events)


class House:
    """An engine whose every beat can be acted on, as from another thread in the middle of a decode."""

    def __init__(self, path: Path, context: int, sequences: int) -> None:
        self.on_beat: Callable[[], None] = lambda: None
        settings = LoadSettings(path=str(path), name="small", context=context, sequences=sequences)
        self.engine = Engine.load(settings, beat=lambda: self.on_beat())

    def ask(self, request: ChatRequest, on_event: Callable[[ModelEvent], None] = lambda _event: None) -> Asked:
        return Asked(self.engine, request, on_event)

    def until(self, reached: Callable[[], object]) -> None:
        for _ in range(STEPS):
            if reached():
                return
            self.engine.step()
        raise AssertionError("it takes too many steps")

    def answers(self, *requests: ChatRequest) -> list[Finished]:
        asked = [self.ask(request) for request in requests]
        self.until(lambda: all(one.ended for one in asked))
        return [one.end for one in asked]


@pytest.fixture(scope="module")
def house(small_model: Path) -> Iterator[House]:
    house = House(small_model, context=2048, sequences=4)
    yield house
    house.engine.close()


def ask(text: str, tokens: int = 16, background: bool = False) -> ChatRequest:
    return ChatRequest(
        messages=(Message(role="user", content=text),),
        sampling=Sampling(temperature=0),
        max_tokens=tokens,
        logprobs=True,
        background=background,
    )


def same(one: Finished, other: Finished) -> bool:
    """Whether two answers are the same, or part where the model could not decide."""
    for place, (mine, its) in enumerate(zip(one.logprobs, other.logprobs, strict=False)):
        assert abs(mine.logprob - its.logprob) < MARGIN, f"{mine} is not {its} at token {place}"
        if mine.text != its.text:
            sys.stderr.write(f"a tie at token {place}: {mine} and {its}\n")
            return True
    return one.raw == other.raw


def test_answers_written_together_are_those_written_alone(house: House) -> None:
    requests = [ask(topic, tokens=24) for topic in TOPICS]
    alone = [house.answers(request)[0] for request in requests]
    together = house.answers(*requests)
    assert all(same(a, b) for a, b in zip(alone, together, strict=True))
    assert "Paris" in together[2].raw


def test_they_take_turns_at_every_token(house: House) -> None:
    order: list[int] = []

    def heard(number: int) -> Callable[[ModelEvent], None]:
        return lambda event: order.append(number) if isinstance(event, TextDelta) else None

    asked = [house.ask(ask("Count from 1 to 9, with commas.", 12), heard(number)) for number in range(2)]
    house.until(lambda: all(one.ended for one in asked))
    first, last = order.index(1), len(order) - order[::-1].index(0)
    assert first < 3
    assert len(order) - last < 3


def test_a_request_whose_beginning_another_is_writing_behind_shares_it(house: House) -> None:
    first = house.ask(ask(RULES + "Tell a long story.", tokens=60))
    house.until(lambda: first.writing)
    [second] = house.answers(ask(RULES + "What is the capital of France?"))
    assert not first.ended
    assert second.usage.cached_tokens > 400
    assert second.usage.prompt_tokens - second.usage.cached_tokens < 20
    house.until(lambda: first.ended)
    assert first.end.usage.generated_tokens == 60


def test_requests_that_begin_alike_have_the_beginning_read_once(house: House) -> None:
    rules = "Now other rules hold. " * 80
    ends = house.answers(*(ask(f"{rules} {topic}", tokens=4) for topic in TOPICS))
    read = [end.usage.prompt_tokens - end.usage.cached_tokens for end in ends]
    assert read[0] > 300
    assert max(read[1:]) < 100


def test_more_requests_than_sequences_wait_and_are_all_answered(house: House) -> None:
    ends = house.answers(*(ask(f"What is {number} plus 1?", tokens=6) for number in range(7)))
    assert all(end.usage.generated_tokens for end in ends)


@pytest.mark.case(42)
@pytest.mark.parametrize("moment", ["between two decodes", "in a decode"])
def test_cancelling_one_leaves_the_others_as_they_were(house: House, moment: str) -> None:
    requests = [ask(topic, tokens=24) for topic in TOPICS[:2]]
    alone = [house.answers(request)[0] for request in requests]
    others = [house.ask(request) for request in requests]
    victim = house.ask(ask("Tell a long story.", tokens=500))
    house.until(lambda: victim.writing and all(one.writing for one in others))
    written = len(victim.events)
    if moment == "in a decode":
        house.on_beat = victim.cancelled.set
        house.engine.step()
        house.on_beat = lambda: None
    else:
        victim.cancelled.set()
    house.engine.step()
    assert isinstance(victim.ended[0], CancelledError)
    assert len(victim.events) == written
    house.until(lambda: all(one.ended for one in others))
    assert all(same(a, one.end) for a, one in zip(alone, others, strict=True))


def test_a_request_that_fails_leaves_the_others_as_they_were(house: House) -> None:
    [alone] = house.answers(ask(TOPICS[0]))

    def break_off(event: ModelEvent) -> None:
        if isinstance(event, TextDelta):
            raise ValueError("no")

    failing = house.ask(ask("Tell a long story."), break_off)
    [together] = house.answers(ask(TOPICS[0]))
    assert isinstance(failing.ended[0], ValueError)
    assert same(alone, together)


def test_one_goes_on_writing_while_another_reads(house: House) -> None:
    writer = house.ask(ask("Tell a long story.", tokens=200))
    house.until(lambda: writer.writing)
    reader = house.ask(ask("word " * 600, tokens=1))
    before = len(writer.events)
    house.until(lambda: reader.ended)
    chunks = sum(isinstance(event, Prefill) for event in reader.events) - 1
    assert chunks > 2
    assert len(writer.events) - before >= chunks - 1
    writer.cancelled.set()
    house.until(lambda: writer.ended)


def test_the_background_waits_while_anybody_else_is_served_and_then_goes_on(house: House) -> None:
    [alone] = house.answers(ask(TOPICS[0], tokens=24))
    hidden = house.ask(ask(TOPICS[0], tokens=24, background=True))
    house.until(lambda: hidden.writing)
    before = len(hidden.events)
    house.answers(ask(TOPICS[2]))
    assert len(hidden.events) == before
    house.until(lambda: hidden.ended)
    assert same(alone, hidden.end)


def test_a_decode_in_the_background_stops_for_what_is_about_to_come(house: House) -> None:
    text = "nothing " * 700
    hidden = house.ask(ask(text, tokens=1, background=True))
    house.until(lambda: len(hidden.events) > 1)
    read = len(hidden.events)
    house.on_beat = house.engine.urgent.set
    house.engine.step()
    house.on_beat = lambda: None
    assert len(hidden.events) == read
    [end] = house.answers(ask(text + "something", tokens=1))
    assert end.usage.cached_tokens > 0  # what was read in the background serves who comes
    house.until(lambda: hidden.ended)
    assert hidden.end.usage.generated_tokens == 1


@pytest.fixture
def narrow(small_model: Path) -> Iterator[House]:
    house = House(small_model, context=256, sequences=3)
    yield house
    house.engine.close()


def test_what_does_not_fit_together_is_answered_one_after_the_other(narrow: House) -> None:
    requests = [ask(f"{word} " * 150 + "What is the capital of France?", tokens=8) for word in ("red", "blue", "green")]
    alone = [narrow.answers(request)[0] for request in requests]  # each drops what the one before has left
    together = narrow.answers(*requests)
    assert all(same(a, b) for a, b in zip(alone, together, strict=True))


def test_the_window_of_one_request_is_the_whole_context(narrow: House) -> None:
    request = ask("word " * 180, tokens=400)
    room = 256 - narrow.engine.count(request)
    narrow.answers(ask("blue " * 100, tokens=1))
    [end] = narrow.answers(request.model_copy(update={"grammar": "root ::= [a-z ]+"}))
    assert end.reason == "context_full"
    assert len(end.tokens) == room + 1
