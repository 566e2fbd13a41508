"""One turn: the model answers, its calls run, their results go back, until it is done; knows no front end and no
files.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from codeagent import prompts
from codeagent.agent import events
from codeagent.agent.ahead import Ahead
from codeagent.agent.attempts import Attempts
from codeagent.agent.calls import Calls
from codeagent.agent.certainty import certainty_of
from codeagent.agent.checks import Checker, CheckReport
from codeagent.agent.context.editable import Editable
from codeagent.agent.conversation import Conversation
from codeagent.agent.events import Emit, TurnFinished, TurnOutcome
from codeagent.agent.guards import CallGuard, Limits
from codeagent.agent.tool_runner import ToolRunner
from codeagent.inference import client as model
from codeagent.inference.client import ChatRequest, Finished, Message, ModelClient, Sampling, ToolCall, Usage

RESENDS = 2
IDLE_STOP = 3
SEARCH_STOP = 12
CALLS_AT_ONCE = 50
ERRORS_SHOWN = 5
CLOSING_TOKENS = 200


@dataclass
class Reply:
    """What one model call came to."""

    text: str = ""
    reasoning: str = ""
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    malformed: list[str] = field(default_factory=list[str])
    finished: Finished = field(default_factory=lambda: Finished(reason="stop"))


class AgentLoop:
    """Runs one turn over a conversation that already ends with what the person said."""

    def __init__(
        self,
        client: ModelClient,
        runner: ToolRunner,
        checker: Checker,
        attempts: Attempts,
        conversation: Conversation,
        emit: Emit,
        limits: Limits,
        sampling: Sampling,
        calls: Calls,
        ahead: Ahead,
        max_output_tokens: int,
        files: tuple[str, ...],
        all_shown: bool,
        steering: Callable[[], list[str]],
        subject: Callable[[str], str | None],
        editable: Callable[[], Editable],
        logprobs: bool = False,
        thinking_budget: int | None = None,
    ) -> None:
        """`attempts` decides what follows a failed check. `files` are those that may be rewritten whole; if they were
        `all_shown`, nothing is left to look up, and a model that must act must write. `steering` takes what the person
        said since it was last called. `subject` names the file that an answer's code is of, if it may be written. With
        `logprobs` whoever approves a call is told how sure the model was. `calls` gives each call its seed, and
        `ahead` reads what is known of the next one while tools run. `editable` tells what an edit may name and quote at
        that time. The model thinks no longer than `thinking_budget` tokens.
        """
        self._client = client
        self._runner = runner
        self._checker = checker
        self._attempts = attempts
        self._conversation = conversation
        self._emit = emit
        self._limits = limits
        self._sampling = sampling
        self._calls = calls
        self._ahead = ahead
        self._max_output_tokens = max_output_tokens
        self._files = files
        self._all_shown = all_shown and bool(files)
        self._steering = steering
        self._subject = subject
        self._to_write: str | None = None
        self._shown_instead = False
        self._editable = editable
        self._logprobs = logprobs
        self._thinking_budget = thinking_budget
        self._guard = CallGuard()
        self._idle = 0
        self._must_act = checker.required and checker.last is not None and checker.last.passed is False
        self._failing = self._must_act
        self._closing = False
        self.steps = 0
        self.usage = Usage()
        self.text = ""

    async def run(self) -> TurnFinished:
        """Work until done or stopped. Raises ModelError when the model fails for good; cancelling it cancels the
        model.
        """
        while True:
            self._listen()
            outcome = self._limits.exceeded(self.steps, self.usage) or await self._step()
            if outcome is not None and not (outcome == "done" and self._listen()):
                return TurnFinished(outcome=outcome, text=self.text, steps=self.steps, usage=self.usage)

    def _listen(self) -> bool:
        """Tell the model what the person said meanwhile; whether that was anything."""
        said = self._steering()
        for text in said:
            self._conversation.add(Message(role="user", content=text))
        return bool(said)

    async def _step(self) -> TurnOutcome | None:
        """One model call and what follows from it; an outcome ends the turn."""
        self.steps += 1
        self._emit(events.StepStarted(n=self.steps))
        reply = await self._ask()
        self.usage += reply.finished.usage
        calls = _distinct(reply.calls)
        message = Message(
            role="assistant",
            content=reply.text,
            reasoning=reply.reasoning,
            tool_calls=tuple(calls[:CALLS_AT_ONCE]),
            tokens=reply.finished.tokens,
        )
        raw = reply.finished.raw
        self._conversation.add(message, reply.finished.usage, raw=None if raw == reply.text else raw)
        if reply.text.strip() and reply.finished.reason in ("stop", "tool_calls"):
            self.text = reply.text.strip()
        if self._closing:
            return "done"
        if reply.finished.reason == "context_full":
            return "context_full"
        if reply.calls:
            return await self._act(list(message.tool_calls), reply.finished, self._unmade(reply, len(calls)))
        if reply.malformed or reply.finished.reason in ("length", "loop"):
            return self._complain(reply)
        if self._shows_a_change(reply):
            return None
        return await self._accept()

    async def _ask(self) -> Reply:
        """One model call; a runner that dies is replaced and asked again, since no tool runs before a reply is
        whole.
        """
        request, asked = self._calls.next(self._request())
        self._emit(asked)
        self._ahead.stop()
        for resend in range(RESENDS + 1):
            try:
                return await self._stream(request)
            except model.RunnerDiedError as e:
                if resend == RESENDS:
                    raise
                text = f"{str(e).splitlines()[0]} The model is started again; nothing was lost."
                self._emit(events.Notice(level="warning", text=text))
        raise AssertionError("unreachable")

    def _request(self) -> ChatRequest:
        left = None if self._limits.max_tokens is None else self._limits.max_tokens - self.usage.generated_tokens
        most = CLOSING_TOKENS if self._closing else self._max_output_tokens
        required = self._must_act or self._to_write is not None
        editable = self._editable()
        files = self._files if self._to_write is None else (self._to_write,)
        return ChatRequest(
            messages=self._conversation.messages,
            tools=self._runner.specs,
            tool_choice="none" if self._closing else "required" if required else "auto",
            only=("write",) if self._all_shown or self._to_write is not None else (),
            masked=self._runner.masked,
            files=files,
            prediction="\n".join(editable.texts[file] for file in files if file in editable.texts),
            paths=editable.paths,
            texts=editable.texts,
            thinking_budget=self._thinking_budget,
            reason_first=self._attempts.reason_first,
            logprobs=self._logprobs,
            sampling=self._attempts.sampling(self._sampling),
            grammar=prompts.load("loop/closing.gbnf") if self._closing else None,
            exact=self._sampling.seed is not None,
            max_tokens=most if left is None else max(1, min(most, left)),
        )

    async def _stream(self, request: ChatRequest) -> Reply:
        reply = Reply()
        async with aclosing(self._client.stream(request)) as stream:
            async for event in stream:
                match event:
                    case model.Prefill() | model.ToolCallDelta():
                        self._emit(event)
                    case model.TextDelta():
                        reply.text += event.text
                        self._emit(event)
                    case model.ReasoningDelta():
                        reply.reasoning += event.text
                        self._emit(event)
                    case model.ToolCall():
                        reply.calls.append(event)
                    case model.MalformedCall():
                        reply.malformed.append(event.error)
                    case model.Finished():
                        reply.finished = event
        return reply

    def _unmade(self, reply: Reply, calls: int) -> str:
        """What the model must know of calls in a reply that are not made, beside those that are; empty if all are."""
        too_many = max(0, calls - CALLS_AT_ONCE)
        if too_many:
            text = f"The model asked for {calls:,} calls at once: the first {CALLS_AT_ONCE} are made."
            self._emit(events.Notice(level="warning", text=text))
        if not too_many and not reply.malformed:
            return ""
        return prompts.render("loop/unmade.md", errors=reply.malformed[:ERRORS_SHOWN], too_many=too_many)

    async def _act(self, calls: list[ToolCall], finished: Finished, unmade: str) -> TurnOutcome | None:
        """Run the calls in order, then check what they wrote; the check's words go with the last result, and so does
        what there is to say of calls that were not made.
        """
        self._idle = 0
        self._to_write = None
        stop: TurnOutcome | None = None
        before: dict[str, bytes | None] = {}
        results: list[tuple[ToolCall, str, bool]] = []
        denied = False
        for call in calls:
            if stop is not None:
                results.append((call, prompts.load("loop/not_made.md").rstrip(), True))
                continue
            self._read_ahead([*results, (call, "", False)])
            ran = await self._runner.run(call, certainty_of(call, finished.logprobs))
            output = ran.result.output
            advice = self._guard.note(call, output, ran.result.is_error)
            if advice == "stop" and not self._must_act:
                stop = "loop"
            elif advice != "go":
                output += "\n" + prompts.load("loop/repeated_call.md")
            denied = denied or ran.denied
            self._shown_instead = self._shown_instead and not ran.objected
            if ran.changed:
                self._checker.outdated()
            if ran.broken or (self._guard.failing and not self._must_act):
                stop = "tool_failure"
            before = ran.before | before
            results.append((call, output, ran.result.is_error))
        if unmade:
            call, output, is_error = results[-1]
            results[-1] = (call, f"{output}\n\n{unmade}", is_error)
        report = CheckReport(passed=None)
        if before:
            self._emit(events.FilesChanged(paths=tuple(before)))
            self._read_ahead(results)
            report = await self._checker.after_edit(before)
        self._answer(results, report)
        if report.passed is not None:
            self._must_act = self._checker.required and not report.passed
        elif self._must_act and not denied and all(is_error for _, _, is_error in results):
            self._again(calls, len(self._conversation) - len(results) - 1)
            return stop
        if report.passed is False:
            self._attempts.failed(report)
        elif report.passed:
            self._attempts.passed()
            if self._failing:  # the person's check failed and now passes: nothing may break it again
                self._closing = True
                self._conversation.add(Message(role="user", content=prompts.load("loop/closing.md")))
        return stop

    def _again(self, calls: list[ToolCall], length: int) -> None:
        """Take back a reply whose calls all came to nothing, when only a change helps; what it sees it would repeat.

        A file that it wanted to rewrite so is not offered again while there are others.
        """
        self._attempts.stir()
        self._conversation.rewind(length, (), "the call came to nothing and is asked for anew")
        named = {str(call.arguments.get("path")) for call in calls if call.name == "write"}
        self._files = tuple(file for file in self._files if file not in named) or self._files

    def _read_ahead(self, results: list[tuple[ToolCall, str, bool]]) -> None:
        """Read up to what is not known yet: the end of the last result."""
        known = [Message(role="tool", content=text, tool_call_id=c.id, tool_name=c.name) for c, text, _ in results]
        self._ahead.read((*self._conversation.messages, *known))

    def _answer(self, results: list[tuple[ToolCall, str, bool]], report: CheckReport) -> None:
        for i, (call, output, is_error) in enumerate(results):
            text = f"{output}\n\n{report.text}" if report.text and i == len(results) - 1 else output
            message = Message(role="tool", content=text, tool_call_id=call.id, tool_name=call.name)
            self._conversation.add(message, is_error=is_error)

    def _shows_a_change(self, reply: Reply) -> bool:
        """Whether the answer shows a change and does not make it, as small models do.

        Once, and once more when a person wanted another change, they are asked to make it, and then can only write that
        file.
        """
        path = None if self._shown_instead else self._subject(reply.text)
        if path is None:
            return False
        self._shown_instead = True
        self._to_write = path
        self._emit(
            events.Notice(level="info", text=f"The answer shows a change of {path}: the model is asked to make it.")
        )
        self._conversation.add(Message(role="user", content=prompts.render("loop/make_it.md", path=path)))
        return True

    def _complain(self, reply: Reply) -> TurnOutcome | None:
        """Answer a reply that is no answer: a broken call, a cut text, an endless repetition."""
        self._idle += 1
        if self._idle >= (SEARCH_STOP if self._must_act else IDLE_STOP):
            return "loop" if reply.finished.reason == "loop" else "tool_failure" if reply.malformed else "max_tokens"
        self._attempts.stir()
        if reply.finished.reason == "loop":
            # A model that sees its own repetition goes on with it.
            self._conversation.rewind(
                len(self._conversation) - 1, (), "the reply repeated itself and is asked for anew"
            )
            return None
        if reply.malformed:
            text = prompts.render("loop/malformed.md", errors=reply.malformed[:ERRORS_SHOWN])
        else:
            text = prompts.load("loop/cut.md")
        self._conversation.add(Message(role="user", content=text))
        return None

    async def _accept(self) -> TurnOutcome | None:
        """The model says it is done: agreed, unless the person's own check fails and there is still hope."""
        if not self._checker.required:
            return "done"
        report = await self._checker.now()
        self._idle += 1
        if report.passed is not False or self._idle >= IDLE_STOP:
            return "done"
        self._must_act = True
        self._attempts.stir()
        self._conversation.add(
            Message(role="user", content=prompts.render("loop/verify_failed.md", report=report.text))
        )
        return None


def _distinct(calls: list[ToolCall]) -> list[ToolCall]:
    """The calls without those that only repeat the one before them, as small models do."""
    pairs = zip([None, *calls], calls, strict=False)
    return [b for a, b in pairs if a is None or not b.same_as(a)]
