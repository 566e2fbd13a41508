"""What is at a path: its kind, its bytes' digest and its mode, as plain data; reads files and changes none."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from codeagent.tools.api import ToolError
from codeagent.tools.files import NotThereError, digest, read_bytes
from codeagent.tools.places import held

Kind = Literal["absent", "file", "link", "folder", "unknown"]
_KINDS: tuple[Kind, ...] = ("absent", "file", "link", "folder", "unknown")


@dataclass(frozen=True)
class State:
    """What is, or was, at a path. `digest` is that of a file's bytes or of where a link leads; `mode` has a file's
    permission bits.

    "unknown" is whatever could not be read, is too large or no file at all: it is there, and must not be replaced.
    """

    kind: Kind
    digest: str = ""
    mode: int = 0

    @property
    def no_file(self) -> bool:
        """Whether there is none. A folder is none; it comes and goes with what is in it."""
        return self.kind in ("absent", "folder")

    @property
    def has_data(self) -> bool:
        """Whether there are bytes to be kept for it."""
        return self.kind in ("file", "link")

    def same_content(self, other: State) -> bool:
        """Whether both are known and have the same content, or none; modes aside."""
        if self.no_file or other.no_file:
            return self.no_file and other.no_file
        return self.kind == other.kind != "unknown" and self.digest == other.digest

    def same_run_bit(self, other: State) -> bool:
        """Whether both may be run, or neither: the one bit of the mode that git knows too."""
        return (self.mode & 0o100) == (other.mode & 0o100) or self.kind != "file" or other.kind != "file"

    def as_json(self) -> list[str | int]:
        """For a journal."""
        return [self.kind, self.digest, self.mode]

    @classmethod
    def from_json(cls, data: object) -> State:
        """The state a journal holds; raises ValueError for anything else."""
        match data:
            case [str(kind), str(hexadecimal), int(mode)]:
                for known in _KINDS:
                    if kind == known:
                        return cls(known, hexadecimal, mode)
            case _:
                pass
        raise ValueError("this is no state of a file")


ABSENT = State("absent")
UNKNOWN = State("unknown")


def look(path: Path) -> tuple[State, bytes | None]:
    """What is at a path now, and the bytes of a file or of where a link leads; never waits for a pipe or a device.

    What can only be reached through a symbolic link is not there.
    """
    try:
        with held(path) as place:
            status = place.status()
            if stat.S_ISLNK(status.st_mode):
                data = os.fsencode(os.readlink(place.name, dir_fd=place.folder))
                return State("link", digest(data)), data
        if stat.S_ISDIR(status.st_mode):
            return State("folder"), None
        data = read_bytes(path, path.name)
    except (FileNotFoundError, NotADirectoryError, NotThereError):
        return ABSENT, None
    except (OSError, ValueError, ToolError) as e:
        return ABSENT if isinstance(e, OSError) and e.errno == errno.ELOOP else UNKNOWN, None
    return State("file", digest(data), stat.S_IMODE(status.st_mode)), data
