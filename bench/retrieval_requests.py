"""Requests whose right answer is known: docstrings of packages with the file that defines the function, and messages of
commits with the files they changed.

Docstrings are in the index as well, so a request would find itself. Hence the packages are copied, and in the copy the
docstrings that serve as requests are taken out, the definitions left as they are. Docstrings of other definitions stay.
"""

from __future__ import annotations

import ast
import io
import random
import re
import shutil
import subprocess
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

WORDS = 4
"""Words that a request has at least."""
NOT_SOURCE = re.compile(
    r"(^|/)(tests?|docs?|examples?|_?vendor|_vendored)(/|_|\.)|(^|/|\.|_)(test|spec)s?\.[a-z]+$|(^|/)test_"
)
_CODE = re.compile(r":[a-z:]+:`[^`]*`|`[^`]*`|\S*(?:[a-z0-9]_[a-z]|[a-z][A-Z]|\w\.\w|\(\))\S*")
_CHORE = re.compile(r"\b(bump|release|version|changelog|typo|merge|revert)\b", re.IGNORECASE)
_RECENT = 20


@dataclass(frozen=True)
class Request:
    """A request, the files that answer it, and the files of the latest commits before it."""

    text: str
    files: tuple[str, ...]
    recent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tree:
    """A folder of source code and requests on it: `plain` ones name no symbol, `naming` ones one."""

    name: str
    folder: Path
    plain: tuple[Request, ...] = ()
    naming: tuple[Request, ...] = ()


@dataclass(frozen=True)
class _Docstring:
    """The first sentence of a docstring, as it is and without what looks like code, and where it stands."""

    sentence: str
    path: str
    qualified: str
    first: int
    last: int
    column: int


def package_tree(source: Path, folder: Path, most: int, seed: int = 0) -> Tree:
    """A copy of a package in a folder of its own, with requests from its docstrings."""
    root = folder / source.name
    for path in sorted(source.rglob("*.py")):
        (root / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, root / path.relative_to(source))
    found = list(_docstrings(root))
    files: dict[str, set[str]] = defaultdict(set)
    for one in found:
        files[one.sentence.lower()].add(one.path)
    found = [one for one in found if len(files[one.sentence.lower()]) == 1]
    random.Random(seed).shuffle(found)
    found = found[:most]
    _take_out(root, found)
    return Tree(
        source.name,
        root,
        plain=tuple(Request(one.sentence, (one.path,)) for one in found),
        naming=tuple(Request(_naming(one.qualified), (one.path,)) for one in found),
    )


def joined(trees: list[Tree], folder: Path) -> Tree:
    """All trees as folders of one."""
    root = folder / "together"
    plain, naming = list[Request](), list[Request]()
    for tree in trees:
        shutil.copytree(tree.folder, root / tree.name)
        for requests, mine in ((tree.plain, plain), (tree.naming, naming)):
            mine += [replace(r, files=tuple(f"{tree.name}/{file}" for file in r.files)) for r in requests]
    return Tree("together", root, tuple(plain), tuple(naming))


def commit_trees(repository: Path, folder: Path, most: int, every: int, suffixes: tuple[str, ...]) -> Iterator[Tree]:
    """Trees before some commits each, with the first lines of their messages as requests."""
    log = _git(repository, "log", "--no-merges", "--no-renames", "--name-only", "--format=%x01%H%x02%s%x02").decode(
        "utf-8", "replace"
    )
    commits = [commit.split("\x02", 2) for commit in log.split("\x01")[1:]]
    for first in range(0, min(most, len(commits) - 1), every):
        group = commits[first : first + every]
        before = commits[min(first + every, len(commits) - 1)][0]
        names = set(_git(repository, "ls-tree", "-r", "--name-only", before).decode("utf-8", "replace").splitlines())
        recent = [name for commit in commits[first + every : first + every + _RECENT] for name in commit[2].split("\n")]
        requests = list[Request]()
        for _, message, changed in group:
            text = re.sub(r"\s*\(?#\d+\)?", "", message)
            files = tuple(
                f for f in changed.split("\n") if f in names and f.endswith(suffixes) and not NOT_SOURCE.search(f)
            )
            if 1 <= len(files) <= 5 and len(text.split()) >= WORDS and not _CHORE.search(text):
                requests.append(Request(text, files, tuple(dict.fromkeys(filter(None, recent)))))
        if not requests:
            continue
        root = folder / f"{repository.resolve().name}-{before[:10]}"
        with tarfile.open(fileobj=io.BytesIO(_git(repository, "archive", before))) as archive:
            archive.extractall(root, filter="data")
        yield Tree(root.name, root, plain=tuple(requests))


def _git(repository: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=True).stdout


def _docstrings(root: Path) -> Iterator[_Docstring]:
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if NOT_SOURCE.search(name):
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        yield from _docstrings_in(tree, name, "")


def _docstrings_in(node: ast.AST, path: str, scope: str) -> Iterator[_Docstring]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _docstrings_in(child, path, scope)
            continue
        doc = (ast.get_docstring(child) or "").strip()
        sentence = _without_code(re.split(r"\n\s*\n|(?<=[.!?])\s", doc)[0].replace("\n", " "), child.name)
        if len(re.findall(r"[A-Za-z]{2,}", sentence)) >= WORDS and not child.name.startswith("__"):
            at = child.body[0]
            yield _Docstring(sentence, path, scope + child.name, at.lineno, at.end_lineno or at.lineno, at.col_offset)
        if isinstance(child, ast.ClassDef):
            yield from _docstrings_in(child, path, f"{scope}{child.name}.")


def _without_code(sentence: str, name: str) -> str:
    """The sentence without the function's own name and all else that is, or looks like, the name of a symbol."""
    plain = _CODE.sub("", re.sub(rf"\b{re.escape(name)}\b", "", sentence, flags=re.IGNORECASE))
    return " ".join(plain.split())


def _take_out(root: Path, docstrings: list[_Docstring]) -> None:
    for path in {one.path for one in docstrings}:
        lines = (root / path).read_text("utf-8", "replace").split("\n")
        for one in (one for one in docstrings if one.path == path):
            lines[one.first - 1 : one.last] = [lines[one.first - 1].encode()[: one.column].decode() + "..."] + [""] * (
                one.last - one.first
            )
        (root / path).write_text("\n".join(lines), "utf-8")


def _naming(qualified: str) -> str:
    name = ".".join(qualified.split(".")[-2:])
    return f"{name} gives the wrong result when the input is empty"
