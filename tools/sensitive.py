"""Which files of a workspace need a question of their own: those that hold secrets, and those that programs run or obey
by themselves; judges names alone, reads nothing and decides nothing.
"""

from __future__ import annotations

import unicodedata
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from codeagent.tools.api import Effect, EffectKind
from codeagent.tools.commands.reach import is_secret
from codeagent.tools.workspace import Workspace, printable

_SECRET_FOLDERS = frozenset({".ssh", ".aws", ".gnupg", ".kube", ".password-store"})
# Code that is about secrets, such as secrets.py, and what explains them.
_CODE = (
    *(".py", ".pyi", ".js", ".mjs", ".ts", ".tsx", ".jsx", ".go", ".rs", ".java", ".kt", ".c", ".h", ".cc", ".cpp"),
    *(".hpp", ".cs", ".rb", ".php", ".swift", ".scala", ".ex", ".hs", ".lua", ".md", ".rst", ".html", ".css"),
)
_AUTORUN_FILES = (
    *("conftest.py", "sitecustomize.py", "usercustomize.py", "*.pth", "pytest.ini", "tox.ini", "noxfile.py"),
    *("setup.py", "setup.cfg", "pyproject.toml", "makefile", "gnumakefile", "*.mk", "justfile", "rakefile"),
    *("package.json", ".npmrc", ".yarnrc", ".yarnrc.yml", "build.rs", "jenkinsfile", ".envrc", ".mcp.json"),
    *(".gitlab-ci.yml", ".travis.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml", ".pre-commit-config.yaml"),
    *(".gitattributes", ".gitmodules", "agents.md", "claude.md", ".codeagentignore"),
)
_AUTORUN_FOLDERS = frozenset(
    (
        *(".github", ".gitea", ".forgejo", ".circleci", ".ci", ".husky", ".githooks", ".vscode", ".idea"),
        *(".devcontainer", ".cursor", ".claude", ".cargo"),
    )
)

_OBEYED_AT_ONCE = frozenset(
    {".git", ".codeagent", ".mcp.json", ".vscode", ".idea", ".cursor", ".claude", ".devcontainer", ".envrc"}
    | {".husky", ".githooks", ".gitmodules"}
)


def holds_secrets(path: Path, root: Path) -> bool:
    """Whether a file of the workspace looks by its name like one that holds keys or passwords."""
    inside = _inside(path, root)
    if _SECRET_FOLDERS & {_folded(part) for part in inside.parts[:-1]}:
        return True
    return is_secret(_folded(inside.name)) and inside.suffix.casefold() not in _CODE


def runs_by_itself(path: Path, root: Path) -> bool:
    """Whether programs run or obey a file of this name when somebody builds, tests, commits, or opens the folder."""
    inside = _inside(path, root)
    if _AUTORUN_FOLDERS & {_folded(part) for part in inside.parts[:-1]}:
        return True
    return any(fnmatchcase(_folded(inside.name), pattern) for pattern in _AUTORUN_FILES)


def is_obeyed_at_once(path: Path, root: Path) -> bool:
    """Whether a program obeys such a file as soon as somebody opens the folder or uses git in it."""
    inside = _inside(path, root)
    return bool({_folded(part) for part in inside.parts} & _OBEYED_AT_ONCE)


def reading(path: Path, workspace: Workspace) -> tuple[Effect, ...]:
    """The effects of showing a file or a folder to the model."""
    target = printable(str(path))
    kinds = [EffectKind.READ]
    if not path.is_dir() and holds_secrets(path, _root(path, workspace)):
        kinds.append(EffectKind.REVEAL)
    return tuple(Effect(kind=kind, target=target) for kind in kinds)


def writing(path: Path, workspace: Workspace) -> tuple[EffectKind, ...]:
    """What writing a file is beside the WRITE itself. Its diff stands in the transcript, so a secret counts."""
    root = _root(path, workspace)
    kinds = {EffectKind.REVEAL: holds_secrets(path, root), EffectKind.AUTORUN: runs_by_itself(path, root)}
    return tuple(kind for kind, applies in kinds.items() if applies)


def _root(path: Path, workspace: Workspace) -> Path:
    return next((root for root in workspace.roots if path.is_relative_to(root)), workspace.root)


def _inside(path: Path, root: Path) -> PurePath:
    return path.relative_to(root) if path.is_relative_to(root) else PurePath(path.name)


def _folded(part: str) -> str:
    """A name as a file system that ignores case, composition and invisible characters sees it."""
    visible = "".join(c for c in part if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFC", visible).casefold()
