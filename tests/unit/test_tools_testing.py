"""test: finds and runs the tests of real repositories, with the runners that this machine has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from codeagent.tools.api import (
    EffectKind,
    PreparedCall,
    TestReport,
    Tool,
    ToolError,
    ToolResult,
)
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace

Tools = dict[str, Tool[Any]]

# The Python of these tests has pytest; with a virtual environment a repository says which one it uses.
HERE = Path(sys.prefix)


def make_tools(root: Path, **options: Any) -> Tools:
    return {tool.name: tool for tool in builtin_tools(Workspace(root), FileLedger(), os.environ, **options)}


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return make_tools(tmp_path)


async def prepare(tools: Tools, name: str, **arguments: Any) -> PreparedCall:
    tool = tools[name]
    return await tool.prepare(tool.params.model_validate(arguments))


async def call(tools: Tools, name: str, **arguments: Any) -> ToolResult:
    return await (await prepare(tools, name, **arguments)).execute(lambda text: None)


async def report(tools: Tools, **arguments: Any) -> tuple[str, TestReport]:
    result = await call(tools, "test", **arguments)
    assert isinstance(result.display, TestReport)
    assert not result.is_error
    return result.output, result.display


def make(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def with_pytest(root: Path) -> None:
    (root / ".venv").symlink_to(HERE)
    # The plugins of this project's own tests take seconds to load and have no part in these.
    (root / "pytest.ini").write_text("[pytest]\naddopts = -p no:hypothesispytest -p no:asyncio -p no:inline_snapshot\n")


def without_pytest(root: Path) -> None:
    """A virtual environment of the workspace that has no packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True, timeout=60)


# --- test: Python -----------------------------------------------------------------------------------------------------

CALC = "def add(a, b):\n    return a - b\n\n\ndef half(a):\n    return a / 0\n"
UNITTEST = """import unittest
from calc import add, half

class CalcTest(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)

    def test_half(self):
        self.assertEqual(half(4), 2)

    def test_zero(self):
        self.assertEqual(add(0, 0), 0)
"""
PYTEST = """from calc import add, half
import pytest

@pytest.mark.parametrize("n", [1, 2])
def test_add(n):
    print("noise")
    assert add(n, n) == 2 * n

def test_half():
    assert half(4) == 2

def test_zero():
    assert add(0, 0) == 0
"""


async def test_pytest_failures_become_name_place_line_and_difference(tools: Tools, tmp_path: Path) -> None:
    with_pytest(tmp_path)
    make(tmp_path, {"calc.py": CALC, "test_calc.py": PYTEST})
    text, shown = await report(tools)
    assert (shown.passed, shown.failed, shown.exit_code) == (1, 3, 1)
    assert shown.failures == (
        "test_add[1]\ntest_calc.py:7: in test_add\n    assert add(n, n) == 2 * n\n"
        "E   assert 0 == (2 * 1)\nE    +  where 0 = add(1, 1)",
        "test_add[2]\ntest_calc.py:7: in test_add\n    assert add(n, n) == 2 * n\n"
        "E   assert 0 == (2 * 2)\nE    +  where 0 = add(2, 2)",
        "test_half\ntest_calc.py:10: in test_half\n    assert half(4) == 2\ncalc.py:6: in half\n    return a / 0\n"
        "E   ZeroDivisionError: division by zero",
    )
    assert text.startswith("Tests fail: 3 failed, 1 passed.\n\ntest_add[1]\ntest_calc.py:7: in test_add\n")
    assert "noise" not in text
    assert not (tmp_path / ".pytest_cache").exists()
    assert not (tmp_path / "__pycache__").exists()


async def test_the_exact_command_is_the_effect_and_a_target_narrows_it(tools: Tools, tmp_path: Path) -> None:
    with_pytest(tmp_path)
    make(tmp_path, {"calc.py": CALC, "test_calc.py": PYTEST})
    prepared = await prepare(tools, "test", target="test_calc.py::test_zero")
    (effect,) = prepared.effects
    assert effect.kind is EffectKind.EXECUTE
    assert effect.target.startswith(".venv/bin/python -m pytest ")
    assert effect.target.endswith(" test_calc.py::test_zero")
    result = await prepared.execute(lambda text: None)
    assert result.output == "Tests pass: 1 passed."
    assert isinstance(result.display, TestReport)
    assert result.display.command == effect.target


async def test_a_test_module_that_cannot_be_imported_is_a_failure_that_says_why(tools: Tools, tmp_path: Path) -> None:
    with_pytest(tmp_path)
    make(tmp_path, {"calc.py": "def add(a, b)\n    pass\n", "test_calc.py": "from calc import add\n"})
    text, shown = await report(tools)
    assert (shown.passed, shown.failed) == (0, 1)
    assert "SyntaxError: expected ':'" in text
    assert "calc.py" in text


async def test_an_endless_loop_is_stopped_and_pytest_says_where_it_hangs(tmp_path: Path) -> None:
    with_pytest(tmp_path)
    make(tmp_path, {"test_a.py": "def test_a():\n    while True:\n        pass\n"})
    start = time.monotonic()
    text, shown = await report(make_tools(tmp_path, test_timeout_s=10))
    assert time.monotonic() - start < 20
    assert shown.exit_code is None
    assert "probably an endless loop.\nIt hung at:\ntest_a.py:" in text


async def test_without_pytest_the_tests_are_run_by_unittest(tools: Tools, tmp_path: Path) -> None:
    without_pytest(tmp_path)
    make(tmp_path, {"calc.py": CALC, "calc_test.py": UNITTEST})
    text, shown = await report(tools)
    assert shown.command.startswith(".venv/bin/python -m unittest discover")
    assert (shown.passed, shown.failed, shown.exit_code) == (1, 2, 1)
    assert shown.failures == (
        "test_half (calc_test.CalcTest.test_half)\ncalc_test.py:9: in test_half\n"
        "    self.assertEqual(half(4), 2)\ncalc.py:6: in half\n    return a / 0\nZeroDivisionError: division by zero",
        "test_add (calc_test.CalcTest.test_add)\ncalc_test.py:6: in test_add\n"
        "    self.assertEqual(add(2, 3), 5)\nAssertionError: -1 != 5",
    )
    text, shown = await report(tools, target="calc_test.py::CalcTest::test_zero")
    assert text == "Tests pass: 1 passed."


@pytest.mark.parametrize(
    "files",
    [
        {"tests/test_calc.py": UNITTEST},
        {"tests/__init__.py": "", "tests/test_calc.py": UNITTEST},
        {"tests/unit/__init__.py": "", "tests/__init__.py": "", "tests/unit/test_calc.py": UNITTEST},
        {"tests.py": UNITTEST},
        {"test_calc.py": UNITTEST, "other_test.py": "import unittest\n"},
    ],
)
async def test_unittest_finds_tests_where_repositories_keep_them(
    tools: Tools, tmp_path: Path, files: dict[str, str]
) -> None:
    without_pytest(tmp_path)
    make(tmp_path, {"calc.py": CALC, **files})
    _, shown = await report(tools)
    assert (shown.passed, shown.failed) == (1, 2)


async def test_running_no_test_at_all_is_not_passing(tools: Tools, tmp_path: Path) -> None:
    with_pytest(tmp_path)
    make(tmp_path, {"test_a.py": "x = 1\n"})
    with pytest.raises(ToolError, match="No tests were run by"):
        await call(tools, "test")


async def test_no_more_than_five_failures_of_twelve_lines_are_shown(tools: Tools, tmp_path: Path) -> None:
    with_pytest(tmp_path)
    body = "".join(
        f"def test_{i}():\n    assert list(range(50)) == list(range(1, 51)), 'x\\n' * 99\n" for i in range(9)
    )
    make(tmp_path, {"test_many.py": body})
    text, shown = await report(tools)
    assert (shown.failed, len(shown.failures)) == (9, 5)
    assert all(len(failure.split("\n")) <= 12 for failure in shown.failures)
    assert text.endswith("[... 4 more failed ...]")


async def test_finding_the_tests_runs_nothing_of_the_repository(tools: Tools, tmp_path: Path) -> None:
    trap = "#!/bin/sh\ntouch pwned\n"
    code = "open('pwned', 'w')\n"
    make(
        tmp_path,
        {
            ".venv/bin/python": trap,
            "conftest.py": code,
            "sitecustomize.py": code,
            "test_a.py": code,
            "Makefile": "$(shell touch pwned)\ntest:\n",
            "package.json": '{"scripts": {"test": "touch pwned"}}',
        },
    )
    (tmp_path / ".venv/bin/python").chmod(0o755)
    await prepare(tools, "test")
    shutil.rmtree(tmp_path / ".venv")
    await prepare(tools, "test")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("target", "says"),
    [("--pdb", "no test target"), ("../x/test_a.py", "outside"), ("test_zzz.py", "does not exist"), ("a\0", "no test")],
)
async def test_a_target_is_a_test_and_never_an_option(tools: Tools, tmp_path: Path, target: str, says: str) -> None:
    make(tmp_path, {"test_a.py": ""})
    with pytest.raises(ToolError, match=says):
        await prepare(tools, "test", target=target)


async def test_a_configured_command_comes_before_all_found_ones(tmp_path: Path) -> None:
    make(tmp_path, {"test_a.py": ""})
    tools = make_tools(tmp_path, test_command="echo '2 passed in 0.1s' && exit 0")
    text, shown = await report(tools, target="test_a.py")
    assert shown.command == "echo '2 passed in 0.1s' && exit 0"
    assert (shown.passed, shown.failed, shown.exit_code) == (2, 0, 0)
    assert text == "Tests pass: 2 passed.\nAll tests were run: the configured command takes no target."


async def test_a_repository_without_tests_is_told_apart_from_failing_ones(tools: Tools, tmp_path: Path) -> None:
    make(
        tmp_path, {"main.py": "x = 1\n", "package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\""}}'}
    )
    with pytest.raises(ToolError, match="No tests were recognised"):
        await prepare(tools, "test")


async def test_folders_of_installed_packages_are_not_searched_for_tests(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"node_modules/x/test_a.py": "", ".tox/test_b.py": "", "venv/lib/test_c.py": ""})
    with pytest.raises(ToolError, match="No tests were recognised"):
        await prepare(tools, "test")


@pytest.mark.parametrize("config", ["{", "[]", '{"scripts": 3}', '{"scripts": {"test": 3}}', "\x00"])
async def test_broken_configuration_files_are_passed_over(tools: Tools, tmp_path: Path, config: str) -> None:
    make(tmp_path, {"package.json": config, "pyproject.toml": config, "Makefile": config, "setup.cfg": config})
    with pytest.raises(ToolError, match="No tests were recognised"):
        await prepare(tools, "test")


# --- test: other runners ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("make"), reason="NOT TESTED: make is missing")
async def test_make_test_is_run_where_a_makefile_has_it(tools: Tools, tmp_path: Path) -> None:
    make(
        tmp_path,
        {"Makefile": "TEST := 1\ntest: a\n\t@echo 'a.c:3: error: expected 5, got 6'; exit 1\na:\n\t@echo building\n"},
    )
    text, shown = await report(tools, target="x")
    assert shown.command == "make test"
    assert shown.exit_code == 2
    assert "a.c:3: error: expected 5, got 6" in text
    assert "building" not in text
    assert text.endswith("All tests were run: make test takes no target.")


@pytest.mark.skipif(not (shutil.which("npm") and shutil.which("node")), reason="NOT TESTED: npm is missing")
async def test_npm_test_is_run_where_a_package_has_a_script(tools: Tools, tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "package.json": json.dumps({"name": "a", "scripts": {"test": "node --test"}}),
            "a.test.js": "const {test} = require('node:test'); const assert = require('node:assert');\n"
            "test('adds', () => { assert.strictEqual(1 + 1, 3); });\ntest('fine', () => {});\n",
        },
    )
    text, shown = await report(tools)
    assert shown.command == "npm test"
    assert (shown.passed, shown.failed, shown.exit_code) == (1, 1, 1)
    assert "adds" in text
    assert "3" in text


def cargo_works() -> bool:
    """rustup puts a cargo on PATH that works only once a toolchain is there."""
    found = shutil.which("cargo")
    return found is not None and subprocess.run([found, "--version"], capture_output=True, timeout=60).returncode == 0


@pytest.mark.skipif(not cargo_works(), reason="NOT TESTED: cargo is missing")
async def test_cargo_test_is_run_for_a_crate(tools: Tools, tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "Cargo.toml": '[package]\nname = "a"\nversion = "0.1.0"\nedition = "2021"\n',
            "src/lib.rs": "#[test]\nfn adds() { assert_eq!(1 + 1, 3); }\n#[test]\nfn fine() {}\n",
        },
    )
    text, shown = await report(tools)
    assert shown.command == "cargo test --no-fail-fast"
    assert (shown.passed, shown.failed) == (1, 1)
    assert "left: 2" in text
    assert "right: 3" in text


@pytest.mark.skipif(not shutil.which("go"), reason="NOT TESTED: go is missing")
async def test_go_test_is_run_for_a_module(tools: Tools, tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "go.mod": "module a\n\ngo 1.20\n",
            "a_test.go": 'package a\nimport "testing"\nfunc TestAdds(t *testing.T) { t.Error("got 2, want 3") }\n'
            "func TestFine(t *testing.T) {}\n",
        },
    )
    text, shown = await report(tools)
    assert (shown.passed, shown.failed) == (1, 1)
    assert "got 2, want 3" in text


@pytest.mark.parametrize(
    ("files", "target", "command"),
    [
        ({"Cargo.toml": ""}, None, "cargo test --no-fail-fast"),
        ({"Cargo.toml": ""}, "name", "cargo test --no-fail-fast name"),
        ({"Cargo.toml": "", "tests/it.rs": ""}, "tests/it.rs", "cargo test --test it"),
        ({"go.mod": ""}, None, "go test -v ./..."),
        ({"go.mod": ""}, "TestX", "go test -v -run TestX ./..."),
        ({"go.mod": "", "pkg/a_test.go": ""}, "pkg/a_test.go", "go test -v ./pkg"),
        ({"package.json": '{"scripts": {"test": "jest"}}'}, None, "npm test"),
        ({"package.json": '{"scripts": {"test": "jest"}}'}, "it's", "npm test -- 'it'\"'\"'s'"),
        ({"package.json": '{"scripts": {"test": "jest"}}', "pnpm-lock.yaml": ""}, None, "pnpm test"),
        ({"Makefile": "all:\ntest: all\n"}, None, "make test"),
    ],
)
async def test_each_runner_is_known_by_its_files(
    tools: Tools, tmp_path: Path, files: dict[str, str], target: str | None, command: str
) -> None:
    make(tmp_path, files)
    assert (await prepare(tools, "test", target=target)).title == f"Test: {command}"
