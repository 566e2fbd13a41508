"""Runs one unattended task from options to exit code: the order of things, and the promise that a result always comes
last.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterable, Sequence
from typing import BinaryIO, TextIO

from codeagent.agent.bootstrap import Opened, SetupError, open_session
from codeagent.agent.candidates.solving import Candidates
from codeagent.agent.events import Emit, Event, Notice, PermissionDenied
from codeagent.agent.headless.autorun import autorun_state, differing
from codeagent.agent.headless.input import read_schema, read_task, stream_tasks
from codeagent.agent.headless.options import TaskError, TaskOptions
from codeagent.agent.headless.outcome import Exit, Outcome
from codeagent.agent.headless.progress import Progress
from codeagent.agent.headless.several import candidates, check_options
from codeagent.agent.headless.structured import structured_answer
from codeagent.agent.headless.writers import make_writer
from codeagent.agent.logs import log_to
from codeagent.agent.secrets import mask_shapes

_log = logging.getLogger(__name__)


def run_task(options: TaskOptions, stdin: BinaryIO, out: TextIO, err: TextIO) -> int:
    """Do the task and return the exit code. Whatever happens, the writer's result comes last on `out`."""
    log_to(options.paths.log_file, mask_shapes)
    outcome = Outcome()
    start = time.monotonic()
    writer = make_writer(options.output_format, out, options.partial_messages)
    progress = Progress(err)

    def emit(event: Event) -> None:
        if isinstance(event, PermissionDenied):
            outcome.denials.append(event)
        if not options.quiet:
            progress.feed(event)
        writer.feed(event)

    try:
        check_options(options)
        tasks = stream_tasks(stdin) if options.stream_input else [read_task(options, stdin)]
        asyncio.run(_Run(options, outcome, emit, tasks, err).run())
    except TaskError as e:
        outcome.fail(e.code, str(e))
    except SetupError as e:
        outcome.fail(Exit(e.exit_code), str(e))
    except BrokenPipeError:
        outcome.fail(Exit.ERROR, "Standard output was closed by its reader.")
    except Exception as e:
        _log.error("the run broke", exc_info=e)
        outcome.fail(Exit.ERROR, f"Internal error: {type(e).__name__}: {mask_shapes(str(e))}. Please report it.")
        if os.environ.get("CODEAGENT_DEBUG"):
            raise
    outcome.duration_ms = round((time.monotonic() - start) * 1000)
    if outcome.exit is not Exit.DONE:
        _tell(err, outcome.errors)
    try:
        if options.last_message_file is not None:
            options.last_message_file.write_text(outcome.text + "\n", encoding="utf-8")
        writer.finish(outcome)
    except OSError as e:
        _tell(err, [f"The result cannot be written ({e.strerror})."])
        _silence(out)
        return int(outcome.exit) or int(Exit.ERROR)
    return int(outcome.exit)


def _silence(out: TextIO) -> None:
    """Point a broken standard output at nothing: Python flushes it once more at exit, and would complain."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, out.fileno())
        os.close(nothing)


def _tell(err: TextIO, sentences: Sequence[str]) -> None:
    try:
        for sentence in sentences:
            err.write(f"codeagent: {sentence}\n")
        err.flush()
    except (OSError, ValueError):
        pass  # nobody reads stderr; the result object and the exit code still say it


class _Run:
    def __init__(self, options: TaskOptions, outcome: Outcome, emit: Emit, tasks: Iterable[str], err: TextIO) -> None:
        self._options = options
        self._outcome = outcome
        self._emit = emit
        self._tasks = tasks
        self._err = err
        self._candidates: Candidates | None = None
        self._signal: Exit | None = None
        self._opened: Opened | None = None

    async def run(self) -> None:
        schema = read_schema(self._options.json_schema)
        main = asyncio.current_task()
        assert main is not None
        for number, code in ((signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)):
            asyncio.get_running_loop().add_signal_handler(number, self._stop, code, main)
        try:
            opened = self._opened = open_session(self._options, self._emit, approver=None)
            self._outcome.session_id, self._outcome.model = opened.session.id, opened.model_name
            before = await autorun_state(opened)
            for task in self._tasks:
                if self._options.candidates > 1:
                    await self._solve(opened, task)
                else:
                    self._outcome.add_turn(await opened.session.run_turn(task), opened.limits.max_turns)
                if self._outcome.exit is not Exit.DONE:
                    break
            if schema is not None and self._outcome.exit is Exit.DONE:
                session = opened.session
                seed = opened.config.sampling.seed
                await structured_answer(opened.client, session.messages, session.tools, schema, self._outcome, seed)
            await self._conclude(opened)
            self._outcome.autorun = differing(before, await autorun_state(opened))
            if self._outcome.autorun:
                text = f"Look at these before you run anything; programs run them: {', '.join(self._outcome.autorun)}"
                self._emit(Notice(level="warning", text=text))
        except asyncio.CancelledError:
            if self._signal is None:
                raise
            self._outcome.fail(self._signal, "Stopped by a signal.")
        finally:
            if self._opened is not None:
                await self._opened.session.close()

    def _stop(self, code: Exit, main: asyncio.Task[None]) -> None:
        first = self._signal is None
        self._signal = code
        if first and self._opened is not None:
            self._opened.session.interrupt()
            if self._candidates is not None:
                self._candidates.interrupt()
        else:
            main.cancel()

    async def _solve(self, opened: Opened, task: str) -> None:
        """Try the task several ways and take over the best one's turn."""
        outcome, options = self._outcome, self._options
        self._candidates = candidates(opened, options, self._emit, self._err)
        solved = await self._candidates.solve(task)
        outcome.candidates, outcome.chosen = solved.reports, solved.chosen
        if solved.turn is None:
            outcome.usage += solved.usage
            outcome.fail(Exit.INTERRUPTED, "Stopped by a signal before a candidate was chosen. Nothing was changed.")
            return
        outcome.add_turn(solved.turn.model_copy(update={"usage": solved.usage}), opened.limits.max_turns)
        if solved.refused:
            outcome.fail(Exit.ERROR, solved.refused)

    async def _conclude(self, opened: Opened) -> None:
        outcome, options = self._outcome, self._options
        if self._signal is not None:
            outcome.exit = self._signal
        elif outcome.exit is Exit.DONE and options.verify is not None:
            report = await opened.checker.now()
            if report.passed is False:
                outcome.fail(Exit.VERIFY_FAILED, f"The check `{options.verify}` fails.\n{report.text}")
            elif report.passed is None:
                outcome.fail(Exit.DENIED, f"The check `{options.verify}` was not allowed to run.")
        elif outcome.exit is Exit.DONE and outcome.denials:
            refused = ", ".join(sorted({d.name for d in outcome.denials}))
            outcome.fail(Exit.DENIED, f"Finished, but calls were refused ({refused}). See permission_denials.")
        if options.diff_file is not None:
            options.diff_file.write_text(opened.changes.unified_diff(commands=True), "utf-8", "surrogateescape")
