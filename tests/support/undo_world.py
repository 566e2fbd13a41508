"""A folder and sessions over it that do what they are told, kept in a state folder; for tests of undo."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from codeagent.agent.bootstrap import Opened, SessionOptions, open_session
from codeagent.agent.events import Event, Notice, Redone, Rewound
from codeagent.agent.paths import Paths
from codeagent.agent.permissions import Answer, Question

Item = dict[str, Any]


class Yes:
    """A person who says yes."""

    async def ask(self, question: Question) -> Answer:
        return Answer("once")


def runs(command: str) -> Item:
    return {"calls": [{"name": "run", "arguments": {"command": command}}]}


def writes(path: str, text: str) -> Item:
    return {"calls": [{"name": "write", "arguments": {"path": path, "content": text}}]}


def reads(path: str) -> Item:
    return {"calls": [{"name": "read", "arguments": {"path": path}}]}


class UndoWorld:
    """Sessions one after the other, or at once."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.home = home
        self.paths = Paths(home / "config", home / "state", home / "cache", home / "data")
        self.events: list[Event] = []
        self.scripts = 0

    @asynccontextmanager
    async def session(self, *turns: list[Item], **options: Any) -> AsyncGenerator[Opened]:
        """A session that plays these turns when it is asked to."""
        self.scripts += 1
        self.home.mkdir(parents=True, exist_ok=True)
        script = self.home / f"script{self.scripts}.jsonl"
        items = [item for turn in turns for item in (*turn, {"text": "done"})]
        script.write_text("".join(json.dumps(item) + "\n" for item in items or [{"text": "."}]))
        base: dict[str, Any] = {"trust": True, "bare": True, "paths": self.paths}
        flags = {"permission_mode": "bypassPermissions"}
        session = SessionOptions(root=self.root, replay=script, flags=flags, **(base | options))
        opened = open_session(session, self.events.append, Yes())
        try:
            for number in range(len(turns)):
                await opened.session.run_turn(f"request {number + 1}")
            yield opened
        finally:
            await opened.session.close()

    def tree(self) -> dict[str, bytes]:
        """Every file of the folder but git's, with its bytes; a link with where it leads."""
        found: dict[str, bytes] = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if ".git" in path.relative_to(self.root).parts:
                continue
            if path.is_symlink():
                found[name] = os.fsencode(f"-> {path.readlink()}")
            elif path.is_file():
                found[name] = path.read_bytes()
        return found

    @property
    def notices(self) -> list[str]:
        """The sentences for the person."""
        return [event.text for event in self.events if isinstance(event, Notice)]

    @property
    def stayed(self) -> tuple[str, ...]:
        """What the latest undo or redo left as it was."""
        return next(e.stayed for e in reversed(self.events) if isinstance(e, Rewound | Redone))

    @property
    def kept(self) -> Path:
        """The folder of the earlier states."""
        return self.paths.checkpoints(self.root)
