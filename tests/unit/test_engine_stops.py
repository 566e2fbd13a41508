from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from codeagent.inference.engine.stops import StopMatcher


def passed(pieces: list[str], stops: list[str]) -> str:
    matcher = StopMatcher(stops)
    return "".join(matcher.feed(piece) for piece in pieces) + matcher.finish()


def test_text_before_a_stop_string_passes_and_nothing_after_it() -> None:
    assert passed(["one END", " two END three"], ["END"]) == "one "


def test_what_may_begin_a_stop_string_waits_and_then_passes() -> None:
    matcher = StopMatcher(["</done>"])
    assert matcher.feed("a </do") == "a "
    assert matcher.feed("or>") == "</door>"
    assert not matcher.matched


def test_the_first_of_several_stop_strings_counts() -> None:
    assert passed(["a b c d"], ["c", "b c"]) == "a "


def test_an_unfinished_stop_string_at_the_end_is_text() -> None:
    assert passed(["wait EN"], ["END"]) == "wait EN"


def test_without_stop_strings_everything_passes_at_once() -> None:
    assert StopMatcher(["", ""]).feed("abc") == "abc"


@given(st.text("ab<", max_size=40), st.lists(st.integers(0, 40), max_size=6), st.sampled_from(["ab", "<<a", "aab"]))
def test_the_partition_of_the_text_makes_no_difference(text: str, cuts: list[int], stop: str) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    assert passed(pieces, [stop]) == text.split(stop, maxsplit=1)[0]
