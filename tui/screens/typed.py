"""Paths as people type them; touches no file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def typed_path(text: str, root: Path) -> Path:
    """The absolute path that a person typed: `~` is the home, and what is relative starts at `root`."""
    path = Path(text.strip().replace("\0", ""))
    with suppress(RuntimeError):  # no such user's home: then the name stands as it is
        path = path.expanduser()
    return (root / path).absolute()
