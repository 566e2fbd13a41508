"""The one protocol to a language model: requests in, events out; knows no particular engine and no transport."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Frozen(BaseModel):
    """Immutable plain data that refuses unknown fields, so that a misspelt one is an error and not a silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolSpec(Frozen):
    """A tool as the model sees it.

    `parameters` is a JSON schema of type object. `fenced` names string parameters that hold code or other long text,
    in the order they are to be written: a dialect may carry them in fences after the header instead of in JSON strings.
    `existing` is the parameter that names a file which must be there, `anchors` are those that quote a place of this
    file, at any depth: an engine may hold both to what there is.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    fenced: tuple[str, ...] = ()
    existing: str = ""
    anchors: tuple[str, ...] = ()


class ToolCall(Frozen):
    """A complete, well-formed call: `arguments` is the decoded object, not yet checked against the tool's
    parameters.
    """

    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: dict[str, Any]

    def same_as(self, other: ToolCall) -> bool:
        """Whether it asks for the same as another call."""
        return (self.name, self.arguments) == (other.name, other.arguments)


class Message(Frozen):
    """One entry of the conversation.

    For an assistant message that a model wrote, `tokens` are the exact tokens it generated: an engine that knows them
    splices them in again, so that history is never re-rendered and the KV cache stays valid. A `tool` message answers
    the call with `tool_call_id`; `tool_name` repeats that call's name for templates that want it.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    tool_name: str | None = None
    tokens: tuple[int, ...] = ()


class Sampling(Frozen):
    """How the next token is chosen. Temperature 0 is greedy; a missing seed means a random one, reported in the
    usage.
    """

    temperature: float = Field(default=0.2, ge=0, le=5, description="How freely it chooses; 0 takes the likeliest.")
    top_k: int = Field(default=40, ge=0, description="Only so many of the likeliest tokens; 0: all.")
    top_p: float = Field(default=0.95, gt=0, le=1, description="Only the likeliest that make up this probability.")
    min_p: float = Field(default=0.05, ge=0, le=1, description="Only those at least so likely as a share of the best.")
    repeat_penalty: float = Field(default=1.0, ge=1, le=2, description="How much repeating is held against a token.")
    seed: int | None = Field(default=None, description="Where chance begins; the same seed gives the same answer.")


ToolChoice = Literal["auto", "required", "none"]


class ChatRequest(Frozen):
    """One model call.

    `tool_choice`: with `auto` the model decides and a call it opens is held to the grammar; with `required` the
    answer must contain a call; with `none` tools are listed (the prompt stays the same, and cached) but no call can
    be sampled. `only` names the tools that a required call is limited to, if any; `files` are paths of text files
    that it may rewrite whole. `masked` names tools that are listed, so that the prompt stays the same, and cannot be
    called. `grammar` (GBNF) or `json_schema` hold the whole answer and exclude tool calls.
    `logprobs` asks for the probability of each token written. `max_tokens` is always finite. A request in the
    `background` goes on only while there is no other, and makes way at once.

    An `exact` answer is computed one token at a time, without guesses, so that it can be repeated to the last bit.

    `paths` are all files there are: what a tool calls its `existing` file is then one of them; empty: any path. `texts`
    are files as they are now, by path, with "\\n" line ends: what a tool's `anchors` quote of one of them then stands
    in it exactly once. `thinking_budget` is how many tokens the model may think before it is made to stop thinking.
    `prediction` is text that the answer will probably repeat large parts of, as a file that is rewritten does; it makes
    the answer faster where it is right and changes nothing else.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice = "auto"
    only: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    texts: dict[str, str] = Field(default_factory=dict[str, str])
    thinking_budget: Annotated[int, Field(ge=0)] | None = None
    reason_first: bool = False
    logprobs: bool = False
    background: bool = False
    exact: bool = False
    prediction: str = ""
    sampling: Sampling = Sampling()
    max_tokens: Annotated[int, Field(ge=1)] = 2048
    stop: tuple[str, ...] = ()
    grammar: str | None = None
    json_schema: dict[str, Any] | None = None


class Usage(Frozen):
    """What one call cost: tokens, milliseconds, and the seed that was used. `cached_tokens` is part of
    `prompt_tokens`. Of `drafted` tokens, guessed and checked many at once, the `accepted` ones are part of
    `generated_tokens`.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    drafted: int = 0
    accepted: int = 0
    seed: int | None = None

    @property
    def prefill_rate(self) -> float:
        """Tokens read per second, cached ones not counted; 0 when nothing was read."""
        read = self.prompt_tokens - self.cached_tokens
        return read / self.prefill_ms * 1000 if self.prefill_ms > 0 else 0.0

    @property
    def decode_rate(self) -> float:
        """Tokens written per second; 0 when nothing was written."""
        return self.generated_tokens / self.decode_ms * 1000 if self.decode_ms > 0 else 0.0

    def __add__(self, other: Usage) -> Usage:
        """The two costs together; the seed of the first is kept."""
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            generated_tokens=self.generated_tokens + other.generated_tokens,
            prefill_ms=self.prefill_ms + other.prefill_ms,
            decode_ms=self.decode_ms + other.decode_ms,
            drafted=self.drafted + other.drafted,
            accepted=self.accepted + other.accepted,
            seed=self.seed if self.seed is not None else other.seed,
        )


class Prefill(Frozen):
    """The prompt is being read: `done` of `total` tokens are in the cache, `cached` of them were there before."""

    type: Literal["prefill"] = "prefill"
    done: int
    total: int
    cached: int
    eta_s: float | None = None


class TextDelta(Frozen):
    """More of the answer's text, tool-call syntax excluded."""

    type: Literal["text_delta"] = "text_delta"
    text: str


class ReasoningDelta(Frozen):
    """More of the model's thinking, which is not part of the answer."""

    type: Literal["reasoning_delta"] = "reasoning_delta"
    text: str


class ToolCallDelta(Frozen):
    """More of the raw text of the call being written; `name` is known once the header has been read."""

    type: Literal["tool_call_delta"] = "tool_call_delta"
    index: int
    name: str | None = None
    text: str = ""


class MalformedCall(Frozen):
    """Text that was meant as a call and cannot be one; `error` is a sentence the model can act on."""

    type: Literal["malformed_call"] = "malformed_call"
    text: str
    error: str


StopReason = Literal["stop", "length", "tool_calls", "loop", "context_full"]


class TokenLogprob(Frozen):
    """One token of an answer: the text it added, and the natural logarithm of the probability that the model gave it,
    before sampling settings and grammar.
    """

    text: str
    logprob: float


class Finished(Frozen):
    """The last event of every stream that was not closed early.

    `loop` means the guard stopped an exact repetition, `length` that `max_tokens` ran out, `context_full` that the
    window did. `tokens` and `raw` are the answer exactly as generated, without the end-of-turn token;
    the texts of `logprobs`, which were asked for or are empty, make up `raw`.
    """

    type: Literal["finished"] = "finished"
    reason: StopReason
    usage: Usage = Usage()
    raw: str = ""
    tokens: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


ModelEvent = Annotated[
    Prefill | TextDelta | ReasoningDelta | ToolCallDelta | ToolCall | MalformedCall | Finished,
    Field(discriminator="type"),
]
MODEL_EVENT: TypeAdapter[ModelEvent] = TypeAdapter(ModelEvent)


class ModelInfo(Frozen):
    """What a loaded model is: names, sizes in tokens, and what it can do.

    `identity` is all that the tokens of an answer depend on beside the request, by name; empty where it is not known.
    """

    name: str
    context_length: int
    dialect: str
    architecture: str = ""
    parameters: int = 0
    gpu_layers: int = 0
    reasoning: bool = False
    can_rewind: bool = True
    notices: tuple[str, ...] = ()
    identity: dict[str, str] = Field(default_factory=dict[str, str])


class ModelError(Exception):
    """A model call failed; the text is a sentence for the person, and says what to do."""


class BadRequestError(ModelError):
    """The request itself cannot be served: a grammar that does not parse, a schema that is none."""


class ModelLoadError(ModelError):
    """The model file cannot be used."""


class OutOfMemoryError(ModelError):
    """There is not enough memory for the model and its context now; another time there may be."""


class ContextOverflowError(ModelError):
    """The prompt does not fit the window. Nothing was cut."""

    def __init__(self, needed: int, limit: int) -> None:
        super().__init__(
            f"The conversation needs {needed:,} tokens and the model's window holds {limit:,}. Nothing was cut: "
            "start a new session, or load the model with a larger window (--ctx)."
        )
        self.needed = needed
        self.limit = limit


class RunnerDiedError(ModelError):
    """The process that holds the model ended or hung; `stderr_tail` is the last of what it said."""

    def __init__(self, message: str, stderr_tail: str = "") -> None:
        super().__init__(f"{message}\n{stderr_tail.strip()}" if stderr_tail.strip() else message)
        self.stderr_tail = stderr_tail


class WorkerLostError(ModelError):
    """A machine that held a part of the model is gone; the next call loads the model without it."""


class ModelClient(Protocol):
    """A language model. Several streams and other calls may be open at once: each ends, fails and is cancelled on its
    own. They share the model's speed, and those that are too many wait.
    """

    async def info(self) -> ModelInfo:
        """Load the model if that has not happened, and describe it. Raises ModelError."""
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[ModelEvent]:
        """Yield events and last a Finished. Closing the generator cancels within one token. Raises ModelError."""
        ...

    async def count_tokens(self, request: ChatRequest) -> int:
        """The exact number of prompt tokens of this request, by the model's own template and tokenizer."""
        ...

    async def close(self) -> None:
        """End everything this client started. Safe to call twice."""
        ...
