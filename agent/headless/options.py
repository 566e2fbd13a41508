"""What one unattended run is asked to do, as plain data; knows no command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codeagent.agent.bootstrap import SessionOptions
from codeagent.agent.headless.outcome import Exit
from codeagent.agent.headless.writers import OutputFormat


class TaskError(Exception):
    """The run cannot begin; `code` is the exit code and the text a sentence for the person."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class TaskOptions(SessionOptions):
    """A session's options, and those of the unattended front end.

    `task` is the text, `task_file` a file's name; "-" is standard input for both. `stream_input` reads tasks as JSON
    lines. `candidates` is in how many ways the task is tried.
    """

    task: str | None = None
    task_file: str | None = None
    stream_input: bool = False
    output_format: OutputFormat = "text"
    partial_messages: bool = False
    json_schema: str | None = None
    last_message_file: Path | None = None
    diff_file: Path | None = None
    quiet: bool = False
    candidates: int = 1
