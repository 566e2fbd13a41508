"""The unattended run that tries its task several ways: what it takes, and how it is told; solves nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from codeagent.agent.bootstrap import Opened
from codeagent.agent.candidates.solving import Candidates
from codeagent.agent.events import Emit, Event, Notice
from codeagent.agent.headless.options import TaskError, TaskOptions
from codeagent.agent.headless.outcome import Exit
from codeagent.agent.headless.progress import Progress


def check_options(options: TaskOptions) -> None:
    """Raises TaskError (42) where the options do not go with several candidates."""
    if options.candidates == 1:
        return
    if options.verify is None:
        raise TaskError(
            Exit.BAD_INPUT,
            "--candidates needs --verify CMD: without a check nothing tells which candidate is the best.",
        )
    refused = {
        "--input-format stream-json": options.stream_input,
        "--add-dir": options.add_dirs,
        "--continue": options.continue_latest,
        "--resume": options.resume,
    }
    for flag, given in refused.items():
        if given:
            raise TaskError(
                Exit.BAD_INPUT,
                f"--candidates does not go with {flag}: it solves one task in copies of one folder, from its "
                "beginning. Leave one of the two out.",
            )


def candidates(opened: Opened, options: TaskOptions, emit: Emit, err: TextIO) -> Candidates:
    """The candidates of a run, whose steps are told on `err` by their number."""
    return Candidates(opened, options, options.candidates, emit, _watcher(options, err))


def _watcher(options: TaskOptions, err: TextIO) -> Callable[[int, Event], None]:
    shown = {number: Progress(err, f"[{number}] ") for number in range(1, options.candidates + 1)}
    said: set[str] = set()

    def watch(number: int, event: Event) -> None:
        if options.quiet:
            return
        if isinstance(event, Notice):
            if event.text in said:
                return  # the copies are alike, so what is said of one is mostly said of all
            said.add(event.text)
        shown[number].feed(event)

    return watch
