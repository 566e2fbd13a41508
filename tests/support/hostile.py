"""A folder full of traps, and the gate in front of the tools that work in it, put together as a session does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codeagent.agent.changes import ChangeLog
from codeagent.agent.config import PermissionMode
from codeagent.agent.events import Event
from codeagent.agent.permissions import Approver, Decision, PermissionGate, Rule, parse_rule
from codeagent.agent.tool_runner import Ran, ToolRunner
from codeagent.inference.client import ToolCall
from codeagent.tools.api import PreparedCall, ToolResult
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace

SECRET = "tok" + "en-4711"
MARKER = "marker-of-the-attack"


def make_traps(root: Path) -> None:
    """Fill a folder with an ordinary repository, and with what is meant to lead a command astray."""
    outside = root.parent / "outside"
    for folder in ("src", "tests", "src2", "dash", "bin", ".ssh", "src/.aws", "nested"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    outside.mkdir()
    texts = {
        "README.md": "# Shop\n\nerror: none\n",
        "src/app.py": "import os\n\n\ndef main():\n    return os\n\n\nclass App:\n    pass\n",
        "src/util.py": "import sys\nTODO = sys\n",
        "tests/test_app.py": "def test_x():\n    pass\n",
        "package.json": '{"name": "shop", "scripts": {"test": "x"}, "dependencies": {}}',
        "x.json": "{}",
        "list": "/etc/passwd",
        "dash/--output=pwn": "",
        "dash/-opwn": "",
        "dash/--pre=x": "",
    }
    secrets = (".env", ".env.production", "key.pem", ".ssh/id_rsa", "src/.aws/credentials", "credentials.json")
    for name in (*secrets, ".netrc", ".npmrc", ".pypirc"):
        texts[name] = f"API={SECRET}\n"
    for name, text in texts.items():
        (root / name).write_text(text)
    for name in ("evil.sh", "ls", "bin/ls"):
        (root / name).write_text(f"#!/bin/sh\necho x > '{root / MARKER}'\n")
        (root / name).chmod(0o755)
    (outside / "file").write_text(f"{SECRET}\n")
    (root / "out").symlink_to(outside)
    (root / "link").symlink_to("/etc/passwd")
    (root / "envlink").symlink_to(".env")
    git(root, "init", "-q", "-b", "main")
    git(root, "init", "-q", "--bare", "evil")
    git(root / "nested", "init", "-q", "-b", "main")
    for folder in (root / "evil", root / "nested"):
        git(folder, "config", "core.fsmonitor", str(root / "evil.sh"))
    git(root, "add", "README.md", "src/app.py", "src/util.py")
    git(root, "commit", "-qm", "first")
    (root / "src/app.py").write_text(texts["src/app.py"] + "# more\n")
    git(root, "commit", "-qam", "second")


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder."""
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, env=environ, capture_output=True)


class Gatehouse:
    """The tools of a folder behind the gate. `events` are what a session would have recorded."""

    def __init__(
        self,
        root: Path,
        mode: PermissionMode = "default",
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
        approver: Approver | None = None,
        confined: bool = True,
        environ: dict[str, str] | None = None,
        exposed: bool = False,
    ) -> None:
        rules: list[Rule] = [parse_rule(text, Decision.ALLOW) for text in allow]
        rules += [parse_rule(text, Decision.DENY) for text in deny]
        self.gate = PermissionGate(mode, rules, root, approver, confined, exposed)
        self.events: list[Event] = []
        tools = builtin_tools(Workspace(root), FileLedger(), os.environ if environ is None else environ)
        self.runner = ToolRunner(tools, self.gate, ChangeLog(root), self.events.append)

    async def free(self, command: str, **arguments: Any) -> bool:
        """Whether a command would run without a question."""
        return await self.runner.allowed_unasked(_call(command, arguments))

    async def run(self, command: str, **arguments: Any) -> Ran:
        """Let the model call for a command."""
        return await self.runner.run(_call(command, arguments))

    async def prepare(self, command: str, **arguments: Any) -> PreparedCall:
        """A command as it would be asked about."""
        return await self.runner.prepare(_call(command, arguments))

    async def start(self, prepared: PreparedCall) -> ToolResult:
        """Start what was prepared before."""
        return await prepared.execute(lambda text: None)


def _call(command: str, arguments: dict[str, Any]) -> ToolCall:
    return ToolCall(id="call-1", name="run", arguments={"command": command, **arguments})
