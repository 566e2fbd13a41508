"""Work trees of the person's repository as it stands now, made by a git that runs nothing of it; knows no session."""

from __future__ import annotations

import os
from pathlib import Path

from codeagent.agent.candidates.trees import remove_tree
from codeagent.agent.git.neutral import Place, discover, settings_of, turned_off
from codeagent.agent.git.program import Git

SECONDS = 120.0
_REASON = "codeagent works in it and will remove it"


class Worktrees:
    """Adds work trees of one repository's last commit."""

    def __init__(self, git: Git, place: Place) -> None:
        self._git = git
        self.place = place

    @classmethod
    def of(cls, git: Git, root: Path) -> Worktrees | None:
        """Those of the repository that a folder is in; None where there is none, or nothing was committed yet."""
        place = discover(root)
        return cls(git, place) if place is not None else None

    async def differing(self) -> list[str]:
        """Names, from the top, of all that is not as in the last commit and not ignored. Raises GitError."""
        changed = await self._ask("diff-index", "--name-only", "-z", "--no-renames", "--no-ext-diff", "HEAD", "--")
        return _names(changed) + _names(await self._ask("ls-files", "-z", "--others", "--exclude-standard"))

    async def ignored(self) -> list[str]:
        """Names, from the top, of what git ignores; a folder that is ignored whole is one name. Raises GitError."""
        listed = await self._ask("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
        return _names(listed)

    async def add(self, path: Path) -> None:
        """Check the last commit out in a folder that is not there yet. Raises GitError."""
        await self._ask("worktree", "add", "--quiet", "--detach", "--lock", "--reason", _REASON, str(path), "HEAD")

    async def _ask(self, *arguments: str) -> bytes:
        settings = turned_off(await settings_of(self._git, self.place))
        return await self._git.run(arguments, self.place.top, SECONDS, self.place.environment, settings)


def forget(common_dir: Path, below: Path) -> None:
    """Have a repository forget its work trees below a folder. It is done by hand, since git needs the work tree to be
    whole, and its `prune` would take the person's own along.
    """
    for entry in sorted((common_dir / "worktrees").glob("*/gitdir")):
        try:
            pointer = Path(os.fsdecode(entry.read_bytes()).strip())
        except OSError:
            continue
        if pointer.is_relative_to(below):
            remove_tree(entry.parent)


def _names(raw: bytes) -> list[str]:
    return [name.rstrip("/") for name in os.fsdecode(raw).split("\0") if name]
