"""How often retrieval and the repo map find the right file, and what each signal adds.

    python bench/retrieval.py                       # packages that were not tuned on, and this repository's commits
    python bench/retrieval.py --tuning              # the packages that the weights were chosen with
    python bench/retrieval.py --git FOLDER …        # commits of other repositories as well
    python bench/retrieval.py --embedding-model M   # also with the vectors of a model, by its name or path

Requests and what counts as right are explained in retrieval_requests.py. Recall@k is the share of the right files among
the first k found. A request either names no symbol (a docstring's first sentence, without any name) or one. Printed as
Markdown; the last line is all figures as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import sysconfig
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from retrieval_requests import Request, Tree, commit_trees, joined, package_tree

from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.context.ranking.seeds import Seeds
from codeagent.agent.context.ranking.standing import Signal
from codeagent.agent.context.ranking.vectors import Vectors
from codeagent.agent.context.repo_map import build_map
from codeagent.agent.context.retrieval import Retriever
from codeagent.agent.context.tokens import estimated_tokens
from codeagent.agent.embedding import open_embedder

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = Path(sysconfig.get_path("purelib"))
TUNED_ON = ("click", "rich", "_pytest", "jinja2", "pydantic", "anyio", "httpx2", "aiohttp")
HELD_OUT = (
    *("textual", "hypothesis", "huggingface_hub", "tomlkit", "packaging", "pip", "attr", "markdown_it", "fsspec"),
    *("importlinter", "inline_snapshot", "grimp"),
)
SOURCE = (".py", ".js", ".ts", ".tsx", ".go", ".rs", ".java", ".c", ".h", ".cc", ".cpp", ".rb", ".php", ".kt", ".swift")
PLACES = (1, 5, 10)
MAP_TOKENS = 1000
WITHOUT: dict[str, Collection[Signal]] = {
    "all signals": tuple(Signal),
    "without names": [s for s in Signal if s is not Signal.NAMES],
    "without words of files": [s for s in Signal if s is not Signal.FILES],
    "without words of definitions": [s for s in Signal if s is not Signal.DEFINITIONS],
    "without any words": [s for s in Signal if s not in (Signal.FILES, Signal.DEFINITIONS)],
    "without graph": [s for s in Signal if s is not Signal.GRAPH],
    "without session (recent commits)": [s for s in Signal if s is not Signal.SESSION],
}
Found = dict[str, list[list[float]]]
"""By what was tried, of each request its recall at `PLACES`, or whether a map has the file."""


def main() -> None:
    """Measure and print."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="codeagent-bench-") as temporary:
        folder = Path(temporary)
        names = options.packages or (TUNED_ON if options.tuning else HELD_OUT)
        trees = [package_tree(PACKAGES / name, folder / "each", options.requests) for name in names]
        together = joined(trees, folder)
        commits = [
            tree
            for repository in options.git
            for tree in commit_trees(repository, folder / "commits", options.commits, options.every, SOURCE)
        ]
        model = options.embedding_model
        tables = asyncio.run(measure(trees, model, "names no symbol", "names a symbol"))
        one = "all packages in one folder"
        tables |= asyncio.run(measure([together], model, f"names no symbol, {one}", f"names a symbol, {one}"))
        tables |= asyncio.run(measure(commits, model, "the first line of a commit's message", ""))
    print(f"Packages: {', '.join(names)}. Commits of {', '.join(path.resolve().name for path in options.git)}.")
    for title, found in tables.items():
        print("\n".join(table(title, found)))
    print(json.dumps({title: {name: mean(rows) for name, rows in found.items()} for title, found in tables.items()}))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", nargs="+", help="other packages of this environment")
    parser.add_argument("--tuning", action="store_true", help="the packages that the weights were chosen with")
    parser.add_argument("--requests", type=int, default=40, help="docstrings of each package")
    parser.add_argument("--git", type=Path, nargs="*", default=[ROOT], help="repositories whose commits are requests")
    parser.add_argument("--commits", type=int, default=200, help="of each repository the latest so many")
    parser.add_argument(
        "--embedding-model", help="the name or path of a model whose vectors count in rows of their own"
    )
    parser.add_argument("--every", type=int, default=10, help="commits that are asked on one tree, the one before them")
    return parser.parse_args()


async def measure(trees: Iterable[Tree], model: str | None, plain_title: str, naming_title: str) -> dict[str, Found]:
    """By kind of request, what each way of ranking finds of all of them."""
    plain: Found = defaultdict(list)
    naming: Found = defaultdict(list)
    embedder = None if model is None else open_embedder(model, None, os.environ)
    for tree in trees:
        print(f"{tree.name}: {len(tree.plain) + len(tree.naming)} requests", file=sys.stderr)
        files = files_of(tree.folder)
        with tempfile.TemporaryDirectory(prefix="codeagent-bench-") as cache:
            index = CodeIndex(tree.folder, Path(cache) / "index.sqlite", lambda files=files: listed(files))
            await index.refresh()
            await ask(index, tree.plain, plain)
            await ask(index, tree.naming, naming)
            if embedder is not None:
                vectors = Vectors(embedder, Path(cache) / "vectors")
                await Retriever(index, vectors).learn()
                await ask_near(index, vectors, tree.plain, plain)
                await ask_near(index, vectors, tree.naming, naming)
            await index.close()
    if embedder is not None:
        await embedder.close()
    return {title: found for title, found in ((plain_title, plain), (naming_title, naming)) if found}


def files_of(root: Path) -> list[Path]:
    """All files of a folder."""
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


async def listed(files: list[Path]) -> list[Path]:
    """What an index asks for."""
    return files


async def ask(index: CodeIndex, requests: Sequence[Request], found: Found) -> None:
    """Add what is found of one tree."""
    if not requests:
        return
    for name, signals in WITHOUT.items():
        retriever = Retriever(index, signals=signals)
        for request in requests:
            hits = await retriever.retrieve(request.text, seeds=Seeds(recent=request.recent), limit=40)
            found[name].append(recall([hit.path for hit in hits], request.files))
    retriever = Retriever(index)
    frozen = await build_map(index, await retriever.rank(), MAP_TOKENS, estimated_tokens)
    for request in requests:
        ranking = await retriever.rank(request.text, seeds=Seeds(recent=request.recent))
        found["map, files by rank"].append(recall([one.path for one in ranking], request.files))
        drawn = await build_map(index, ranking, MAP_TOKENS, estimated_tokens)
        found[f"in a map of {MAP_TOKENS} tokens for the request"].append(share(drawn.shown, request.files))
        found[f"in the one map of {MAP_TOKENS} tokens"].append(share(frozen.shown, request.files))


async def ask_near(index: CodeIndex, vectors: Vectors, requests: Sequence[Request], found: Found) -> None:
    """Add what is found by vectors as well, and by nothing else."""
    for name, signals in (("all signals, with vectors", tuple(Signal)), ("vectors alone", (Signal.VECTORS,))):
        retriever = Retriever(index, vectors, signals)
        for request in requests:
            hits = await retriever.retrieve(request.text, seeds=Seeds(recent=request.recent), limit=40)
            found[name].append(recall([hit.path for hit in hits], request.files))


def recall(paths: Sequence[str], right: Sequence[str]) -> list[float]:
    """The share of the right files among the first different ones."""
    order = list(dict.fromkeys(paths))
    return [len(set(order[:k]).intersection(right)) / len(right) for k in PLACES]


def share(paths: Collection[str], right: Sequence[str]) -> list[float]:
    """The share of the right files that are there."""
    return [sum(file in paths for file in right) / len(right)]


def mean(rows: Sequence[Sequence[float]]) -> list[float]:
    """The mean of each column."""
    return [round(sum(column) / len(rows), 3) for column in zip(*rows, strict=True)]


def table(title: str, found: Found) -> list[str]:
    """The figures as Markdown."""
    count = len(next(iter(found.values())))
    lines = [f"\n**{title}** ({count} requests)\n", "| | recall@1 | recall@5 | recall@10 |", "|---|---|---|---|"]
    for name, rows in found.items():
        figures = [f"{figure:.2f}" for figure in mean(rows)]
        lines.append(f"| {name} | {' | '.join(figures + [''] * (len(PLACES) - len(figures)))} |")
    return lines


if __name__ == "__main__":
    main()
