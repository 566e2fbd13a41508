"""`--candidates 4` against 1 on a folder of small tasks: what each solves, and in how many seconds.

Expectation, written down before the first run: with a model of 0.5 to 1.5 billion parameters four candidates solve at
least as many tasks as one does, and where one attempt in three succeeds about half as many again. Four sequences that
decode in one batch cost less than four runs: on a CPU whose decode takes twice as long for four tokens as for one, the
wall time of a task is at most 2.5 times that of one candidate, and less where the first one that passes stops the rest.

A task folder holds `repo/`, `tests/`, `task.md` and `check.sh`, whose last line is the test command. Run it as

    python bench/candidates.py TASKS [--model NAME] [--only REGEX] [--seconds 280] [--out FILE]

where TASKS is such a folder, or one that holds some at any depth.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rows import report

COMMAND = Path(sys.executable).parent / "codeagent"
COUNTS = (1, 4)
GRACE = 60.0
CHECK_SECONDS = 120.0
MORE, SLOWER = 1.0, 2.5


@dataclass(frozen=True)
class Row:
    """One task with one number of candidates."""

    task: str
    candidates: int
    solved: bool
    seconds: float
    tokens: int
    exit_code: int


def main() -> None:
    """Run all tasks and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", type=Path)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--only", default="", help="regular expression on the tasks' names")
    parser.add_argument("--seconds", type=float, default=280.0, help="limit of one run")
    parser.add_argument("--out", type=Path, help="append a JSON line for each run")
    given = parser.parse_args()
    folders = sorted(path.parent for path in given.tasks.rglob("check.sh") if re.search(given.only, path.parent.name))
    if not folders:
        sys.exit(f"There are no tasks in {given.tasks}: none of its folders holds a check.sh.")
    rows: list[Row] = []
    for folder in folders:
        for count in COUNTS:
            row = run(folder, count, given.model, given.seconds)
            rows.append(row)
            show(f"{row.task:<28} {count} candidates: {'solved' if row.solved else '-':<6} {row.seconds:7.1f} s")
            if given.out is not None:
                with given.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(row)) + "\n")
    summary(rows)


def run(folder: Path, count: int, model: str, seconds: float) -> Row:
    """Let the agent solve one task in a copy of it; whether it did is judged with the tests as they were."""
    with tempfile.TemporaryDirectory(prefix="candidates-") as place:
        work = Path(place) / folder.name
        shutil.copytree(folder / "repo", work)
        shutil.copytree(folder / "tests", work, dirs_exist_ok=True)
        git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
        for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
            subprocess.run([*git, *arguments], cwd=work, check=True)
        command = [
            COMMAND, "-C", work, "--task-file", folder / "task.md", "--trust", "--yolo", "--model", model,
            "--verify", test_command(folder), "--candidates", str(count), "--max-seconds", str(seconds),
            "--output-format", "json", "--quiet",
        ]  # fmt: skip
        start = time.monotonic()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE, check=False)
            result, code = json.loads(done.stdout.splitlines()[-1]), done.returncode
        except subprocess.TimeoutExpired:
            result, code = {"usage": {"output_tokens": 0}}, 124
        took = time.monotonic() - start
        return Row(folder.name, count, solved(folder, work), round(took, 1), result["usage"]["output_tokens"], code)


def test_command(folder: Path) -> str:
    """The command at the end of check.sh without its time limit, as a person would type it."""
    last = [line for line in (folder / "check.sh").read_text().splitlines() if line.startswith("exec ")][-1]
    bare = re.sub(r'^exec timeout -k 5 "\$\{CHECK_TIMEOUT:-\d+\}" "\$\{TASK_PYTHON:-python3\}"', "python3", last)
    return bare.replace(" </dev/null", "")


def solved(folder: Path, work: Path) -> bool:
    """Whether the check passes with the original tests laid over what the agent left."""
    with tempfile.TemporaryDirectory(prefix="check-") as place:
        copy = Path(place) / "work"
        shutil.copytree(work, copy, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        shutil.copytree(folder / "tests", copy, dirs_exist_ok=True)
        try:
            done = subprocess.run(
                ["bash", folder / "check.sh"], cwd=copy, capture_output=True, timeout=CHECK_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def summary(rows: list[Row]) -> None:
    """Solved tasks and seconds for each number of candidates, and their ratios."""
    show("\n| candidates | solved | seconds | tokens |\n|---:|---:|---:|---:|")
    for count in COUNTS:
        of = [row for row in rows if row.candidates == count]
        total = sum(row.seconds for row in of)
        show(f"| {count} | {sum(r.solved for r in of)} of {len(of)} | {total:.0f} | {sum(r.tokens for r in of)} |")
    one, many = ([row for row in rows if row.candidates == count] for count in COUNTS)
    ratio = sum(row.seconds for row in many) / max(0.1, sum(row.seconds for row in one))
    more = sum(row.solved for row in many) - sum(row.solved for row in one)
    show(f"\n{COUNTS[1]} candidates solve {more:+d} tasks in {ratio:.2f} times the seconds.")
    fewer, better = (f"{sum(row.solved for row in of)} of {len(of)}" for of in (one, many))
    solved_ratio = sum(row.solved for row in many) / max(1, sum(row.solved for row in one))
    report("tasks solved by the best of 4 candidates", better, f"by one {fewer}", solved_ratio, least=MORE)
    report("seconds for 4 candidates", *seconds_of(many, one), ratio, most=SLOWER)


def seconds_of(many: list[Row], one: list[Row]) -> tuple[str, str]:
    """How long all of them took, as the table has it."""
    return f"{sum(row.seconds for row in many):.0f} s", f"one candidate {sum(row.seconds for row in one):.0f} s"


def show(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
