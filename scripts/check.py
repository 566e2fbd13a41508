"""Runs every check that needs no test run, one line each and what a failed one said; names as arguments choose some."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from console import BIN, ROOT, clock, say
from dependencies import floor_problems, licence_problems
from house_rules import rule_problems
from package import package_problems

UV = ROOT / ".uv" / "bin" / "uv"


def command(*words: object) -> Callable[[], list[str]]:
    """A check that is a program: what it printed is the problem if it fails."""

    def run() -> list[str]:
        answer = subprocess.run(
            [str(word) for word in words],
            cwd=ROOT,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return [] if answer.returncode == 0 else [answer.stdout.rstrip() or f"exit code {answer.returncode}"]

    return run


def package() -> list[str]:
    """Build the sdist, the wheel from it, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        built = command(UV, "build", "--quiet", "--out-dir", folder)()
        return built or package_problems(Path(folder))


CHECKS: dict[str, Callable[[], list[str]]] = {
    "lock": command(UV, "lock", "--check", "--quiet", "--no-python-downloads"),
    "format": command(BIN / "ruff", "format", "--check", "--quiet", "."),
    "lint": command(BIN / "ruff", "check", "--quiet", "."),
    "rules": rule_problems,
    "layers": command(BIN / "lint-imports", "--no-cache"),
    "licences": licence_problems,
    "floors": floor_problems,
    "docs": command(BIN / "python", ROOT / "scripts" / "docs.py", "--check"),
    "package": package,
    "types": command(BIN / "pyright"),
}


def main(names: list[str]) -> int:
    """Run the checks, all of them even if one fails; 0 when all are good."""
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        sys.exit(f"There is no check {', '.join(unknown)}; there are {', '.join(CHECKS)}.")
    failed: list[str] = []
    for name in names or CHECKS:
        started = time.monotonic()
        problems = CHECKS[name]()
        say(f"{'FAIL' if problems else 'ok  '} {name:<9} {clock(time.monotonic() - started)}")
        for problem in problems:
            say(f"     {problem}".replace("\n", "\n     "))
        if problems:
            failed.append(name)
    if failed:
        say(f"{len(failed)} of {len(names or CHECKS)} checks failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
