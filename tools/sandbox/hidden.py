"""Which files a command may not see, and which it may not change though they lie in the workspace; mounts nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

_HIDDEN_IN_HOME = """
    .ssh .aws .gnupg .kube .docker .azure .password-store .vault-token .netrc .npmrc .yarnrc.yml .pypirc .pgpass
    .my.cnf .git-credentials .s3cfg .boto .gem/credentials .cargo/credentials .cargo/credentials.toml
    .gradle/gradle.properties .m2/settings.xml .m2/settings-security.xml .terraform.d .terraformrc .mozilla
    .thunderbird .claude .codex .gemini .config/gh .config/hub .config/glab-cli .config/gcloud
    .config/git/credentials .config/op .config/rclone .config/sops .config/containers .config/google-chrome
    .config/chromium .config/BraveSoftware .config/pip/pip.conf .local/share/keyrings .local/share/kwalletd
    .local/share/atuin Library/Keychains Library/Cookies
"""
_HIDDEN_IN_SYSTEM = ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d")
_HIDDEN_PATTERNS = (".*_history", ".*history-*", ".*hst")

# What other programs obey or run without being asked: git, this program, editors, MCP clients, direnv.
PROTECTED = (".git", ".codeagent", ".vscode", ".idea", ".mcp.json", ".envrc", ".gitmodules")
# The same in a home that is itself the workspace.
_PROTECTED_IN_HOME = """
    .bashrc .bash_profile .bash_login .bash_logout .profile .zshrc .zprofile .zshenv .zlogin .gitconfig .ssh
    .config .local/bin .local/share/applications bin .cargo/bin .vimrc .emacs .inputrc .tmux.conf
"""
_DEPTH = 3
_MAX_FOLDERS = 3000
_NOT_SEARCHED = frozenset({"node_modules", "site-packages", ".venv", "venv", "target", ".git"})


def secrets(home: Path) -> list[Path]:
    """Existing files and folders that hold keys, tokens and what was typed, of this home and of the system."""
    named = [home / name for name in _HIDDEN_IN_HOME.split()] + [Path(name) for name in _HIDDEN_IN_SYSTEM]
    found = {Path(os.path.realpath(path)) for path in named if path.exists()}
    for pattern in _HIDDEN_PATTERNS:
        found |= {Path(os.path.realpath(path)) for path in home.glob(pattern)}
    return sorted(found)


class SandboxError(Exception):
    """A command cannot be run in the sandbox; the text says why and what to do."""


class ProtectedFiles:
    """What of some writable folders stays as it is: known when the session begins, and looked for again at each
    command.
    """

    def __init__(self, roots: Sequence[Path], home: Path) -> None:
        self._roots = tuple(roots)
        named = [root / name for root in roots for name in PROTECTED]
        named += [
            home / name for name in _PROTECTED_IN_HOME.split() if any(home.is_relative_to(root) for root in roots)
        ]
        for root in roots:
            named += _nested_repositories(root)
        self._named = tuple(dict.fromkeys(named))
        self._missing = frozenset(path for path in self._named if not os.path.lexists(path))

    def existing(self) -> list[Path]:
        """Those that are there now. A link that a command made in the place of one that was missing is passed over.

        Raises SandboxError for one that is a symbolic link: what it leads to could be protected and not itself.
        """
        found: list[Path] = []
        for path in self._named:
            if path.is_symlink():
                if path in self._missing:
                    continue
                raise SandboxError(
                    f"{path} is a symbolic link, so a sandbox cannot keep commands from replacing it, and nothing is "
                    "run. Put the file or folder itself in its place, or run without a sandbox (--sandbox off)."
                )
            if path.exists():
                found.append(path)
                found += [real for real in _git_folders(path) if any(real.is_relative_to(r) for r in self._roots)]
        return found

    def state(self) -> dict[Path, tuple[int, int, int]]:
        """What can be seen of a change, of those that are there and of git's own hooks and settings."""
        watched = [*self._named]
        for path in self._named:
            if path.name == ".git":
                watched += [path / "config", path / "hooks"]
                watched += islice((path / "hooks").glob("*"), 100)
        seen: dict[Path, tuple[int, int, int]] = {}
        for path in watched:
            try:
                found = os.lstat(path)
            except OSError:
                continue
            # A folder's time changes with what git writes in it all the time; that it is there is what counts.
            seen[path] = (found.st_ino, 0, 0) if stat.S_ISDIR(found.st_mode) else (
                found.st_ino, found.st_mtime_ns, found.st_size
            )  # fmt: skip
        return seen


def changed(before: dict[Path, tuple[int, int, int]], after: dict[Path, tuple[int, int, int]]) -> list[Path]:
    """Protected files that are new or not as they were."""
    return [path for path, state in after.items() if before.get(path) != state]


def _git_folders(pointer: Path) -> list[Path]:
    """Where the repository of a linked worktree or a submodule really is, when this is its `.git` file."""
    if pointer.name != ".git" or not pointer.is_file():
        return []
    try:
        text = pointer.read_text(encoding="utf-8", errors="surrogateescape")[:4096]
    except OSError:
        return []
    word, _, target = text.partition(":")
    if word != "gitdir" or "\0" in target:
        return []
    folder = Path(os.path.realpath(pointer.parent / target.strip()))
    found = [folder]
    try:
        common = (folder / "commondir").read_text(encoding="utf-8", errors="surrogateescape")[:4096].strip()
    except OSError:
        return [path for path in found if path.exists()]
    if "\0" not in common:
        found.append(Path(os.path.realpath(folder / common)))
    return [path for path in found if path.exists()]


def _nested_repositories(root: Path) -> Iterator[Path]:
    """The `.git` of repositories below a folder, a few levels deep; large trees are not searched to the end."""
    level, visited = [root], 0
    for _ in range(_DEPTH):
        below: list[Path] = []
        for folder in level:
            visited += 1
            if visited > _MAX_FOLDERS:
                return
            below += _folders_in(folder)
        for folder in below:
            if os.path.lexists(folder / ".git") and not (folder / ".git").is_symlink():
                yield folder / ".git"
        level = below


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path)
                for entry in entries
                if entry.name not in _NOT_SEARCHED and entry.is_dir(follow_symlinks=False)
            )
    except OSError:
        return []
