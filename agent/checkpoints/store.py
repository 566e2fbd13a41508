"""The folder in which a workspace's earlier states are kept: opened by each session, capped and tidied when alone."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
from pathlib import Path

from codeagent.agent.checkpoints.blobs import DiskBlobs
from codeagent.agent.checkpoints.journal import Journal, encode, load
from codeagent.agent.checkpoints.record import Record
from codeagent.agent.private import make_private_folder, write_private
from codeagent.tools.files import sweep

CAP = 512 * 1024 * 1024
"""Bytes of earlier contents of one workspace; beyond them the oldest sessions can no longer be undone."""
SHADOW_CAP = 1024 * 1024 * 1024
"""Bytes of the files that the shadow repository took in; beyond them it is begun anew."""
_SUFFIX = ".journal"
_DIGEST = re.compile(rb'"([0-9a-f]{64})"')
_LITTER = ("objects/??/tmp_*", "objects/pack/tmp_*", "objects/tmp_*", "*.lock")


class Store:
    """One session's hold on the folder. The newest sessions' states stay when there are too many."""

    def __init__(self, folder: Path, session: str, source: str | None = None, cap: int = CAP) -> None:
        """Open the record of a session, which begins with that of `source` if it has none yet. Raises OSError."""
        make_private_folder(folder)
        self._folder = folder
        self._cap = cap
        self._blobs = DiskBlobs(folder / "blobs")
        self._closed = False
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if self._alone():
                self._tidy(keep={session, source or session})
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            path = folder / f"{session}{_SUFFIX}"
            if source is not None and source != session and not path.exists():
                write_private(path, b"".join(map(encode, load(folder / f"{source}{_SUFFIX}"))))
            self.record = Record(self._blobs, Journal(path))
        except OSError:
            os.close(self._lock)
            raise

    @property
    def shadow_folder(self) -> Path:
        """Where the shadow repository of the workspace lies."""
        return self._folder / "shadow"

    def close(self, taken_in: int = 0) -> None:
        """Note what was added, `taken_in` of it by the shadow repository, and let go. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):  # a size that is not known is counted at the next start
            contents, shadow = self._sizes()
            self._note_sizes(contents + self._blobs.added, shadow + taken_in)
        self.record.close()
        os.close(self._lock)

    def _alone(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _tidy(self, keep: set[str]) -> None:
        """Clear up after sessions that were killed, and drop the oldest ones where too much is kept."""
        journals = sorted(self._folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
        killed = [path for path in journals if not _ended(path)]
        contents, shadow = self._sizes()
        if killed:
            self._blobs.clear_temporary()
            for pattern in _LITTER:
                for path in (self.shadow_folder / "git").glob(pattern):
                    path.unlink(missing_ok=True)
            for path in killed:
                _clear_up(path)
            contents = self._blobs.size()
        if shadow > SHADOW_CAP:
            shutil.rmtree(self.shadow_folder, ignore_errors=True)
            shadow = 0
        if contents > self._cap:
            contents = self._drop([path for path in journals if path.stem not in keep], journals)
        self._note_sizes(contents, shadow)

    def _drop(self, oldest: list[Path], journals: list[Path]) -> int:
        """Forget sessions until the contents that are left fit; returns their bytes."""
        kept = {path: set(_DIGEST.findall(path.read_bytes())) for path in journals}
        size = self._blobs.size()
        for path in oldest:
            if size <= self._cap:
                break
            del kept[path]
            path.unlink()
            self._blobs.keep_only(digest.decode() for digests in kept.values() for digest in digests)
            size = self._blobs.size()
        return size

    def _sizes(self) -> tuple[int, int]:
        try:
            match json.loads((self._folder / "sizes.json").read_bytes()):
                case [int(contents), int(shadow)]:
                    return contents, shadow
                case _:
                    pass
        except (OSError, ValueError):
            pass
        return self._blobs.size(), 0

    def _note_sizes(self, contents: int, shadow: int) -> None:
        write_private(self._folder / "sizes.json", json.dumps([contents, shadow]).encode())


def _ended(path: Path) -> bool:
    """Whether the session that wrote it came to its end."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64))
        return file.read().endswith(encode(Record.END))
    return True


def _clear_up(path: Path) -> None:
    """Remove what the writes of a killed session left beside the files they were for."""
    with contextlib.suppress(OSError):  # it is open in another codeagent after all
        record = Record(None, Journal(path))
        for folder in {file.parent for file in record.unfinished}:
            sweep(folder.glob(".codeagent-*"))
        record.close()
