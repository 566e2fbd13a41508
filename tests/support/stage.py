"""The whole app in a test: over a folder, with a script for a model and a home of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from textual.app import App
from textual.dom import NoScreen
from textual.pilot import Pilot

from codeagent.agent.bootstrap import SessionOptions
from codeagent.agent.config import Config
from codeagent.agent.paths import Paths
from codeagent.tui.app import CodeAgentApp

PATIENCE_S = 60


def screen_text(app: App[Any]) -> str:
    """What is on the screen."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Let the app work until the condition holds; fails when it never does."""
    end = monotonic() + PATIENCE_S
    while monotonic() < end:
        with suppress(NoScreen):  # between a widget's removal and the next layout there is no whole screen to look at
            if condition():
                return
        await pilot.pause(0.02)
    raise AssertionError(f"it did not come about; the screen:\n{screen_text(pilot.app)}")


@dataclass
class Stage:
    """A workspace and what the model will say."""

    folder: Path
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        self.root = self.folder / "repo"
        self.root.mkdir(exist_ok=True)
        home = self.folder / "home"
        self.paths = Paths(home / "config", home / "state", home / "cache", home / "data")
        self.script = self.folder / "script.jsonl"

    def app(self, *turns: dict[str, Any], interface: Config | None = None, **options: Any) -> CodeAgentApp:
        """The app over the workspace; by default the folder is trusted and nothing of the session is kept."""
        self.script.write_text("".join(json.dumps(turn) + "\n" for turn in turns or ({"text": "Ok."},)))
        given: dict[str, Any] = {"trust": True, "bare": True, "persist": False} | self.options | options
        made = SessionOptions(root=self.root, paths=self.paths, replay=self.script, **given)
        return CodeAgentApp(made, interface or Config(), guard_seconds=0)
