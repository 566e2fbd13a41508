"""A model that plays a script instead of thinking: for tests, demonstrations and replays; knows no process.

A script is JSON lines: one object, a ScriptedTurn, for each model call. Blank lines are skipped.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self, assert_never

from pydantic import Field, ValidationError, model_validator

from codeagent.inference.client import (
    BadRequestError,
    ChatRequest,
    ContextOverflowError,
    Finished,
    Frozen,
    MalformedCall,
    ModelError,
    ModelEvent,
    ModelInfo,
    ModelLoadError,
    OutOfMemoryError,
    Prefill,
    ReasoningDelta,
    RunnerDiedError,
    StopReason,
    TextDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    Usage,
)

ErrorKind = Literal["runner_died", "overflow", "out_of_memory", "load", "bad_request"]


class ScriptedCall(Frozen):
    """A tool call the script makes."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])


class ScriptedTurn(Frozen):
    """What one model call plays, in this order: reasoning, text, malformed, calls, and then error, hang or the finish.

    `chunks` is the number of deltas reasoning and text are cut into, `delay_ms` the time from one delta to the next
    (kept on average). `malformed` is the text of a call nobody can read.
    `reason` and `usage` are made up when they are missing: "tool_calls" if there are calls, else "stop", and estimated
    tokens. `error` ends the stream with the ModelError it names and `message`. `hang` waits until the stream is closed.
    `expect` must occur in the content of the request's last message; if it does not, the call fails with a ModelError.
    `logprobs` are pieces of what the turn plays, in order, each a `text` with its `logprob`, the natural logarithm of
    its probability; the model is sure of all else. A request that does not ask for logprobs gets none.
    Where a task is tried several ways, each of them is played the whole script, less the turns that name another
    `candidate`.
    """

    reasoning: str = ""
    text: str = ""
    chunks: Annotated[int, Field(ge=1)] = 3
    delay_ms: Annotated[float, Field(ge=0, le=60_000)] = 0
    malformed: str | None = None
    calls: tuple[ScriptedCall, ...] = ()
    error: ErrorKind | None = None
    message: str = "The script says so."
    hang: bool = False
    reason: StopReason | None = None
    usage: Usage | None = None
    expect: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    candidate: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one_ending(self) -> Self:
        endings = [name for name in ("error", "hang") if getattr(self, name)]
        finish = [name for name in ("reason", "usage") if getattr(self, name) is not None]
        if len(endings) > 1 or (endings and finish):
            raise ValueError(f"a turn ends in one way, not in {' and '.join([*endings, *finish])}")
        if "message" in self.model_fields_set and self.error in (None, "overflow"):
            raise ValueError("message goes with an error that has a text of its own choice")
        return self

    @model_validator(mode="after")
    def _pieces_of_what_is_played(self) -> Self:
        _logprobs(self)
        return self


class ScriptedClient:
    """A ModelClient that plays one turn for each stream and fails with a ModelError when there are no more.

    Token counts are estimates: four characters to the token. `requests` are the requests streamed so far, and
    `read_ahead` those in the background.
    """

    def __init__(self, turns: Iterable[ScriptedTurn], name: str = "script", context_length: int = 32_768) -> None:
        self.requests: list[ChatRequest] = []
        self.read_ahead: list[ChatRequest] = []
        self._turns = tuple(turns)
        self._info = ModelInfo(name=name, context_length=context_length, dialect="script")
        self._lock = asyncio.Lock()

    @classmethod
    def from_file(cls, path: Path) -> ScriptedClient:
        """Read a script. Raises ModelLoadError with the number of the line that is wrong."""
        return cls(read_script(path), name=f"script:{path.name}")

    def of_candidate(self, number: int) -> ScriptedClient:
        """A client for one of several ways in which a task is tried: the script from its beginning."""
        turns = [turn for turn in self._turns if turn.candidate in (None, number)]
        return ScriptedClient(turns, self._info.name, self._info.context_length)

    async def info(self) -> ModelInfo:
        """What this pretends to be."""
        return self._info

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ModelEvent]:
        """Play the next turn. Raises the turn's error, or ModelError if it expected something else or none is left. A
        request in the background gets no turn: it is noted in `read_ahead`, and ends when it is closed.
        """
        if request.background:
            self.read_ahead.append(request)
            await asyncio.get_running_loop().create_future()
        async with self._lock:
            number = len(self.requests)
            self.requests.append(request)
            if number >= len(self._turns):
                raise ModelError(f"The script has {len(self._turns)} turns and was asked for number {number + 1}.")
            turn = self._turns[number]
            _check_expectation(turn, number + 1, request)
            prompt = await self.count_tokens(request)
            yield Prefill(done=prompt, total=prompt, cached=0)
            clock = asyncio.get_running_loop().time
            due = clock()
            for event in _events(turn, number + 1):
                yield event
                due += turn.delay_ms / 1000
                await asyncio.sleep(max(0, due - clock()))  # even by 0: as with a real model, others run in between
            if turn.error is not None:
                raise _error(turn.error, turn.message, prompt, self._info.context_length)
            if turn.hang:
                await asyncio.get_running_loop().create_future()
            raw = _raw(turn)
            yield Finished(
                reason=turn.reason or ("tool_calls" if turn.calls else "stop"),
                usage=turn.usage
                or Usage(prompt_tokens=prompt, generated_tokens=len(raw) // 4, seed=request.sampling.seed),
                raw=raw,
                logprobs=_logprobs(turn) if request.logprobs else (),
            )

    async def count_tokens(self, request: ChatRequest) -> int:
        """An estimate, not a count: the characters of the request's messages and tools as JSON, divided by four."""
        return sum(len(part.model_dump_json()) for part in (*request.messages, *request.tools)) // 4

    async def close(self) -> None:
        """Nothing was started, so nothing ends."""


def read_script(path: Path) -> tuple[ScriptedTurn, ...]:
    """The turns of a script file. Raises ModelLoadError with the number of the line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ModelLoadError(f"The script {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ModelLoadError(f"The script {path} is not UTF-8 text (byte {error.start}).") from error
    turns: list[ScriptedTurn] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            turns.append(ScriptedTurn.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ModelLoadError(
                f"The script {path} is wrong in line {number}: {place + ': ' if place else ''}{first['msg']}. "
                "Each line is one JSON object, one turn of the model."
            ) from error
    if not turns:
        raise ModelLoadError(f"The script {path} holds no turns.")
    return tuple(turns)


def _check_expectation(turn: ScriptedTurn, number: int, request: ChatRequest) -> None:
    last = request.messages[-1].content if request.messages else ""
    if turn.expect is not None and turn.expect not in last:
        shown = last if len(last) <= 500 else f"{last[:500]}…"
        raise ModelError(
            f"Turn {number} of the script expected {turn.expect!r} in the last message, which is: {shown!r}"
        )


def _events(turn: ScriptedTurn, number: int) -> Iterator[ModelEvent]:
    yield from (ReasoningDelta(text=piece) for piece in _pieces(turn.reasoning, turn.chunks))
    yield from (TextDelta(text=piece) for piece in _pieces(turn.text, turn.chunks))
    if turn.malformed is not None:
        yield MalformedCall(text=turn.malformed, error="This is not a call that can be read. Write it again.")
    for index, call in enumerate(turn.calls):
        yield ToolCallDelta(index=index, name=call.name, text=_call_text(call))
        yield ToolCall(id=f"call_{number}_{index + 1}", name=call.name, arguments=call.arguments)


def _pieces(text: str, count: int) -> Iterator[str]:
    size = -(-len(text) // count) or 1
    return (text[start : start + size] for start in range(0, len(text), size))


def _call_text(call: ScriptedCall) -> str:
    return json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)


def _raw(turn: ScriptedTurn) -> str:
    return "\n".join(part for part in (turn.reasoning, turn.text, turn.malformed, *map(_call_text, turn.calls)) if part)


def _logprobs(turn: ScriptedTurn) -> tuple[TokenLogprob, ...]:
    """Tokens that make up what the turn plays. Raises ValueError for a piece that it does not hold, or not there."""
    raw, at = _raw(turn), 0
    tokens: list[TokenLogprob] = []
    for piece in turn.logprobs:
        forms = (piece.text, json.dumps(piece.text, ensure_ascii=False)[1:-1])  # calls stand there as JSON
        found = [(start, form) for form in forms if (start := raw.find(form, at)) >= 0]
        if not found:
            raise ValueError(f"the text {piece.text!r} of logprobs is not in what the turn plays, or not in this order")
        start, text = min(found)
        tokens += [TokenLogprob(text=raw[at:start], logprob=0.0)] if start > at else []
        tokens.append(TokenLogprob(text=text, logprob=piece.logprob))
        at = start + len(text)
    return (*tokens, TokenLogprob(text=raw[at:], logprob=0.0)) if at < len(raw) else tuple(tokens)


def _error(kind: ErrorKind, message: str, needed: int, limit: int) -> ModelError:
    match kind:
        case "runner_died":
            return RunnerDiedError(message)
        case "overflow":
            return ContextOverflowError(max(needed, limit + 1), limit)
        case "out_of_memory":
            return OutOfMemoryError(message)
        case "load":
            return ModelLoadError(message)
        case "bad_request":
            return BadRequestError(message)
        case _:
            assert_never(kind)
