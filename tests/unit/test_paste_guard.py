"""What a terminal sends, filtered so that a paste cannot press keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeagent.tui.paste_guard import BEGIN, END, PasteGuard

PIECES = st.lists(st.sampled_from(["\x1b", "[", "2", "0", "1", "~", "a", "\r", "!", BEGIN, END]), max_size=40)


def filtered(*chunks: str) -> str:
    guard = PasteGuard()
    return "".join(guard.filter(chunk) for chunk in chunks)


def test_keys_outside_of_a_paste_pass_unchanged() -> None:
    assert filtered("a\x1b[A\x1bOP\x1b") == "a\x1b[A\x1bOP\x1b"


@pytest.mark.case(16)
def test_an_escape_inside_a_paste_is_taken_out() -> None:
    assert filtered(f"{BEGIN}hello\x1b!rm -rf ~\ry{END}\x1b[A") == f"{BEGIN}hello!rm -rf ~\ry{END}\x1b[A"


def test_a_paste_may_come_in_any_pieces() -> None:
    sent = f"x{BEGIN}a\x1bb\x1b[Zc{END}y"
    expected = f"x{BEGIN}ab[Zc{END}y"
    for cut in range(len(sent) + 1):
        assert filtered(sent[:cut], sent[cut:]) == expected
    assert filtered(*sent) == expected


def test_a_second_paste_is_guarded_too() -> None:
    assert filtered(f"{BEGIN}a{END}{BEGIN}\x1b\r{END}") == f"{BEGIN}a{END}{BEGIN}\r{END}"


@pytest.mark.parametrize("begin", ["\x1b[200", "\x1b[20", "\x1b"])
@pytest.mark.case(16)
def test_the_begin_of_a_paste_is_seen_across_reads(begin: str) -> None:
    assert filtered(begin, BEGIN[len(begin) :] + f"\x1bq{END}") == f"{BEGIN}q{END}"


@given(PIECES)
@pytest.mark.case(16)
def test_no_escape_is_ever_let_through_between_begin_and_end(pieces: list[str]) -> None:
    out = filtered(*pieces)
    for part in out.split(BEGIN)[1:]:
        assert "\x1b" not in part.partition(END)[0]


@given(PIECES)
def test_the_pieces_do_not_matter(pieces: list[str]) -> None:
    assert filtered(*pieces) == filtered("".join(pieces))
