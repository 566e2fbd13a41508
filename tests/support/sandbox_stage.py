"""A home, a workspace and what lies beside them on a real disk, for commands that try to get out of a sandbox."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import Command, Finished, Script
from open_ground import open_ground

PROGRAMS = ("sh", "bash", "env", "cat", "ls", "touch", "true", "sleep", "git", "python3")
KEPT = ("PATH", "LANG", "LC_ALL", "TERM")


@dataclass
class SandboxStage:
    """Everything lies below `base`, which a sandbox does not hide as it does /tmp."""

    base: Path
    env: dict[str, str]

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def workspace(self) -> Path:
        return self.base / "ws"

    @property
    def codeagent(self) -> Command:
        """The installed command, started in the workspace."""
        return Command(self.env, self.workspace)

    def run(self, *command: str, options: tuple[str, ...] = (), timeout: float = 60) -> Finished:
        """`codeagent sandbox OPTIONS -- COMMAND`."""
        return self.codeagent("sandbox", *options, "--", *command, timeout=timeout)

    def python(self, program: str, *arguments: str, options: tuple[str, ...] = ()) -> Finished:
        """The same for a Python program."""
        return self.run(sys.executable, "-I", "-S", "-c", program, *arguments, options=options)

    def task(self, *commands: str | dict[str, Any], options: tuple[str, ...] = ("--yolo",)) -> Finished:
        """A session whose model calls the tool `run` with these commands, or arguments, one a step."""
        calls = [{"command": command} if isinstance(command, str) else command for command in commands]
        script = Script(self.base / "script.jsonl")(
            *({"calls": [{"name": "run", "arguments": arguments}]} for arguments in calls), {"text": "Done."}
        )
        arguments = ("--task", "x", "--trust", "--replay", script, "--output-format", "stream-json")
        return self.codeagent(*arguments, *options)

    def git(self, *arguments: str, folder: Path | None = None) -> None:
        """Run git outside of the sandbox."""
        who = ("-c", "user.name=t", "-c", "user.email=t@t")
        subprocess.run(
            ["git", *who, *arguments], cwd=folder or self.workspace, env=self.env, check=True, capture_output=True
        )

    def without_bubblewrap(self) -> dict[str, str]:
        """An environment in which little is installed, and bubblewrap is not."""
        folder = self.base / "bin"
        folder.mkdir()
        for name in PROGRAMS:
            if found := shutil.which(name, path=self.env["PATH"]):
                (folder / name).symlink_to(found)
        return self.env | {"PATH": str(folder)}


def results(done: Finished) -> list[str]:
    """What the model was told of each call, from a run that wrote stream-json."""
    told: list[str] = []
    for line in done.lines:
        if line["type"] == "user" and isinstance(line["message"]["content"], list):
            for block in line["message"]["content"]:
                if block["type"] == "tool_result":
                    content = block["content"]
                    told.append(content if isinstance(content, str) else "".join(part["text"] for part in content))
    return told


@contextmanager
def sandbox_stage() -> Iterator[SandboxStage]:
    """A stage on open ground; gone in the end."""
    with open_ground() as base:
        for name in ("home", "ws", "ws-evil"):
            (base / name).mkdir()
        kept = {name: value for name, value in os.environ.items() if name in KEPT}
        home = base / "home"
        own = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
        yield SandboxStage(base, kept | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"} | own)
