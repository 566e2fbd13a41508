"""Copies of a workspace to work in, gone at the end of the run or, after a kill, at the next start; knows no model."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from codeagent.agent.candidates.trees import (
    MAX_BYTES,
    MAX_FILES,
    Bound,
    TooLargeError,
    carry_over,
    measure,
    remove_tree,
)
from codeagent.agent.candidates.worktrees import Worktrees, forget
from codeagent.agent.git.program import Git, GitError
from codeagent.agent.paths import Paths
from codeagent.agent.private import make_private_folder, write_private

_BOUND = f"{MAX_FILES:,} files and {MAX_BYTES // 1024**3} GiB"
_NAMED = 3


class CopyError(Exception):
    """The workspace cannot be copied; the text is a sentence for the person."""


class Copies:
    """The copies of one run. Made with a lock of its own, by which others know that it is alive."""

    def __init__(self, paths: Paths, git: Git, root: Path) -> None:
        """Raises CopyError where the state folder cannot be written."""
        self._paths = paths
        self._git = git
        self._root = root
        self._folder = Path(os.path.realpath(paths.candidates)) / secrets.token_hex(6)
        if self._folder.is_relative_to(root):
            raise CopyError(f"{root} holds codeagent's own files, so it cannot be copied. Work in a folder below.")
        try:
            make_private_folder(paths.candidates)
            self._lock = _open_lock(self._folder)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as e:
            raise CopyError(f"No copies of the workspace can be made in {paths.candidates} ({e.strerror}).") from e
        self.lacking = ""
        """A sentence on what is not in the copies, if anything is not."""

    async def make(self, count: int) -> list[Path]:
        """As many copies of the workspace as it is now, each named as it is. Raises CopyError."""
        trees = Worktrees.of(self._git, self._root)
        top = trees.place.top if trees is not None else self._root
        within = self._root.relative_to(top)
        tops = [self._folder / str(number) / top.name for number in range(1, count + 1)]
        self._note(trees.place.common_dir if trees is not None else None, [path / within for path in tops])
        try:
            if trees is None or not await self._as_work_trees(trees, tops):
                await self._as_plain(self._root, [path / within for path in tops])
        except TooLargeError:
            raise CopyError(
                f"{self._root} holds more than can be copied {count} times ({_BOUND} each, and what git has committed "
                "does not count). Commit what is there, or work without --candidates."
            ) from None
        except OSError as e:
            raise CopyError(f"The workspace cannot be copied: {e.strerror or e} ({e.filename}).") from e
        return [path / within for path in tops]

    async def remove(self) -> None:
        """Remove all of it. Safe to call twice."""
        if self._lock >= 0:
            await asyncio.to_thread(_remove, self._paths, self._folder)
            os.close(self._lock)
            self._lock = -1

    async def _as_work_trees(self, trees: Worktrees, tops: Sequence[Path]) -> bool:
        """Whether git could make them. What differs from the last commit is carried over, and what git ignores where it
        is not too much.
        """
        try:
            differing, ignored = await trees.differing(), await trees.ignored()
        except GitError:
            return False
        source, bound = trees.place.top, Bound()
        await asyncio.to_thread(measure, source, differing, bound)
        try:
            await asyncio.to_thread(measure, source, ignored, bound)
        except TooLargeError:
            self.lacking = (
                f"Not in the copies, because it is more than {_BOUND}: what git ignores ({_listed(ignored)}). "
                "A check that needs it fails there."
            )
            ignored = []
        for top in tops:
            make_private_folder(top.parent)
            try:
                await trees.add(top)
            except GitError:
                await asyncio.to_thread(_clear, trees.place.common_dir, self._folder, tops)
                return False
            await asyncio.to_thread(carry_over, source, top, [*differing, *ignored])
        return True

    async def _as_plain(self, source: Path, targets: Sequence[Path]) -> None:
        names = [entry.name for entry in os.scandir(source)]
        await asyncio.to_thread(measure, source, names, Bound())
        for target in targets:
            make_private_folder(target)
            await asyncio.to_thread(carry_over, source, target, names)

    def _note(self, common_dir: Path | None, roots: Sequence[Path]) -> None:
        """Keep what is to be undone, for whoever comes after a kill."""
        kept = {"repository": None if common_dir is None else str(common_dir), "roots": [str(root) for root in roots]}
        make_private_folder(self._folder)
        try:
            write_private(self._folder / "copies.json", json.dumps(kept).encode())
        except UnicodeEncodeError:
            raise CopyError(f"The name of {self._root} is not UTF-8. Rename it to use --candidates.") from None


def sweep_copies(paths: Paths) -> None:
    """Remove the copies of runs that were killed. Those of runs that are alive stay."""
    with suppress(OSError):
        for folder in [path for path in paths.candidates.iterdir() if path.is_dir()]:
            lock = _open_lock(folder)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(paths, folder)
            except BlockingIOError:
                pass
            finally:
                os.close(lock)


def _open_lock(folder: Path) -> int:
    return os.open(folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _remove(paths: Paths, folder: Path) -> None:
    kept: Any = {}
    with suppress(OSError, ValueError):
        kept = json.loads((folder / "copies.json").read_bytes())
    match kept:
        case {"repository": str() | None as repository, "roots": list(roots)}:  # pyright: ignore[reportUnknownVariableType]  # JSON
            if repository is not None:
                forget(Path(repository), folder)
            for root in (Path(str(root)) for root in roots):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # JSON
                for path in paths.of_workspace(root):
                    remove_tree(path)
        case _:
            pass
    remove_tree(folder)
    folder.with_suffix(".lock").unlink(missing_ok=True)


def _clear(common_dir: Path, folder: Path, tops: Sequence[Path]) -> None:
    forget(common_dir, folder)
    for top in tops:
        remove_tree(top.parent)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
