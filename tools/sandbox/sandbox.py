"""What every command of a session passes through on its way to be started; chosen elsewhere, starts nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codeagent.tools.sandbox import bubblewrap
from codeagent.tools.sandbox.api import Backend, Launch, Level, Request
from codeagent.tools.sandbox.hidden import SandboxError, changed
from codeagent.tools.sandbox.limits import Limits

State = dict[Path, tuple[int, int, int]]

_CACHES = {
    "XDG_CACHE_HOME": "",
    "GOCACHE": "go-build",
    "PIP_CACHE_DIR": "pip",
    "UV_CACHE_DIR": "uv",
    "npm_config_cache": "npm",
    "YARN_CACHE_FOLDER": "yarn",
    "CCACHE_DIR": "ccache",
    "DOTNET_CLI_HOME": "dotnet",
    "MPLCONFIGDIR": "matplotlib",
}
"""Programs that refuse to work without a cache they can write get one in the workspace's own folder."""


@dataclass(frozen=True)
class Sandbox:
    """How the commands of one session are held. `reason` says, as a clause, why the level is not FULL; `cache` is the
    folder that is theirs, None without a backend.
    """

    level: Level
    limits: Limits
    backend: Backend | None = None
    reason: str = ""
    cache: Path | None = None

    @property
    def confines(self) -> bool:
        """Whether commands are held at all."""
        return self.level in (Level.FULL, Level.REDUCED)

    def environment(self) -> dict[str, str]:
        """Variables a command gets beside the person's harmless ones; an empty one is taken away."""
        if self.backend is None or self.cache is None:
            return {}
        caches = {name: str(self.cache / folder) if folder else str(self.cache) for name, folder in _CACHES.items()}
        return {**caches, "XDG_RUNTIME_DIR": "", **self.backend.environment()}

    def launch(self, request: Request) -> Launch:
        """How to start a command. Raises SandboxError when it could not be held as promised."""
        if self.backend is None:
            return Launch(tuple(request.command))
        return self.backend.launch(request)

    def failure(self, exit_code: int | None, output: str) -> str:
        """Why a command was not run at all, as a sentence; "" when it was."""
        clause = bubblewrap.failure(output) if self.level is Level.FULL and exit_code == 1 else ""
        if not clause:
            return ""
        return f"The sandbox could not be set up, so the command was not run: {clause}. See `codeagent doctor`."

    def state(self) -> State:
        """Protected files as they are now, to be compared after a command."""
        return self.backend.protected.state() if self.backend is not None else {}

    def tampered(self, before: State) -> str:
        """A sentence on protected files that a command made or changed; "" when there are none."""
        found = changed(before, self.state())
        if not found:
            return ""
        names = ", ".join(str(path) for path in found[:5])
        return (
            f"A command made or changed {names}. Git, editors and other programs obey such files: "
            "look at them before you go on."
        )

    @property
    def notice(self) -> str:
        """What a person must know of the level, in sentences; "" at the full one."""
        match self.level:
            case Level.FULL:
                return ""
            case Level.REDUCED:
                return f"The sandbox is reduced: {self.reason}."
            case Level.OFF:
                return "The sandbox is off: commands run with your own rights, on your files and your network."
            case Level.NONE:
                return (
                    f"There is no sandbox on this machine: {self.reason}. Commands run with your own rights, so each "
                    "is asked about, whatever the rules say. `codeagent doctor` says what to do."
                )


__all__ = ["Sandbox", "SandboxError", "State"]
