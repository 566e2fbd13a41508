"""Gathers what the tests of each safety case came to, as a pytest plugin; knows no words and no table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

MARKER = "case(number): tries this case of the table that `make faults` prints"


@dataclass
class CaseResult:
    """What became of the tests of one case; `tried` counts the tries of those that ran."""

    tried: int = 0
    passed: int = 0
    failed: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])


def _tries(properties: Iterable[tuple[str, Any]]) -> int:
    """How often a test says it tried: the sum of what it recorded, or one when it recorded nothing."""
    counts = [int(value) for name, value in properties if name == "tried"]
    return sum(counts) if counts else 1


def _reason(report: pytest.TestReport) -> str:
    """Why a test was skipped, in its own words."""
    text = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ").strip() or "no reason given"


class CaseResults:
    """Keeps to tests that carry the marker `case` with one of the numbers, all numbers by default."""

    def __init__(self, numbers: frozenset[int] = frozenset()) -> None:
        """`results` is filled while pytest runs; `broken` names the files that could not be read."""
        self.results: defaultdict[int, CaseResult] = defaultdict(CaseResult)
        self.broken: list[str] = []
        self._numbers = numbers
        self._cases: dict[str, tuple[int, ...]] = {}

    def pytest_configure(self, config: pytest.Config) -> None:
        """The marker is known also where no settings of the project are read."""
        config.addinivalue_line("markers", MARKER)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave the tests that try a case."""
        left_out: list[pytest.Item] = []
        for item in tuple(items):
            numbers = tuple(int(number) for mark in item.iter_markers("case") for number in mark.args)
            self._cases[item.nodeid] = tuple(dict.fromkeys(numbers))
            if not numbers or (self._numbers and self._numbers.isdisjoint(numbers)):
                items.remove(item)
                left_out.append(item)
        config.hook.pytest_deselected(items=left_out)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be read is a problem of its own, since nobody knows which cases it holds."""
        if report.failed:
            self.broken.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one phase of one test."""
        for number in self._cases.get(report.nodeid, ()):
            result = self.results[number]
            if report.failed or hasattr(report, "wasxfail"):
                if report.nodeid not in result.failed:
                    result.failed.append(report.nodeid)
            elif report.skipped:
                result.skipped.append(_reason(report))
            elif report.when == "call":
                result.passed += 1
                result.tried += _tries(report.user_properties)
