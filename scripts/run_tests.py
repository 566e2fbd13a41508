"""Runs all tests: makes sure the small model is there, names what the machine lacks, and leaves the rest to pytest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from console import BIN, ROOT, say

MODEL = "qwen2.5-coder-0.5b"
OTHER_MODELS = ("gemma-3-270m", "smollm2-135m")  # one with a sliding window, one of the Llama kind
# Most tests wait more than they compute; more of them at a time would make each too slow.
MAX_WORKERS = 4
NOTHING_COLLECTED = 5
# Programs that some tests need; without one of them those tests are skipped, and pytest counts them in its last line.
OPTIONAL = {"bwrap": "bubblewrap", "tmux": "tmux", "chromium": "chromium"}


def used_by_tests(program: str) -> bool:
    """Whether a test names the program."""
    return any(f'"{program}"' in path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))


def run_all(arguments: list[str], environ: dict[str, str]) -> int:
    """Run the tests with the real model alone, one by one, since it takes every core; then the others side by side.

    The exit code is pytest's: of the first run that failed, else 0 when either run found tests.
    """
    workers = str(min(os.cpu_count() or 1, MAX_WORKERS))
    codes: list[int] = []
    for label, chosen in (
        ("With the real model", ["-m", "model"]),
        ("The others", ["-m", "not model", "-n", workers]),
    ):
        print(f"{label}:", flush=True)
        done = subprocess.run([BIN / "pytest", *chosen, *arguments], cwd=ROOT, env=environ, check=False)
        codes.append(done.returncode)
    failed = [code for code in codes if code not in (0, NOTHING_COLLECTED)]
    return failed[0] if failed else min(codes)


def main(arguments: list[str]) -> int:
    """Prepare, then run everything; the last line is pytest's."""
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    for program in ("git", "rg"):
        if shutil.which(program, path=path) is None:
            sys.exit(
                f"The tests need {program} and it is not there: install it (for example: apt-get install {program})."
            )
    for program, package in OPTIONAL.items():
        if shutil.which(program) is None and used_by_tests(program):
            say(f"!! {program} is not there: the tests that need it are SKIPPED (apt-get install {package})")
    if subprocess.run([BIN / "codeagent", "model", "pull", MODEL], check=False).returncode != 0:
        sys.exit(f"The tests need the model {MODEL} and it could not be fetched: see above.")
    for model in OTHER_MODELS:
        if subprocess.run([BIN / "codeagent", "model", "pull", model], check=False).returncode != 0:
            say(f"!! {model} could not be fetched: the tests that need it are SKIPPED")
    return run_all(arguments, os.environ | {"PATH": path})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
