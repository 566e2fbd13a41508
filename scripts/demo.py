"""Lets the agent fix a real bug in a small repository with the default model; 0 only if the tests then pass."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from console import BIN, ROOT, clock, headline, say

MODEL = "qwen2.5-coder-1.5b"
MAX_SECONDS = 280
TASK = (
    "discounted() in cart/discounts.py takes far too much off: 10 percent off 2000 cents should leave 1800 cents and "
    "leaves -18000. Fix it, leave the tests as they are, and run the tests."
)
TESTS = (sys.executable, "-B", "-m", "unittest")
GIT_IDENTITY = ("-c", "user.name=demo", "-c", "user.email=demo@example.invalid", "-c", "core.hooksPath=/dev/null")


def git(folder: Path, *arguments: str, output: int | None = None) -> str:
    """Run git in the folder without the person's hooks or identity; what it prints, if captured. CalledProcessError."""
    command = ["git", *GIT_IDENTITY, *arguments]
    return subprocess.run(command, cwd=folder, check=True, text=True, stdout=output).stdout or ""


def make_repository(parent: Path) -> Path:
    """A new git repository with the sample's files and one commit."""
    folder = parent / "cart"
    shutil.copytree(ROOT / "examples" / "sample", folder, ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A small shopping cart")
    return folder


def run_tests(folder: Path) -> bool:
    """Run the sample's tests for the person to see; whether they pass."""
    return subprocess.run(TESTS, cwd=folder, check=False, stderr=subprocess.STDOUT).returncode == 0


def run_agent(folder: Path) -> int:
    """Give the agent the task; its progress streams through. Its exit code."""
    task = ["--task", TASK, "-C", folder, "--model", MODEL, "--verify", shlex.join(TESTS), "--max-seconds", MAX_SECONDS]
    command = [str(word) for word in (BIN / "codeagent", *task, "--trust", "--permission-mode", "bypassPermissions")]
    # The agent and its tests use the project's Python, whatever the machine calls `python`.
    environ = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    # The final message, which goes to stdout, has been seen among the progress.
    return subprocess.run(command, check=False, env=environ, stdout=subprocess.DEVNULL).returncode


def main() -> int:
    """Run the demo; 0 if the tests pass at the end and were left as they are."""
    if shutil.which("git") is None:
        sys.exit("The demo needs git and it is not there: install it (for example: apt-get install git).")
    headline(f"1. The model: {MODEL}, once 1.1 GB")
    if subprocess.run([BIN / "codeagent", "model", "pull", MODEL], check=False).returncode != 0:
        return 1
    # Not deleted: the person may want to look around in it.
    folder = make_repository(Path(tempfile.mkdtemp(prefix="codeagent-demo-")))
    headline(f"2. A small repository with a bug: {folder}")
    if run_tests(folder):
        sys.exit("The sample's tests pass before the agent has run: examples/sample has lost its bug.")
    headline("3. The agent")
    say(f"$ codeagent --task {shlex.quote(TASK)}")
    started = time.monotonic()
    code = run_agent(folder)
    say(f"(exit code {code} after {clock(time.monotonic() - started)})")
    headline("4. What it changed")
    git(folder, "--no-pager", "diff", "--no-ext-diff", f"--color={'always' if sys.stdout.isatty() else 'never'}")
    headline("5. The tests now")
    passed = run_tests(folder)
    untouched = not git(folder, "status", "--porcelain", "--", "tests", output=subprocess.PIPE)
    if not untouched:
        say("The agent changed the tests, which the task forbids.")
    say(f"\n{'Fixed' if passed and untouched else 'Not fixed'}. The repository stays in {folder}")
    return 0 if passed and untouched else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"The demo stopped: {shlex.join(map(str, error.cmd))} failed with exit code {error.returncode}.")
    except KeyboardInterrupt:
        sys.exit(130)
