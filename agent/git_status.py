"""The branch and whether it has changes, for the person; reads only, and knows no other git."""

from __future__ import annotations

from dataclasses import dataclass

from codeagent.tools.api import ToolError
from codeagent.tools.process import Processes

SECONDS = 10.0
# What a repository's own settings could make git run when it looks at files.
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "submodule.recurse=false")


@dataclass(frozen=True)
class GitStatus:
    """The branch (or short commit, where there is none) and whether anything differs from the last commit."""

    branch: str
    dirty: bool


async def git_status(processes: Processes) -> GitStatus | None:
    """How the repository stands; None outside of one, without git, or when it takes too long."""
    git = processes.find("git")
    if git is None:
        return None
    arguments = [git, "--no-optional-locks", *_QUIET, "status", "--porcelain=v2", "--branch", "--ignore-submodules=all"]
    try:
        done = await processes.run(arguments, SECONDS, separate_errors=True)
    except ToolError:
        return None
    if done.exit_code != 0:
        return None
    lines = done.output.splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch.") and " " in line[2:])
    branch = heads.get("branch.head", "")
    if branch == "(detached)":
        branch = heads.get("branch.oid", "")[:8]
    return GitStatus(branch, any(line and not line.startswith("#") for line in lines))
