from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from codeagent.inference.engine.speculative import END, Drafter

Line = tuple[int, ...]
LENGTH = 8
NEVER = 1_000_000


def line(number: int) -> Line:
    """A line of code: half of its tokens are those of every line."""
    return (1, 2, 100 + number, 3, 4, 10_000 + number, 5, 6)


def joined(lines: Sequence[Line]) -> list[int]:
    return [token for each in lines for token in each]


def missed(drafter: Drafter, answer: Sequence[int]) -> int:
    """How many tokens of the answer were not what was guessed just before them."""
    count = 0
    for token in answer:
        count += drafter.draft(1) != [token]
        drafter.add(token)
    return count


edits = st.lists(
    st.tuples(st.sampled_from(["insert", "delete", "replace"]), st.integers(0, 59), st.integers(1, 4)), max_size=4
)


@given(edits)
def test_after_every_edit_of_lines_the_place_is_found_again(changes: list[tuple[str, int, int]]) -> None:
    lines = [line(n) for n in range(60)]
    answer = list(lines)
    fresh = 500
    for what, at, count in changes:
        at = min(at, len(answer))
        new = [line(fresh + n) for n in range(count)]
        fresh += count
        answer[at : at if what == "insert" else at + count] = [] if what == "delete" else new
    new_tokens = LENGTH * sum(count for what, _, count in changes if what != "delete")
    lost = missed(Drafter([], [joined(lines)]), joined(answer))
    assert lost <= new_tokens + 8 * len(changes) + 2


def test_a_changed_word_costs_few_tokens() -> None:
    text = joined([line(n) for n in range(40)])
    answer = [*text[:161], NEVER, *text[162:]]
    drafter = Drafter([], [text])
    assert missed(drafter, answer) <= 2 + 3


@given(st.lists(st.integers(0, 5), max_size=80), st.lists(st.integers(0, 5), max_size=80), st.integers(0, 40))
def test_a_guess_is_a_piece_of_what_is_known_and_no_longer_than_asked(
    known: list[int], answer: list[int], limit: int
) -> None:
    drafter = Drafter(known, [known, known[::-1]])
    so_far = [*known]
    for token in answer:
        drafter.add(token)
        so_far.append(token)
        guess = drafter.draft(limit)
        texts = [known, known[::-1], so_far]
        assert len(guess) <= limit
        assert END not in guess
        assert any(guess == text[at : at + len(guess)] for text in texts for at in range(len(text) + 1))


def test_of_two_forms_the_one_that_is_written_is_followed() -> None:
    plain = joined([line(n) for n in range(20)])
    escaped = [7 if token == 6 else token for token in plain]
    drafter = Drafter([], [plain, escaped])
    assert missed(drafter, escaped) <= 2 + 2 * 4
    assert Drafter([], [plain, escaped]).draft(9) == []


def test_without_a_prediction_what_the_prompt_says_is_guessed() -> None:
    prompt = joined([line(n) for n in range(30)])
    drafter = Drafter([9, 9, *prompt, 9, 9, 9])
    assert missed(drafter, prompt[80:160]) <= 3 + 1


def test_without_a_prediction_what_the_answer_repeats_is_guessed() -> None:
    phrase = list(range(20, 50))
    assert missed(Drafter([1, 2, 3]), phrase * 3) <= len(phrase) + 3


def test_a_guess_that_held_is_trusted_more_and_one_that_did_not_less() -> None:
    text = joined([line(n) for n in range(40)])
    drafter = Drafter([], [text])
    outlooks = []
    for token in text[:200]:
        drafter.add(token)
        outlooks.append(drafter.outlook)
    assert outlooks[2].trust < outlooks[10].trust
    assert outlooks[10].hazard > outlooks[199].hazard
    for n in range(10):
        for token in [NEVER + n, *text[200 + 20 * n : 210 + 20 * n]]:
            drafter.add(token)
    assert drafter.outlook.hazard > 3 * outlooks[199].hazard


@settings(max_examples=20)
@given(st.integers(0, 3))
def test_text_that_is_the_same_everywhere_does_not_make_it_slow(token: int) -> None:
    drafter = Drafter([token] * 5_000, [[token] * 5_000])
    for _ in range(2_000):
        drafter.add(token)
    assert set(drafter.draft(64)) == {token}
