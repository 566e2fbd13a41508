"""The session log: events appended one line at a time and never rewritten; knows files and events, not what they mean.

A line is `{"crc":"<8 hex digits>",<rest>` where the CRC-32 is that of `<rest>` without the newline.
One write(2) and one fsync a record, so a kill at any byte costs at most the record being written.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from codeagent.agent.events import EVENT, Event
from codeagent.agent.private import make_private_folder

_BEGINNING = b'{"crc":"'
_COMPANY = (
    "Another codeagent is at work in this folder. What it writes is not written over, but the two may work against "
    "each other."
)
_PADDING = b"\0 "
_TRANSIENT = {"text_delta", "reasoning_delta", "tool_call_delta", "tool_output", "prefill", "model_state"}


class TranscriptError(Exception):
    """A session log cannot be opened; the text is a sentence for the person."""


@dataclass(frozen=True)
class Loaded:
    """What a log held: the events that are whole, and how many lines were not."""

    events: tuple[Event, ...]
    damaged: int


def new_session_id() -> str:
    """A session id that sorts by time: `20260131-142501-1a2b3c`."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


def encode_record(seq: int, event: Event, at: float) -> bytes:
    """One line of the log, newline included."""
    body = f'"seq":{seq},"time":{at:.3f},"event":{EVENT.dump_json(event).decode()}}}'.encode()
    return b'{"crc":"%08x",%s\n' % (zlib.crc32(body), body)


def decode_record(line: bytes) -> Event | None:
    """The event of one line without its newline, or None when the line is torn, padded, foreign or altered."""
    if len(line) < 18 or not line.startswith(_BEGINNING) or line[16:18] != b'",':
        return None
    try:
        if int(line[8:16], 16) != zlib.crc32(line[18:]):
            return None
        return EVENT.validate_python(json.loads(line)["event"])
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
        return None


def load(path: Path) -> Loaded:
    """All whole events of a log. A bad line costs that line only. Raises TranscriptError when the file cannot be
    read.
    """
    try:
        raw = path.read_bytes()
    except OSError as e:
        raise TranscriptError(f"The session log {path.name} cannot be read ({e.strerror}).") from e
    events: list[Event] = []
    damaged = 0
    for line in raw.split(b"\n"):
        if not line.strip(b" "):
            continue
        event = decode_record(line)
        damaged += event is None
        event = event or _beside_damage(line)
        if event is not None:
            events.append(event)
    return Loaded(tuple(events), damaged)


def _beside_damage(line: bytes) -> Event | None:
    """The whole record among NUL padding, or behind a torn copy of itself, on one line; None when there is none.

    A record inside a torn one is not believed: what stands in a record may have been written by the model.
    """
    start = line.rfind(_BEGINNING)
    if start < 0:
        return None
    torn, record = line[:start].strip(_PADDING), line[start:].strip(_PADDING)
    return decode_record(record) if record.startswith(torn) else None


class Transcript:
    """An open session log. Only one process holds it; its file is 0600 in a folder of 0700."""

    def __init__(self, path: Path) -> None:
        """Open or create the log and lock it. Raises TranscriptError when it is in use or cannot be written."""
        self.path = path
        self._seq = 0
        try:
            make_private_folder(path.parent)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as e:
            raise _unwritable(path, e) from e
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            os.close(self._fd)
            raise TranscriptError(
                f"Session {path.stem} is open in another codeagent. Close that one, or add --fork-session."
            ) from e
        try:
            self._seq = self._end_last_line()
        except OSError as e:
            os.close(self._fd)
            raise _unwritable(path, e) from e

    def _end_last_line(self) -> int:
        """The number of the next record; a torn last one keeps its bytes and ends its line. Raises OSError."""
        size = os.fstat(self._fd).st_size
        if not size:
            return 0
        if os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")
        return self.path.read_bytes().count(b"\n") + 1

    def append(self, event: Event) -> None:
        """Write one event durably; deltas and progress are not kept. Raises TranscriptError when the disk refuses."""
        if event.type in _TRANSIENT:
            return
        data = encode_record(self._seq, event, time.time())
        try:
            written = os.write(self._fd, data)
            if written != len(data):
                os.write(self._fd, b"\n")
                raise OSError(28, "No space left on device")
            os.fsync(self._fd)
        except OSError as e:
            raise TranscriptError(
                f"The session log cannot be written ({e.strerror}). What was done so far is kept in {self.path}."
            ) from e
        self._seq += 1

    def extend(self, events: Iterable[Event]) -> None:
        """Append several events, as when a session is forked."""
        for event in events:
            self.append(event)

    def close(self) -> None:
        """Close and unlock. Safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _unwritable(path: Path, error: OSError) -> TranscriptError:
    return TranscriptError(
        f"The session log {path} cannot be written ({error.strerror}). "
        "Free the place or its permissions, or run with --no-session-persistence."
    )


def company(folder: Path, own: Transcript | None) -> tuple[str, ...]:
    """A sentence for the person where another codeagent has a session log of this folder open."""
    for path in folder.glob("*.jsonl"):
        if own is not None and path == own.path:
            continue
        try:
            with path.open("rb") as log:
                fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return (_COMPANY,)
        except OSError:
            continue
    return ()


def newest(folder: Path) -> Path | None:
    """The session log last written to, or None."""
    logs = sorted(folder.glob("*.jsonl"), key=lambda p: p.stat().st_mtime_ns) if folder.is_dir() else []
    return logs[-1] if logs else None


def find(folder: Path, session_id: str) -> Path:
    """The log of a session by its id or an unambiguous beginning of it. Raises TranscriptError with what there is."""
    logs = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    hits = [p for p in logs if p.stem == session_id] or [p for p in logs if p.stem.startswith(session_id)]
    if len(hits) == 1:
        return hits[0]
    known = ", ".join(p.stem for p in logs[-5:]) or "none"
    what = "is not unique" if hits else "is not known"
    raise TranscriptError(f"Session {session_id!r} {what} in this folder. Its latest sessions: {known}.")
