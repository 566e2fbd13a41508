"""What the session's tools and commands changed, and its undoing; knows files, not why they changed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeagent.agent.changed_file import ChangedFile
from codeagent.agent.checkpoints.commands import CommandWatch
from codeagent.agent.checkpoints.putting import in_order, put
from codeagent.agent.checkpoints.record import Files, Record
from codeagent.agent.checkpoints.states import ABSENT, State, look
from codeagent.tools.api import Effect, EffectKind, ToolError, relative
from codeagent.tools.files import digest
from codeagent.tools.ledger import FileLedger
from codeagent.tools.text import decode
from codeagent.tools.workspace import printable

__all__ = ["ChangeLog", "ChangedFile", "Files", "Prospect", "Restored"]

_SETTLED_NS = 100_000_000
"""A file that was changed less long ago is read again: its time may not tell the next change."""


@dataclass(frozen=True)
class Prospect:
    """What going back would do: the files put `back`, and those that stay since somebody else changed them."""

    back: tuple[Path, ...]
    stay: tuple[Path, ...]


@dataclass(frozen=True)
class Restored:
    """What going back did: the files put `back`, by absolute path, and the names of those that stayed; all of it valid
    text.
    """

    back: tuple[str, ...]
    stayed: tuple[str, ...]


class ChangeLog:
    """The states of files before tools wrote them and commands changed them.

    A file is put back only while it is what a tool, a command or this left there; else it is somebody's work.
    """

    def __init__(
        self,
        root: Path,
        record: Record | None = None,
        commands: CommandWatch | None = None,
        notify: Callable[[str], None] = lambda text: None,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        """Paths in diffs are relative to the root. Without a record it lasts as long as the process; without
        `commands` only what tools write is known. `notify` is told of what cannot be kept.
        """
        self._root = root
        self._record = record or Record()
        self._commands = commands
        self._notify = notify
        self._on_close = on_close
        self._seen: dict[Path, tuple[tuple[int, ...], State]] = {}
        self._cannot_keep = False

    def note(self, effects: tuple[Effect, ...], texts: Mapping[str, str] | None = None) -> dict[str, bytes | None]:
        """The bytes now of each file about to be written, by absolute path; kept before it is.

        `texts` are those that it will get, by path, where that is known. Raises ToolError where they cannot be kept.
        """
        now = {e.target: look(Path(e.target)) for e in effects if e.kind is EffectKind.WRITE}
        writes = {
            Path(target): (state, data, _digest_of(data, (texts or {}).get(target), target))
            for target, (state, data) in now.items()
        }
        try:
            if writes:
                self._record.plan(writes)
        except OSError as e:
            raise ToolError(
                f"Nothing was written, because what it would replace cannot be kept for undo: {e.strerror}."
            ) from e
        return {target: data if state.kind == "file" else None for target, (state, data) in now.items()}

    def wrote(self, targets: Iterable[str]) -> None:
        """A tool has written these files, by absolute path: what is in them now is its work."""
        with self._keeping():
            self._record.leave({Path(target): self._look(Path(target))[0] for target in targets})

    @contextlib.asynccontextmanager
    async def watching(self, effects: Iterable[Effect]) -> AsyncGenerator[None]:
        """A call with these effects runs within this; what a command of it changes is noted."""
        if self._commands is None or all(e.kind is not EffectKind.EXECUTE for e in effects):
            yield
            return
        async with self._commands.watching():
            yield

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files that are not now what they were before the session, sorted."""
        now = self.snapshot()
        return tuple(sorted(p for p, first in self._record.first.items() if self._differs(p, first, now[p])))

    def changed(self, since: Files | None = None) -> tuple[ChangedFile, ...]:
        """The files that differ from a snapshot, or from before the session, sorted by path."""
        now, then = self.snapshot(), self._record.first | (since or {})
        return tuple(self._changed(p, then[p]) for p in sorted(now) if self._differs(p, then[p], now[p]))

    def snapshot(self) -> Files:
        """The states now of every file changed so far, to be restored later."""
        now = {path: self._state(path) for path in self._record.first}
        with self._keeping():
            self._record.see(now)
        return dict(self._record.latest)

    def mark(self, name: str) -> Files:
        """A snapshot that is found by its name also after the session is resumed."""
        snapshot = self.snapshot()
        with self._keeping():
            self._record.mark(name)
        return snapshot

    def marked(self, name: str) -> Files | None:
        """The snapshot of that name; None where there is none."""
        return self._record.marked(name)

    def unmark(self, name: str) -> None:
        """There is no snapshot of that name any more."""
        with self._keeping():
            self._record.unmark(name)

    def prospects(self, snapshots: Sequence[Files]) -> list[Prospect]:
        """For each snapshot what restore() would do now."""
        now = self.snapshot()
        found: list[Prospect] = []
        for snapshot in snapshots:
            back = {path for path, _, may in self._to_restore(snapshot, now) if may}
            every = [path for path, _, _ in self._to_restore(snapshot, now)]
            found.append(Prospect(tuple(p for p in every if p in back), tuple(p for p in every if p not in back)))
        return found

    def restore(self, snapshot: Files, ledger: FileLedger) -> tuple[str, ...]:
        """As `put_back`, for who does not need to know what stayed."""
        return self.put_back(snapshot, ledger).back

    def put_back(self, snapshot: Files, ledger: FileLedger) -> Restored:
        """Put every file changed since back to the snapshot.

        A file that is no longer what a tool, a command, or this last left there is somebody else's work and stays; one
        that was removed comes back. The ledger learns of the new bytes.
        """
        now = self.snapshot()
        wanted = list(self._to_restore(snapshot, now))
        stayed = [path for path, _, may in wanted if not may]
        back: list[Path] = []
        ours = in_order((path, target) for path, target, may in wanted if may)
        with self._keeping():
            self._record.plan({p: (now[p], None, target.digest) for p, target in ours}, of_tool=False)
        for path, target in ours:
            try:
                self._put(path, now[path], target)
            except ToolError:
                stayed.append(path)
                continue
            if target.kind == "file":
                known = ledger.seen(path)
                ledger.note(path, target.digest, known is not None and known.whole)
            back.append(path)
        names = (relative(path, self._root) for path in sorted(stayed))
        return Restored(tuple(printable(str(path)) for path in sorted(back)), tuple(map(printable, names)))

    def put(self, path: Path, data: bytes | None, expected: bytes | None) -> None:
        """Give a file of the session other bytes, None for no file, as the person wants it who saw the expected ones.

        Raises ToolError if it no longer has those. A model that knew the file has to read it again before it writes it.
        """
        now, there = self._look(path)
        if there != expected:
            raise self._meanwhile(path)
        target = ABSENT if data is None else State("file", digest(data), (now if now.mode else self._was(path)).mode)
        with self._keeping():
            if data is not None:
                self._record.blobs.put(target.digest, data, sync=False)
            self._record.plan({path: (now, there, target.digest)}, of_tool=False)
        self._put(path, now, target)

    def revert(self, file: ChangedFile) -> None:
        """Put a file back whole to what it was. Raises ToolError if it is not any more as the person saw it."""
        now, there = self._look(file.path)
        if not (now.same_content(file.state) and now.same_run_bit(file.state)):
            raise self._meanwhile(file.path)
        with self._keeping():
            self._record.plan({file.path: (now, there, file.was.digest)}, of_tool=False)
        self._put(file.path, now, file.was)

    def data(self, file: ChangedFile) -> bytes | None:
        """The bytes that a file has now, or of where a link leads; None where there are none or they are not kept."""
        return self._record.blobs.get(file.state.digest) if file.state.has_data else None

    def would_take(self, path: Path, file: ChangedFile) -> bool:
        """Whether there is here what was there before a file changed in a copy of the workspace."""
        now = self._look(path)[0]
        return now.same_content(file.was) and now.same_run_bit(file.was)

    def take_over(self, path: Path, file: ChangedFile, data: bytes | None) -> None:
        """Give a path what a file came to in a copy of the workspace, where it has this data. Raises ToolError where it
        is not here what it was there before.
        """
        if not self.would_take(path, file):
            raise self._meanwhile(path)
        now, there = self._look(path)
        with self._keeping():
            if data is not None:
                self._record.blobs.put(file.state.digest, data, sync=False)
            self._record.plan({path: (now, there, file.state.digest)})
        put(path, now, file.state, data, relative(path, self._root))
        with self._keeping():
            self._record.leave({path: self._look(path)[0]})

    def unified_diff(self, commands: bool = False) -> str:
        """All changes of tools, or those of commands as well, as one unified diff in git's form, which `git apply`
        takes; "" when there are none.
        """
        files = (file for file in self.changed() if commands or file.path in self._record.written)
        return "".join(file.unified_diff() for file in files)

    def close(self) -> None:
        """The session is over. Safe to call twice."""
        self._on_close()

    def _meanwhile(self, path: Path) -> ToolError:
        shown = relative(path, self._root)
        return ToolError(f"{shown} was changed by somebody else just now, and was left as it is. Look at it again.")

    def _was(self, path: Path) -> State:
        return self._record.first.get(path, ABSENT)

    def _changed(self, path: Path, was: State) -> ChangedFile:
        old = self._record.blobs.get(was.digest) if was.has_data else None
        return ChangedFile.of(path, relative(path, self._root), (was, old), self._look(path))

    def _differs(self, path: Path, then: State, now: State) -> bool:
        """Whether a file is not what it was. A run bit that we did not change is the person's affair."""
        if then.kind == now.kind == "unknown":
            return False
        left = self._record.left.get(path)
        return not now.same_content(then) or (
            not now.same_run_bit(then) and left is not None and left.same_run_bit(now)
        )

    def _to_restore(self, snapshot: Files, now: Files) -> Iterator[tuple[Path, State, bool]]:
        """Each file that differs from the snapshot, the state it had then, and whether it may be put back."""
        for path, first in self._record.first.items():
            target, state, left = snapshot.get(path, first), now[path], self._record.left.get(path)
            if self._differs(path, target, state):
                ours = state.no_file or (left is not None and state.same_content(left))
                yield path, target, ours and (target.has_data or target.no_file)

    def _put(self, path: Path, now: State, target: State) -> None:
        data = self._record.blobs.get(target.digest) if target.has_data else None
        put(path, now, target, data, relative(path, self._root))
        with self._keeping():
            self._record.leave({path: self._look(path)[0]})

    def _state(self, path: Path) -> State:
        """What is at a path now; a file is only read where it may have changed."""
        try:
            status = os.lstat(path)
        except OSError:
            return self._look(path)[0]
        at = (status.st_dev, status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._seen.get(path)
        if known is not None and known[0] == at:
            return known[1]
        state, _ = self._look(path)
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_NS:
            self._seen[path] = (at, state)
        return state

    def _look(self, path: Path) -> tuple[State, bytes | None]:
        """What is at a path now, and its bytes, which are kept."""
        state, data = look(path)
        if data is not None:
            with self._keeping():
                self._record.blobs.put(state.digest, data, sync=False)
        return state, data if state.kind == "file" else None

    @contextlib.contextmanager
    def _keeping(self) -> Generator[None]:
        """The work goes on where something of it cannot be kept, and that is said once."""
        try:
            yield
        except OSError as e:
            if not self._cannot_keep:
                self._cannot_keep = True
                self._notify(f"Not everything can be kept for undo any more: {e.strerror}.")


def _digest_of(data: bytes | None, text: str | None, shown: str) -> str | None:
    """The digest that a file will have with another text; None where that is not known."""
    try:
        return None if text is None else digest(decode(data or b"", shown).with_text(text).encode(shown))
    except ToolError:
        return None
