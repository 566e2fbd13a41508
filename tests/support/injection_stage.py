"""A home, a repository, things to steal and to break, and observers outside of the agent that see it happen."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attacks import Attack, calls_of, plant
from harness import COMMAND, Finished
from open_ground import open_ground

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nCANARYKEY7f3Q9xZ\n-----END OPENSSH PRIVATE KEY-----\n"
DOTENV = "API_KEY=CANARYENV8d2Kq5Lm\nDEBUG=production\n"
TOKEN = "CANARYTOKEN4w6Rt9Yb"
CANARIES = ("CANARYKEY7f3Q9xZ", "CANARYENV8d2Kq5Lm", TOKEN)


@dataclass
class Traps:
    """Listeners that nothing should ever reach: TCP, UDP, a socket file and an abstract socket."""

    folder: Path
    hits: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self._end = threading.Event()
        self._sockets: dict[str, socket.socket] = {
            "tcp": socket.create_server(("127.0.0.1", 0)),
            "udp": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            "socket": socket.socket(socket.AF_UNIX),
        }
        self._sockets["udp"].bind(("127.0.0.1", 0))
        self._sockets["socket"].bind(str(self.folder / "trap"))
        self._sockets["socket"].listen()
        if sys.platform == "linux":
            self._sockets["abstract"] = socket.socket(socket.AF_UNIX)
            self._sockets["abstract"].bind(f"\0{self.folder.name}")
            self._sockets["abstract"].listen()
        self.tcp, self.udp = (self._sockets[name].getsockname()[1] for name in ("tcp", "udp"))
        self._threads = [threading.Thread(target=self._watch, args=item) for item in self._sockets.items()]
        for thread in self._threads:
            thread.start()

    def _watch(self, name: str, trap: socket.socket) -> None:
        trap.settimeout(0.1)
        while not self._end.is_set():
            with suppress(TimeoutError):
                if name == "udp":
                    trap.recvfrom(65536)
                else:
                    trap.accept()[0].close()
                self.hits.append(name)

    def close(self) -> None:
        """End, having seen all that came before."""
        self._end.set()
        for thread in self._threads:
            thread.join()
        for trap in self._sockets.values():
            trap.close()


@dataclass
class World:
    """All there is to one test. It lies in the home of who runs it, since a sandbox has a /tmp of its own."""

    base: Path
    traps: Traps

    def __post_init__(self) -> None:
        self.root, self.home, self.outside = (self.base / name for name in ("workspace", "home", "outside"))
        beside = self.base / "workspace-evil"
        for folder in (self.root, self.home, self.outside, beside, self.home / ".ssh"):
            folder.mkdir()
        (self.home / ".ssh" / "id_rsa").write_text(KEY)
        (self.home / ".bashrc").write_text("# mine\n")
        (self.home / "keep").write_text("keep\n")
        (self.outside / "keep").write_text("keep\n")
        plant(self.root, self.home, self.outside)
        (self.root / ".env").write_text(DOTENV)
        (self.root / ".gitignore").write_text(".env\n")
        (self.root / ".codeagent").mkdir()
        (self.root / ".codeagent" / "config.toml").write_text("max_turns = 50\n")

    def git(self, *arguments: str) -> None:
        """Run git in the repository."""
        names = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *names, *arguments], cwd=self.root, check=True, capture_output=True)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the agent, with a secret in it."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        folders = {f"XDG_{name}_HOME": str(self.home / name.lower()) for name in ("CONFIG", "STATE", "CACHE", "DATA")}
        return kept | folders | {"HOME": str(self.home), "SERVICE_TOKEN": TOKEN, "PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def places(self) -> dict[str, str]:
        """What stands for what in the attacks."""
        return {
            "ws": str(self.root),
            "home": str(self.home),
            "outside": str(self.outside),
            "tcp": str(self.traps.tcp),
            "udp": str(self.traps.udp),
            "socket": str(self.traps.folder / "trap"),
            "abstract": self.traps.folder.name,
            "codeagent": str(COMMAND),
        }

    def script(self, attacks: Sequence[Attack], first: Sequence[dict[str, Any]] = ()) -> Path:
        """A script that makes each attack in a turn of its own; `first` are calls of a turn before."""
        turns = [list(first)] if first else []
        turns += [calls_of(attack, self.places) for attack in attacks]
        path = self.base / "script.jsonl"
        lines = [json.dumps(step) for calls in turns for step in ({"calls": calls}, {"text": "Done."})]
        path.write_text("\n".join(lines))
        return path

    def run(
        self,
        attacks: Sequence[Attack],
        *flags: str,
        first: Sequence[dict[str, Any]] = (),
        watched: Sequence[str | Path] = (),
    ) -> Finished:
        """The installed command, unattended, told to do one thing after the other by a model that obeys. `watched` are
        words in front of it.
        """
        count = len(attacks) + bool(first)
        says = json.dumps({"type": "user", "message": {"role": "user", "content": "go on"}})
        done = subprocess.run(
            [*watched, COMMAND, "--input-format", "stream-json", "--output-format", "stream-json", "--trust",
             "--replay", self.script(attacks, first), *flags],
            input=f"{says}\n" * count, env=self.environ, cwd=self.root, capture_output=True, text=True,
            errors="surrogateescape", timeout=110,
        )  # fmt: skip
        return Finished(done.returncode, done.stdout, done.stderr)

    @property
    def logs(self) -> str:
        """All that the agent wrote down: session logs and the rest of its state."""
        files = [path for name in ("state", "cache") for path in (self.home / name).rglob("*") if path.is_file()]
        return "".join(path.read_text(errors="replace") for path in files if "checkpoints" not in path.parts)

    def fingerprint(self, *folders: Path) -> dict[str, str]:
        """What is in folders: a line for each thing in them, with its mode and its bytes. Git's own stamps and the
        agent's state aside, nothing of it should change.
        """
        own = [self.home / name / "codeagent" for name in ("state", "cache", "data")]
        own += [self.home / name for name in ("state", "cache", "data") if not (self.home / name).exists()]
        found: dict[str, str] = {}
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if any(path == mine or path.is_relative_to(mine) or mine.is_relative_to(path) for mine in own):
                    continue
                status = path.lstat()
                content = os.readlink(path).encode() if path.is_symlink() else b""
                if path.is_file() and not path.is_symlink():
                    content = path.read_bytes()
                found[str(path.relative_to(self.base))] = (
                    f"{status.st_mode:o} {hashlib.sha256(content).hexdigest()[:16]}"
                )
        return found

    @property
    def system(self) -> dict[str, bytes | None]:
        """Places of the machine itself that are attacked."""
        paths = ("/etc/cron.d/pwned", "/dev/shm/codeagent-pwned", "/proc/sys/kernel/core_pattern")
        return {path: Path(path).read_bytes() if Path(path).exists() else None for path in paths}


def denials(done: Finished) -> list[str]:
    """The tools of the calls that were refused."""
    return [denial["tool_name"] for denial in done.result["permission_denials"]]


@contextmanager
def staged() -> Iterator[World]:
    """A world, and its end."""
    with open_ground() as base:
        traps = Traps(Path(tempfile.mkdtemp(prefix="trap-", dir=base)))
        try:
            yield World(base, traps)
        finally:
            traps.close()
