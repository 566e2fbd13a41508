"""Copies trees of files within a bound and removes them; knows no git and no workspace."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MAX_FILES = 20_000
MAX_BYTES = 1024 * 1024 * 1024


class TooLargeError(Exception):
    """There is more than the bound allows."""


@dataclass
class Bound:
    """What may still be copied: files and bytes."""

    files: int = MAX_FILES
    bytes: int = MAX_BYTES

    def take(self, size: int) -> None:
        """Take one file off. Raises TooLargeError."""
        self.files -= 1
        self.bytes -= size
        if self.files < 0 or self.bytes < 0:
            raise TooLargeError


def measure(source: Path, names: Iterable[str], bound: Bound) -> None:
    """Take all that these names hold, folders included, off the bound. Raises TooLargeError, and OSError."""
    for name in names:
        path = source / name
        if not os.path.lexists(path):
            continue
        if path.is_dir() and not path.is_symlink():
            for folder, _, files in os.walk(path):
                for file in files:
                    bound.take(Path(folder, file).lstat().st_size)
        else:
            bound.take(path.lstat().st_size)


def carry_over(source: Path, target: Path, names: Iterable[str]) -> None:
    """Make each of these names in the target what it is in the source: file, link, folder with all in it, or nothing.

    Pipes, sockets and devices are left out, and so are files that cannot be read. Raises OSError.
    """
    for name in names:
        there, here = source / name, target / name
        if not os.path.lexists(there):
            remove_tree(here)
        elif there.is_dir() and not there.is_symlink():
            shutil.copytree(there, here, symlinks=True, dirs_exist_ok=True, copy_function=_copy, ignore=_odd)
        elif not _is_odd(there):
            here.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(here):
                remove_tree(here)
            _copy(str(there), str(here))


def remove_tree(path: Path) -> None:
    """Remove a file or folder if it is there, also where folders in it are marked read-only. What cannot be removed
    stays.
    """
    if not path.is_dir() or path.is_symlink():
        with contextlib.suppress(OSError):
            path.unlink()
        return
    for folder, names, _ in os.walk(path):
        for inner in (Path(folder, name) for name in names):
            with contextlib.suppress(OSError):
                if not inner.is_symlink():
                    inner.chmod(stat.S_IRWXU)
    shutil.rmtree(path, ignore_errors=True)


def _copy(source: str, target: str) -> None:
    try:
        shutil.copy2(source, target, follow_symlinks=False)
    except PermissionError:
        if os.access(source, os.R_OK):
            raise


def _odd(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if _is_odd(Path(folder, name))]


def _is_odd(path: Path) -> bool:
    mode = path.lstat().st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode))
