"""Whether the hunks that the model was least sure of are the wrong ones: one attempt at each task, with a real model.

    python bench/certainty.py FOLDER --model NAME-OR-FILE --out rows.jsonl

FOLDER holds tasks/<set>/<task>/{repo,task.md,tests,check.sh}; check.sh ends with 0 in a solved copy of the work tree.
The first edit is accepted whole and the attempt ends there, so a hunk is right where the task is solved then. Stop it
at any time: what is in --out is not run again, and counts in the summary.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codeagent.agent.bootstrap import SessionOptions, SetupError, open_session
from codeagent.agent.certainty import Certainty
from codeagent.agent.events import Event, FilesChanged, ToolFinished
from codeagent.agent.guards import Limits
from codeagent.agent.permissions import Answer, Question
from codeagent.tools.api import FileChange
from codeagent.tools.hunks import hunks

METRICS = ("min", "mean", "geometric")
CHECK_SECONDS = 120
Row = dict[str, Any]


def main() -> None:
    """Run what is not done yet, and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds tasks/<set>/<task>")
    parser.add_argument("--model", help="a pulled model's name, or a GGUF file")
    parser.add_argument("--replay", type=Path, help="a script instead of a model, to try this program out")
    parser.add_argument("--only", default="", help="regular expression on set/task")
    parser.add_argument("--step", type=int, default=1, help="take every n-th task")
    parser.add_argument("--limit", type=int, help="at most so many tasks in this run; 0 prints the summary alone")
    parser.add_argument("--seconds", type=float, default=180, help="time limit of one task")
    parser.add_argument("--calls", type=int, default=6, help="model calls a task may take to its first edit")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--verify",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="give the session the tests as its condition, as `--verify` does",
    )
    parser.add_argument("--out", type=Path, help="a file of JSON lines that rows are added to")
    options = parser.parse_args()
    rows = read(options.out)
    done = {(row["set"], row["task"]) for row in rows}
    tasks = sorted(check.parent for check in options.folder.resolve().glob("tasks/*/*/check.sh"))[:: options.step]
    tasks = [t for t in tasks if re.search(options.only, name(t)) and (t.parent.name, t.name) not in done]
    try:
        for task in tasks[: options.limit]:
            row = asyncio.run(attempt(task, options))
            rows.append(row)
            print(json.dumps(row), flush=True)
            if options.out:
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    except SetupError as error:
        sys.exit(str(error))
    print("\n".join(summary(rows)))


def read(path: Path | None) -> list[Row]:
    """The rows of earlier runs."""
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def name(task: Path) -> str:
    """A task with its set."""
    return f"{task.parent.name}/{task.name}"


class Watcher:
    """Says yes to everything, keeps how sure the model was of each hunk, and tells when the first edit is made."""

    def __init__(self) -> None:
        self.hunks: list[Row] = []
        self.edited = asyncio.Event()
        self._asked: dict[str, list[Row]] = {}

    async def ask(self, question: Question) -> Answer:
        """See Approver."""
        if isinstance(question.call, FileChange):
            self._asked[question.call_id] = list(measured(question.call, question.certainty))
        return Answer("once")

    def emit(self, event: Event) -> None:
        """Take note of what was written."""
        if isinstance(event, ToolFinished) and not event.is_error:
            self.hunks += self._asked.pop(event.call_id, [])
        if isinstance(event, FilesChanged):
            self.edited.set()


def measured(change: FileChange, certainty: Certainty | None) -> Iterator[Row]:
    """For each hunk how sure the model was of the new lines in it; nothing is known of a hunk that only removes."""
    for hunk in hunks(change.before or "", change.after):
        found = certainty.of_lines(hunk.new) if certainty else []
        sure = [p for line in found if line for p in line]
        row: Row = {"file": change.shown, "line": hunk.new_start + 1, "old": len(hunk.old), "new": len(hunk.new)}
        if sure:
            logs = [math.log(max(p, sys.float_info.min)) for p in sure]
            values = (min(sure), math.fsum(sure) / len(sure), math.exp(math.fsum(logs) / len(logs)))
            row |= {metric: round(value, 6) for metric, value in zip(METRICS, values, strict=True)}
        yield row


async def attempt(task: Path, options: argparse.Namespace) -> Row:
    """One try at a task, up to its first edit."""
    with tempfile.TemporaryDirectory(prefix="certainty.") as folder:
        work = Path(folder) / task.name
        shutil.copytree(task / "repo", work)
        shutil.copytree(task / "tests", work, dirs_exist_ok=True)
        command = test_command(task)
        watcher = Watcher()
        opened = open_session(
            SessionOptions(
                root=work,
                flags={"model": options.model, "sampling": {"seed": options.seed}},
                limits=Limits(max_turns=options.calls, max_seconds=options.seconds),
                trust=True,
                bare=True,
                verify=command if options.verify else None,
                persist=False,
                replay=options.replay,
            ),
            watcher.emit,
            watcher,
        )
        started = time.monotonic()
        try:
            text = f"{(task / 'task.md').read_text(encoding='utf-8')}\nThe tests are run with: {command}\n"
            turn = asyncio.create_task(opened.session.run_turn(text))
            edited = asyncio.create_task(watcher.edited.wait())
            await asyncio.wait({turn, edited}, return_when=asyncio.FIRST_COMPLETED)
            edited.cancel()
            opened.session.interrupt()
            finished = await turn
        finally:
            await opened.session.close()
        return {
            "set": task.parent.name,
            "task": task.name,
            "model": opened.model_name,
            "edited": watcher.edited.is_set(),
            "outcome": finished.outcome,
            "solved": watcher.edited.is_set() and solved(task, work),
            "seconds": round(time.monotonic() - started, 1),
            "hunks": watcher.hunks,
        }


def test_command(task: Path) -> str:
    """What a person would type to run the tests: the last command of check.sh without its time limit."""
    lines = (task / "check.sh").read_text(encoding="utf-8").splitlines()
    command = [line for line in lines if line.startswith("exec ")][-1].replace(" </dev/null", "")
    command = re.sub(r"^exec (?:timeout (?:-k \S+ )?\S+ )?", "", command)
    return command.replace('"${TASK_PYTHON:-python3}"', "python3")


def solved(task: Path, work: Path) -> bool:
    """Whether check.sh agrees, in a copy over which the task's own tests have been laid again."""
    with tempfile.TemporaryDirectory(prefix="check.") as folder:
        copy = Path(folder) / "w"
        shutil.copytree(work, copy, symlinks=True)
        shutil.copytree(task / "tests", copy, dirs_exist_ok=True)
        try:
            check = ["bash", str(task / "check.sh")]
            done = subprocess.run(check, cwd=copy, capture_output=True, timeout=CHECK_SECONDS, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def summary(rows: list[Row]) -> Iterator[str]:
    """How well each metric tells right from wrong, for hunks and for whole edits, and the share of wrong ones."""
    edits = [(row, [hunk for hunk in row["hunks"] if "min" in hunk]) for row in rows if row["edited"]]
    yield (
        f"{len(rows)} tasks, {len(edits)} edited, {sum(row['solved'] for row, _ in edits)} solved by the first edit; "
        f"{sum(len(row['hunks']) for row, _ in edits)} hunks, "
        f"the certainty of {sum(len(known) for _, known in edits)} is known"
    )
    for metric in METRICS:
        single = [(hunk[metric], row["solved"]) for row, known in edits for hunk in known]
        weakest = [(min(hunk[metric] for hunk in known), row["solved"]) for row, known in edits if known]
        for what, cases in (("hunks", single), ("edits by their weakest hunk", weakest)):
            yield f"\n{metric} probability, {what}: AUC {auc(cases)}"
            yield from terciles(cases)


def auc(cases: list[tuple[float, bool]]) -> str:
    """The chance that a right one has the higher value than a wrong one; 0.5 says that the value tells nothing."""
    right, wrong = ([value for value, is_right in cases if is_right is kind] for kind in (True, False))
    if not right or not wrong:
        return "unknown, since all are wrong or all are right"
    wins = sum((r > w) + (r == w) / 2 for r in right for w in wrong)
    return f"{wins / len(right) / len(wrong):.3f} ({len(right)} right, {len(wrong)} wrong)"


def terciles(cases: list[tuple[float, bool]]) -> Iterator[str]:
    """The share of wrong ones among the third with the lowest values, the middle one and the highest."""
    ordered = sorted(cases)
    cuts = [round(len(ordered) * part / 3) for part in range(4)]
    for label, start, end in zip(("lowest", "middle", "highest"), cuts, cuts[1:], strict=False):
        third = ordered[start:end]
        if third:
            wrong = sum(not is_right for _, is_right in third)
            span = f"{third[0][0]:.4f} to {third[-1][0]:.4f}"
            yield f"  {label:8} {span:18} {wrong:4} of {len(third):4} wrong  {wrong / len(third):6.1%}"


if __name__ == "__main__":
    main()
