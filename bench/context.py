"""How long it takes to know a repository: index and map, against aider's repo map on the same trees in one run.

    make bench BENCH=bench/context.py, or python bench/context.py --files 20000 --peer-seconds 120

Cold: nothing is known. Warm: all is, and nothing has changed. One file: a file changed, from the event to the index.
Map: 1,000 tokens, counted at four characters a token by both. aider makes its tags when it is asked for a map, so its
cold and warm figures are those of a map. The last line of the output is all figures as JSON. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from context_trees import generated, shipped, this_repository
from tui_peers import Installed, PeerError, install

from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.context.repo_map import build_map
from codeagent.agent.context.retrieval import Retriever
from codeagent.agent.paths import Paths
from codeagent.tools.process import Processes
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.workspace import Workspace

TOKENS = 1000
# Runs in aider's own environment. Its progress bar and warnings are not wanted.
AIDER = """
import json, sys, time
from pathlib import Path
from aider.io import InputOutput
from aider.repomap import RepoMap
class Model:
    def token_count(self, text):
        return len(text) // 4
root, files = sys.argv[1], sys.stdin.read().split("\\0")
began = time.perf_counter()
repo = RepoMap(map_tokens=1000, root=root, main_model=Model(), io=InputOutput(yes=True, pretty=False), refresh="always")
text = repo.get_ranked_tags_map([], files, 1000)
print(json.dumps({"seconds": time.perf_counter() - began, "characters": len(text or "")}))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000, help="files of the generated tree")
    parser.add_argument("--peer-seconds", type=float, default=900, help="what aider gets for one map")
    parser.add_argument("--no-peer", action="store_true", help="do not measure aider")
    parser.add_argument("--only", default="", help="regular expression on the trees' names")
    parser.add_argument("--cache", type=Path, default=Paths.default().cache / "bench", help="where aider is installed")
    options = parser.parse_args()
    trees: dict[str, Callable[[Path], Path]] = {
        "this repository": this_repository,
        "Python's library and packages": shipped,
        f"generated, {options.files // 4:,} files": lambda folder: generated(folder, options.files // 4),
        f"generated, {options.files:,} files": lambda folder: generated(folder, options.files),
    }
    figures: dict[str, Any] = {}
    for name, make in trees.items():
        if not re.search(options.only, name):
            continue
        with tempfile.TemporaryDirectory(prefix="codeagent-bench-") as temporary:
            tree = make(Path(temporary) / "tree")
            say(f"{name}: codeagent")
            figures[name], files = asyncio.run(measure(tree, Path(temporary)))
            if not options.no_peer:
                say(f"{name}: aider")
                figures[name] |= measure_aider(tree, files, Path(temporary), options)
    report(figures)
    print(json.dumps(figures))


async def measure(tree: Path, stage: Path) -> tuple[dict[str, Any], list[str]]:
    """codeagent on one tree, and the files that it indexed."""
    ripgrep = Ripgrep(Workspace(tree), Processes(tree, os.environ))
    index = CodeIndex(tree, stage / "index.sqlite", lambda: ripgrep.files(tree))

    async def count(text: str) -> int:
        return len(text) // 4

    cold = await index.refresh()
    workers = sum(pss(pid) for pid in index.worker_pids)
    warm = await index.refresh()
    if cold.notices or not cold.files:
        sys.exit(" ".join(cold.notices) or "Nothing was indexed.")
    names = [file.path for file in index.files()]
    changed = next(tree / name for name in names if name.endswith(".py"))
    changed.write_text(changed.read_text() + "\n\ndef measured_now():\n    pass\n")
    began = time.perf_counter()
    await index.update([changed])
    one = time.perf_counter() - began
    found = bool(index.find("measured_now"))
    began = time.perf_counter()
    drawn = await build_map(index, await Retriever(index).rank(), TOKENS, count)
    mapped = time.perf_counter() - began
    result = {
        "files": cold.files,
        "cold_s": round(cold.seconds, 2),
        "files_per_s": round(cold.files / cold.seconds),
        "warm_s": round(warm.seconds, 3),
        "one_file_ms": round(1000 * one, 1),
        "found": found,
        "map_s": round(mapped, 2),
        "map_tokens": await count(drawn.text),
        "memory_mb": round(pss(os.getpid()) + workers),
        "partial": cold.partial,
        "database_mb": round(index.stats().database_bytes / 1e6, 1),
    }
    await index.close()
    return result, names


def measure_aider(tree: Path, files: list[str], stage: Path, options: argparse.Namespace) -> dict[str, Any]:
    """aider on the same files: a map with nothing cached, and one with all of it cached."""
    try:
        aider: Installed = install("aider-chat", options.cache, stage / "home")
    except PeerError as e:
        return {"aider": str(e)}
    python = Path(aider.argv[0]).parent / "python"
    names = b"\0".join(os.fsencode(tree / name) for name in files)
    result: dict[str, Any] = {"aider": aider.name}
    for kind in ("cold", "warm"):
        argv = [str(python), "-c", AIDER, str(tree)]
        try:
            done = subprocess.run(
                argv, input=names, capture_output=True, timeout=options.peer_seconds, check=False, env=aider.environment
            )
        except subprocess.TimeoutExpired:
            result[f"aider_{kind}_s"] = f"> {options.peer_seconds:.0f}"
            break
        lines = done.stdout.decode().strip().splitlines()
        if not lines or not lines[-1].startswith("{"):
            result["aider"] += f" failed: {done.stderr.decode().strip()[-300:]}"
            break
        result[f"aider_{kind}_s"] = round(json.loads(lines[-1])["seconds"], 2)
    return result


def pss(pid: int) -> float:
    """Megabytes of a process; what several share counts in part."""
    found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1000 if found else 0.0


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def report(figures: dict[str, Any]) -> None:
    """Print the figures for a person."""
    columns = ("files", "cold_s", "files_per_s", "warm_s", "one_file_ms", "map_s", "memory_mb")
    print(f"\n{'':32}" + "".join(f"{column:>13}" for column in (*columns, "aider cold s", "aider warm s")))
    for name, row in figures.items():
        cells = [row.get(column, "-") for column in (*columns, "aider_cold_s", "aider_warm_s")]
        print(f"{name:32}" + "".join(f"{cell:>13,}" if isinstance(cell, int) else f"{cell!s:>13}" for cell in cells))
    print()


if __name__ == "__main__":
    main()
