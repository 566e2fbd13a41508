"""How sure the model was of each token, as the engine tells it on request."""

import math
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from codeagent.inference.client import ChatRequest, Finished, Message, ModelEvent, Sampling
from codeagent.inference.engine.engine import Engine
from codeagent.inference.frames import LoadSettings

pytestmark = pytest.mark.model

GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def engine(small_model: Path) -> Iterator[Engine]:
    engine = Engine.load(LoadSettings(path=str(small_model), name="small", context=1024))
    yield engine
    engine.close()


def answer(engine: Engine, text: str, **more: object) -> Finished:
    """The end of an answer whose prompt was in the cache, so that the same request has the same scores again."""
    request = ChatRequest.model_validate(
        {"messages": (Message(role="user", content=text),), "sampling": GREEDY, "logprobs": True, **more}
    )
    events: list[ModelEvent] = []
    engine.generate(request.model_copy(update={"max_tokens": 1}), lambda _event: None, Event())
    engine.generate(request, events.append, Event())
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def test_every_token_has_a_probability_and_their_texts_are_the_answer(engine: Engine) -> None:
    end = answer(engine, "Write a Python function that adds two numbers.", max_tokens=60)
    assert len(end.logprobs) == len(end.tokens) > 20
    assert all(0 < math.exp(token.logprob) <= 1 for token in end.logprobs)
    assert "".join(token.text for token in end.logprobs) == end.raw


def test_an_answer_that_ends_by_itself_has_none_for_its_end(engine: Engine) -> None:
    end = answer(engine, "Answer with the word yes and nothing else.", max_tokens=50)
    assert end.reason == "stop"
    assert len(end.logprobs) == len(end.tokens)
    assert "".join(token.text for token in end.logprobs) == end.raw


def test_asking_changes_nothing_of_a_greedy_answer(engine: Engine) -> None:
    asked = answer(engine, "Tell me a story.", max_tokens=40)
    plain = answer(engine, "Tell me a story.", max_tokens=40, logprobs=False)
    assert plain.logprobs == ()
    assert (plain.raw, plain.tokens, plain.reason) == (asked.raw, asked.tokens, asked.reason)


def test_the_likeliest_token_is_the_one_a_greedy_answer_begins_with(engine: Engine) -> None:
    question = "Name an animal."
    greedy = answer(engine, question, max_tokens=1).logprobs[0]
    wild = [
        answer(engine, question, max_tokens=1, sampling=Sampling(temperature=2, top_k=0, top_p=1, min_p=0, seed=seed))
        for seed in range(8)
    ]
    sampled = [token for end in wild for token in end.logprobs]
    assert any(token.text != greedy.text for token in sampled)
    assert all(token.logprob <= greedy.logprob for token in sampled)


def test_a_token_has_the_same_probability_whatever_the_sampling_settings(engine: Engine) -> None:
    question = "Name an animal."
    greedy = answer(engine, question, max_tokens=1)
    narrow = Sampling(temperature=3, top_k=1, repeat_penalty=1.0, seed=1)
    assert answer(engine, question, max_tokens=1, sampling=narrow).logprobs == greedy.logprobs


def test_a_character_of_several_tokens_belongs_to_the_one_that_completes_it(engine: Engine) -> None:
    text = "日本語 😀🧑‍🚀 é ǅ"
    end = answer(engine, "Say it.", grammar=f'root ::= "{text}"')
    texts = [token.text for token in end.logprobs]
    assert "".join(texts) == end.raw == text
    assert len(texts) == len(end.tokens)
    assert "" in texts
    assert not any("\ufffd" in piece for piece in texts)


def test_a_text_that_a_grammar_forces_keeps_the_probability_that_the_model_gave_it(engine: Engine) -> None:
    question = "What is the capital of France?"
    free = answer(engine, question, max_tokens=6)
    forced = answer(engine, question, grammar='root ::= "Zebra quantum"')
    assert forced.raw == "Zebra quantum"
    assert forced.logprobs[0].logprob < math.log(0.01)
    assert forced.logprobs[0].logprob < free.logprobs[0].logprob


def test_a_stop_string_cuts_the_texts_where_it_cuts_the_answer(engine: Engine) -> None:
    end = answer(engine, "Count from 1 to 9, with commas.", max_tokens=24, stop=(" 4, 5", "never"))
    assert end.reason == "stop"
    assert end.raw.endswith("3,")
    assert "".join(token.text for token in end.logprobs) == end.raw
