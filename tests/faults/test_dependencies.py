"""No dependency is older than its first version without a known hole: as locked, as allowed, and as installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.version import Version

import codeagent

pytestmark = pytest.mark.case(50)

ROOT = Path(codeagent.__file__).resolve().parent.parent.parent
FLOORS = {"gitpython": "3.1.58", "jinja2": "3.1.6", "llama-cpp-python": "0.3.36", "mcp": "1.23"}


def python(code: str) -> str:
    """What a program prints that can import the project's scripts."""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "scripts", timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_what_is_locked_and_allowed_is_no_older_than_is_safe() -> None:
    ran = subprocess.run([sys.executable, ROOT / "scripts/check.py", "floors"], capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stdout


def test_the_check_knows_every_floor_and_finds_what_is_below_it() -> None:
    for name, floor in FLOORS.items():
        known = python(f"import dependencies as d; print(d.FLOORS[{name!r}][0])").strip()
        assert Version(known) >= Version(floor)
    raised = "import dependencies as d; d.FLOORS['jinja2'] = ('99', 'a hole'); print(*d.floor_problems(), sep='\\n')"
    assert python(raised).splitlines() == [
        f"jinja2 is locked at {metadata.version('jinja2')}, below 99 (a hole)",
        "pyproject.toml allows jinja2 below 99 (a hole)",
    ]


def test_what_is_installed_is_no_older_than_is_safe(record_property: Callable[[str, object], None]) -> None:
    installed = {name: found for name in FLOORS if (found := version(name)) is not None}
    assert {name: found for name, found in installed.items() if found < Version(FLOORS[name])} == {}
    assert {"jinja2", "llama-cpp-python"} <= installed.keys()
    record_property("tried", len(installed))


def version(name: str) -> Version | None:
    try:
        return Version(metadata.version(name))
    except metadata.PackageNotFoundError:
        return None
