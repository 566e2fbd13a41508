"""Which folders the user has said may be worked in, and with which project settings; decides nothing else."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

PROJECT_CONFIG = Path(".codeagent") / "config.toml"


def config_digest(root: Path) -> str:
    """The SHA-256 of the project's settings file, or "" when there is none."""
    try:
        return hashlib.sha256((root / PROJECT_CONFIG).read_bytes()).hexdigest()
    except OSError:
        return ""


class TrustStore:
    """A small JSON file: workspace root → digest of the project settings at the time it was trusted."""

    def __init__(self, path: Path) -> None:
        """Nothing is read or made until it is asked."""
        self._path = path

    def _read(self) -> dict[str, str]:
        try:
            data: object = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}  # an unreadable list trusts nobody
        return {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # JSON

    def is_trusted(self, root: Path) -> bool:
        """Whether this folder was trusted before."""
        return str(root) in self._read()

    def config_trusted(self, root: Path) -> bool:
        """Whether its project settings are byte for byte those that were trusted."""
        return self._read().get(str(root)) == config_digest(root)

    def add(self, root: Path) -> None:
        """Trust this folder with its settings as they are now. Raises OSError when that cannot be stored."""
        trusted = self._read() | {str(root): config_digest(root)}
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(trusted, indent=1), encoding="utf-8")
        temporary.replace(self._path)
