"""Every path outside the workspace, in one place; knows the platform's standard folders and nothing of their
content.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The folders codeagent uses. Nothing is created until something is written."""

    config: Path
    state: Path
    cache: Path
    data: Path

    @classmethod
    def default(cls) -> Paths:
        """The platform's standard folders; on Linux they follow XDG_CONFIG_HOME and its siblings."""
        from platformdirs import PlatformDirs  # not needed for `codeagent --version`

        dirs = PlatformDirs("codeagent", appauthor=False)
        return cls(dirs.user_config_path, dirs.user_state_path, dirs.user_cache_path, dirs.user_data_path)

    @property
    def config_file(self) -> Path:
        """The user's settings."""
        return self.config / "config.toml"

    @property
    def catalog_file(self) -> Path:
        """Models of the user's own beside the shipped catalogue."""
        return self.config / "catalog.toml"

    @property
    def trust_file(self) -> Path:
        """The folders the user has said may be worked in."""
        return self.state / "trusted.json"

    @property
    def log_file(self) -> Path:
        """What went wrong inside codeagent."""
        return self.state / "codeagent.log"

    @property
    def prompt_history(self) -> Path:
        """What was typed into the app's prompt."""
        return self.state / "prompts.jsonl"

    def sessions(self, root: Path) -> Path:
        """The folder of session logs of one workspace."""
        return self.state / "sessions" / _key(root)

    def checkpoints(self, root: Path) -> Path:
        """The folder with the earlier states of one workspace's files, which is kept small."""
        return self.state / "checkpoints" / _key(root)

    def index(self, root: Path) -> Path:
        """The database with the symbols of one workspace; it can be made again at any time."""
        return self.cache / "index" / f"{_key(root)}.sqlite"

    def vectors(self, root: Path) -> Path:
        """The folder with the vectors of one workspace's definitions; they can be made again at any time."""
        return self.cache / "index" / f"{_key(root)}.vectors"

    @property
    def candidates(self) -> Path:
        """The folder of the copies in which a task is solved several ways; nothing in it outlives the run."""
        return self.state / "candidates"

    def of_workspace(self, root: Path) -> list[Path]:
        """All that is kept for one workspace and is there, to be removed with it."""
        folders = (self.sessions(root), self.checkpoints(root), self.command_cache(root))
        found = [*folders, *(self.cache / "index").glob(f"{_key(root)}.*")]
        return [path for path in found if path.exists()]

    @property
    def warm_states(self) -> Path:
        """What models have read, a folder a model; it can be read again at any time."""
        return self.cache / "warm"

    @property
    def sandbox_tests(self) -> Path:
        """What was found out about the sandboxes of this machine; found out again when it is missing."""
        return self.cache / "sandbox" / "tests"

    def command_cache(self, root: Path) -> Path:
        """What commands may write beside one workspace: the caches of compilers and package managers."""
        return self.cache / "sandbox" / _key(root)


def _key(root: Path) -> str:
    """A name for what belongs to one workspace: its own, readable, plus a hash of the full path."""
    digest = hashlib.sha256(str(root).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in root.name)[:40]
    return f"{name or 'root'}-{digest}"
