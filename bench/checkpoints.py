"""What undo costs: looking for what a command changed, in this repository and in a tree of 20,000 files, and an edit
with and without what it replaces being kept.

    make bench BENCH=bench/checkpoints.py, or python bench/checkpoints.py --files 5000 --edits 50

Cold: the first command in a workspace, once and for all sessions. Warm: any later one that changed nothing, or one
file; before and after it together. Beside them stands what git itself takes for `git add -A` and `git status` there,
in an index of the same files. The medians of several runs; the last line of the output is all figures as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from context_trees import generated, this_repository

from codeagent.agent.changes import ChangeLog
from codeagent.agent.checkpoints.shadow import Shadow
from codeagent.agent.checkpoints.store import Store
from codeagent.agent.git.program import Git
from codeagent.tools.api import Effect, EffectKind
from codeagent.tools.files import digest, write_atomic
from codeagent.tools.process import Processes

RUNS = 7


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000, help="files of the generated tree")
    parser.add_argument("--edits", type=int, default=200, help="edits to take the median of")
    options = parser.parse_args()
    trees: dict[str, Callable[[Path], Path]] = {
        "this repository": this_repository,
        f"generated, {options.files:,} files": lambda folder: generated(folder, options.files),
    }
    figures: dict[str, Any] = {}
    for name, make in trees.items():
        with tempfile.TemporaryDirectory(prefix="codeagent-bench-") as temporary:
            tree = make(Path(temporary) / "tree")
            print(f"{name} …", file=sys.stderr, flush=True)
            figures[name] = asyncio.run(measure(tree, Path(temporary)))
    with tempfile.TemporaryDirectory(prefix="codeagent-bench-") as temporary:
        figures["edit"] = edits(Path(temporary), options.edits)
    report(figures)
    print(json.dumps(figures))


async def measure(tree: Path, folder: Path) -> dict[str, float]:
    """Milliseconds for a command's two looks, and for git's own."""
    store = Store(folder / "kept", "bench")
    shadow = Shadow(Git(Processes(tree, os.environ)), store.shadow_folder, tree)
    file = source_in(tree)

    async def looks(change: bool) -> None:
        await shadow.settle()
        if change:
            file.write_bytes(file.read_bytes() + b"# more\n")
        found = await shadow.changes(store.record.blobs)
        assert len(found) == int(change), found
        shadow.release()

    result = {"cold": await timed(lambda: looks(False))}
    result["warm"] = statistics.median([await timed(lambda: looks(False)) for _ in range(RUNS)])
    result["one file"] = statistics.median([await timed(lambda: looks(True)) for _ in range(RUNS)])
    store.close()
    environment = {"PATH": os.environ["PATH"], "GIT_DIR": str(folder / "own"), "GIT_WORK_TREE": str(tree)}

    async def git(*arguments: str) -> None:
        await asyncio.to_thread(
            subprocess.run, ["git", *arguments], cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL
        )

    await git("init", "-q")
    result["git add -A"] = await timed(lambda: git("add", "-A"))
    result["git status"] = statistics.median([await timed(lambda: git("status", "--short")) for _ in range(RUNS)])
    return result


def source_in(tree: Path) -> Path:
    """A file to change."""
    return next(path for path in sorted(tree.rglob("*.py")) if ".git" not in path.parts)


def edits(folder: Path, count: int) -> dict[str, float]:
    """Milliseconds for an edit of a file of 10 kB, as tools make it."""
    store = Store(folder / "kept", "bench")
    result: dict[str, float] = {}
    for name, changes in (("without", None), ("with", ChangeLog(folder, store.record))):
        path = folder / f"{name}.txt"
        path.write_bytes(os.urandom(10_000))
        times = [edit(path, changes) for _ in range(count)]
        result[name] = statistics.median(times)
    store.close()
    return result


def edit(path: Path, changes: ChangeLog | None) -> float:
    """Milliseconds for one."""
    before, after = digest(path.read_bytes()), os.urandom(10_000)
    began = time.perf_counter()
    if changes is not None:
        changes.note((Effect(kind=EffectKind.WRITE, target=str(path)),))
    write_atomic(path, after, before, path.name)
    if changes is not None:
        changes.wrote([str(path)])
    return (time.perf_counter() - began) * 1000


async def timed(work: Callable[[], Awaitable[None]]) -> float:
    """How many milliseconds it took."""
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1000


def report(figures: dict[str, Any]) -> None:
    """Print the figures for a person."""
    columns = ("cold", "warm", "one file", "git add -A", "git status")
    print(f"\n{'milliseconds':28}" + "".join(f"{column:>12}" for column in (*columns, "cold/git", "warm/git")))
    for name, row in figures.items():
        if name != "edit":
            ratios = (row["cold"] / row["git add -A"], row["warm"] / row["git status"])
            cells = [f"{row[column]:12.0f}" for column in columns] + [f"{ratio:12.2f}" for ratio in ratios]
            print(f"{name:28}" + "".join(cells))
    edit = figures["edit"]
    ratio = edit["with"] / edit["without"]
    print(
        f"\nan edit of 10 kB: {edit['without']:.2f} ms; with what it replaces being kept {edit['with']:.2f} ms", end=""
    )
    print(f", {ratio:.2f} times\n")


if __name__ == "__main__":
    main()
