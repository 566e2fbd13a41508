"""The sandbox's own files in the cache folder: what commands may write there, and what the self-test found."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp


def make_private(folder: Path) -> None:
    """Make a folder, with those above it, that only its owner can look into. Raises OSError."""
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)  # mkdir(parents=True) gives the mode to the last one only


def empty(folder: Path) -> None:
    """Remove what an earlier session left in a folder of temporary files, and make it anew. Raises OSError."""
    shutil.rmtree(folder, ignore_errors=True)
    make_private(folder)


@contextmanager
def scratch(parent: Path) -> Generator[Path]:
    """A folder for the length of a test. Raises OSError."""
    make_private(parent)
    folder = Path(mkdtemp(prefix="self-test-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remembered(file: Path, key: str) -> str | None:
    """What was remembered with this very key; None for another key, and for a file that is damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["held"] == key:
            return str(found["about"])
    return None


def remember(file: Path, key: str, about: str) -> None:
    """Remember a key instead of what was remembered before; a cache that cannot be written is done without."""
    with suppress(OSError):
        make_private(file.parent)
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as out:
            out.write(json.dumps({"held": key, "about": about}))
        fresh.replace(file)


def forget(file: Path) -> None:
    """Remember nothing any more."""
    with suppress(OSError):
        file.unlink()


def taken_away(file: Path) -> bool:
    """Remove a file that should not be there; whether it was."""
    try:
        file.unlink()
    except OSError:
        return False
    return True
