"""Shared fixtures: an isolated home, a workspace, the installed command, and the small real model."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import Command, Script


def pytest_configure() -> None:
    """The app looks at what the terminal can do; the tests' is the same everywhere."""
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment whose home, settings, state and caches are empty folders of this test."""
    folder = tmp_path / "home"
    folder.mkdir()
    keep = {
        k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL", "TMPDIR", "TERM", "CODEAGENT_MODELS")
    }
    return keep | {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_DATA_HOME": str(folder / "data"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def codeagent(home: dict[str, str], workspace: Path) -> Command:
    """The installed command, started in the workspace."""
    return Command(home, workspace)


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """A builder of model scripts: `script({"text": "done"})` is a file for --replay."""
    return Script(tmp_path / "script.jsonl")


@pytest.fixture(scope="session")
def small_model() -> Path:
    """The 0.5B model; tests that need it are skipped by name where it has not been pulled."""
    given = os.environ.get("CODEAGENT_TEST_MODEL")
    if given:
        return Path(given)
    from codeagent.inference.store import ModelStore, default_models_folder

    try:
        return ModelStore(default_models_folder()).resolve("qwen2.5-coder-0.5b")
    except Exception as e:
        pytest.skip(f"the 0.5B model is not here ({e}); pull it with: codeagent model pull qwen2.5-coder-0.5b")


@pytest.fixture
def python_repo(workspace: Path) -> Path:
    """A repository with one bug and a unittest that shows it."""
    (workspace / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (workspace / "test_calc.py").write_text(
        "import unittest\n\nfrom calc import add\n\n\nclass AddTest(unittest.TestCase):\n"
        "    def test_adds(self):\n        self.assertEqual(add(2, 3), 5)\n"
    )
    git = shutil.which("git")
    if git:
        for args in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x"],
        ):
            subprocess.run([git, *args], cwd=workspace, check=True)
    return workspace
