"""Which paths tools may reach: everything a model can name leads into the workspace or is refused with a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codeagent.tools.api import ToolError
from codeagent.tools.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("ws/src", "ws/.git/hooks", "ws-evil", "other"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "ws/src/a.py").write_text("a = 1\n")
    (tmp_path / "ws-evil/f").write_text("evil\n")
    (tmp_path / "ws/out").symlink_to(tmp_path / "other")
    (tmp_path / "ws/in").symlink_to(tmp_path / "ws/src")
    (tmp_path / "ws/loop").symlink_to(tmp_path / "ws/loop")
    (tmp_path / "ws/hooks").symlink_to(tmp_path / "ws/.git/hooks")
    return tmp_path / "ws"


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("src/a.py", "src/a.py"),
        ("./src/../src/a.py", "src/a.py"),
        ("in/a.py", "src/a.py"),
        ("new/deep/file", "new/deep/file"),
        (".", "."),
        ("-rf", "-rf"),
        ("a\nb", "a\nb"),
        ("x" * 300, "x" * 300),
    ],
)
def test_a_name_inside_leads_to_its_real_path(root: Path, name: str, inside: str) -> None:
    assert Workspace(root).resolve(name) == root / inside


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("a\0b", "NUL"),
        ("..", "outside"),
        ("../ws-evil/f", "outside"),
        ("src/../../other/f", "outside"),
        ("/etc/passwd", "outside"),
        ("out/f", "symbolic link"),
        ("~/x", "begins with ~"),
        ("~root/x", "begins with ~"),
        ("\ud800", "not valid text"),
        ("/src/a.py", "use src/a.py"),
    ],
)
@pytest.mark.case(1)
def test_a_name_that_leads_outside_is_refused_with_a_reason(root: Path, name: str, says: str) -> None:
    with pytest.raises(ToolError, match=says):
        Workspace(root).resolve(name)


def test_a_sibling_folder_with_the_same_beginning_is_outside(root: Path) -> None:
    with pytest.raises(ToolError, match="outside"):
        Workspace(root).resolve(f"{root}-evil/f")


def test_absolute_names_reach_the_root_and_the_extra_folders(root: Path) -> None:
    workspace = Workspace(root, [root.parent / "other"])
    assert workspace.resolve(str(root / "src/a.py")) == root / "src/a.py"
    assert workspace.resolve(str(root.parent / "other/new")) == root.parent / "other/new"


@pytest.mark.parametrize(
    "name",
    [
        ".git/config",
        ".git",
        ".GIT/hooks/pre-commit",
        "src/.git/hooks/x",
        "src/../.git/x",
        ".g\u200bit/config",
        ".git./config",
        ".codeagent/config.toml",
        ".CodeAgent/x",
        "hooks/pre-commit",
        ".",
    ],
)
def test_the_folders_of_git_and_codeagent_and_the_root_are_not_written(root: Path, name: str) -> None:
    with pytest.raises(ToolError, match=r"protected|workspace folder itself"):
        Workspace(root).resolve_for_writing(name)


def test_a_git_folder_that_is_a_link_is_protected_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "ws/data").mkdir(parents=True)
    (tmp_path / "ws/.git").symlink_to(tmp_path / "ws/data")
    with pytest.raises(ToolError, match="protected"):
        Workspace(tmp_path / "ws").resolve_for_writing("data/config")


@pytest.mark.parametrize("name", [".gitignore", ".github/workflows/x.yml", "git/x", ".codeagentignore"])
def test_names_that_only_begin_alike_can_be_written(root: Path, name: str) -> None:
    assert Workspace(root).resolve_for_writing(name) == root / name


@pytest.mark.case(23)
def test_a_name_that_is_not_utf8_is_shown_escaped_and_found_by_that_and_not_written(root: Path) -> None:
    raw = os.fsencode(root) + b"/caf\xe9.py"
    with open(raw, "wb") as file:
        file.write(b"x = 1\n")
    workspace = Workspace(root)
    path = Path(os.fsdecode(raw))
    assert workspace.display(path) == "caf\\xe9.py"
    assert workspace.resolve("caf\\xe9.py") == path
    with pytest.raises(ToolError, match="not UTF-8"):
        workspace.resolve_for_writing("caf\\xe9.py")


@pytest.mark.case(36)
def test_names_are_shown_on_one_line_without_control_characters(root: Path) -> None:
    workspace = Workspace(root)
    assert workspace.display(root / "a\nb\x1b[2J") == "a\\x0ab\\x1b[2J"
    assert workspace.display(root.parent / "other") == str(root.parent / "other")
