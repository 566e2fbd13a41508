import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeagent.inference.engine.cost_curve import LONGEST, CostCurve, Outlook, draft_length

GPU = {1: 8.0, 16: 8.2, 64: 9.0, 128: 10.0, 512: 25.0}
CPU = {1: 34.0, 4: 136.0, 16: 320.0, 64: 940.0, 128: 1520.0, 512: 6300.0}
SURE = Outlook(trust=1, hazard=1 / 1000)
HOPEFUL = Outlook(trust=1, hazard=1 / 30)
VAGUE = Outlook(trust=0.8, hazard=1 / 4)


def curve_of(points: dict[int, float]) -> CostCurve:
    curve = CostCurve()
    for size, ms in points.items():
        curve.note(size, ms)
    return curve


def test_where_a_decode_costs_the_same_at_any_size_everything_is_drafted() -> None:
    curve = curve_of(GPU)
    assert draft_length(curve, SURE, 1000) == LONGEST
    assert draft_length(curve, HOPEFUL, 1000) >= 63
    assert draft_length(curve, VAGUE, 1000) >= 7


def test_where_small_decodes_cost_nearly_as_much_a_token_only_long_drafts_pay() -> None:
    curve = curve_of(CPU)
    assert draft_length(curve, SURE, 1000) == LONGEST
    assert 0 < draft_length(curve, HOPEFUL, 1000) < 64
    assert draft_length(curve, Outlook(trust=1, hazard=1 / 8), 1000) == 0
    assert draft_length(curve, VAGUE, 1000) == 0


@given(st.integers(0, 300), st.floats(0, 1), st.floats(0, 1), st.integers(1, 8))
def test_a_draft_is_never_longer_than_there_is_room_for(limit: int, trust: float, hazard: float, sure: int) -> None:
    for points in (GPU, CPU):
        assert 0 <= draft_length(curve_of(points), Outlook(trust, hazard), limit, sure) <= min(limit, LONGEST)


@given(st.integers(1, 200), st.floats(0, 1), st.floats(0, 1))
def test_what_is_chosen_writes_more_tokens_a_second_than_plain_decoding(
    limit: int, trust: float, hazard: float
) -> None:
    outlook = Outlook(trust, hazard)
    for points in (GPU, CPU):
        curve = curve_of(points)
        length = draft_length(curve, outlook, limit)
        if length:
            assert (1 + outlook.accepted(length)) / curve.cost(1 + length) > 1 / curve.cost(1)


def test_no_guess_is_worth_anything_when_guesses_never_hold() -> None:
    assert draft_length(curve_of(GPU), Outlook(trust=0, hazard=0), 100) == 0
    assert draft_length(curve_of(GPU), Outlook(trust=1, hazard=1), 100) == 0


def test_nothing_is_drafted_before_a_plain_decode_has_been_seen() -> None:
    curve = CostCurve()
    assert draft_length(curve, SURE, 100) == 0
    curve.note(256, 2000, reading=True)
    assert draft_length(curve, SURE, 100) == 0
    curve.note(1, 30)
    assert draft_length(curve, SURE, 200) > 31


def test_what_is_unknown_is_tried_step_by_step_and_then_known() -> None:
    curve = CostCurve()
    curve.note(1, 34)
    tried = []
    while (length := draft_length(curve, SURE, 1000)) and len(tried) < 9:
        tried.append(length)
        curve.note(1 + length, 34 * (1 + length))  # batches gain nothing here
    assert tried == [3]


def test_one_slow_decode_does_not_change_the_mind() -> None:
    curve = curve_of(CPU)
    for _ in range(4):
        curve.note(128, 1520)
    curve.note(128, 60_000)
    assert curve.cost(128) == pytest.approx(1520)


def test_reading_a_prompt_tells_less_than_drafting() -> None:
    curve = CostCurve()
    curve.note(1, 34)
    curve.note(128, 1000, reading=True)
    assert curve.cost(128) == pytest.approx(1000)
    curve.note(128, 1500)
    assert curve.cost(128) == pytest.approx(1500)
    assert curve.cost(64) == pytest.approx(34 + (1500 - 34) * 63 / 127)
