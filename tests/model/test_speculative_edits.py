"""Guessing ahead makes an answer faster and changes nothing else: the same requests with and without, on a real model.

Whether guessing pays is no matter here: it is told that a long decode costs what a short one does, or nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path
from threading import Event

import pytest

from codeagent.inference.client import ChatRequest, Finished, Message, ModelEvent, Sampling, ToolSpec
from codeagent.inference.dialects.base import CallGrammar, Dialect
from codeagent.inference.dialects.fenced import FencedDialect
from codeagent.inference.dialects.gbnf import literal
from codeagent.inference.engine.cost_curve import CostCurve
from codeagent.inference.engine.generation import CancelledError, Generation
from codeagent.inference.engine.llama import Context, Model
from codeagent.inference.engine.scheduler import Scheduler, Task

pytestmark = pytest.mark.model

TIE = 0.1
SOURCE = """\
import json

LIMIT = 100


def total(values: list[int]) -> int:
    result = 0
    for value in values:
        result += value
    return min(result, LIMIT)
"""
RENAME = f"Rename the function total to add_up. Answer with the whole file.\n\n```python\n{SOURCE}```"
COUNT = "Write the numbers from 1 to 9, with commas."
NUMBERS = "1,2,3,4,5,6,7,8,9"
WRITE = ToolSpec(
    name="write",
    description="Write a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"],
        "additionalProperties": False,
    },
    fenced=("content",),
)


def flat(up_to: int = 128) -> CostCurve:
    """Guessing costs nothing in decodes of up to so many tokens, and very much in longer ones."""
    curve = CostCurve()
    for size in (1, up_to):
        curve.note(size, 10)
    curve.note(2 * up_to, 10_000)
    return curve


@dataclass
class Desk:
    """A model and what runs requests on it."""

    context: Context
    scheduler: Scheduler

    def answer(
        self,
        request: ChatRequest,
        curve: CostCurve,
        dialect: Dialect | None = None,
        emit: Callable[[ModelEvent], None] = lambda _event: None,
        cancelled: Event | None = None,
    ) -> Finished:
        """The end of the answer. Without anything known of costs nothing is guessed."""
        vocab = self.context.model.vocab
        chat = "".join(f"<|im_start|>{m.role}\n{m.content}<|im_end|>\n" for m in request.messages)
        prompt = vocab.tokenize(f"{chat}<|im_start|>assistant\n", parse_special=True)
        events: list[ModelEvent] = []
        ended: list[Exception | None] = []

        def heard(event: ModelEvent) -> None:
            events.append(event)
            emit(event)

        generation = Generation(request, prompt, self.context, dialect or FencedDialect(), heard, curve)
        self.scheduler.add(Task(generation, cancelled or Event(), ended.append))
        while not ended:
            self.scheduler.step()
        if ended[0]:
            raise ended[0]
        last = events[-1]
        assert isinstance(last, Finished)
        return last

    def both(self, request: ChatRequest, dialect: Dialect | None = None) -> tuple[Finished, Finished]:
        """The answer without and with guesses, which must be the same."""
        plain, guessed = self.answer(request, CostCurve(), dialect), self.answer(request, flat(), dialect)
        assert plain.usage.drafted == 0
        same(plain, guessed)
        return plain, guessed


def same(plain: Finished, guessed: Finished) -> None:
    """The answers are equal; where they part, the tokens there were as good as equally likely, and that is told."""
    if plain.tokens == guessed.tokens:
        assert (plain.raw, plain.reason) == (guessed.raw, guessed.reason)
        return
    at = next(n for n, (a, b) in enumerate(zip(plain.tokens, guessed.tokens, strict=False)) if a != b)
    assert plain.logprobs, f"they part at token {at}: {plain.tokens[at]} and {guessed.tokens[at]}"
    one, other = plain.logprobs[at], guessed.logprobs[at]
    margin = abs(one.logprob - other.logprob)
    told = f"a tie was broken at token {at}: {one.text!r} or {other.text!r}, margin {margin:.4f}"
    assert margin < TIE, told
    print(told)  # noqa: T201  (with -rP pytest shows it)


def ask(text: str, **more: object) -> ChatRequest:
    return ChatRequest.model_validate(
        {"messages": (Message(role="user", content=text),), "sampling": Sampling(temperature=0), "max_tokens": 200}
        | more
    )


@pytest.fixture(scope="module")
def desk(small_model: Path) -> Iterator[Desk]:
    model = Model(str(small_model))
    context = Context(
        model, size=768, batch=256, threads=2, should_abort=lambda: found.scheduler.should_abort(), sequences=2
    )
    found = Desk(context, Scheduler(context, lambda: None))
    yield found
    found.scheduler.close()
    context.close()
    model.close()


def test_a_rewritten_file_is_the_same_and_most_of_it_was_guessed(desk: Desk) -> None:
    request = ask(RENAME, tools=(WRITE,), tool_choice="required", files=("sums.py",), prediction=SOURCE, logprobs=True)
    plain, guessed = desk.both(request)
    assert guessed.raw.startswith("sums.py\n```python\nimport json")
    assert guessed.usage.accepted >= 0.5 * guessed.usage.generated_tokens
    assert guessed.usage.drafted >= guessed.usage.accepted
    assert guessed.usage.generated_tokens == plain.usage.generated_tokens
    assert "".join(each.text for each in guessed.logprobs) == guessed.raw
    pairs = zip(plain.logprobs, guessed.logprobs, strict=False)
    assert max(abs(exp(a.logprob) - exp(b.logprob)) for a, b in pairs if a.text == b.text) < TIE


@pytest.mark.parametrize("prediction", ["1,2,3,3,3", "1,2,4,5,7,8", COUNT * 3, "\0"])
def test_a_wrong_prediction_changes_nothing(desk: Desk, prediction: str) -> None:
    plain, _ = desk.both(ask(COUNT, prediction=prediction, max_tokens=24))
    assert plain.raw == NUMBERS


def test_a_file_in_a_json_string_is_guessed_as_it_is_written_there(desk: Desk) -> None:
    begun = literal('{"content": "import json\\n')
    grammar = f'root ::= {begun} ([^"\\\\\\x00-\\x1F] | "\\\\" ["\\\\n])* "\\"}}"'
    question = f"{RENAME}\n\nAnswer in JSON, with the text of the whole file as the value of content."
    _, guessed = desk.both(ask(question, grammar=grammar, prediction=SOURCE, max_tokens=80, logprobs=True))
    assert "\\n\\ndef" in guessed.raw
    assert guessed.usage.accepted >= 0.4 * guessed.usage.generated_tokens


@pytest.mark.parametrize("more", [{"max_tokens": 3}, {"max_tokens": 17}, {"stop": (",5", "never")}, {"stop": ("4",)}])
def test_an_answer_ends_where_it_would_have_ended(desk: Desk, more: dict[str, object]) -> None:
    plain, guessed = desk.both(ask(COUNT, prediction=NUMBERS, **more))
    assert guessed.reason == plain.reason == ("length" if "max_tokens" in more else "stop")
    again = desk.answer(ask(COUNT, prediction=NUMBERS), flat())
    assert again.raw.startswith(NUMBERS)


def test_the_window_is_filled_to_the_last_token(desk: Desk) -> None:
    text = "word " * 700
    plain, guessed = desk.both(ask(text, grammar='root ::= "word " ([a-z]+ " ")*', prediction=text))
    assert (plain.reason, guessed.reason) == ("context_full", "context_full")
    assert guessed.usage.prompt_tokens + len(guessed.tokens) == 768 + 1
    assert guessed.usage.accepted > 0


@dataclass(frozen=True)
class CountingDialect(FencedDialect):
    """Takes a number for the beginning of a call."""

    def grammar(
        self, tools: Sequence[ToolSpec], required: bool, files: Sequence[str] = (), reason_first: bool = False
    ) -> CallGrammar | None:
        return CallGrammar(gbnf='root ::= ",4!" [a-z]{3} " and that is all there is to say" [.]', trigger=",4")


def test_a_grammar_wakes_in_the_middle_of_a_guess_and_what_it_forces_is_written(desk: Desk) -> None:
    request = ask(COUNT, tools=(WRITE,), prediction=NUMBERS)
    _, guessed = desk.both(request, CountingDialect())
    assert guessed.raw.startswith("1,2,3,4!")
    assert guessed.raw.endswith(" and that is all there is to say.")


def test_a_sampled_answer_is_chosen_as_it_would_have_been(desk: Desk) -> None:
    """With the same seed the same dice fall; a guess that was favoured would show in nearly every answer."""
    heads = 0
    equal = 0
    for seed in range(4):
        request = ask(
            "Toss a coin eight times.",
            grammar='root ::= ("heads\\n" | "tails\\n"){8}',
            prediction="heads\n" * 8,
            sampling=Sampling(temperature=2.0, top_k=0, top_p=1, min_p=0, seed=seed),
        )
        plain, guessed = desk.answer(request, CostCurve()), desk.answer(request, flat())
        assert guessed.usage.drafted > 0
        equal += plain.raw == guessed.raw
        heads += guessed.raw.count("heads")
    assert equal >= 3
    assert 2 <= heads <= 30


def test_a_guess_that_is_cancelled_leaves_the_cache_right(desk: Desk) -> None:
    request = ask(RENAME, prediction=SOURCE)
    expected = desk.answer(request, CostCurve())
    cancelled = Event()
    seen: list[ModelEvent] = []

    def emit(event: ModelEvent) -> None:
        seen.append(event)
        if len(seen) == 20:
            cancelled.set()

    with pytest.raises(CancelledError):
        desk.answer(request, flat(up_to=16), emit=emit, cancelled=cancelled)
    same(expected, desk.answer(request, CostCurve()))
