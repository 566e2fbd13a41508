"""Finds out from a repository's files how its tests are run; starts nothing that the repository brings along."""

from __future__ import annotations

import json
import os
import re
import shlex
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from codeagent.tools.api import ToolError
from codeagent.tools.process import Processes
from codeagent.tools.workspace import Workspace

_TEST_FILE = re.compile(r"(test_.*|.*_test|tests?)\.py")
_NPM_PLACEHOLDER = "no test specified"
_MAX_CONFIG = 256 * 1024
_MAX_FOLDERS = 5000
_MAX_DEPTH = 50
_NOT_OURS = frozenset({"node_modules", "site-packages", "venv", "env", "build", "dist"})
_PYTEST = ("-m", "pytest", "-q", "--tb=short", "--color=no", "-p", "no:cacheprovider")


@dataclass(frozen=True)
class TestCommand:
    """What runs the tests. `note` says when it is not exactly what was asked for."""

    __test__ = False  # pytest would take the name for a test class

    arguments: tuple[str, ...]
    note: str = ""

    @property
    def line(self) -> str:
        """The command as one would type it: what the permission gate judges."""
        if self.arguments[1:2] == ("-c",) and len(self.arguments) == 3:
            return self.arguments[2]
        return shlex.join(self.arguments)


class TestRunners:
    """Chooses the command for a repository's tests. Rules are tried in a fixed order: Python, cargo, go, npm, make."""

    __test__ = False

    def __init__(self, workspace: Workspace, processes: Processes, timeout_s: float) -> None:
        """`processes` finds programs; one of them, the system's Python, is asked whether it has pytest.

        `timeout_s` is when the tests will be stopped: pytest is to say before that where it hangs.
        """
        self._dump = ("-o", f"faulthandler_timeout={min(20.0, timeout_s / 2):g}")
        self._workspace = workspace
        self._root = workspace.root
        self._processes = processes

    def configured(self, command: str, target: str | None) -> TestCommand:
        """The person's own command, which takes no target."""
        note = "" if target is None else "All tests were run: the configured command takes no target."
        return TestCommand(tuple(self._processes.shell(command)), note)

    async def find(self, target: str | None) -> TestCommand:
        """The command for all tests or for `target`: a path, or a test's name as its runner takes it.

        Raises ToolError if there is no such target or if no tests are recognised.
        """
        if target is not None:
            self._check_target(target)
        rules: tuple[Callable[[str | None], Awaitable[TestCommand | None]], ...] = (
            self._python,
            self._cargo,
            self._go,
            self._npm,
            self._make,
        )
        for rule in rules:
            command = await rule(target)
            if command is not None:
                return command
        raise ToolError(
            "No tests were recognised (pytest, unittest, cargo, go, npm or make). Run them with run, or write some."
        )

    def _check_target(self, target: str) -> None:
        if target.startswith("-") or "\0" in target or not target.strip():
            raise ToolError(f"{target!r} is no test target: name a file, or a test as its runner names it.")
        file = target.split("::")[0]
        if "/" in file or file.endswith(".py"):
            path = self._workspace.resolve(file)
            if not path.exists():
                raise ToolError(f"{self._workspace.display(path)} does not exist, so it cannot be tested.")

    async def _python(self, target: str | None) -> TestCommand | None:
        files = _test_files(self._root)
        configured = self._pytest_configured()
        if not files and not configured:
            return None
        python, has_pytest = await self._interpreter()
        if has_pytest:
            return TestCommand((python, *_PYTEST, *self._dump, *([target] if target else [])))
        if not files:
            return None
        return TestCommand((python, "-m", "unittest", *self._unittest_arguments(files, target)))

    def _pytest_configured(self) -> bool:
        if any((self._root / name).is_file() for name in ("pytest.ini", ".pytest.ini", "conftest.py")):
            return True
        tables = _toml(self._root / "pyproject.toml").get("tool", {})
        return "pytest" in tables or any(
            section in _text(self._root / name)
            for name, section in (("setup.cfg", "[tool:pytest]"), ("tox.ini", "[pytest]"))
        )

    async def _interpreter(self) -> tuple[str, bool]:
        """The Python that the tests run with, and whether it has pytest.

        The workspace's own is only looked at: to run it before the person agreed would be to run the repository's code.
        """
        for name in (".venv", "venv"):
            program = self._root / name / "bin" / "python"
            if os.access(program, os.X_OK):
                packages = (self._root / name / "lib").glob("python3*/site-packages/pytest/__init__.py")
                return f"{name}/bin/python", any(packages)
        program = self._processes.find("python3") or self._processes.find("python")
        if program is None:
            raise ToolError("There are Python tests, but no python3 on PATH to run them with.")
        question = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pytest') is None)"
        answer = await self._processes.run([program, "-c", question], 20, folder=Path("/"))
        return Path(program).name, answer.exit_code == 0

    def _unittest_arguments(self, files: Sequence[Path], target: str | None) -> list[str]:
        if target is not None:
            parts = [part for part in target.split("::") if part]
            module = parts[0].removeprefix("./").removesuffix(".py").replace("/", ".")
            return ["-v", ".".join([module, *parts[1:]])]
        folders = {file.parent for file in files}
        start = next(iter(folders)) if len(folders) == 1 else Path(os.path.commonpath(folders))
        named_first = all(file.name.startswith("test") for file in files)
        arguments = ["discover", "-v", "-s", str(start), "-p", "test*.py" if named_first else "*test*.py"]
        if start != Path() and (self._root / start / "__init__.py").is_file():
            arguments += ["-t", "."]
        return arguments

    async def _cargo(self, target: str | None) -> TestCommand | None:
        if not (self._root / "Cargo.toml").is_file():
            return None
        if target is not None and target.endswith(".rs"):
            return TestCommand(("cargo", "test", "--test", Path(target).stem))
        return TestCommand(("cargo", "test", "--no-fail-fast", *([target] if target else [])))

    async def _go(self, target: str | None) -> TestCommand | None:
        if not (self._root / "go.mod").is_file():
            return None
        if target is None:
            return TestCommand(("go", "test", "-v", "./..."))
        if "/" in target or target.endswith(".go") or (self._root / target).is_dir():
            folder = Path(target).parent if target.endswith(".go") else Path(target)
            return TestCommand(("go", "test", "-v", f"./{folder}"))
        return TestCommand(("go", "test", "-v", "-run", target, "./..."))

    async def _npm(self, target: str | None) -> TestCommand | None:
        try:
            package: Any = json.loads(_text(self._root / "package.json") or "{}")
            script = package["scripts"]["test"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        if not isinstance(script, str) or _NPM_PLACEHOLDER in script:
            return None
        manager = "pnpm" if (self._root / "pnpm-lock.yaml").is_file() else "npm"
        return TestCommand((manager, "test", *(["--", target] if target else [])))

    async def _make(self, target: str | None) -> TestCommand | None:
        names = ("GNUmakefile", "makefile", "Makefile")
        if not any(re.search(r"^test\s*:(?!=)", _text(self._root / name), re.MULTILINE) for name in names):
            return None
        note = "" if target is None else "All tests were run: make test takes no target."
        return TestCommand(("make", "test"), note)


def _test_files(root: Path) -> list[Path]:
    """Python test files by name, relative to the root, in folders that are neither hidden nor installed packages."""
    found: list[Path] = []
    for folder, folders, names in islice(os.walk(root), _MAX_FOLDERS):
        deep = len(Path(folder).parts) - len(root.parts) >= _MAX_DEPTH  # os.walk itself ends in a RecursionError
        ours = [name for name in folders if not name.startswith((".", "_")) and name not in _NOT_OURS]
        folders[:] = [] if deep else sorted(ours)
        found += [Path(folder, name).relative_to(root) for name in sorted(names) if _TEST_FILE.fullmatch(name)]
    return found


def _text(path: Path) -> str:
    """The beginning of a configuration file; "" if there is none that can be read."""
    try:
        with open(path, "rb", opener=_without_blocking) as file:
            return file.read(_MAX_CONFIG).decode("utf-8", "replace")
    except OSError:
        return ""


def _without_blocking(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except (ValueError, RecursionError):
        return {}
