"""Writes session logs with given times, as a session would have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from codeagent.agent.events import Event, MessageAdded, SessionStarted, TurnFinished, TurnStarted
from codeagent.agent.transcript import encode_record
from codeagent.inference.client import Message

START = 1_790_000_000.0


def started(model: str = "qwen2.5-coder-1.5b") -> SessionStarted:
    """The first event of a session."""
    return SessionStarted(session_id="s", cwd="/home/me/shop", model=model, tools=("read",), permission_mode="default")


def turn(request: str, answer: str) -> list[Event]:
    """A request with its answer."""
    return [
        TurnStarted(text=request),
        MessageAdded(message=Message(role="user", content=f"{request}\n\nwith the files it needs")),
        MessageAdded(message=Message(role="assistant", content=answer)),
        TurnFinished(outcome="done", text=answer),
    ]


def write_log(folder: Path, name: str, events: Sequence[Event], at: float = START, tail: bytes = b"") -> Path:
    """A log whose records are a second apart; `tail` is added as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    path.write_bytes(b"".join(encode_record(i, event, at + i) for i, event in enumerate(events)) + tail)
    os.utime(path, (at + len(events), at + len(events)))
    return path
