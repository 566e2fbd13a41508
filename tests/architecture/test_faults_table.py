"""The table of `make faults`: all fifty cases are in it, and each says what its tests came to."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import codeagent

ROOT = Path(codeagent.__file__).resolve().parent.parent.parent

TESTS = """
import pytest

@pytest.mark.case(1)
@pytest.mark.parametrize("n", [1, 2])
def test_held(n): pass

@pytest.mark.case(1, 2)
def test_counted(record_property):
    record_property("tried", 40)

@pytest.mark.case(2)
def test_half(): pytest.skip("NOT TESTED: no such disk")

@pytest.mark.case(3)
def test_failing(): assert False

@pytest.mark.case(4)
@pytest.mark.skipif(True, reason="only root can")
def test_skipped(): pass

@pytest.fixture
def broken(): raise RuntimeError

@pytest.mark.case(7)
def test_that_cannot_begin(broken): pass

def test_of_no_case(): assert False
"""
CASES = "".join(
    f'[[case]]\nnumber = {number}\nfamily = "Family"\ntried = "Trying {number}"\n{more}\n'
    for number, more in (
        (1, ""), (2, 'lacks = "the moon"'), (3, ""), (4, ""), (5, ""),
        (6, 'not_held = "there is no such thing"'), (7, ""),
    )
)  # fmt: skip


def printed(folder: Path, tests: str, cases: str, *numbers: str) -> tuple[int, list[str]]:
    """The exit code and the lines of the table for a folder of these tests."""
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests" / "test_tiny.py").write_text(tests)
    (folder / "cases.toml").write_text(cases)
    where = ("--cases", folder / "cases.toml", "--tests", folder / "tests")
    ran = subprocess.run(
        [sys.executable, ROOT / "scripts" / "faults.py", *where, *numbers],
        capture_output=True,
        text=True,
        timeout=100,
    )
    lines = ran.stdout.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("case ")), 0)
    return ran.returncode, [" ".join(line.split()) for line in lines[start:]]


def test_each_case_says_how_often_it_was_tried_and_whether_it_was_held(tmp_path: Path) -> None:
    code, lines = printed(tmp_path, TESTS, CASES)
    assert code == 1
    last = lines.pop()
    assert last.startswith("7 cases: 2 held, 4 NOT HELD, 1 skipped; 82 tries in ")
    assert [line.split("/")[-1] for line in lines] == [
        "case what was tried times result",
        "Family",
        "1 Trying 1 42 held",
        "2 Trying 2 40 held",
        "not tried: the moon",
        "skipped 1x: NOT TESTED: no such disk",
        "3 Trying 3 0 NOT HELD",
        "failed 1x: test_tiny.py::test_failing",
        "4 Trying 4 0 skipped",
        "skipped 1x: only root can",
        "5 Trying 5 0 NOT HELD",
        "no test tries it",
        "6 Trying 6 0 NOT HELD",
        "there is no such thing",
        "7 Trying 7 0 NOT HELD",
        "failed 1x: test_tiny.py::test_that_cannot_begin",
    ]


@pytest.mark.parametrize(("numbers", "code"), [(("1", "4", "6"), 0), (("3",), 1), (("5",), 1), (("7",), 1)])
def test_only_what_is_neither_held_nor_declared_nor_skipped_is_an_error(
    tmp_path: Path, numbers: tuple[str, ...], code: int
) -> None:
    assert printed(tmp_path, TESTS, CASES, *numbers)[0] == code


def test_a_declared_gap_whose_test_passes_is_an_error_until_it_is_taken_out(tmp_path: Path) -> None:
    code, lines = printed(tmp_path, TESTS, CASES.replace('lacks = "the moon"', 'not_held = "no moon"'), "2")
    assert code == 1
    assert "1 of its tests pass: take not_held out of cases.toml" in lines


def test_a_test_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    code, lines = printed(tmp_path, TESTS.replace("def test_of_no_case", "raise OSError\ndef test_x"), CASES, "6")
    assert code == 1
    assert any("cannot be read" in line for line in lines)


def test_all_fifty_cases_are_in_the_table_in_their_order() -> None:
    cases = tomllib.loads((ROOT / "tests/faults/cases.toml").read_text(encoding="utf-8"))["case"]
    assert [case["number"] for case in cases] == list(range(1, 51))
    assert all(case["tried"] and len(case["tried"]) <= 92 for case in cases)
