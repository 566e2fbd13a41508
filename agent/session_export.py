"""A session's log as a Markdown document for people; reads events and knows no list of sessions and no front end."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from codeagent.agent import events
from codeagent.agent.events import Event
from codeagent.agent.secrets import mask_shapes
from codeagent.agent.text import printable
from codeagent.agent.transcript import TranscriptError, decode_record
from codeagent.tools.api import Diff, Display, Output, TestReport, TodoList

MAX_LINE = 64 << 20
_BOXES = {"pending": "[ ]", "in_progress": "[~]", "done": "[x]"}


class ExportExistsError(TranscriptError):
    """There is already a file of that name."""


def export(log: Path, target: Path, title: str, replace: bool = False) -> int:
    """Write a session as Markdown and return how many damaged records had to be left out; the document names them too.

    The file appears whole or not at all, readable by its owner only. Raises ExportExistsError where there is one and
    `replace` is not set, and TranscriptError, a sentence, where log or target cannot be read or written.
    """
    damaged = [0]
    if target.exists() and not replace:
        raise ExportExistsError(f"{target} already exists.")
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.parent, prefix=".export-", delete=False
        ) as file:
            try:
                masked = False
                for part in markdown(_events(log, damaged), title):
                    safe = mask_shapes(part)
                    masked = masked or safe != part
                    file.write(safe)
                if masked:
                    file.write("\n> What has the shape of a key or a password is left out: [masked …].\n")
                if damaged[0]:
                    file.write(f"\n> Left out, because they are damaged: {damaged[0]} of the log's records.\n")
                file.flush()
                os.fsync(file.fileno())
                if replace:
                    Path(file.name).replace(target)
                else:
                    os.link(file.name, target)  # unlike a rename it fails if somebody made the file meanwhile
            finally:
                Path(file.name).unlink(missing_ok=True)
    except FileExistsError as e:
        raise ExportExistsError(f"{target} already exists.") from e
    except OSError as e:
        place = e.filename if isinstance(e.filename, str) and Path(e.filename) == log else target.parent
        raise TranscriptError(
            f"The session cannot be exported to {target} ({place}: {e.strerror or e}). Choose another place."
        ) from e
    return damaged[0]


def _events(log: Path, damaged: list[int]) -> Iterator[Event]:
    """The whole events of a log, one after the other; `damaged` counts the lines that are none."""
    with open(log, "rb") as file:
        while line := file.readline(MAX_LINE):
            if line.strip(b"\0 \n"):
                event = decode_record(line.removesuffix(b"\n"))
                if event is None:
                    damaged[0] += 1
                else:
                    yield event


def markdown(past: Iterable[Event], title: str) -> Iterator[str]:
    """The parts of the document: requests, answers, diffs, commands with their output, tests, and what was refused."""
    yield f"# {_line(title)}\n"
    turn = 0
    titles: dict[str, str] = {}
    for event in past:
        match event:
            case events.SessionStarted(session_id=name, cwd=cwd, model=model):
                yield f"\nSession {_line(name)} in `{_line(cwd)}` with {_line(model)}.\n"
            case events.TurnStarted(text=text):
                turn += 1
                yield f"\n## {turn}. Request\n\n{_quoted(text)}\n"
            case events.Steered(text=text):
                yield f"\nSaid while it worked:\n\n{_quoted(text)}\n"
            case events.MessageAdded(message=message) if message.role == "assistant":
                # What a call writes is shown as its diff, so that the fence it came in need not be shown as well.
                prose = message.content.partition("```")[0] if message.tool_calls else message.content
                yield f"\n{_closed(printable(prose.strip()))}\n" if prose.strip() else ""
            case events.ToolStarted(call_id=call_id, title=what):
                titles[call_id] = what
            case events.ToolFinished(call_id=call_id, name=name, display=display, is_error=failed):
                ending = " — failed" if failed else ""
                yield f"\n**{_line(titles.pop(call_id, name))}**{ending}\n"
                yield _display(display)
            case events.PermissionDenied(name=name, reason=reason):
                yield f"\n**{_line(name)}** was refused: {_line(reason)}\n"
            case events.ShellRan(command=command, output=output, exit_code=code):
                yield f"\n**! {_line(command)}**\n{_fenced('', output)}{_exit(code)}"
            case events.Rewound(turn=back) if back is not None:
                yield f"\n> Went back to before request {back}.\n"
            case events.Redone():
                yield "\n> The step back was taken back.\n"
            case events.Notice(level=level, text=text):
                yield f"\n> {level}: {_line(text)}\n"
            case events.TurnFinished(error=str(error)):
                yield f"\n> The turn ended: {_line(error)}\n"
            case _:
                pass


def _display(display: Display | None) -> str:
    match display:
        case Diff(unified=unified):
            return _fenced("diff", unified)
        case Output(text=text, exit_code=code):
            return (_fenced("", text) if text.strip() else "") + _exit(code)
        case TestReport(passed=passed, failed=failed, failures=failures):
            lines = [f"\n{passed} passed, {failed} failed.\n", *(f"- {_line(failure)}\n" for failure in failures)]
            return lines[0] + ("\n" if failures else "") + "".join(lines[1:])
        case TodoList(items=items):
            return "\n" + "".join(f"- {_BOXES[item.status]} {_line(item.text)}\n" for item in items)
        case None:
            return ""


def _exit(code: int | None) -> str:
    return "" if code in (None, 0) else f"\nIt ended with exit code {code}.\n"


def _fenced(language: str, text: str) -> str:
    """The text in a fence that is longer than any in it."""
    text = printable(text.rstrip("\n"))
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"\n{fence}{language}\n{text}\n{fence}\n"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in printable(text.strip()).splitlines())


def _line(text: str) -> str:
    """On one line, so that it cannot begin a block of its own."""
    return " ".join(printable(text).split())


def _closed(text: str) -> str:
    """The text with a fence closed that it leaves open, so that what follows does not become part of it."""
    fence = ""
    for line in text.splitlines():
        found = re.match(r" {0,3}(`{3,}|~{3,})(.*)", line)
        if found is None:
            continue
        if not fence:
            fence = found[1]
        elif found[1].startswith(fence) and not found[2].strip():
            fence = ""
    return f"{text}\n{fence}" if fence else text
