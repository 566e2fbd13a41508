"""Runs every test that tries a safety case and prints the table: case, what was tried how often, held or not."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
import time
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from console import BIN, ROOT, clock, say
from fault_results import CaseResult, CaseResults

CASES = ROOT / "tests" / "faults" / "cases.toml"
WIDTH = 92


@dataclass(frozen=True)
class Case:
    """One row: `not_held` is why no test of it passes, `lacks` the part that is not tried."""

    number: int
    family: str
    tried: str
    not_held: str = ""
    lacks: str = ""


@dataclass(frozen=True)
class Row:
    """What a case came to: a word, what stands below it, and whether that is a problem."""

    state: str
    details: tuple[str, ...] = ()
    problem: bool = False


def load_cases(path: Path) -> list[Case]:
    """The cases of the file in its order. Exits with a sentence when a number stands there twice."""
    cases = [Case(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["case"]]
    twice = [number for number, count in Counter(case.number for case in cases).items() if count > 1]
    if twice:
        sys.exit(f"{path.name} has the case {twice[0]} twice.")
    return cases


def judge(case: Case, result: CaseResult) -> Row:
    """Held: tests ran and none failed. Else it is a problem, unless the file says so or the machine lacks something."""
    skipped = tuple(f"skipped {count}x: {reason}" for reason, count in Counter(result.skipped).items())
    if case.not_held:
        stale = (f"{result.passed} of its tests pass: take not_held out of cases.toml",) if result.passed else ()
        return Row("NOT HELD", (case.not_held, *stale), bool(stale))
    if result.failed:
        tests = Counter(name.partition("[")[0] for name in result.failed)  # of one with many parameters, how many
        return Row("NOT HELD", tuple(f"failed {count}x: {name}" for name, count in tests.items()), True)
    if result.passed:
        lacks = (f"not tried: {case.lacks}",) if case.lacks else ()
        return Row("held", (*lacks, *skipped))
    if skipped:
        return Row("skipped", skipped)
    return Row("NOT HELD", ("no test tries it",), True)


def table(cases: list[Case], results: Mapping[int, CaseResult]) -> tuple[list[str], bool]:
    """The lines of the table with its last line of sums, and whether something in it is a problem."""
    lines = [f"{'case':>4}  {'what was tried':<{WIDTH}}  {'times':>6}  result"]
    states: Counter[str] = Counter()
    problem, tries, family = False, 0, ""
    for case in cases:
        result = results.get(case.number, CaseResult())
        row = judge(case, result)
        if case.family != family:
            lines.append(family := case.family)
        tried = textwrap.wrap(case.tried, WIDTH) or [""]
        lines.append(f"{case.number:>4}  {tried[0]:<{WIDTH}}  {result.tried:>6,}  {row.state}")
        lines += [f"      {rest}" for rest in tried[1:]]
        lines += [
            f"        {part}"
            for detail in row.details
            for part in textwrap.wrap(detail, WIDTH + 16, break_long_words=False)
        ]
        states[row.state] += 1
        tries += result.tried
        problem |= row.problem
    counted = ", ".join(f"{states[state]} {state}" for state in ("held", "NOT HELD", "skipped"))
    return [*lines, f"{len(cases)} cases: {counted}; {tries:,} tries"], problem


def main(arguments: list[str]) -> int:
    """Run the tests of the cases, all by default; 1 when a case that should hold does not."""
    parser = argparse.ArgumentParser(description="Try the safety cases and print what was held.")
    parser.add_argument("number", nargs="*", type=int, help="a case to try; all without one")
    parser.add_argument("--cases", type=Path, default=CASES, help="the file with the cases' words")
    parser.add_argument("--tests", type=Path, default=ROOT / "tests", help="where the tests are")
    options = parser.parse_args(arguments)
    wanted = frozenset(options.number)
    cases = [case for case in load_cases(options.cases) if not wanted or case.number in wanted]
    if unknown := wanted - {case.number for case in cases}:
        sys.exit(f"There is no case {min(unknown)}.")
    os.chdir(ROOT)
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    started = time.monotonic()
    gathered = CaseResults(wanted)
    settings = ("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "no:cacheprovider")
    ended = pytest.main(
        [*settings, "-q", "-r", "fE", "--continue-on-collection-errors", str(options.tests)], plugins=[gathered]
    )
    lines, problem = table(cases, gathered.results)
    say("\n" + "\n".join(lines) + f" in {clock(time.monotonic() - started)}")
    for name in gathered.broken:
        say(f"{name} cannot be read, so its tests did not run.")
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        say(f"The tests did not come to their end (pytest ended with {int(ended)}).")
        problem = True
    return 1 if problem or gathered.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
