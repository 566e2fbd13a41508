"""What is read from the output of test runners that need not be on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeagent.tools.test_report import parse

GO = """=== RUN   TestAdds
    a_test.go:3: got 2, want 3
--- FAIL: TestAdds (0.00s)
=== RUN   TestFine
--- PASS: TestFine (0.00s)
FAIL
FAIL	a	0.002s
FAIL
"""
GO_BROKEN = "# a\n./a.go:3:2: undefined: x\nFAIL\ta [build failed]\nFAIL\n"
JEST = """FAIL ./a.test.js
  \u25cf adds

    Expected: 3
    Received: 2

Tests:       1 failed, 2 passed, 3 total
"""
MOCHA = "  2 passing (5ms)\n  1 failing\n\n  1) adds:\n     AssertionError: expected 2 to equal 3\n"
VITEST = (
    " \u276f a.test.ts\n   \u00d7 adds\n AssertionError: expected 2 to be 3\n      Tests  1 failed | 2 passed (3)\n"
)


UNITTEST_RULE = "...\n" + "-" * 70 + "\n"
TRACEBACK = """Traceback (most recent call last):
  File "/ws/check.py", line 4, in <module>
    check(f)
  File "/ws/check.py", line 2, in check
    assert f(2) == 3
           ^^^^^^^^^
AssertionError
"""


@pytest.mark.parametrize(
    ("output", "passed", "failed", "says"),
    [
        (GO, 1, 1, "a_test.go:3: got 2, want 3"),
        (GO_BROKEN, 0, 1, "undefined: x"),
        (JEST, 2, 1, "Received: 2"),
        (MOCHA, 2, 1, "expected 2 to equal 3"),
        (VITEST, 2, 1, "expected 2 to be 3"),
        ("\x1b[31m1 failed\x1b[0m, 2 passed in 0.1s\n", 2, 1, ""),
        ("===== 2 passed, 1 skipped, 3 warnings in 61.20s (0:01:01) =====\n", 2, 0, ""),
        ("===== no tests ran in 0.01s =====\n", 0, 0, ""),
        (UNITTEST_RULE + "Ran 3 tests in 0.001s\n\nOK (skipped=1)\n", 2, 0, ""),
        (TRACEBACK, None, None, "check.py:2: in check\n    assert f(2) == 3\nAssertionError"),
        ("something broke\nError: bad\n", None, None, "Error: bad"),
        ("", None, None, ""),
    ],
)  # fmt: skip
def test_the_summary_of_each_runner_is_read(output: str, passed: int | None, failed: int | None, says: str) -> None:
    outcome = parse(output, Path("/ws"))
    assert (outcome.passed, outcome.failed) == (passed, failed)
    assert says in "\n".join(outcome.failures)
