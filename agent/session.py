"""A session: owns the conversation, the log and the turn under way; knows no front end, and is built by bootstrap."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from codeagent import prompts
from codeagent.agent import events
from codeagent.agent.ahead import Ahead
from codeagent.agent.attempts import Attempts, repairs_for
from codeagent.agent.calls import Calls
from codeagent.agent.changes import ChangeLog
from codeagent.agent.checks import Checker
from codeagent.agent.config import Config, PermissionMode
from codeagent.agent.context.code import CodeContext
from codeagent.agent.context.editable import Editable
from codeagent.agent.context.repo_map import RepoMap, map_tokens
from codeagent.agent.context.request import RequestComposer
from codeagent.agent.context.tokens import TextCounter
from codeagent.agent.conversation import Conversation, answered, unanswered
from codeagent.agent.events import Emit, Event, TurnFinished, TurnOutcome
from codeagent.agent.guards import Limits
from codeagent.agent.loop import AgentLoop
from codeagent.agent.permissions import PermissionGate
from codeagent.agent.timeline import Timeline
from codeagent.agent.tool_runner import ToolRunner
from codeagent.agent.transcript import Transcript, TranscriptError
from codeagent.inference.client import (
    ChatRequest,
    ContextOverflowError,
    Message,
    ModelClient,
    ModelError,
    ModelInfo,
    TextDelta,
    ToolSpec,
    Usage,
)
from codeagent.tools.api import relative
from codeagent.tools.ledger import FileLedger
from codeagent.tools.parser import Parser
from codeagent.tools.process import Finished, Processes
from codeagent.tools.run import ending
from codeagent.tools.truncate import head_and_tail

MAP_SECONDS = 5.0
SHELL_SECONDS = 600.0
SHELL_OUTPUT = 256 * 1024
SHARED_CHARACTERS = 8_000


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
    repair. `reads_ahead` says that the model may read while nobody waits for it.
    """

    client: ModelClient
    runner: ToolRunner
    checker: Checker
    composer: RequestComposer
    code: CodeContext
    changes: ChangeLog
    ledger: FileLedger
    config: Config
    limits: Limits
    root: Path
    system_prompt: str
    verify: str | None
    unattended: bool
    gate: PermissionGate
    processes: Processes
    parser: Parser
    reads_ahead: bool


class Session:
    """Runs turns one after the other over one conversation."""

    def __init__(
        self,
        session_id: str,
        parts: Parts,
        messages: Sequence[Message],
        recorder: Recorder,
        past: Sequence[Event] = (),
    ) -> None:
        """`messages` and `past` are those of the session that is resumed; calls it left open are answered as
        interrupted.
        """
        self.id = session_id
        self._parts = parts
        self._recorder = recorder
        self._conversation = Conversation(messages, recorder)
        self.timeline = Timeline(self._conversation, parts.changes, parts.ledger)
        self.timeline.recall(past)
        self._map: RepoMap | None = None
        self._to_tell: list[str] = []
        self._put_back: set[str] = set()
        self._steering: list[str] = []
        for message in unanswered(list(messages)):
            self._conversation.add(message, is_error=True)
        self._calls = Calls()
        wanted = parts.config.prefill_ahead and parts.config.sampling.seed is None and parts.reads_ahead
        self._ahead = Ahead(parts.client, lambda: parts.runner.specs, wanted)
        self._described: ModelInfo | None = None
        self._turn: asyncio.Task[TurnFinished] | None = None
        self._outcome_of_stop: TurnOutcome = "interrupted"
        self._known: tuple[str, ...] | None = None  # what was said of the model when it was loaded

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation as it stands."""
        return self._conversation.messages

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """The tools as the model sees them."""
        return self._parts.runner.specs

    @property
    def working(self) -> bool:
        """Whether a turn is under way."""
        return self._turn is not None and not self._turn.done()

    @property
    def mode(self) -> PermissionMode:
        """What may happen without asking."""
        return self._parts.gate.mode

    @mode.setter
    def mode(self, mode: PermissionMode) -> None:
        self._parts.gate.mode = mode
        self._recorder(events.ModeChanged(mode=mode))

    async def run_turn(self, text: str) -> TurnFinished:
        """Work on what the person said until it is done, stopped or failed. Never raises for the model's or a tool's
        failure.
        """
        self.timeline.begin(text)
        self._recorder(events.TurnStarted(text=text))
        loop: list[AgentLoop] = []
        self._outcome_of_stop = "interrupted"
        self._parts.code.pause()
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
        self._parts.code.resume()
        self._to_tell += self._take_steering()  # what the turn did not live to read goes with the next message
        self._recorder(finished)
        return finished

    def adopt(self, text: str, past: Sequence[Event], write: Callable[[], None]) -> None:
        """Make a turn that was worked in a copy of the workspace the first one of this session. `write` makes its
        changes here, which are undone with it.
        """
        self.timeline.begin(text)
        write()
        self._conversation.adopt(past)

    def steer(self, text: str) -> None:
        """Say something to the turn under way; the model reads it before its next step. Raises RuntimeError between
        turns.
        """
        if not self.working:
            raise RuntimeError("no turn is under way")
        self._steering.append(text)
        self._recorder(events.Steered(text=text))

    def rewind(self, turn: int, conversation: bool = True, files: bool = True) -> tuple[str, ...]:
        """Go back to before a turn and return the files that were put back; where only they go back, the model is told
        with the next message. Raises ValueError for an unknown turn, RuntimeError while one is under way.
        """
        if self.working:
            raise RuntimeError("a turn is under way")
        put_back = self.timeline.rewind(turn, conversation, files)
        if put_back and not conversation:
            self.tell_put_back(put_back)
        return put_back

    def redo(self) -> tuple[str, ...] | None:
        """Take the latest rewind back and return the files that changed; None if there was none."""
        restored = self.timeline.redo()
        if restored is not None:
            self._put_back.clear()
        return restored

    def tell_put_back(self, files: Sequence[str]) -> None:
        """With the next message the model hears that these files, by path, are not any more as it left them."""
        self._put_back.update(relative(Path(path), self._parts.root) for path in files)

    async def shell(self, command: str, share: bool, report: Callable[[str], None]) -> Finished:
        """Run a command for the person, who typed it, so nothing is asked. Shared output goes with the next message.

        Raises ToolError if it cannot be started.
        """
        processes = self._parts.processes
        finished = await processes.run(processes.shell(command), SHELL_SECONDS, report, SHELL_OUTPUT)
        self._recorder(
            events.ShellRan(command=command, output=finished.output, exit_code=finished.exit_code, shared=share)
        )
        if share:
            output = head_and_tail(finished.output.rstrip(), SHARED_CHARACTERS)
            self._to_tell.append(prompts.render("loop/shell.md", command=command, output=output, end=ending(finished)))
        return finished

    def read_ahead(self, draft: str = "") -> None:
        """Between turns: have the model read the conversation so far and, if there is one, the beginning of what the
        person is about to say.
        """
        if self.working:
            return
        text = "\n\n".join([*self._to_tell, draft]).strip()
        draft_message = (Message(role="user", content=text),) if text else ()
        self._ahead.read((*self._beginning(), *draft_message))

    def _beginning(self) -> tuple[Message, ...]:
        """What the next request will begin with, as far as it is known."""
        return self._conversation.messages or (Message(role="system", content=self._parts.system_prompt),)

    async def aside(self, question: str) -> AsyncGenerator[str]:
        """Answer a question about the conversation so far, without becoming part of it; while a turn is under way,
        after the model call that runs. Raises ModelError.
        """
        said = answered(self._conversation.messages) or (Message(role="system", content=self._parts.system_prompt),)
        request = ChatRequest(
            messages=(*said, Message(role="user", content=question)),
            tools=self.tools,
            tool_choice="none",
            sampling=self._parts.config.sampling,
            max_tokens=self._parts.config.max_output_tokens,
        )
        self._ahead.stop()
        async with aclosing(self._parts.client.stream(request)) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    yield event.text

    def interrupt(self, outcome: TurnOutcome = "interrupted") -> None:
        """Stop the turn under way, model and tools included. Does nothing between turns."""
        if self._turn is not None and not self._turn.done():
            self._outcome_of_stop = outcome
            self._turn.cancel()

    async def close(self, keep_model: bool = False) -> None:
        """End the turn, the log and, unless it is to be used by another session, the model."""
        self.interrupt()
        if self._turn is not None:
            await asyncio.wait({self._turn})
        await self._ahead.close()
        self._parts.parser.close()
        await self._parts.code.close()
        if not keep_model:
            await self._parts.client.close()
        self._parts.changes.close()
        self._recorder.close()

    async def _work(self, text: str, holder: list[AgentLoop]) -> TurnFinished:
        parts = self._parts
        parts.code.start(watch=not parts.unattended)
        info = await parts.client.info()
        if info != self._described:
            self._described = info
            self._recorder(events.ModelDescribed(info=info))
        known = info.notices if self._known is None else self._known
        for text in (notice for notice in info.notices if notice not in known):
            self._recorder(events.Notice(level="warning", text=text))
        self._known = info.notices
        if parts.unattended:
            self._ahead.read(self._beginning())
        report = await parts.checker.run_tests() if parts.checker.required else None
        told, self._to_tell = self._to_tell, []
        if self._put_back:
            told.append(prompts.render("loop/put_back.md", files=", ".join(sorted(self._put_back))))
            self._put_back.clear()
        opened = () if parts.unattended else _pointed_at(text)
        request = await parts.composer.compose("\n\n".join([*told, text]), report, opened)
        if not len(self._conversation):
            self._conversation.add(Message(role="system", content=await self._system(info)))
        elif self._map is not None:
            own = {relative(path, parts.root) for path in parts.changes.paths}
            changes, self._map = await parts.code.changed_since(self._map, own)
            request += f"\n\n{changes}" if changes else ""
        self._conversation.add(Message(role="user", content=request))
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
            self._calls,
            self._ahead,
            parts.config.max_output_tokens,
            tuple(file for file in parts.composer.shown if Path(file).name not in _names(parts.verify or "")),
            parts.composer.all_shown,
            self._take_steering,
            lambda answer: None if parts.gate.mode == "plan" else parts.composer.subject(answer),
            parts.composer.editable if parts.config.constrain_edits else Editable,
            logprobs=not parts.unattended,
            thinking_budget=parts.config.thinking_budget,
        )
        holder.append(loop)
        return await loop.run()

    async def _system(self, info: ModelInfo) -> str:
        """The first message. The map in it is never changed, so that what was read of it stays in the cache; later
        messages tell what is new.
        """
        parts = self._parts
        tokens = parts.config.map_tokens
        if tokens is None:
            tokens = map_tokens(info.parameters, info.context_length) if parts.composer.map_helps else 0
        if not tokens or not await parts.code.ready(MAP_SECONDS):
            return parts.system_prompt
        self._map = await parts.code.map(tokens, TextCounter(parts.client))
        return f"{parts.system_prompt}\n\n{self._map.text}".rstrip()

    def _take_steering(self) -> list[str]:
        said, self._steering = self._steering, []
        return said

    def _stopped(self, holder: list[AgentLoop], outcome: TurnOutcome, error: str | None) -> TurnFinished:
        steps, usage, text = (holder[0].steps, holder[0].usage, holder[0].text) if holder else (0, Usage(), "")
        return TurnFinished(outcome=outcome, text=text, steps=steps, usage=usage, error=error)


_STOPPED: dict[TurnOutcome, str] = {
    "interrupted": "The turn was interrupted. What was done so far is kept.",
    "max_seconds": "Reached the time limit. What was done so far is kept.",
}


def _pointed_at(text: str) -> set[str]:
    """What the person gave as @path; only that opens a file which may hold secrets."""
    return {name.rstrip(".,;:") for name in re.findall(r"(?:^|\s)@(\S+)", text)}


def _names(command: str) -> set[str]:
    """The file names that stand in a command: those of the person's check are not for the model to rewrite."""
    return {Path(word).name for word in re.findall(r"[\w./-]+", command)}
