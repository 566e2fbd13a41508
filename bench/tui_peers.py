"""Other coding agents for the terminal, each installed from the package index into an environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALL_SECONDS = 1800


class PeerError(Exception):
    """A peer is not to be had; the text says why."""


@dataclass(frozen=True)
class Peer:
    """How an agent is started so that it comes up without a question: no network is needed for that."""

    package: str
    command: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    python: tuple[int, int] = (3, 11)
    """The oldest Python it runs on."""


AIDER = """--model openai/gpt-4o --openai-api-key none --no-git --no-check-update --no-analytics
    --no-show-release-notes --no-show-model-warnings --no-gitignore"""
PEERS = {
    "aider-chat": Peer("aider-chat", "aider", AIDER.split(), {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}),
    "mistral-vibe": Peer("mistral-vibe", "vibe", (), {"MISTRAL_API_KEY": "none"}, (3, 12)),
}


@dataclass(frozen=True)
class Installed:
    """A peer that can be started."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]


def install(requirement: str, cache: Path, home: Path) -> Installed:
    """Install a peer, such as `aider-chat` or `mistral-vibe==2.18.4`, unless it is there. Raises PeerError."""
    package = re.split(r"[=<>!~ ]", requirement, maxsplit=1)[0]
    if (peer := PEERS.get(package)) is None:
        raise PeerError(f"There is no recipe for {package}; there is one for {', '.join(PEERS)}.")
    uv = shutil.which("uv", path=f"{ROOT / '.uv' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise PeerError("uv is not there; `make setup` brings it.")
    folder = cache / re.sub(r"[^\w.-]", "_", requirement)
    python = folder / "bin" / "python"
    command = folder / "bin" / peer.command
    if not command.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run(uv, "venv", "--quiet", "--python", _python(peer.python), str(folder))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), requirement)
    version = _run(uv, "pip", "show", "--python", str(python), package)
    found = re.search(r"^Version: (.+)$", version, re.MULTILINE)
    if package == "aider-chat":
        _prices_for_aider(folder, home)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **peer.environment}
    return Installed(
        f"{package} {found[1] if found else 'of unknown version'}", (str(command), *peer.arguments), environment
    )


def _python(oldest: tuple[int, int]) -> str:
    """A Python for `uv venv`: one that is here if possible, since it cannot be downloaded everywhere."""
    if sys.version_info[:2] >= oldest:
        return sys.executable
    for minor in range(oldest[1], oldest[1] + 3):
        name = f"python3.{minor}"
        # pyenv puts a command of that name on the path even where it then says that there is none.
        for here in (shutil.which(name), *Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}")):
            if here and subprocess.run([here, "-c", ""], capture_output=True, check=False).returncode == 0:
                return str(here)
    return f"{oldest[0]}.{oldest[1]}"


def _prices_for_aider(folder: Path, home: Path) -> None:
    """Put aider's own copy of a list where it would save it: without a network it waits for it at each start."""
    for shipped in folder.glob("lib/python*/site-packages/litellm/model_prices_and_context_window_backup.json"):
        saved = home / ".aider" / "caches" / "model_prices_and_context_window.json"
        saved.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shipped, saved)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"`{' '.join(command[:3])}` did not end well: {error}") from error
    if done.returncode != 0:
        raise PeerError(f"`{' '.join(command[:3])}` failed: {' '.join(done.stderr.split())[-400:]}")
    return done.stdout
