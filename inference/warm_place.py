"""Which folder holds the states of which model, and what was measured of loading them; knows no engine."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from pydantic import Field, ValidationError

from codeagent.inference.client import Frozen
from codeagent.inference.warm_folder import StateFolder, size_of

MEASURED = "measured.json"
LEAST_SHARE = 0.5
"""Of all bytes allowed, the share that the model which is opened may always fill."""
FORGOTTEN_S = 24 * 3600.0
"""For so long a measurement is believed."""
_SAMPLES = 16
_SAMPLE = 64 << 10
_HEAD = 256 << 10
_PART = re.compile(r"-\d{5}-of-\d{5}(?=\.gguf$)")


class Measured(Frozen):
    """Tokens a second, as far as they are known: read by the model, and loaded from the disk (checking included), the
    latter `at` this time.
    """

    read: float | None = Field(default=None, gt=0)
    loaded: float | None = Field(default=None, gt=0)
    at: float

    @property
    def gain(self) -> float | None:
        """How many times as fast loading is."""
        return self.loaded / self.read if self.loaded and self.read else None

    @property
    def recent(self) -> bool:
        """Whether it is still to be believed: a disk that was busy once is tried again."""
        return abs(time.time() - self.at) < FORGOTTEN_S


def model_key(path: Path) -> str:
    """Tells models apart at the cost of reading about 1.3 MB: the SHA-256 of the sizes and times of all parts of the
    file, its first 256 KiB, and 16 samples of 64 KiB spread over it, the last one at its end. Raises OSError.
    """
    digest = hashlib.sha256()
    for part in _parts(path):
        with open(part, "rb") as file:
            status = os.fstat(file.fileno())
            digest.update(f"{status.st_size} {status.st_mtime_ns} ".encode())
            digest.update(file.read(_HEAD))
            for number in range(_SAMPLES):
                file.seek(max(0, status.st_size - _SAMPLE) * number // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE))
    return digest.hexdigest()


def folder_of(base: Path, model: Path) -> Path:
    """The folder for one model: its process is given no other, so that one model cannot leave states for another.
    Raises OSError.
    """
    return base / model_key(model)[:24]


def make_room(base: Path, own: Path, limit: int) -> int:
    """Bytes that `own` may fill when all folders together stay within the limit. Others give way when it is little."""
    others = [folder for folder in folders(base) if folder != own]
    allowed = int(limit * (1 - LEAST_SHARE))
    for folder in sorted(others, key=_last_used):
        excess = sum(map(size_of, others)) - allowed
        if excess <= 0:
            break
        StateFolder(folder, max(0, size_of(folder) - excess)).prune()
        if not size_of(folder):
            with suppress(OSError):
                (folder / MEASURED).unlink(missing_ok=True)
                folder.rmdir()
    return max(0, limit - sum(map(size_of, others)))


def folders(base: Path) -> list[Path]:
    """The folders of all models."""
    with suppress(OSError):
        return [path for path in base.iterdir() if path.is_dir() and not path.is_symlink()]
    return []


def measured(folder: Path) -> Measured | None:
    """What was measured last with this model; None if nothing was, or it cannot be read."""
    try:
        return Measured.model_validate_json((folder / MEASURED).read_bytes()[:4096])
    except (OSError, ValidationError):
        return None


def note(folder: Path, found: Measured) -> None:
    """Keep a measurement. Never raises."""
    temporary = folder / f".{MEASURED}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(found.model_dump_json().encode())
        temporary.replace(folder / MEASURED)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _last_used(folder: Path) -> float:
    with suppress(OSError):
        return max((path.stat().st_mtime for path in folder.iterdir()), default=0.0)
    return 0.0


def _parts(path: Path) -> list[Path]:
    real = Path(os.path.realpath(path))
    if not _PART.search(real.name):
        return [real]
    head, tail = _PART.split(real.name)
    return sorted(other for other in real.parent.iterdir() if _PART.sub("", other.name) == head + tail)
