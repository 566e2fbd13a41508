"""Git runs unasked only where nothing in the repository can make it start a program."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile import MARKER, Gatehouse, git, make_traps


@pytest.mark.case(11)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("core.fsmonitor", "{evil}"),
        ("core.hooksPath", "."),
        ("core.pager", "{evil}"),
        ("core.sshCommand", "{evil}"),
        ("core.worktree", "/"),
        ("core.attributesFile", "x"),
        ("filter.x.clean", "{evil}"),
        ("filter.x.process", "{evil}"),
        ("diff.external", "{evil}"),
        ("diff.x.textconv", "{evil}"),
        ("diff.x.command", "{evil}"),
        ("include.path", "/x"),
        ("includeIf.gitdir:/.path", "/x"),
        ("gpg.program", "{evil}"),
        ("log.showSignature", "true"),
        ("pager.log", "{evil}"),
        ("alias.log", "!{evil}"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", "{evil}"),
        ("submodule.x.update", "!{evil}"),
        ("interactive.diffFilter", "{evil}"),
    ],
)
async def test_git_asks_in_a_repository_whose_settings_may_start_a_program(
    workspace: Path, name: str, value: str
) -> None:
    make_traps(workspace)
    house = Gatehouse(workspace)
    commands = ("git status", "git diff", "git log -p", "git show", "git blame README.md", "git ls-files")
    for text in commands:
        assert await house.free(text), text
    git(workspace, "config", name, value.format(evil=workspace / "evil.sh"))
    (workspace / "README.md").write_text("changed\n")
    for text in commands:
        assert not await house.free(text), text
    assert not (workspace / MARKER).exists()


async def test_git_runs_nothing_of_a_submodule_and_of_attributes(workspace: Path) -> None:
    make_traps(workspace)
    git(workspace, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(workspace), "sub")
    git(workspace / "sub", "config", "core.fsmonitor", str(workspace / "evil.sh"))
    (workspace / ".gitattributes").write_text("* diff=x filter=x merge=x\n")
    (workspace / "sub" / "README.md").write_text("changed\n")
    house = Gatehouse(workspace)
    for text in ("git status", "git diff", "git diff HEAD~1", "git log -p", "git show HEAD", "git blame README.md"):
        ran = await house.run(text)
        assert "[exit code 0]" in ran.result.output, text
    assert not (workspace / MARKER).exists()


@pytest.mark.parametrize(
    "config",
    ["[core\n", "fsmonitor = x\n", "[core]\n\tfs\\\n", '[core "a"] fsmonitor = x\n', "[core]fsmonitor=x\n", "\0"],
)
async def test_git_asks_where_its_settings_are_not_understood(workspace: Path, config: str) -> None:
    make_traps(workspace)
    (workspace / ".git/config").write_text(config)
    assert not await Gatehouse(workspace).free("git log")
