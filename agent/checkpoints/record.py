"""What a session knows of the files it changed: how each was first, is now, and was left; changes no file itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from codeagent.agent.checkpoints.blobs import Blobs, MemoryBlobs
from codeagent.agent.checkpoints.journal import Data, Journal, load
from codeagent.agent.checkpoints.states import State, look

Files = dict[Path, State]


@dataclass(frozen=True)
class Change:
    """What a command did to a file. The bytes of the state before are kept already."""

    path: Path
    was: State
    left: State


@dataclass(frozen=True)
class Plan:
    """A write that was about to happen: what it replaces and, where that was known, the digest of what it leaves."""

    was: State
    will: str | None


class Record:
    """The states, and the marks set among them. With a journal they are known again after a restart or a kill."""

    END: ClassVar[Data] = {"do": "end"}
    """The last line of a session that was closed in order."""

    def __init__(self, blobs: Blobs | None = None, journal: Journal | None = None) -> None:
        """Learns what the journal holds; without one it lasts as long as the process."""
        self.blobs: Blobs = blobs or MemoryBlobs()
        self._journal = journal
        self.first: Files = {}
        self.left: Files = {}
        self.latest: Files = {}
        self.written: set[Path] = set()
        """Files that tools wrote."""
        self._marks: dict[str, Files] = {}
        self._plans: dict[Path, Plan] = {}
        self.cut_off = False
        """Whether the process was killed while a command ran, whose changes are not known."""
        self.unfinished: frozenset[Path] = frozenset()
        """Files that a killed process was about to write."""
        if journal is not None:
            for data in load(journal.path):
                self._take(data)
            self.unfinished = frozenset(self._plans)
            self._settle()

    def plan(self, writes: Mapping[Path, tuple[State, bytes | None, str | None]], of_tool: bool = True) -> None:
        """Files are about to be written: their states, their bytes if they are not kept yet, and the digest of what
        they get where it is known, "" for no file.

        All of it is on the disk when this returns. Raises OSError where that cannot be: then nothing may be written.
        """
        do = "plan" if of_tool else "back"
        records: list[Data] = []
        for path, (was, data, will) in writes.items():
            if data is not None:
                self.blobs.put(was.digest, data, sync=True)
            records.append({"do": do, "path": str(path), "was": was.as_json(), "will": will})
        if records:
            self._write(records, sync=True)

    def leave(self, states: Mapping[Path, State]) -> None:
        """We have written these files, and this is what is there now. Raises OSError."""
        self._write([{"do": "left", "files": _as_json(states)}])

    def command_begins(self) -> None:
        """A command is started that may change any file. Raises OSError."""
        self._write([{"do": "began"}])

    def command_ended(self, changes: Iterable[Change]) -> None:
        """A command has done this; where that is not known, nothing. Raises OSError."""
        files = {str(c.path): [c.was.as_json(), c.left.as_json()] for c in changes}
        self._write([{"do": "command", "files": files}], sync=True)

    def see(self, states: Mapping[Path, State]) -> None:
        """Known files were found like this, whoever made them so. Raises OSError."""
        news = {path: state for path, state in states.items() if self.latest.get(path) != state}
        if news:
            self._write([{"do": "seen", "files": _as_json(news)}])

    def mark(self, name: str) -> None:
        """Give the latest states a name, which an earlier one of that name loses. Raises OSError."""
        self._write([{"do": "mark", "name": name}])

    def unmark(self, name: str) -> None:
        """No states have that name any more. Raises OSError."""
        if name in self._marks:
            self._write([{"do": "unmark", "name": name}])

    def marked(self, name: str) -> Files | None:
        """The states a mark was set on; None where there is none."""
        return self._marks.get(name)

    def close(self) -> None:
        """End it in order. Safe to call twice."""
        if self._journal is not None:
            with contextlib.suppress(OSError):
                self._journal.append([self.END], sync=False)
            self._journal.close()
            self._journal = None

    def _write(self, records: list[Data], sync: bool = False) -> None:
        for data in records:
            self._take(data)
        if self._journal is not None:
            self._journal.append(records, sync)

    def _take(self, data: Data) -> None:
        """Learn one record; one that makes no sense is left out, as a line of another program would be."""
        try:
            match data:
                case {"do": "plan" | "back" as do, "path": str(path), "was": was, "will": str() | None as will}:
                    if do == "plan":
                        self.written.add(Path(path))
                    self._plans[Path(path)] = Plan(State.from_json(was), will)
                    self._meet(Path(path), State.from_json(was))
                case {"do": "left", "files": files}:
                    for path, state in _states(files).items():
                        self._leave(path, state)
                case {"do": "command", "files": dict(files)}:  # pyright: ignore[reportUnknownVariableType]  # JSON
                    self.cut_off = False
                    for path, (was, left) in files.items():  # pyright: ignore[reportUnknownVariableType]  # JSON
                        self._meet(Path(path), State.from_json(was))  # pyright: ignore[reportUnknownArgumentType]  # JSON
                        self._leave(Path(path), State.from_json(left))  # pyright: ignore[reportUnknownArgumentType]  # JSON
                case {"do": "began"}:
                    self.cut_off = True
                case {"do": "seen", "files": files}:
                    self.latest |= _states(files)
                case {"do": "mark", "name": str(name)}:
                    self._marks[name] = dict(self.latest)
                case {"do": "unmark", "name": str(name)}:
                    self._marks.pop(name, None)
                case _:
                    pass
        except (ValueError, TypeError):
            pass

    def _meet(self, path: Path, state: State) -> None:
        self.first.setdefault(path, state)
        self.latest[path] = state

    def _leave(self, path: Path, state: State) -> None:
        self._plans.pop(path, None)
        self.left[path] = self.latest[path] = state

    def _settle(self) -> None:
        """Find out which of the writes that a kill cut off were made."""
        for path, plan in list(self._plans.items()):
            now, data = look(path)
            if now.kind != "unknown" and now.digest == plan.will:
                if data is not None:
                    self.blobs.put(now.digest, data, sync=False)
                self.leave({path: now})


def _as_json(states: Mapping[Path, State]) -> dict[str, list[str | int]]:
    return {str(path): state.as_json() for path, state in states.items()}


def _states(data: object) -> Files:
    if not isinstance(data, dict):
        raise ValueError("these are no states of files")
    return {Path(str(path)): State.from_json(state) for path, state in data.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # JSON
