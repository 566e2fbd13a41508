"""Everything a session tells the outside, as frozen data; knows no front end and holds no classes, callbacks or
futures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from codeagent.inference.client import (
    Frozen,
    Message,
    ModelInfo,
    Prefill,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from codeagent.tools.api import Display, Effect

TurnOutcome = Literal[
    "done",
    "max_turns",
    "max_tokens",
    "max_seconds",
    "loop",
    "interrupted",
    "model_error",
    "context_full",
    "tool_failure",
]


class SessionStarted(Frozen):
    """A session opened on a folder; `resumed_from` is the session it continues or forks, `sandbox` how well commands
    are held: full, reduced, none or off.
    """

    type: Literal["session_started"] = "session_started"
    session_id: str
    cwd: str
    model: str
    tools: tuple[str, ...]
    permission_mode: str
    resumed_from: str | None = None
    sandbox: str = ""


class TurnStarted(Frozen):
    """The person (or the task) said something and the agent begins to work on it."""

    type: Literal["turn_started"] = "turn_started"
    text: str


class StepStarted(Frozen):
    """Model call number `n` of this turn begins."""

    type: Literal["step_started"] = "step_started"
    n: int


class ModelDescribed(Frozen):
    """What the model is that the calls from here on are made to."""

    type: Literal["model_described"] = "model_described"
    info: ModelInfo


class ModelAsked(Frozen):
    """A model call is made with the first `messages` messages, which are all there are; `changed` are the fields of the
    ChatRequest that are not as in the call before, or in the first one not the default.
    """

    type: Literal["model_asked"] = "model_asked"
    messages: int
    changed: dict[str, Any] = Field(default_factory=dict[str, Any])


class MessageAdded(Frozen):
    """The conversation grew by this message: the model's, the person's, or a tool's answer. `raw` is what the model
    wrote, where that is not the message's text.
    """

    type: Literal["message_added"] = "message_added"
    message: Message
    usage: Usage | None = None
    is_error: bool = False
    raw: str | None = None


class ToolStarted(Frozen):
    """A call passed the gate and runs."""

    type: Literal["tool_started"] = "tool_started"
    call_id: str
    name: str
    title: str
    preview: Display | None = None


class ToolOutput(Frozen):
    """Output of a running call, as it comes."""

    type: Literal["tool_output"] = "tool_output"
    call_id: str
    text: str


class ToolFinished(Frozen):
    """A call ended."""

    type: Literal["tool_finished"] = "tool_finished"
    call_id: str
    name: str
    display: Display | None = None
    is_error: bool = False
    seconds: float = 0.0


class PermissionDenied(Frozen):
    """The gate refused a call; `reason` says which rule, or that nobody was there to ask; `code` is that for programs,
    one of permissions.Refusal.
    """

    type: Literal["permission_denied"] = "permission_denied"
    call_id: str
    name: str
    arguments: dict[str, object]
    effects: tuple[Effect, ...]
    reason: str
    code: str = ""
    title: str = ""


class ModelState(Frozen):
    """The runner changed state: starting, loading (with progress 0 to 1), ready, busy, failed, restarting."""

    type: Literal["model_state"] = "model_state"
    state: str
    detail: str = ""
    progress: float | None = None


class FilesChanged(Frozen):
    """Files that tools wrote in this step, as absolute paths."""

    type: Literal["files_changed"] = "files_changed"
    paths: tuple[str, ...]


class Rewound(Frozen):
    """The conversation went back to its first `messages` messages; with `files` the files went back too. Nothing is
    deleted. `turn` is set when a person went back to before that turn, not when the agent took back its own step. With
    `conversation` false only files went back. `stayed` names files that somebody else changed since.
    """

    type: Literal["rewound"] = "rewound"
    messages: int
    files: tuple[str, ...] = ()
    reason: str = ""
    turn: int | None = None
    conversation: bool = True
    stayed: tuple[str, ...] = ()


class Redone(Frozen):
    """A rewind to before `turn` was taken back: these messages stand again, and with them the `turns`, each as number,
    text and the conversation's length before it. `stayed` names files that somebody else changed since.
    """

    type: Literal["redone"] = "redone"
    messages: tuple[Message, ...]
    files: tuple[str, ...] = ()
    turn: int
    turns: tuple[tuple[int, str, int], ...] = ()
    stayed: tuple[str, ...] = ()


class Steered(Frozen):
    """The person said something to the turn under way; the model reads it before its next step."""

    type: Literal["steered"] = "steered"
    text: str


class ShellRan(Frozen):
    """The person ran a command by themselves; `shared` says that the model will read what came of it."""

    type: Literal["shell_ran"] = "shell_ran"
    command: str
    output: str
    exit_code: int | None
    shared: bool


class ModeChanged(Frozen):
    """The person chose another permission mode."""

    type: Literal["mode_changed"] = "mode_changed"
    mode: str


class Notice(Frozen):
    """Something the person should know: a limit met, a file not covered, a thing done differently than asked."""

    type: Literal["notice"] = "notice"
    level: Literal["info", "warning", "error"]
    text: str


class CandidateReport(Frozen):
    """One of the ways in which a task was tried."""

    candidate: int = Field(description="Its number, from 1.")
    seed: int | None = Field(description="The seed of its first model call.")
    temperature: float = Field(description="How freely the model chose; the first candidate's is the session's own.")
    outcome: TurnOutcome | Literal["cancelled"] = Field(
        description="How its turn ended; `cancelled`: it was stopped, mostly since another one had passed the check."
    )
    verify: Literal["passed", "failed", "not_run"] = Field(
        description="How the `--verify` command ended in its copy at last."
    )
    failed_tests: int | None = Field(default=None, description="How many tests failed then, where they were counted.")
    changed_lines: int = Field(default=0, description="How many lines it added and removed.")
    tokens: int = Field(default=0, description="How many tokens the model wrote for it.")
    seconds: float = Field(default=0.0, description="How long it took, waiting for the model included.")
    files: tuple[str, ...] = Field(default=(), description="The files it changed, relative to the workspace.")
    error: str | None = Field(default=None, description="A sentence where its turn failed.")


class CandidateFinished(Frozen):
    """One of the ways in which the task is tried has ended."""

    type: Literal["candidate_finished"] = "candidate_finished"
    report: CandidateReport


class CandidateChosen(Frozen):
    """The changes of this candidate are made, `because` of what the clause says; what follows tells its turn."""

    type: Literal["candidate_chosen"] = "candidate_chosen"
    candidate: int
    because: str


class TurnFinished(Frozen):
    """The turn is over; `error` is a sentence when the outcome is not done, `cause` the ModelError class of a
    model_error.
    """

    type: Literal["turn_finished"] = "turn_finished"
    outcome: TurnOutcome
    text: str = ""
    steps: int = 0
    usage: Usage = Usage()
    error: str | None = None
    cause: str | None = None


Event = Annotated[
    SessionStarted
    | TurnStarted
    | StepStarted
    | ModelDescribed
    | ModelAsked
    | Prefill
    | TextDelta
    | ReasoningDelta
    | ToolCallDelta
    | MessageAdded
    | ToolStarted
    | ToolOutput
    | ToolFinished
    | PermissionDenied
    | ModelState
    | FilesChanged
    | Rewound
    | Redone
    | Steered
    | ShellRan
    | ModeChanged
    | Notice
    | CandidateFinished
    | CandidateChosen
    | TurnFinished,
    Field(discriminator="type"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
Emit = Callable[[Event], None]
