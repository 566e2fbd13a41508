"""What a diff is made of: its hunks and rows, changed words, kinds of words, and how sure the model was."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from codeagent.agent.certainty import Certainty
from codeagent.tools.diffs import diff
from codeagent.tools.hunks import take
from codeagent.tui.approval.comparison import Comparison, compare, from_unified
from codeagent.tui.approval.drawable import drawable, folds
from codeagent.tui.approval.restoring import UnclearError, editable, restored
from codeagent.tui.approval.rows import Row, side_by_side, unified
from codeagent.tui.approval.sureness import Sureness
from codeagent.tui.approval.words import changed_words
from codeagent.tui.syntax import Highlighter, lexer_for_file

LINES = st.lists(st.sampled_from(["a", "b", "c", "  a", "", "def f():"]), max_size=30)
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


def numbered(count: int, **changed: str) -> str:
    """Lines 1 to count, some of them with another text: `numbered(3, l2="x")`."""
    return "".join(changed.get(f"l{n}", f"line {n}") + "\n" for n in range(1, count + 1))


def drawn(comparison: Comparison, rows: list[Row]) -> list[str]:
    """Unified rows as text: sign and line; headers as "#" and the hunk."""
    result: list[str] = []
    for row in rows:
        cell = row.left
        if cell is None:
            result.append(f"#{row.hunk}")
            continue
        version = comparison.before if cell.kind == "removed" else comparison.after
        sign = {"context": " ", "removed": "-", "added": "+"}[cell.kind]
        result.append(f"{sign}{version.numbers[cell.line]} {version.lines[cell.line].rstrip()}")
    return result


def test_a_hunk_is_drawn_with_three_lines_around_it_and_their_numbers() -> None:
    comparison = compare("a.txt", numbered(9), numbered(9, l5="changed"))
    assert drawn(comparison, unified(comparison)) == [
        "#0", " 2 line 2", " 3 line 3", " 4 line 4", "-5 line 5", "+5 changed", " 6 line 6", " 7 line 7", " 8 line 8",
    ]  # fmt: skip


def test_lines_between_two_hunks_are_drawn_once() -> None:
    comparison = compare("a.txt", numbered(12), numbered(12, l3="x", l8="y"))
    rows = drawn(comparison, unified(comparison))
    assert [row for row in rows if row.startswith(("#", "-", "+"))] == [
        "#0",
        "-3 line 3",
        "+3 x",
        "#1",
        "-8 line 8",
        "+8 y",
    ]
    context = [row for row in rows if row.startswith(" ")]
    assert context == [f" {n} line {n}" for n in (1, 2, 4, 5, 6, 7, 9, 10, 11)]


def test_side_by_side_puts_a_line_beside_the_one_it_replaces() -> None:
    before = "one = compute(1)\nkeep\n"
    after = "# a note\none = compute(2)\nkeep\n"
    comparison = compare("a.py", before, after)
    rows = [(r.left and r.left.line, r.right and r.right.line) for r in side_by_side(comparison) if r.left or r.right]
    assert rows == [(None, 0), (0, 1), (2, 2)]


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_both_layouts_hold_every_changed_line_once(before: str, after: str) -> None:
    comparison = compare("a.txt", before, after)
    for rows in (unified(comparison), side_by_side(comparison)):
        cells = {cell for row in rows for cell in (row.left, row.right) if cell is not None}
        for hunk in range(len(comparison.hunks)):
            assert sorted(c.line for c in cells if c.kind == "removed" and c.line in comparison.removed(hunk)) == (
                comparison.removed(hunk)
            )
            assert sorted(c.line for c in cells if c.kind == "added" and c.line in comparison.added(hunk)) == (
                comparison.added(hunk)
            )


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_a_unified_diff_is_drawn_as_the_texts_it_was_made_from(before: str, after: str) -> None:
    whole = compare("a.txt", before, after)
    read = from_unified("a.txt", diff("a.txt", before, after).unified)
    changes = [row for row in drawn(read, unified(read)) if row[0] in "+-"]
    old = "".join(read.before.lines[line] for hunk in range(len(read.hunks)) for line in read.removed(hunk))
    assert len([c for c in changes if c[0] == "-"]) - len([c for c in changes if c[0] == "+"]) == (
        len(whole.before.lines) - len(whole.after.lines)
    )
    assert all(part in before for part in old.splitlines())
    for version, text in ((read.before, before), (read.after, after)):
        lines = text.split("\n")
        assert all(
            line.rstrip("\n") == lines[number - 1] for line, number in zip(version.lines, version.numbers, strict=True)
        )


def test_a_unified_diff_tells_of_a_missing_line_end() -> None:
    read = from_unified("a.txt", diff("a.txt", "a\nb", "a\nb\n").unified)
    assert (list(read.before.lines), list(read.after.lines)) == (["a\n", "b"], ["a\n", "b\n"])


@pytest.mark.parametrize(
    "text", ["", "no diff at all\n", "@@ -1 +1 @@\n", "@@ -1,2 +1,2 @@\n+", "\\ No newline\n", "@@\n\n\n"]
)
def test_what_is_no_unified_diff_draws_nothing_or_what_it_holds(text: str) -> None:
    read = from_unified("a.txt", text)
    assert len(unified(read)) <= 2


def test_changed_words_are_those_that_differ() -> None:
    old, new = "    total = total + price", "    total = total + price * count"
    assert changed_words(old, new) == ((), ((25, 33),))
    old, new = "return a - b", "return a + b"
    assert changed_words(old, new) == (((9, 10),), ((9, 10),))


def test_lines_that_have_little_in_common_have_no_changed_words() -> None:
    assert changed_words("import os", "class Cart: pass") is None
    assert changed_words("x" * 1000, "x" * 1000 + "y") is None


def test_a_change_of_spaces_alone_is_marked() -> None:
    assert changed_words("\tpass", "    pass") == (((0, 1),), ((0, 4),))


def test_kinds_of_words_are_those_of_the_whole_text() -> None:
    lines = ['"""A text\n', "that = looks like code\n", '"""\n', "def f(): return 1\n"]
    code = Highlighter(lines, lexer_for_file("a.py"))
    assert code.line(3) == [(0, 3, "keyword"), (4, 5, "function"), (9, 15, "keyword"), (16, 17, "number")]
    assert code.line(1) == [(0, 22, "string")]


@pytest.mark.parametrize(
    "name", ["", "no extension", "a.unknown", "\x1b]52;c;x\x07.py", "a" * 5000, "../../etc/passwd.py"]
)
def test_a_file_of_no_known_language_has_no_kinds(name: str) -> None:
    assert Highlighter(["def f():\n"], lexer_for_file(name)).line(0) in ([], ()) or name.endswith(".py")


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec=None), max_size=60).map(lambda text: text.replace("\n", "")))
@pytest.mark.case(15)
def test_a_drawn_line_holds_nothing_unprintable_and_keeps_the_order_of_its_characters(line: str) -> None:
    shown = drawable(line)
    assert not [c for c in shown.text if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E]
    assert not any("\ud800" <= c <= "\udfff" for c in shown.text)
    places = [shown.at(offset) for offset in range(len(line) + 1)]
    assert places == sorted(places) and places[0] == 0 and places[-1] == len(shown.text)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("\tx", "    x"),
        ("ab\tx", "ab  x"),
        ("漢\tx", "漢  x"),
        ("a\u202eb", "a<U+202E>b"),
        ("\x1b[2J", "<U+001B>[2J"),
        ("a\udcffb", "a<U+DCFF>b"),
        ("end\r", "end<U+000D>"),
        ("👨\u200d👩", "👨<U+200D>👩"),
    ],
)
@pytest.mark.case(15)
def test_tabs_reach_the_next_stop_and_hidden_characters_are_named(line: str, text: str) -> None:
    assert drawable(line).text == text


@settings(deadline=None)
@given(st.text(alphabet="ab 漢字é👍e\u0301", max_size=80), st.integers(2, 20))
def test_a_folded_line_loses_nothing_and_fits(text: str, width: int) -> None:
    cuts = folds(text, width)
    parts = [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(parts) == text
    assert all(cell_len(part) <= width for part in parts)


def certain(text: str, **doubts: float) -> Certainty:
    """A certainty of 0.99, but for some words."""
    values = [0.99] * len(text)
    for word, probability in doubts.items():
        at = text.index(word)
        values[at : at + len(word)] = [probability] * len(word)
    return Certainty(text, tuple(values))


def test_the_weakest_spot_of_a_hunk_is_its_least_probable_words() -> None:
    comparison = compare("a.txt", numbered(9), numbered(9, l2="one alpha two", l8="three beta four"))
    written = "I write:\none alpha two\nthree beta four\n"
    sureness = Sureness(comparison, certain(written, alpha=0.41, beta=0.2))
    assert [str(sureness.weakest(hunk)) for hunk in (0, 1)] == [
        "41% sure of 'alpha' in line 2",
        "20% sure of 'beta' in line 8",
    ]
    assert sureness.order() == [1, 0]
    assert sureness.spans(1) == [(4, 9, "unsure")]
    assert sureness.spans(7) == [(6, 10, "doubtful")]


def test_hunks_that_the_model_did_not_write_as_they_stand_come_last() -> None:
    comparison = compare("a.txt", numbered(9), numbered(9, l2="not in the reply", l8="three beta four"))
    sureness = Sureness(comparison, certain("three beta four", beta=0.9))
    assert sureness.weakest(0) is None
    assert sureness.order() == [1, 0]


def test_without_logprobs_nothing_is_known() -> None:
    sureness = Sureness(compare("a.txt", "a\n", "b\n"), None)
    assert not sureness.known
    assert sureness.spans(0) == []


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_text_that_the_person_leaves_alone_comes_back_as_it_was(before: str, after: str) -> None:
    assert restored(before, editable(before)) == before
    assert restored(before, after) == after


def test_hidden_characters_survive_an_edit_of_their_line_and_of_others() -> None:
    text = "a\u200bb = 1\nplain\nraw \udcff byte\r\n"
    shown = editable(text)
    assert shown == "a<U+200B>b = 1\nplain\nraw <U+DCFF> byte<U+000D>\n"
    assert restored(text, shown.replace("= 1", "= 2")) == text.replace("= 1", "= 2")
    assert restored(text, shown.replace("plain", "<U+200B>")) == text.replace("plain", "<U+200B>")
    assert restored(text, shown.replace("byte", "bytes")) == text.replace("byte", "bytes")


def test_a_line_that_cannot_be_told_apart_is_refused_in_a_sentence() -> None:
    text = "a\u200bb <U+200B>\n"
    with pytest.raises(UnclearError, match="Line 1 holds <U\\+200B> both as a character and as letters"):
        restored(text, editable(text).replace("a", "x"))


@pytest.mark.parametrize("step", [3, 1])
def test_thousands_of_changed_lines_become_rows_in_seconds(step: int) -> None:
    old = [f"value_{n} = compute({n}, {n % 13})\n" for n in range(5000)]
    new = [line if n % step else line.replace("compute", "calculate") for n, line in enumerate(old)]
    start = time.monotonic()
    comparison = compare("a.py", "".join(old), "".join(new))
    rows = unified(comparison) + side_by_side(comparison)
    assert time.monotonic() - start < 30
    assert len(rows) > 5000
    assert take("".join(old), comparison.hunks, set(range(len(comparison.hunks)))) == "".join(new)
