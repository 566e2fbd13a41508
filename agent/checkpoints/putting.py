"""Gives a path another state: bytes, link or nothing, and the run bit; whether it may is decided elsewhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable
from pathlib import Path

from codeagent.agent.checkpoints.states import State, look
from codeagent.tools.api import ToolError
from codeagent.tools.files import remove, write_atomic
from codeagent.tools.places import held

_RUN_BITS = 0o111


def put(path: Path, now: State, target: State, data: bytes | None, shown: str) -> None:
    """Replace what is at a path, which must still be `now`. `data` are the bytes of the target.

    Raises ToolError with a sentence, and leaves it as it is, where it has changed or cannot be replaced.
    """
    if target.has_data and data is None:
        raise ToolError(f"{shown} was left as it is: what it was before is not kept any more.")
    if not target.has_data and not target.no_file:
        raise ToolError(f"{shown} was left as it is: what it was before could not be read then.")
    if now.kind == "folder" and target.no_file:
        return
    if now.kind in ("unknown", "folder") and not _empty_folder(path):
        raise ToolError(f"{shown} was left as it is: what is there now is no file that can be replaced.")
    if now.kind == "file" and target.kind == "file" and data is not None:
        if not now.same_content(target):
            write_atomic(path, data, now.digest, shown, override=True)
    else:
        _clear(path, now, shown)
        if data is not None and target.kind == "file":
            write_atomic(path, data, None, shown)
            _change_mode(path, target.mode, shown)
        elif data is not None:
            _link(path, data, shown)
    if now.kind == target.kind == "file" and not now.same_run_bit(target):
        readable = (now.mode & 0o444) >> 2  # who may read it may run it
        _change_mode(path, now.mode & ~_RUN_BITS | (readable if target.mode & 0o100 else 0), shown)


def in_order(paths: Iterable[tuple[Path, State]]) -> list[tuple[Path, State]]:
    """What is to go first, the deepest before all; then what is to come, from the top."""
    paths = list(paths)
    going = [each for each in paths if each[1].no_file]
    coming = [each for each in paths if not each[1].no_file]
    return sorted(going, key=lambda each: (-len(each[0].parts), each[0])) + sorted(coming, key=lambda each: each[0])


def _clear(path: Path, now: State, shown: str) -> None:
    if now.kind == "file":
        remove(path, now.digest, shown)
    elif now.kind == "link":
        with _sentences(shown), held(path) as place:
            if look(path)[0] != now:
                raise ToolError(f"{shown} was changed by somebody else just now, and was left as it is.")
            os.unlink(place.name, dir_fd=place.folder)
    elif now.kind == "folder":
        with _sentences(shown), held(path) as place:
            os.rmdir(place.name, dir_fd=place.folder)


def _link(path: Path, leads_to: bytes, shown: str) -> None:
    with _sentences(shown):
        if os.path.realpath(path.parent) == str(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
    with _sentences(shown), held(path) as place:
        os.symlink(os.fsdecode(leads_to), place.name, dir_fd=place.folder)


def _change_mode(path: Path, mode: int, shown: str) -> None:
    with _sentences(shown), held(path) as place:
        fd = place.open(os.O_RDONLY)
        try:
            os.fchmod(fd, mode)
        finally:
            os.close(fd)


def _empty_folder(path: Path) -> bool:
    try:
        return not path.is_symlink() and not any(path.iterdir())
    except OSError:
        return False


@contextlib.contextmanager
def _sentences(shown: str) -> Generator[None]:
    try:
        yield
    except OSError as e:
        raise ToolError(f"{shown} was left as it is: {e.strerror or type(e).__name__}.") from e
