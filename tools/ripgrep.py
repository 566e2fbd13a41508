"""ripgrep as a library: which files there are by the ignore rules, and where a pattern occurs; shows nothing itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codeagent.tools.api import ToolError
from codeagent.tools.files import MAX_BYTES
from codeagent.tools.process import Finished, Processes
from codeagent.tools.sensitive import holds_secrets
from codeagent.tools.workspace import Workspace

MAX_LINE = 300
_TIMEOUT_S = 30
_MAX_NAMES = 16 * 1024 * 1024
_MAX_FOUND = 1024 * 1024
_IGNORE_FILE = ".codeagentignore"
_RECORD = re.compile(rb"(?P<path>[^\0]+)\0(?P<line>\d+)(?P<kind>[:-])(?P<text>[^\n]*)\n")
_BINARY_NOTE = re.compile(rb"^[^\0\n]*: (?:binary file matches|WARNING: stopped searching)[^\0\n]*\n", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """A line of a search: a match or, beside it, context."""

    path: Path
    number: int
    text: str
    is_match: bool


class Ripgrep:
    """Runs `rg` with nobody's configuration, hidden files included, the folder of git excluded."""

    def __init__(self, workspace: Workspace, processes: Processes) -> None:
        """Searches the workspace through these processes."""
        self._workspace = workspace
        self._processes = processes

    async def files(self, folder: Path) -> list[Path]:
        """All files below a folder that no ignore rule excludes, sorted; symbolic links are not followed.

        Raises ToolError if there are too many to hold.
        """
        finished = await self._run(["--files", "--null", "--", str(folder)], _MAX_NAMES)
        if finished.left_out:
            raise ToolError("There are too many files to list. List a smaller folder, or exclude some in .gitignore.")
        names = finished.beginning.split(b"\0")[:-1]
        return sorted(Path(os.fsdecode(name)) for name in names)

    async def open_files(self, folder: Path) -> list[Path]:
        """`files`, less those that hold secrets: what may be shown or kept elsewhere without a question."""
        return [path for path in await self.files(folder) if not holds_secrets(path, self._workspace.root)]

    async def search(self, pattern: str, path: Path, glob: str | None, context: int, per_file: int) -> list[Line]:
        """Lines that match a regular expression, by path and line, at most `per_file` matches in each file.

        Raises ToolError for an expression or a glob that is none.
        """
        options = ["--line-number", "--with-filename", "--no-heading", "--null", "--color=never", "--sort=path"]
        options += [f"--max-columns={MAX_LINE}", "--max-columns-preview", f"--max-filesize={MAX_BYTES}"]
        options += [f"--max-count={per_file}", f"--context={context}", "--no-context-separator"]
        if glob is not None:
            options.append(f"--glob={glob}")
        finished = await self._run([*options, f"--regexp={pattern}", "--", str(path)], _MAX_FOUND)
        return list(_lines(finished.beginning))

    async def _run(self, arguments: list[str], max_output: int) -> Finished:
        program = self._processes.find("rg")
        if program is None:
            raise ToolError("ripgrep (rg) is not installed, so files can be neither listed nor searched.")
        options = ["--no-config", "--hidden", "--glob=!.git"]
        if not any((folder / ".git").exists() for folder in (self._workspace.root, *self._workspace.root.parents)):
            options.append("--no-require-git")  # in a linked worktree it would hide .git/info/exclude from ripgrep
        ignore = self._workspace.root / _IGNORE_FILE
        if ignore.is_file():
            options.append(f"--ignore-file={ignore}")
        finished = await self._processes.run(
            [program, *options, *arguments], _TIMEOUT_S, max_output=max_output * 4, separate_errors=True
        )
        if finished.timed_out:
            raise ToolError(
                f"The search took more than {_TIMEOUT_S} seconds and was stopped. Search in a smaller folder."
            )
        # 1 says that nothing was found; 2 with results, that single files could not be read.
        if finished.exit_code not in (0, 1) and not finished.beginning:
            raise ToolError(f"The search failed: {_reason(finished.errors)}")
        return finished


def _lines(found: bytes) -> Iterator[Line]:
    for record in _RECORD.finditer(_BINARY_NOTE.sub(b"", found)):
        text = record["text"].decode("utf-8", "replace").rstrip("\r")
        yield Line(Path(os.fsdecode(record["path"])), int(record["line"]), text, record["kind"] == b":")


def _reason(errors: str) -> str:
    """The last line of ripgrep's complaint, which says what is wrong; the ones before draw where."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    reason = lines[-1].removeprefix("rg: ").removeprefix("error: ") if lines else "no reason was given"
    if "regex parse error" in errors:
        return (
            f"the pattern is not a valid regular expression: {reason}. Put \\ before ( ) [ {{ * + ? . to search for it."
        )
    return reason if reason.endswith(".") else f"{reason}."
