"""Where a repository is, and what its settings would have git run, turned off; reads settings and obeys none."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codeagent.agent.git.program import Git

SECONDS = 10.0
_MAX_POINTER = 4096
_NAMED = re.compile(r"(filter|diff|merge|hook)\.(.+)\.([a-z]+)", re.DOTALL)
_OFF = {
    "filter": {"clean": "", "smudge": "", "process": "", "required": "false"},
    "diff": {"command": "false", "textconv": "cat", "cachetextconv": "false"},
    "merge": {"driver": "false"},
    "hook": {"command": "true", "enabled": "false"},
}


@dataclass(frozen=True)
class Place:
    """A repository: the folder git keeps it in, and the top of its files."""

    git_dir: Path
    top: Path

    @property
    def environment(self) -> dict[str, str | None]:
        """What sends git here. Named outright, so that nothing is looked for and no `core.worktree` holds."""
        return {"GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(self.top)}

    @property
    def common_dir(self) -> Path:
        """The folder that all work trees of the repository share."""
        pointer = _first_line(self.git_dir / "commondir")
        return Path(os.path.normpath(self.git_dir / pointer)) if pointer else self.git_dir


def discover(folder: Path) -> Place | None:
    """The repository whose files a folder is among; None where there is none. A bare one inside it is none of its."""
    for top in (folder, *folder.parents):
        git_dir = top / ".git"
        if not os.path.lexists(git_dir):
            continue
        if git_dir.is_file():
            pointer = _first_line(git_dir).removeprefix("gitdir:").strip()
            if not pointer:
                return None
            git_dir = Path(os.path.normpath(top / pointer))
        return Place(git_dir, top) if (git_dir / "HEAD").exists() else None
    return None


async def settings_of(git: Git, place: Place) -> dict[str, str]:
    """All settings that hold in a repository by their names, the person's own among them. Raises GitError."""
    own = {"GIT_CONFIG_GLOBAL": None}
    raw = await git.run(["config", "--list", "--includes", "-z"], place.top, SECONDS, place.environment | own)
    pairs = (entry.partition("\n") for entry in os.fsdecode(raw).split("\0") if entry)
    return {name: value for name, _, value in pairs}


def turned_off(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings that keep each filter, driver and hook which these name from running."""
    off: dict[str, str] = {}
    for name in settings:
        found = _NAMED.fullmatch(name)
        if found is not None:
            off |= {f"{found[1]}.{found[2]}.{key}": value for key, value in _OFF[found[1]].items()}
    if settings.get("core.excludesfile"):
        off["core.excludesFile"] = settings["core.excludesfile"]  # which may be the person's, and is read only
    return off


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return os.fsdecode(file.read(_MAX_POINTER)).partition("\n")[0].strip()
    except (OSError, ValueError):
        return ""
