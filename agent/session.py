"""A session: owns the conversation, the log and the turn under way; knows no front end, and is built by bootstrap."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codeagent.agent import events
from codeagent.agent.attempts import Attempts, repairs_for
from codeagent.agent.changes import ChangeLog
from codeagent.agent.checks import Checker
from codeagent.agent.config import Config
from codeagent.agent.context.request import RequestComposer
from codeagent.agent.conversation import Conversation, unanswered
from codeagent.agent.events import Emit, Event, TurnFinished, TurnOutcome
from codeagent.agent.guards import Limits
from codeagent.agent.loop import AgentLoop
from codeagent.agent.tool_runner import ToolRunner
from codeagent.agent.transcript import Transcript, TranscriptError
from codeagent.inference.client import (
    ContextOverflowError,
    Message,
    ModelClient,
    ModelError,
    ToolSpec,
    Usage,
)
from codeagent.tools.ledger import FileLedger


class Recorder:
    """Gives each event to the log and to the front end; a log that cannot be written any more is said once and given
    up.
    """

    def __init__(self, transcript: Transcript | None, sink: Emit) -> None:
        """Without a transcript nothing is kept."""
        self._transcript = transcript
        self._sink = sink

    def __call__(self, event: Event) -> None:
        """Record and deliver one event."""
        if self._transcript is not None:
            try:
                self._transcript.append(event)
            except TranscriptError as e:
                self.close()
                self._sink(events.Notice(level="error", text=f"{e} The session goes on, but cannot be resumed."))
        self._sink(event)

    def close(self) -> None:
        """Close the log. Safe to call twice."""
        if self._transcript is not None:
            self._transcript.close()
            self._transcript = None


@dataclass(frozen=True)
class Parts:
    """What a session is made of. `repairs` is how many repairs an attempt gets before a fresh start; None: always
    repair.
    """

    client: ModelClient
    runner: ToolRunner
    checker: Checker
    composer: RequestComposer
    changes: ChangeLog
    ledger: FileLedger
    config: Config
    limits: Limits
    system_prompt: str
    verify: str | None
    unattended: bool


class Session:
    """Runs turns one after the other over one conversation."""

    def __init__(self, session_id: str, parts: Parts, messages: Sequence[Message], recorder: Recorder) -> None:
        """`messages` are those of the session that is resumed; calls it left open are answered as interrupted."""
        self.id = session_id
        self._parts = parts
        self._recorder = recorder
        self._conversation = Conversation(messages, recorder)
        for message in unanswered(list(messages)):
            self._conversation.add(message, is_error=True)
        self._turn: asyncio.Task[TurnFinished] | None = None
        self._outcome_of_stop: TurnOutcome = "interrupted"

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation as it stands."""
        return self._conversation.messages

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """The tools as the model sees them."""
        return self._parts.runner.specs

    async def run_turn(self, text: str) -> TurnFinished:
        """Work on what the person said until it is done, stopped or failed. Never raises for the model's or a tool's
        failure.
        """
        self._recorder(events.TurnStarted(text=text))
        loop: list[AgentLoop] = []
        self._outcome_of_stop = "interrupted"
        self._turn = asyncio.create_task(self._work(text, loop))
        done, _ = await asyncio.wait({self._turn}, timeout=self._parts.limits.max_seconds)
        if not done:
            self.interrupt("max_seconds")
        try:
            finished = await self._turn
        except asyncio.CancelledError:
            finished = self._stopped(loop, self._outcome_of_stop, _STOPPED.get(self._outcome_of_stop))
        except ContextOverflowError as e:
            finished = self._stopped(loop, "context_full", str(e))
        except ModelError as e:
            self._recorder(events.Notice(level="error", text=str(e)))
            finished = self._stopped(loop, "model_error", str(e)).model_copy(update={"cause": type(e).__name__})
        for message in unanswered(list(self._conversation.messages)):
            self._conversation.add(message, is_error=True)
        self._recorder(finished)
        return finished

    def interrupt(self, outcome: TurnOutcome = "interrupted") -> None:
        """Stop the turn under way, model and tools included. Does nothing between turns."""
        if self._turn is not None and not self._turn.done():
            self._outcome_of_stop = outcome
            self._turn.cancel()

    async def close(self) -> None:
        """End the model and the log."""
        self.interrupt()
        await self._parts.client.close()
        self._recorder.close()

    async def _work(self, text: str, holder: list[AgentLoop]) -> TurnFinished:
        parts = self._parts
        info = await parts.client.info()
        if not len(self._conversation):
            self._conversation.add(Message(role="system", content=parts.system_prompt))
        report = await parts.checker.run_tests() if parts.checker.required else None
        self._conversation.add(Message(role="user", content=await parts.composer.compose(text, report)))
        repairs = repairs_for(info.parameters) if parts.unattended and parts.checker.required else None
        attempts = Attempts(
            self._conversation,
            parts.changes.snapshot,
            lambda files: parts.changes.restore(files, parts.ledger),
            report.passed_tests if report is not None else -1,
            repairs,
        )
        loop = AgentLoop(
            parts.client,
            parts.runner,
            parts.checker,
            attempts,
            self._conversation,
            self._recorder,
            parts.limits,
            parts.config.sampling,
            parts.config.max_output_tokens,
            tuple(file for file in parts.composer.shown if Path(file).name not in _names(parts.verify or "")),
            parts.composer.all_shown,
        )
        holder.append(loop)
        return await loop.run()

    def _stopped(self, holder: list[AgentLoop], outcome: TurnOutcome, error: str | None) -> TurnFinished:
        steps, usage, text = (holder[0].steps, holder[0].usage, holder[0].text) if holder else (0, Usage(), "")
        return TurnFinished(outcome=outcome, text=text, steps=steps, usage=usage, error=error)


_STOPPED: dict[TurnOutcome, str] = {
    "interrupted": "The turn was interrupted. What was done so far is kept.",
    "max_seconds": "Reached the time limit. What was done so far is kept.",
}


def _names(command: str) -> set[str]:
    """The file names that stand in a command: those of the person's check are not for the model to rewrite."""
    return {Path(word).name for word in re.findall(r"[\w./-]+", command)}
