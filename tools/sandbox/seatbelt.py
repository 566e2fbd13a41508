"""The sandbox of macOS, as a profile for sandbox-exec. Its text is tested; it has not been seen at work on a Mac."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from codeagent.tools.sandbox.api import Launch, Level, Places, Request
from codeagent.tools.sandbox.hidden import ProtectedFiles, secrets

PROGRAM = "/usr/bin/sandbox-exec"
NOT_COVERED = "the profile for macOS has not been seen at work, and other processes of yours are visible"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/tty", "/dev/dtracehelper", "/dev/ptmx")


class Seatbelt:
    """Level REDUCED, because nobody has watched it."""

    name = "sandbox-exec"
    level = Level.REDUCED

    def __init__(self, places: Places) -> None:
        self._places = places
        self._temporary = places.cache / "tmp"
        self._protected = ProtectedFiles(places.roots, places.home)

    @property
    def protected(self) -> ProtectedFiles:
        """The files in the workspace that no command can change."""
        return self._protected

    def environment(self) -> dict[str, str]:
        """Where temporary files go: /tmp is everybody's, and closed."""
        return {"TMPDIR": str(self._temporary)}

    def launch(self, request: Request) -> Launch:
        """How to start a command. Raises SandboxError when a protected file cannot be protected."""
        hidden = [*secrets(self._places.home), *self._places.own]
        text = profile(self._places, hidden, self._protected.existing(), request.network)
        return Launch((PROGRAM, "-p", text, *request.command))


def profile(places: Places, hidden: Iterable[Path], protected: Iterable[Path], network: bool) -> str:
    """The profile: of several rules that match, the last one holds."""
    hidden = list(hidden)
    within = [root for root in places.roots if any(root.is_relative_to(path) for path in hidden)]
    lines = [
        "(version 1)",
        "(allow default)",
        "(deny file-write*)",
        *(f"(allow file-write* (subpath {_quoted(path)}))" for path in (*places.roots, places.cache)),
        *(f'(allow file-write* (literal "{device}"))' for device in _DEVICES),
        '(allow file-write* (regex #"^/dev/ttys[0-9]+$"))',
        *(f"(deny file-read* file-write* (subpath {_quoted(path)}))" for path in hidden),
        *(f"(allow file-read* (subpath {_quoted(path)}))" for path in (*places.roots, places.cache)),
        *(f"(allow file-write* (subpath {_quoted(path)}))" for path in (*within, places.cache)),
        *(f"(deny file-write* (subpath {_quoted(path)}))" for path in protected),
        "(deny process-info* (target others))",
        "(deny mach-task-name)",
        "(deny appleevent-send)",
    ]
    if not network:
        lines += [
            "(deny network*)",
            '(allow network* (local ip "localhost:*"))',
            '(deny network-outbound (remote ip "localhost:*"))',
        ]
    return "\n".join(lines) + "\n"


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
