"""Where the task comes from: the flag, a file, or standard input; knows nothing of what is done with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from codeagent.agent.headless.options import TaskError, TaskOptions
from codeagent.agent.headless.outcome import Exit

MAX_TASK = 10 * 1024 * 1024


def read_task(options: TaskOptions, stdin: BinaryIO) -> str:
    """The task's text. Standard input is read only when asked for. Raises TaskError (42) when there is no task in
    it.
    """
    if options.task is not None and options.task != "-":
        text = options.task
    elif options.task == "-" or options.task_file == "-":
        text = _decode(stdin.read(MAX_TASK + 1), "standard input")
    elif options.task_file is not None:
        text = _decode(_bytes(Path(options.task_file)), options.task_file)
    else:
        raise TaskError(
            Exit.BAD_INPUT, "There is no task. Give one with --task TEXT, --task-file FILE, or --task - for stdin."
        )
    if not text.strip():
        raise TaskError(Exit.BAD_INPUT, "The task is empty. Say what is to be done.")
    return text


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file() and path.exists() and path.is_dir():
            raise TaskError(Exit.BAD_INPUT, f"The task file {path} is a folder. Name a text file.")
        with path.open("rb") as file:
            return file.read(MAX_TASK + 1)
    except OSError as e:
        raise TaskError(Exit.BAD_INPUT, f"The task file {path} cannot be read ({e.strerror}).") from e


def _decode(data: bytes, source: str) -> str:
    if len(data) > MAX_TASK:
        raise TaskError(
            Exit.BAD_INPUT, f"The task in {source} is over 10 MB. Put what is long into a file of the repository."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise TaskError(Exit.BAD_INPUT, f"The task in {source} is not UTF-8 text (byte {e.start}).") from e


def stream_tasks(stdin: BinaryIO) -> Iterator[str]:
    """The user messages of `--input-format stream-json`, one JSON object a line, until the input ends. Raises
    TaskError (42).
    """
    for number, line in enumerate(stdin, 1):
        if not line.strip():
            continue
        try:
            value: Any = json.loads(line)
            content = value["message"]["content"]
            text = content if isinstance(content, str) else "\n".join(part["text"] for part in content)
        except (ValueError, KeyError, TypeError) as e:
            form = '{"type":"user","message":{"role":"user","content":"..."}}'
            raise TaskError(
                Exit.BAD_INPUT, f"Line {number} of standard input is no user message of the form {form}."
            ) from e
        yield text


def read_schema(text: str | None) -> dict[str, Any] | None:
    """The JSON schema given as a file's name or as JSON itself. Raises TaskError (42)."""
    if text is None:
        return None
    source = text
    if not text.lstrip().startswith("{"):
        source = _decode(_bytes(Path(text)), text)
    try:
        value: Any = json.loads(source)
    except ValueError as e:
        raise TaskError(Exit.BAD_INPUT, f"The JSON schema is not JSON: {e}.") from e
    if not isinstance(value, dict):
        raise TaskError(Exit.BAD_INPUT, "The JSON schema must be a JSON object.")
    return value  # pyright: ignore[reportUnknownVariableType]  # JSON
