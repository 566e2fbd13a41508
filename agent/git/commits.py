"""Makes a commit of given files in the person's repository, with fixed arguments; runs no hook, filter or editor."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeagent.agent.git.neutral import SECONDS, Place, discover, settings_of, turned_off
from codeagent.agent.git.program import Git, GitError

_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG", "rebase-merge", "rebase-apply")


@dataclass(frozen=True)
class Committed:
    """A commit: its id, and the names of those files of it that the person has staged otherwise, which stay staged."""

    commit: str
    staged: tuple[str, ...]


async def commit(git: Git, root: Path, paths: Sequence[Path], message: str) -> Committed:
    """Commit these files as they are now, removed ones as removed, on top of the branch that is checked out.

    What else is staged stays staged and is not in it. Raises GitError with a sentence, and then nothing has changed.
    """
    place = discover(root)
    if place is None:
        raise GitError("This folder is in no git repository, so nothing can be committed.")
    if under_way := [name for name in _UNDER_WAY if (place.git_dir / name).exists()]:
        raise GitError(f"Nothing was committed, because something is under way in the repository ({under_way[0]}).")
    if not paths:
        raise GitError("There is nothing to commit: no file has changed.")
    if not message.strip():
        raise GitError("A commit needs a message.")
    names = [_name(path, place) for path in paths]
    with tempfile.TemporaryDirectory(prefix="codeagent-commit-") as folder:
        return await _Commit(git, place, Path(folder), await settings_of(git, place)).make(names, message)


class _Commit:
    def __init__(self, git: Git, place: Place, folder: Path, settings: Mapping[str, str]) -> None:
        self._git = git
        self._place = place
        self._folder = folder
        self._settings = settings

    async def make(self, names: Sequence[str], message: str) -> Committed:
        await self._refuse_filtered(names)
        head = await self._head()
        if head:
            await self._run("read-tree", head)
        untouched = await self._unstaged(names)
        await self._run("update-index", "--add", "--remove", "-z", "--stdin", given=_listed(names))
        tree = (await self._run("write-tree")).decode().strip()
        if head and tree == (await self._run("rev-parse", f"{head}^{{tree}}")).decode().strip():
            raise GitError("There is nothing to commit: these files are as they were committed last.")
        parents = ("-p", head) if head else ()
        made = await self._run("commit-tree", *parents, tree, given=message.strip().encode() + b"\n", who=self._who())
        commit = made.decode().strip()
        subject = message.strip().splitlines()[0][:200]
        await self._run("update-ref", "-m", f"commit: {subject}", "HEAD", commit, head, who=self._who())
        try:
            await self._take_over(untouched, tree)
        except GitError:  # another git holds the index just now
            untouched = set[str]()
        return Committed(commit, tuple(name for name in names if name not in untouched))

    async def _head(self) -> str:
        """The commit that is checked out; "" where there is none yet."""
        try:
            return (await self._run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")).decode().strip()
        except GitError:
            await self._run("symbolic-ref", "--quiet", "HEAD")  # fails where HEAD is broken, and not just unborn
            return ""

    async def _refuse_filtered(self, names: Sequence[str]) -> None:
        said = os.fsdecode(await self._run("check-attr", "-z", "--stdin", "filter", given=_listed(names))).split("\0")
        for name, value in zip(said[::3], said[2::3], strict=False):
            if value not in ("unspecified", "unset", ""):
                raise GitError(f"{name} goes through the filter {value!r}, which is not run here. Commit it yourself.")

    async def _unstaged(self, names: Sequence[str]) -> set[str]:
        """Those of the names that stand in the person's index as in the last commit."""
        listed = await self._run("ls-files", "-s", "-z", own_index=False)
        staged = {entry for entry in os.fsdecode(listed).split("\0") if entry}
        before = {entry for entry in os.fsdecode(await self._run("ls-files", "-s", "-z")).split("\0") if entry}
        differing = {entry.partition("\t")[2] for entry in staged ^ before}
        return {name for name in names if name not in differing}

    async def _take_over(self, names: set[str], tree: str) -> None:
        """Let the person's index have the commit's entries of these files, or else they would be staged for removal."""
        entries = [
            entry
            for entry in os.fsdecode(await self._run("ls-files", "-s", "-z")).split("\0")
            if entry.partition("\t")[2] in names
        ]
        gone = names - {entry.partition("\t")[2] for entry in entries}
        lines = [*entries, *(f"0 {'0' * len(tree)}\t{name}" for name in sorted(gone))]
        await self._run("update-index", "-z", "--index-info", given=_listed(lines), own_index=False)

    def _who(self) -> dict[str, str]:
        name, email = self._settings.get("user.name", ""), self._settings.get("user.email", "")
        if not name or not email:
            raise GitError("git does not know who you are. Set user.name and user.email with `git config --global`.")
        return {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in
                (("NAME", name), ("EMAIL", email))}  # fmt: skip

    async def _run(
        self, *arguments: str, given: bytes = b"", own_index: bool = True, who: Mapping[str, str] | None = None
    ) -> bytes:
        asked, said = self._folder / "asked", self._folder / "said"
        asked.write_bytes(given)
        index = {"GIT_INDEX_FILE": str(self._folder / "index")} if own_index else {}
        environment = self._place.environment | index | dict(who or {})
        off = turned_off(self._settings)
        await self._git.run(arguments, self._place.top, SECONDS, environment, off, (asked, said))
        return said.read_bytes()


def _name(path: Path, place: Place) -> str:
    if not path.is_relative_to(place.top) or (path.is_dir() and not path.is_symlink()):
        raise GitError(f"{path} is no file of the repository in {place.top}.")
    return str(path.relative_to(place.top))


def _listed(names: Sequence[str]) -> bytes:
    return os.fsencode("".join(f"{name}\0" for name in names))
