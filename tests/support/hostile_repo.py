"""A git repository whose settings try to run programs, each of which leaves a marker where it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HOOKS = (
    "pre-commit", "post-commit", "commit-msg", "prepare-commit-msg", "post-index-change", "post-checkout",
    "reference-transaction", "fsmonitor-watchman", "pre-auto-gc", "post-rewrite",
)  # fmt: skip
AUTHOR = ("-c", "user.name=t", "-c", "user.email=t@t")


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    """Git as a person would run it there, with no settings of theirs."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=check, capture_output=True, timeout=60
    )
    return done.stdout.decode("utf-8", "surrogateescape")


def fill(folder: Path) -> None:
    """An ordinary repository with one commit."""
    git(folder, "init", "-q", "-b", "main")
    (folder / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (folder / "data.evil").write_text("one\n")
    (folder / "data.pair").write_text("one\n")
    (folder / "data.more").write_text("one\n")
    (folder / ".gitattributes").write_text(
        "*.evil filter=evil diff=evil merge=evil\n*.pair filter=a=b diff=a=b\n*.more filter=more\n*.py diff=evil\n"
    )
    git(folder, "add", "-A")
    git(folder, *AUTHOR, "commit", "-qm", "first")


class HostileRepo:
    """The repository in a folder, and the folder where markers appear."""

    def __init__(self, root: Path, markers: Path) -> None:
        self.root = root
        self.markers = markers
        markers.mkdir()
        self.tricks = 0
        fill(root)
        self._add_nested()
        self._add_settings()

    @property
    def seen(self) -> list[str]:
        """What has run."""
        return sorted(path.name for path in self.markers.iterdir())

    def program(self, name: str) -> str:
        """A shell line that leaves a marker."""
        self.tricks += 1
        return f"touch '{self.markers}/{name}'; cat"

    def _set(self, folder: Path, **settings: str) -> None:
        for name, value in settings.items():
            git(folder, "config", name.replace("__", "."), value)

    def _add_nested(self) -> None:
        for name in ("nested", "module"):
            nested = self.root / name
            nested.mkdir()
            fill(nested)
            self._set(nested, core__fsmonitor=self.program(f"{name}-fsmonitor"))
            git(nested, "config", "filter.evil.clean", self.program(f"{name}-clean"))
        (self.root / ".gitmodules").write_text('[submodule "module"]\n\tpath = module\n\turl = ext::sh -c evil\n')
        head = git(self.root / "module", "rev-parse", "HEAD").strip()
        git(self.root, "update-index", "--add", "--cacheinfo", f"160000,{head},module")
        git(self.root, "add", ".gitmodules")
        git(self.root, *AUTHOR, "commit", "-qm", "module")
        bare = self.root / "bare"
        git(self.root, "init", "-q", "--bare", "bare")
        self._set(bare, core__bare="false", core__worktree="..", core__fsmonitor=self.program("bare-fsmonitor"))

    def _add_settings(self) -> None:
        hooks = self.root / "hooks"
        for folder in (hooks, self.root / ".git" / "hooks"):
            folder.mkdir(exist_ok=True)
            for hook in HOOKS:
                (folder / hook).write_text(f"#!/bin/sh\n{self.program(f'hook-{hook}')}\n")
                (folder / hook).chmod(0o755)
        more = self.root / "more.cfg"
        git(self.root, "config", "-f", str(more), "filter.more.clean", self.program("included-clean"))
        for name in ("evil", "a=b"):
            for key in ("clean", "smudge", "process"):
                git(self.root, "config", f"filter.{name}.{key}", self.program(f"{key}-{name}"))
            git(self.root, "config", f"filter.{name}.required", "true")
            for key in ("textconv", "command"):
                git(self.root, "config", f"diff.{name}.{key}", self.program(f"{key}-{name}"))
        self._set(
            self.root,
            include__path=str(more),
            core__fsmonitor=self.program("fsmonitor"),
            core__hooksPath=str(hooks),
            core__sshCommand=self.program("ssh"),
            core__pager=self.program("pager"),
            core__editor=self.program("editor"),
            core__askPass=self.program("askpass"),
            diff__external=self.program("external"),
            gpg__program=self.program("gpg"),
            log__showSignature="true",
            commit__gpgSign="true",
            credential__helper=f"!{self.program('credential')}",
            alias__status=f"!{self.program('alias')}",
            remote__origin__url=f"ext::sh -c {self.program('remote')}",
            remote__origin__promisor="true",
            extensions__partialClone="origin",
            core__repositoryFormatVersion="1",
            protocol__ext__allow="always",
            user__name="Somebody",
            user__email="somebody@example.com",
        )
        shutil.rmtree(self.root / ".git" / "logs", ignore_errors=True)


def fingerprint(root: Path) -> dict[str, bytes]:
    """Every file of the repository's own folder but what git may write at any look: index, refs, settings, objects."""
    folder = root / ".git"
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
