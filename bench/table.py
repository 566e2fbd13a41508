"""Runs the measurements of the engine one after the other and prints one table of all their rows.

    make bench                               # about half an hour on two cores; leave the machine alone meanwhile
    make bench ARGS="--only engine,parallel"
    make bench ARGS="--tasks FOLDER"         # with the row about candidates, which takes hours
    make bench ARGS="--full"                 # 500 calls of each model instead of 40

Each script may be run by itself, too, and says then more than its rows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import ROWS, read, table, unmeasured

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run them; ends with 1 when one of them fails or an expectation is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names of scripts, with commas")
    parser.add_argument("--tasks", type=Path, help="a folder of tasks for candidates.py")
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    runs: dict[str, list[str]] = {
        "engine": [],
        "parallel": [],
        "cancel": [],
        "warm": [],
        "edits": [],
        "anchors": [] if options.full else ["--edits", "8"],
        "calls": ["--calls", "500" if options.full else "40"],
        "candidates": [str(options.tasks)] if options.tasks else [],
    }
    wanted = options.only.split(",") if options.only else list(runs)
    if unknown := set(wanted) - set(runs):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(runs)}")
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "rows"
        os.environ[ROWS] = str(place)
        for name in wanted:
            print(f"\n== {name}.py", flush=True)
            if name == "candidates" and not options.tasks:
                unmeasured("4 candidates against 1", "not measured: give --tasks FOLDER")
                continue
            started = time.monotonic()
            if subprocess.run([sys.executable, HERE / f"{name}.py", *runs[name]], check=False).returncode:
                failed.append(name)
                unmeasured(f"{name}.py", "ended with an error: see above")
            print(f"== {name}.py took {time.monotonic() - started:.0f} s", flush=True)
        rows = read(place)
    print("\n" + table(rows))
    raise SystemExit(bool(failed) or any(row.met is False for row in rows))


if __name__ == "__main__":
    main()
