"""Some things may happen in one file only; these tests read the sources and find every other place that tries."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import codeagent

PACKAGE = Path(codeagent.__file__).parent

STARTS_PROCESSES = {
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
    "os.system",
    "os.popen",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.posix_spawnp",
    "pty.spawn",
    "pty.fork",
}
WRITES_FILES = {
    "os.truncate",
    "os.replace",
    "os.rename",
    "os.remove",
    "os.unlink",
    "os.rmdir",
    "os.mkdir",
    "os.makedirs",
    "os.link",
    "os.symlink",
    "os.chmod",
    "tempfile.mkstemp",
    "tempfile.NamedTemporaryFile",
}
WRITING_METHODS = {
    "write_text",
    "write_bytes",
    "touch",
    "unlink",
    "mkdir",
    "rmdir",
    "chmod",
    "symlink_to",
    "hardlink_to",
}


def test_only_the_tool_runner_executes_a_prepared_call() -> None:
    def executes(call: ast.Call, name: str) -> bool:
        return name.endswith(".execute") and "connection" not in name  # which is SQLite's

    places = find_calls(("agent", "cli", "tui"), executes)
    assert {place.partition(":")[0] for place in places} <= {"agent/tool_runner.py"}, places


def test_tools_start_processes_in_one_file_and_its_helpers_only() -> None:
    def starts(call: ast.Call, name: str) -> bool:
        return name in STARTS_PROCESSES or name.startswith(("subprocess.", "os.exec", "os.spawn"))

    places = find_calls(("tools",), starts)
    assert {place.partition(":")[0] for place in places} <= {
        "tools/process.py",
        "tools/supervise.py",
        "tools/pipeline.py",
        "tools/symbols/child.py",  # the parsers, which stay
    }, places


def test_tools_write_files_in_one_file_only() -> None:
    places = find_calls(("tools",), writes_files)
    # The sandbox writes nothing of the workspace: its cache folder, the kernel's control groups, and what its self-test
    # tries to write from inside.
    own = {f"tools/sandbox/{name}.py" for name in ("store", "cgroup", "probe")} | {"tools/supervise.py"}
    assert {place.partition(":")[0] for place in places} <= {"tools/files.py", *own}, places


def writes_files(call: ast.Call, name: str) -> bool:
    if name in WRITES_FILES or (name.startswith("shutil.") and name != "shutil.which"):
        return True
    if name == "os.open":
        # An opener that hands on the flags of a built-in open() is judged there.
        return bool(re.search(r"O_(?:WRONLY|RDWR|CREAT|APPEND|TRUNC|TMPFILE)", ast.unparse(call)))
    method = name.rpartition(".")[2]
    if method == "open":
        # open(path, mode) and os.fdopen(fd, mode) name the mode second, path.open(mode) first; a computed one counts.
        position = 1 if name in {"open", "io.open", "os.fdopen"} else 0
        mode = next((word.value for word in call.keywords if word.arg == "mode"), None)
        if mode is None and len(call.args) > position:
            mode = call.args[position]
        return mode is not None and not (isinstance(mode, ast.Constant) and set(str(mode.value)) <= set("rbtU"))
    return method in WRITING_METHODS


def find_calls(folders: tuple[str, ...], wanted: Callable[[ast.Call, str], bool]) -> list[str]:
    """Where a call is wanted, as `folder/file.py:line`."""
    return [
        f"{path.relative_to(PACKAGE).as_posix()}:{call.lineno}"
        for folder in folders
        for path in sorted((PACKAGE / folder).rglob("*.py"))
        for call, name in named_calls(ast.parse(path.read_text(encoding="utf-8")))
        if wanted(call, name)
    ]


def named_calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the dotted name of what is called, `from` imports and renames undone; `x().f` is named `?.f`."""
    origins: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            origins |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            origins |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func, origins)


def dotted(node: ast.expr, origins: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return origins.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, origins)}.{node.attr}"
    return "?"
