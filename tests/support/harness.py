"""What tests drive: the installed command, and a writer of scripts for the scripted model."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).parent / "codeagent"


@dataclass
class Finished:
    """A run of the installed command."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON objects."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        """The last line, which is always a result object."""
        last = self.lines[-1]
        assert last["type"] == "result"
        return last


@dataclass
class Command:
    """The installed `codeagent` with a home of its own."""

    env: dict[str, str]
    cwd: Path

    def __call__(
        self, *args: str | Path, stdin: str | None = None, timeout: float = 60, env: dict[str, str] | None = None
    ) -> Finished:
        """Run to the end; a run that does not end in time fails the test."""
        done = subprocess.run(
            [COMMAND, *map(str, args)],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout,
            env=self.env | (env or {}),
            cwd=self.cwd,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def start(self, *args: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Start without waiting."""
        return subprocess.Popen(
            [COMMAND, *map(str, args)],
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            text=True,
            env=self.env,
            cwd=self.cwd,
            **options,
        )


@dataclass
class Script:
    """Writes a script for the scripted model."""

    path: Path
    items: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def __call__(self, *items: dict[str, Any]) -> Path:
        """One item a model call."""
        self.path.write_text("".join(json.dumps(item) + "\n" for item in items))
        return self.path
