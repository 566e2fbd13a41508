"""Which files are in the index: those that git would show, on real repositories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from index_stage import git, names, open_index, write

RULES = {
    ".gitignore": "*.tmp\n!keep.tmp\nbuild/\nnode_modules\n/top.py\n",
    "a/.gitignore": "local.py\n!important.tmp\n/only_here.py\n",
}
FILES = [
    *("x.py", "top.py", "no.tmp", "keep.tmp", "build/out.py", "node_modules/m/i.js"),
    *("a/x.py", "a/top.py", "a/local.py", "a/b/local.py", "a/important.tmp", "a/no.tmp"),
    *("a/only_here.py", "a/b/only_here.py", "a/build/out.py", "private.py", "global.py"),
]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "index.sqlite"


@pytest.fixture
def repository(workspace: Path, tmp_path: Path) -> Path:
    """A repository with rules in every place that git knows."""
    git(workspace, "init", "-q")
    write(workspace, dict.fromkeys(FILES, "x = 1\n") | RULES)
    with (workspace / ".git/info/exclude").open("a") as file:
        file.write("private.py\n")
    write(tmp_path, {"home/.gitconfig": "[core]\n\texcludesFile = ~/ignored\n", "home/ignored": "global.py\n"})
    return workspace


def shown_by_git(repository: Path, home: Path) -> list[str]:
    shown = git(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard", home=home)
    return sorted(shown.split("\0")[:-1], key=os.fsencode)


async def test_the_index_holds_what_git_would_show(repository: Path, database: Path, tmp_path: Path) -> None:
    async with open_index(repository, database, home=tmp_path / "home") as index:
        await index.refresh()
        assert names(index) == shown_by_git(repository, tmp_path / "home")
        assert names(index) == [
            *(".gitignore", "a/.gitignore", "a/b/only_here.py", "a/important.tmp", "a/top.py", "a/x.py"),
            *("keep.tmp", "x.py"),
        ]


async def test_a_linked_worktree_has_the_rules_of_its_repository(
    repository: Path, database: Path, tmp_path: Path
) -> None:
    git(repository, "add", "-A", home=tmp_path / "home")
    git(repository, "commit", "-qm", "x")
    tree = tmp_path / "tree"
    git(repository, "worktree", "add", "-q", str(tree))
    write(tree, dict.fromkeys(FILES, "x = 1\n"))
    async with open_index(tree, database, home=tmp_path / "home") as index:
        await index.refresh()
        assert names(index) == shown_by_git(tree, tmp_path / "home")
        assert "private.py" not in names(index)


async def test_a_folder_within_a_repository_has_the_rules_above_it(
    repository: Path, database: Path, tmp_path: Path
) -> None:
    async with open_index(repository / "a", database, home=tmp_path / "home") as index:
        await index.refresh()
        assert names(index) == [".gitignore", "b/only_here.py", "important.tmp", "top.py", "x.py"]


async def test_rules_hold_where_there_is_no_repository(workspace: Path, database: Path) -> None:
    write(workspace, dict.fromkeys(FILES, "x = 1\n") | RULES)
    async with open_index(workspace, database) as index:
        await index.refresh()
        assert "a/local.py" not in names(index)
        assert "keep.tmp" in names(index)


async def test_own_rules_exclude_what_git_shows(repository: Path, database: Path, tmp_path: Path) -> None:
    write(repository, {".codeagentignore": "/x.py\na/b/\n"})
    async with open_index(repository, database, home=tmp_path / "home") as index:
        await index.refresh()
        assert names(index) == [
            *(".codeagentignore", ".gitignore", "a/.gitignore", "a/important.tmp", "a/top.py", "a/x.py", "keep.tmp"),
        ]


async def test_submodules_are_part_of_it_with_their_own_rules(workspace: Path, database: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(other, {"s.py": "def inner(): pass\n", ".gitignore": "*.log\n"})
    git(other, "init", "-q")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "x")
    git(workspace, "init", "-q")
    git(workspace, "submodule", "add", "-q", str(other), "sub")
    write(workspace, {"a.log": "", "sub/b.log": "", "sub/new.py": ""})
    async with open_index(workspace, database) as index:
        await index.refresh()
        assert names(index) == [".gitmodules", "a.log", "sub/.gitignore", "sub/new.py", "sub/s.py"]


async def test_a_sparse_checkout_is_what_is_there(workspace: Path, database: Path) -> None:
    git(workspace, "init", "-q")
    write(workspace, {"in/a.py": "def a(): pass\n", "out/b.py": "def b(): pass\n", "top.py": ""})
    git(workspace, "add", "-A")
    git(workspace, "commit", "-qm", "x")
    async with open_index(workspace, database) as index:
        await index.refresh()
        assert names(index) == ["in/a.py", "out/b.py", "top.py"]
        git(workspace, "sparse-checkout", "set", "in")
        await index.refresh()
        assert names(index) == ["in/a.py", "top.py"]
        assert index.find("b") == []


async def test_links_are_not_followed(workspace: Path, database: Path, tmp_path: Path) -> None:
    write(tmp_path, {"outside/secret.py": "def secret(): pass\n"})
    write(workspace, {"a/b.py": "def b(): pass\n"})
    (workspace / "a/loop").symlink_to(workspace)
    (workspace / "a/self").symlink_to("self")
    (workspace / "outside").symlink_to(tmp_path / "outside")
    (workspace / "secret.py").symlink_to(tmp_path / "outside/secret.py")
    async with open_index(workspace, database) as index:
        await index.refresh()
        assert names(index) == ["a/b.py"]


async def test_a_root_that_is_itself_a_link_is_the_folder_it_leads_to(
    workspace: Path, database: Path, tmp_path: Path
) -> None:
    write(workspace, {"b.py": "def b(): pass\n"})
    (tmp_path / "link").symlink_to(workspace)
    async with open_index(tmp_path / "link", database) as index:
        await index.refresh()
        write(workspace, {"b.py": "def c(): pass\n"})
        await index.update([tmp_path / "link" / "b.py"])
        assert [s.name for s in index.symbols("b.py")] == ["c"]
