"""Whether git may be run in a folder without asking: its configuration must hold nothing that starts a program."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from codeagent.tools.api import ToolError
from codeagent.tools.commands.options import names
from codeagent.tools.commands.reach import Reach
from codeagent.tools.commands.words import NotUnderstoodError
from codeagent.tools.files import NotThereError, read_bytes

_MAX_CONFIG = 256 * 1024
_SECTION = re.compile(r'\[\s*([A-Za-z0-9.-]+)\s*(?:"(?:[^"\\]|\\.)*")?\s*\]')
_ENTRY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)\s*(?:=.*)?")
# What repositories usually hold. Whatever is not here may run a program or lead elsewhere, and asks.
_HARMLESS = (
    *(
        f"core.{key}"
        for key in names(
            "repositoryformatversion filemode bare logallrefupdates ignorecase precomposeunicode symlinks autocrlf eol "
            "safecrlf abbrev longpaths quotepath trustctime untrackedcache preloadindex sparsecheckout "
            "sparsecheckoutcone splitindex commitgraph compression bigfilethreshold protecthfs protectntfs"
        )
    ),
    *(f"remote.{key}" for key in ("url", "fetch", "pushurl", "push", "tagopt", "prune", "mirror", "gh-resolved")),
    "branch.*", "user.name", "user.email", "user.signingkey", "user.useconfigonly", "init.defaultbranch", "pull.*",
    "push.*", "rebase.*", "fetch.prune", "fetch.parallel", "color.*", "advice.*", "gc.*", "pack.*", "gui.*",
    "submodule.active", "submodule.url", "extensions.worktreeconfig", "extensions.objectformat", "index.*", "feature.*",
    "extensions.refstorage", "commit.gpgsign", "tag.gpgsign", "lfs.repositoryformatversion", "lfs.access",
    "lfs.locksverify", "maintenance.*", "receive.denycurrentbranch", "diff.renames", "diff.algorithm", "merge.ff",
)  # fmt: skip


def check_repository(reach: Reach) -> None:
    """Raises NotUnderstoodError unless git finds one ordinary repository from this folder, none of whose settings can
    start a program.
    """
    for folder in (reach.folder, *reach.folder.parents):
        if os.path.lexists(folder / "HEAD") and os.path.lexists(folder / "objects"):
            raise NotUnderstoodError("runs git in a folder that is a bare repository")
        if os.path.lexists(folder / ".git"):
            break
    else:
        raise NotUnderstoodError("runs git where there is no repository")
    for file in _settings(_git_folder(folder / ".git")):
        for name in _names(_text(file)):
            if not any(fnmatchcase(name, pattern) for pattern in _HARMLESS):
                raise NotUnderstoodError(f"runs git in a repository with the setting {name}, which may start a program")


def _git_folder(path: Path) -> Path:
    """The folder that a `.git` stands for: itself, or what a file of a linked worktree or submodule names."""
    if path.is_dir():
        return path
    text = _text(path)
    if not text.startswith("gitdir: "):
        raise NotUnderstoodError("runs git in a repository that is not understood")
    return path.parent / text.removeprefix("gitdir: ").strip()


def _settings(folder: Path) -> Iterator[Path]:
    common = folder
    if (folder / "commondir").exists():
        common = folder / _text(folder / "commondir").strip()
    yield common / "config"
    yield from (file for file in {folder / "config.worktree", common / "config.worktree"} if file.exists())


def _text(file: Path) -> str:
    path = Path(os.path.realpath(file))
    try:
        return read_bytes(path, str(file), _MAX_CONFIG).decode()
    except NotThereError:
        return ""
    except (ToolError, UnicodeDecodeError):
        raise NotUnderstoodError("runs git in a repository that is not understood") from None


def _names(text: str) -> Iterator[str]:
    """Each setting as section.key, in small letters, whatever its subsection is called."""
    section = ""
    for line in text.split("\n"):
        rest = line.strip()
        if rest.endswith("\\"):
            raise NotUnderstoodError("runs git in a repository whose configuration is not understood")
        header = _SECTION.match(rest)
        if header:
            section, rest = header[1].partition(".")[0].lower(), rest[header.end() :].strip()
        if not rest or rest[0] in "#;":
            continue
        entry = _ENTRY.fullmatch(rest)
        if entry is None or not section:
            raise NotUnderstoodError("runs git in a repository whose configuration is not understood")
        yield f"{section}.{entry[1].lower()}"
