"""What a person watching an unattended run sees on stderr: one line a step, deltas only where they are live; stdout
is not its.
"""

from __future__ import annotations

import time
from typing import TextIO

from codeagent.agent import events
from codeagent.agent.events import Event
from codeagent.agent.text import printable
from codeagent.inference.client import Prefill
from codeagent.tools.api import TestReport

EVERY = 5.0


class Progress:
    """Writes short lines. Nothing a model, tool or file says reaches the terminal with control characters in it."""

    def __init__(self, err: TextIO, prefix: str = "") -> None:
        """Writes to this stream, each line after a prefix; a stream that is closed or full is given up silently, since
        stdout carries the result.
        """
        self._err: TextIO | None = err
        self._prefix = prefix
        self._last = 0.0
        self._told = False  # the turn that is recorded now was told as it happened

    def feed(self, event: Event) -> None:
        """Show one event."""
        if self._told:
            self._told = not isinstance(event, events.TurnFinished)
        elif isinstance(event, events.CandidateFinished):
            report = event.report
            self._say(f"= candidate {report.candidate}: {report.outcome}, check {report.verify.replace('_', ' ')}")
        elif isinstance(event, events.CandidateChosen):
            self._say(f"= candidate {event.candidate} is taken, because {event.because}")
            self._told = True
        else:
            self._show(event)

    def _show(self, event: Event) -> None:
        match event:
            case events.ModelState():
                self._now_and_then(f"model: {event.state} {event.detail}".rstrip())
            case Prefill():
                if event.done < event.total:
                    eta = f", {event.eta_s:.0f} s left" if event.eta_s else ""
                    self._now_and_then(f"reading: {event.done}/{event.total} tokens{eta}")
            case events.ToolStarted():
                self._say(f"> {event.title}")
            case events.ToolFinished():
                if event.is_error:
                    self._say(f"  {event.name} failed")
                elif event.display is not None and event.display.type == "test_report":
                    self._say(f"  {_counts(event.display)}")
                elif event.display is not None and event.display.type == "diff":
                    self._say(f"  +{event.display.added} -{event.display.removed}")
            case events.PermissionDenied():
                self._say(f"! {event.name}: {event.reason}")
            case events.Rewound():
                self._say(f"< {event.reason}")
            case events.Notice():
                self._say(f"{event.level}: {event.text}")
            case events.MessageAdded():
                if event.message.role == "assistant":
                    prose = event.message.content.strip()
                    if event.message.tool_calls:
                        prose = prose.partition("```")[0].strip()  # what a call writes is shown as its diff
                    self._say(prose)
            case _:
                pass

    def _now_and_then(self, text: str) -> None:
        now = time.monotonic()
        if now - self._last >= EVERY:
            self._last = now
            self._say(text)

    def _say(self, text: str) -> None:
        if self._err is None or not text:
            return
        try:
            lines = printable(text).splitlines() if self._prefix else [printable(text)]
            self._err.write("".join(f"{self._prefix}{line}\n" for line in lines))
            self._err.flush()
        except (OSError, ValueError):
            self._err = None


def _counts(report: TestReport) -> str:
    if report.passed or report.failed:
        return f"{report.passed} passed, {report.failed} failed"
    return "passed" if report.exit_code == 0 else "failed"
