"""Starting is quick because nothing heavy is imported before it is needed, and importing does nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = {
    "asyncio",
    "git",
    "httpx",
    "huggingface_hub",
    "jinja2",
    "llama_cpp",
    "mcp",
    "numpy",
    "pydantic",
    "textual",
    "tree_sitter",
}
COMMAND = Path(sys.executable).parent / "codeagent"


@pytest.mark.parametrize("module", ["codeagent", "codeagent.__main__"])
def test_importing_the_entry_point_loads_nothing_heavy(module: str, tmp_path: Path) -> None:
    script = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert HEAVY & set(json.loads(answer.stdout)) == set()
    assert list(tmp_path.iterdir()) == []


def test_the_version_is_printed_within_150_milliseconds(tmp_path: Path) -> None:
    def seconds() -> float:
        started = time.perf_counter()
        subprocess.run([COMMAND, "--version"], cwd=tmp_path, capture_output=True, check=True, timeout=60)
        return time.perf_counter() - started

    # The best of several runs: a busy machine slows single ones, and never makes one faster.
    assert min(seconds() for _ in range(12)) < 0.150
