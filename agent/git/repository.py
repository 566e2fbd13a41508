"""Looks at the repository that the workspace is in and commits to it, running nothing of it; knows no checkpoint."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codeagent.agent.git.commits import Committed, commit
from codeagent.agent.git.neutral import SECONDS, discover, settings_of, turned_off
from codeagent.agent.git.program import Git, GitError


@dataclass(frozen=True)
class GitStatus:
    """The branch (or short commit, where there is none), and whether anything differs from the last commit."""

    branch: str
    dirty: bool


class Repository:
    """Answers None or nothing outside of a repository, without git, and where git takes too long or fails."""

    def __init__(self, git: Git, root: Path) -> None:
        """`root` may lie below the top of the repository."""
        self.git = git
        self._root = root

    async def status(self) -> GitStatus | None:
        """How the repository stands."""
        raw = await self._ask("status", "--porcelain=v2", "--branch", "-z", "--ignore-submodules=all", "--no-renames")
        if raw is None:
            return None
        lines = [line for line in os.fsdecode(raw).split("\0") if line]
        heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch.") and " " in line[2:])
        branch = heads.get("branch.head", "")
        if branch == "(detached)":
            branch = heads.get("branch.oid", "")[:8]
        return GitStatus(branch, any(not line.startswith("#") for line in lines))

    async def recent_files(self, commits: int) -> tuple[str, ...]:
        """The files of the latest commits, relative to the root, the latest first."""
        options = ("--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-notes", "--no-renames")
        raw = await self._ask("log", f"-{commits}", "--name-only", "--relative", "--pretty=format:", "-z", *options)
        names = (name.strip("\n") for name in os.fsdecode(raw or b"").split("\0"))
        return tuple(dict.fromkeys(name for name in names if name))

    async def diff(self, paths: Sequence[str] = ()) -> str:
        """What differs from the index, of all files or of these, as git's patch, without drivers and filters."""
        options = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all", "--no-renames")
        return (await self._ask("diff", *options, "--", *paths) or b"").decode("utf-8", "backslashreplace")

    async def commit(self, paths: Sequence[Path], message: str) -> Committed:
        """Commit files as they are now; what else is staged stays so. Raises GitError, and then nothing has changed."""
        return await commit(self.git, self._root, paths, message)

    async def _ask(self, *arguments: str) -> bytes | None:
        place = discover(self._root)
        if place is None:
            return None
        try:
            settings = turned_off(await settings_of(self.git, place))
            return await self.git.run(arguments, self._root, SECONDS, place.environment, settings)
        except GitError:
            return None
