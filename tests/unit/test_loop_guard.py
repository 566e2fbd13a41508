import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeagent.inference.engine.loop_guard import LoopGuard

pytestmark = pytest.mark.case(43)


def stops_at(tokens: list[int]) -> int | None:
    """How many tokens it takes until the guard fires."""
    guard = LoopGuard()
    return next((n for n, token in enumerate(tokens, start=1) if guard.add(token)), None)


def test_a_token_repeated_for_ever_is_a_loop() -> None:
    assert stops_at([7] * 2000) == 401


def test_a_phrase_of_40_tokens_repeated_for_ever_is_a_loop_after_400_tokens() -> None:
    assert stops_at(list(range(40)) * 50) == 400


def test_a_phrase_of_200_tokens_is_a_loop_after_six_times() -> None:
    assert stops_at(list(range(200)) * 10) == 1200


def test_a_phrase_of_201_tokens_is_not_looked_for() -> None:
    assert stops_at(list(range(201)) * 20) is None


def test_a_loop_is_found_after_any_amount_of_other_text() -> None:
    prose = random.Random(1).choices(range(50_000), k=3000)
    assert stops_at(prose + list(range(10)) * 100) == 3000 + 400


def test_400_equal_signs_of_up_to_four_tokens_each_may_have_been_asked_for() -> None:
    for size in (1, 2, 3, 4):
        assert stops_at(list(range(size)) * 400) is None


def test_a_table_rule_of_64_signs_is_no_loop() -> None:
    assert stops_at([1, 2] * 32 + [3] + [4] * 64) is None


def test_a_long_base64_line_is_no_loop() -> None:
    assert stops_at(random.Random(2).choices(range(4000), k=3000)) is None


def test_a_loop_with_one_token_changed_each_time_is_no_exact_repetition() -> None:
    counted = [token for n in range(100) for token in (1, 2, 3, 4, 5, 6, 7, 8, 9, 100 + n)]
    assert stops_at(counted) is None


@settings(max_examples=30, deadline=None)
@given(
    st.integers(5, 200).flatmap(lambda n: st.lists(st.integers(0, 3), min_size=n, max_size=n)),
)
def test_any_phrase_up_to_200_tokens_is_stopped_by_its_sixth_time_or_400_tokens(phrase: list[int]) -> None:
    most = max(1604, 6 * len(phrase))
    found = stops_at(phrase * (most // len(phrase) + 2))
    assert found is not None
    assert 400 <= found <= most


@pytest.mark.parametrize("length", [0, 1, 5])
def test_short_answers_are_never_loops(length: int) -> None:
    assert stops_at([1] * length) is None
