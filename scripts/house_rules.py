"""Rules about source files that ruff does not have: how long one may be, and that a suppression gives its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from console import ROOT

MAX_LINES = 400
FOLDERS = ("agent", "tui", "tools", "inference", "prompts", "src", "tests", "bench", "scripts", "examples")
BARE_SUPPRESSION = re.compile(
    r"#\s*(?:noqa|type:\s*ignore|pyright:\s*ignore)(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[^\]]*\])?\s*$"
)


def sources() -> Iterator[Path]:
    """Every Python file of the project, each once."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            # rglob does not follow the links in src/codeagent.
            if "__pycache__" not in path.parts:
                yield path


def rule_problems() -> list[str]:
    """One sentence for each place that breaks a rule."""
    problems: list[str] = []
    for path in sources():
        name = path.relative_to(ROOT)
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > MAX_LINES:
            problems.append(f"{name} has {len(lines)} lines, and {MAX_LINES} is the limit: one job a file")
        for number, line in enumerate(lines, start=1):
            if BARE_SUPPRESSION.search(line):
                problems.append(f"{name}:{number} suppresses a rule without saying why on the same line")
    return problems
