"""The sessions of a workspace, listed, searched and named from their logs, which are only read, and read only so far;
knows no front end.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from codeagent.agent import events
from codeagent.agent.events import Event
from codeagent.agent.text import printable
from codeagent.agent.transcript import TranscriptError, decode_record

MAX_BYTES = 64 << 20
"""Of a log, no more than this is read for a list or a search."""
MAX_LINE = 8 << 20
"""A longer record is passed over."""
MAX_NAME = 100
MAX_REQUESTS = 50
TITLE = 200
TAIL = 512 << 10
EXCERPT = 60

_HEAD = re.compile(rb'\{"crc":"([0-9a-f]{8})","seq":\d+,"time":(\d+\.\d+),"event":\{"type":"(\w+)"')
_SEARCHED = {b"turn_started", b"steered", b"message_added", b"shell_ran", b"tool_started"}


@dataclass(frozen=True)
class SessionSummary:
    """A session as a list shows it; all texts are fit for a terminal, times in seconds since 1970.

    `title` is the first line of the first request, `requests` the first lines of the latest ones. `complete` is False
    where the log was too long to be read whole: then there may be more turns and damaged lines than are counted.
    """

    id: str
    path: Path
    name: str
    title: str
    started: float
    last: float
    turns: int
    model: str
    requests: tuple[str, ...]
    damaged: int
    size: int
    complete: bool


def list_sessions(folder: Path) -> list[SessionSummary]:
    """The sessions whose logs are in the folder, the one last written to first.

    Those in which nothing was ever asked are left out. A log that cannot be read is listed with that as its title.
    Raises TranscriptError when the folder cannot be read; one that does not exist is empty.
    """
    try:
        logs = [path for path in folder.iterdir() if path.suffix == ".jsonl"]
    except FileNotFoundError:
        return []
    except OSError as e:
        raise TranscriptError(f"The sessions in {folder} cannot be listed ({_reason(e)}).") from e
    summaries = [summarise(path) for path in logs]
    return sorted((s for s in summaries if s.turns or s.damaged), key=lambda s: (s.last, s.id), reverse=True)


def summarise(path: Path) -> SessionSummary:
    """What there is to say of one session."""
    turns = damaged = size = 0
    started = last = 0.0
    complete, title, model = True, "", ""
    requests: deque[str] = deque(maxlen=MAX_REQUESTS)
    try:
        with _open(path) as file:
            status = os.fstat(file.fileno())
            size, last, complete = status.st_size, status.st_mtime, status.st_size <= MAX_BYTES
            for line in _lines(file):
                head = _HEAD.match(line)
                if head is None or int(head[1], 16) != zlib.crc32(memoryview(line)[18:]):
                    damaged += 1
                    continue
                started = started or float(head[2])
                last = float(head[2]) if complete else last
                if head[3] not in (b"turn_started", b"session_started"):
                    continue
                match decode_record(line):
                    case events.TurnStarted(text=text):
                        turns += 1
                        requests.append(_first_line(text))
                        title = title or requests[-1]
                    case events.SessionStarted(model=name):
                        model = printable(name)
                    case _:
                        damaged += 1
    except OSError as e:
        title, damaged = f"(its log cannot be read: {_reason(e)})", 1
    return SessionSummary(
        id=path.stem,
        path=path,
        name=_name(path),
        title=title or "(its requests are damaged)",
        started=started or last,
        last=last,
        turns=turns,
        model=model,
        requests=tuple(requests),
        damaged=damaged,
        size=size,
        complete=complete,
    )


def find_text(path: Path, text: str) -> str | None:
    """The text with what stands around it where a session's requests, answers or commands first have it, in any case;
    None where they do not, or the log cannot be read.
    """
    wanted = text.casefold()
    escaped = json.dumps(wanted, ensure_ascii=False)[1:-1]
    try:
        with _open(path) as file:
            for line in _lines(file):
                head = _HEAD.match(line)
                if head is None or head[3] not in _SEARCHED:
                    continue
                if escaped not in line.decode("utf-8", "replace").casefold():
                    continue  # most lines end here, before they are parsed
                event = decode_record(line)
                said = "" if event is None else _said(event)
                at = said.casefold().find(wanted)
                if at >= 0:
                    return _excerpt(said, at, len(text))
    except OSError:
        return None
    return None


def last_answer(path: Path) -> str:
    """The last that the model said in a session, fit for a terminal; "" if that does not stand near the log's end."""
    try:
        with _open(path) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - TAIL))
            lines = file.read(TAIL).split(b"\n")
    except OSError:
        return ""
    for line in reversed(lines):
        match decode_record(line):
            case events.MessageAdded(message=message) if message.role == "assistant" and message.content.strip():
                return printable(message.content.strip())
            case _:
                pass
    return ""


def rename(path: Path, name: str) -> None:
    """Give a session a name of its own, or with "" take it away. The log stays as it is: the name is a file beside it.

    Raises TranscriptError, a sentence.
    """
    name = _first_line(name)[:MAX_NAME]
    target = path.with_suffix(".name")
    try:
        if not name:
            target.unlink(missing_ok=True)
            return
        temporary = target.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(name, encoding="utf-8")
        temporary.replace(target)
    except OSError as e:
        raise TranscriptError(f"The session cannot be renamed: {target} cannot be written ({_reason(e)}).") from e


def _name(path: Path) -> str:
    try:
        with _open(path.with_suffix(".name")) as file:
            return _first_line(file.read(4 * MAX_NAME).decode("utf-8", "replace"))[:MAX_NAME]
    except OSError:
        return ""


def _open(path: Path) -> BinaryIO:
    """Open an ordinary file to read; never waits for a pipe."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return os.fdopen(fd, "rb")
    os.close(fd)
    raise OSError(errno.EINVAL, "it is not an ordinary file")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of the first MAX_BYTES, newlines taken off; blank ones and those longer than MAX_LINE are left out."""
    read = 0
    while read < MAX_BYTES and (line := file.readline(MAX_LINE)):
        read += len(line)
        too_long = len(line) == MAX_LINE and not line.endswith(b"\n")
        while too_long and read < MAX_BYTES and (rest := file.readline(MAX_LINE)):
            read += len(rest)
            if rest.endswith(b"\n"):
                break
        if not too_long and line.strip(b" \n"):
            yield line.removesuffix(b"\n")


def _first_line(text: str) -> str:
    """The first line that is not blank, fit for a terminal and a title."""
    return printable(next((line.strip() for line in text[: 10 * TITLE].splitlines() if line.strip()), ""))[:TITLE]


def _said(event: Event) -> str:
    match event:
        case events.TurnStarted(text=text) | events.Steered(text=text):
            return text
        case events.MessageAdded(message=message) if message.role == "assistant":
            return message.content
        case events.ShellRan(command=command):
            return command
        case events.ToolStarted(title=title):
            return title
        case _:
            return ""


def _excerpt(text: str, at: int, length: int) -> str:
    start, end = max(0, at - EXCERPT // 2), min(len(text), at + length + EXCERPT)
    inner = " ".join(printable(text[start:end]).split())
    return f"{'…' if start else ''}{inner}{'…' if end < len(text) else ''}"


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
