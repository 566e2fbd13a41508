"""Finds out whether a sandbox holds on this machine, by trying it: that a program is installed says nothing."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from codeagent.tools.process import PACKAGES, run_quickly
from codeagent.tools.sandbox.api import Backend, Launch, Places, Request
from codeagent.tools.sandbox.bubblewrap import failure
from codeagent.tools.sandbox.hidden import SandboxError
from codeagent.tools.sandbox.store import make_private, scratch, taken_away

_SECONDS = 20.0
_PROBE = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from codeagent.tools.sandbox.probe import main; sys.exit(main(sys.argv[1:]))"
)
_AS_IT_SHOULD_BE = {"CapEff": "0000000000000000", "CapPrm": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2"}


def weakness(make: Callable[[Places], Backend], folder: Path, places: Places) -> str:
    """What is wrong with a sandbox, as a clause; "" when it holds. `folder` is where the test may make files."""
    try:
        with scratch(folder) as place, closing(socket.socket()) as listener:
            inside, cache = place / "inside", place / "cache"
            # Two, as either may lie where a private folder hides it from a sandbox that lets all be written.
            outside = (place / "outside", places.home / f".{place.name}")
            for new in (inside, cache / "tmp"):
                make_private(new)
            listener.bind(("127.0.0.1", 0))
            listener.listen(4)
            listener.settimeout(0)
            port = listener.getsockname()[1]
            backend = make(Places((inside,), places.home, cache, (), places.programs))
            answers = _ask(backend, inside, [str(port), str(inside / "f"), *map(str, outside)])
            if not (inside / "f").exists():
                return "a command cannot write in the workspace"
            if [path for path in outside if taken_away(path)]:
                return "a command can write outside of the workspace"
            if _was_reached(listener):
                return "a command can reach the network of this machine"
            return _judged(answers)
    except SandboxError as e:
        return str(e)
    except OSError as e:
        return f"it could not be tried ({e.strerror or e})"


def _ask(backend: Backend, folder: Path, arguments: list[str]) -> dict[str, str]:
    command = [sys.executable, "-I", "-S", "-c", _PROBE, PACKAGES, *arguments]
    launch: Launch = backend.launch(Request(command, folder))
    code, output = run_quickly(launch, folder, backend.environment(), _SECONDS)
    if code != 0:
        lines = output.strip().splitlines()
        raise SandboxError(failure(output) or (lines[-1][:300] if lines else "a command in it does not run"))
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def _was_reached(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except OSError:
        return False
    return True


def _judged(answers: dict[str, str]) -> str:
    if "kernel" in answers:
        return "a command can change the settings of the kernel"
    if sys.platform != "linux":
        return ""
    wrong = [f"{name} is {answers.get(name)}" for name, right in _AS_IT_SHOULD_BE.items() if answers.get(name) != right]
    return f"a command keeps rights that it should lose ({', '.join(wrong)})" if wrong else ""
