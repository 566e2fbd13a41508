"""What wakes and what is forbidden in the middle of an answer, on the real sampler."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeagent.inference.client import BadRequestError, Sampling
from codeagent.inference.engine.llama import Context, Entry, Model
from codeagent.inference.engine.sampling import Chooser, Constraint

pytestmark = pytest.mark.model

COUNTING = (
    "<|im_start|>user\nCount from 1 to 9, with commas.<|im_end|>\n"
    "<|im_start|>assistant\n1, 2, 3, 4, 5, 6, 7, 8, 9<|im_end|>\n"
    "<|im_start|>user\nAgain.<|im_end|>\n<|im_start|>assistant\n"
)


@pytest.fixture(scope="module")
def context(small_model: Path) -> Iterator[Context]:
    model = Model(str(small_model))
    context = Context(model, size=512, batch=256, threads=2, should_abort=lambda: False)
    yield context
    context.close()
    model.close()


def written(context: Context, constraint: Constraint, thinking: bool = False, temperature: float = 0) -> str:
    """Up to 40 tokens of counting under a constraint."""
    vocab = context.model.vocab
    chooser = Chooser(context, Sampling(temperature=temperature), 1, constraint)
    context.clear()
    prompt = vocab.tokenize(COUNTING, parse_special=True)
    last = len(prompt) - 1
    context.decode([Entry(token, place, 0, place == last) for place, token in enumerate(prompt)])
    text = b""
    for place in range(len(prompt), len(prompt) + 40):
        token = chooser.next(thinking)
        if vocab.is_end(token):
            break
        text += vocab.piece(token)
        context.decode([Entry(token, place, 0, True)])
    return text.decode()


def test_without_a_constraint_the_model_counts(context: Context) -> None:
    assert written(context, Constraint()) == "1, 2, 3, 4, 5, 6, 7, 8, 9"


@pytest.mark.parametrize("trigger", [", 4", "4, 5", " 4", "4"])
def test_a_grammar_wakes_at_the_first_character_of_its_trigger(context: Context, trigger: str) -> None:
    got = written(context, Constraint(gbnf=f'root ::= "{trigger}" "!" [a-z]{{3}}', trigger=trigger))
    before, _, after = got.partition(trigger)
    assert "1, 2, 3, 4".startswith(before)
    assert re.fullmatch(r"![a-z]{3}", after)


def test_a_call_that_would_begin_wrongly_is_not_begun(context: Context) -> None:
    # The grammar does not allow its own trigger, so that no way of writing it is right.
    assert ", 4" not in written(context, Constraint(gbnf='root ::= "other"', trigger=", 4"))


@pytest.mark.parametrize("temperature", [0, 1.5])
@pytest.mark.parametrize("forbidden", [", 4", "4", "3, 4, 5", " 9"])
def test_a_forbidden_text_is_never_written(context: Context, forbidden: str, temperature: float) -> None:
    got = written(context, Constraint(trigger=forbidden), temperature=temperature)
    assert forbidden not in got
    assert "1, 2" in got


def test_while_the_model_thinks_a_trigger_means_nothing(context: Context) -> None:
    for constraint in (Constraint(gbnf='root ::= ", 4!"', trigger=", 4"), Constraint(trigger=", 4")):
        assert written(context, constraint, thinking=True) == "1, 2, 3, 4, 5, 6, 7, 8, 9"


def test_a_bad_grammar_fails_before_it_could_wake(context: Context) -> None:
    with pytest.raises(BadRequestError):
        Chooser(context, Sampling(), 1, Constraint(gbnf="garbage {{{", trigger="never"))
