"""How a run ended, as an exit code and as the `result` object; the contract that scripts and CI rely on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from codeagent.agent.events import CandidateReport, PermissionDenied, TurnFinished, TurnOutcome
from codeagent.inference.client import Usage


class Exit(IntEnum):
    """Exit codes of `codeagent --task`. Where Gemini CLI, timeout(1) or sysexits have a number for it, it is theirs."""

    DONE = 0
    ERROR = 1
    BAD_INPUT = 42
    BAD_CONFIG = 52
    LIMIT = 53
    TOOL_FAILURE = 54
    UNTRUSTED = 55
    NO_SANDBOX = 56
    DENIED = 65
    VERIFY_FAILED = 66
    RETRYABLE = 75
    TIME_LIMIT = 124
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.ERROR: "the run failed",
    Exit.BAD_INPUT: "bad input: no task, an unknown flag, a file that cannot be read",
    Exit.BAD_CONFIG: "bad settings, or a model that is missing or broken",
    Exit.LIMIT: "a limit of turns or tokens was reached",
    Exit.TOOL_FAILURE: "a tool broke, or calls kept failing",
    Exit.UNTRUSTED: "the folder is not trusted (`--trust`, or `codeagent trust` once)",
    Exit.NO_SANDBOX: "there is no sandbox for commands here (`--sandbox off` does without)",
    Exit.DENIED: "finished, but an action was refused",
    Exit.VERIFY_FAILED: "the `--verify` command fails at the end",
    Exit.RETRYABLE: "not enough memory now; try again later",
    Exit.TIME_LIMIT: "the time limit was reached",
    Exit.INTERRUPTED: "interrupted (SIGINT)",
    Exit.TERMINATED: "terminated (SIGTERM)",
}

_BY_OUTCOME: dict[TurnOutcome, Exit] = {
    "done": Exit.DONE,
    "max_turns": Exit.LIMIT,
    "max_tokens": Exit.LIMIT,
    "context_full": Exit.LIMIT,
    "max_seconds": Exit.TIME_LIMIT,
    "loop": Exit.ERROR,
    "interrupted": Exit.INTERRUPTED,
    "model_error": Exit.ERROR,
    "tool_failure": Exit.TOOL_FAILURE,
}
_BY_CAUSE = {
    "ModelLoadError": Exit.BAD_CONFIG,
    "GGUFError": Exit.BAD_CONFIG,
    "OutOfMemoryError": Exit.RETRYABLE,
}
_SENTENCES: dict[TurnOutcome, str] = {
    "max_turns": "Reached maximum number of turns ({limit}).",
    "max_tokens": "Reached maximum number of generated tokens.",
    "loop": "The model repeated itself without end and was stopped.",
    "tool_failure": "A tool broke, or calls kept failing.",
    "context_full": "The model's window is full.",
}


@dataclass
class Outcome:
    """Everything the result object says, gathered while the run goes on."""

    session_id: str = ""
    model: str = ""
    exit: Exit = Exit.DONE
    text: str = ""
    errors: list[str] = field(default_factory=list[str])
    denials: list[PermissionDenied] = field(default_factory=list[PermissionDenied])
    autorun: list[str] = field(default_factory=list[str])
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    duration_ms: int = 0
    subtype: str = "success"
    structured: Any = None
    candidates: tuple[CandidateReport, ...] = ()
    chosen: int | None = None

    def add_turn(self, turn: TurnFinished, max_turns: int | None) -> None:
        """Take in the end of a turn."""
        self.text = turn.text
        self.steps += turn.steps
        self.usage += turn.usage
        code = _BY_OUTCOME[turn.outcome]
        if turn.cause in _BY_CAUSE:
            code = _BY_CAUSE[turn.cause]
        if code is not Exit.DONE:
            sentence = turn.error or _SENTENCES.get(turn.outcome, "The run failed.").format(limit=max_turns)
            self.fail(code, sentence)
            if turn.outcome == "max_turns":
                self.subtype = "error_max_turns"

    def fail(self, code: Exit, sentence: str, subtype: str = "error_during_execution") -> None:
        """The run failed; the first failure decides the exit code."""
        self.errors.append(sentence)
        if self.exit is Exit.DONE:
            self.exit, self.subtype = code, subtype

    def result(self) -> dict[str, Any]:
        """The `result` object, with the field names of Claude Code; ours only under `usage.local`."""
        body: dict[str, Any] = {
            "type": "result",
            "subtype": self.subtype,
            "is_error": self.exit is not Exit.DONE,
            "duration_ms": self.duration_ms,
            "duration_api_ms": round(self.usage.prefill_ms + self.usage.decode_ms),
            "num_turns": self.steps,
            "result": self.text,
            "session_id": self.session_id,
            "total_cost_usd": 0,
            "usage": usage_object(self.usage, self.autorun),
            "modelUsage": {
                self.model: {
                    "inputTokens": self.usage.prompt_tokens - self.usage.cached_tokens,
                    "outputTokens": self.usage.generated_tokens,
                    "cacheReadInputTokens": self.usage.cached_tokens,
                    "costUSD": 0,
                }
            },
            "permission_denials": [
                {
                    "tool_name": d.name,
                    "tool_use_id": d.call_id,
                    "tool_input": d.arguments,
                    "reason": d.reason,
                    "code": d.code,
                }
                for d in self.denials
            ],
            "errors": self.errors,
        }
        if self.candidates:
            chosen = [report.candidate == self.chosen for report in self.candidates]
            body["candidates"] = [
                report.model_dump() | {"chosen": own} for report, own in zip(self.candidates, chosen, strict=True)
            ]
        if self.structured is not None:
            body["structured_output"] = self.structured
        return body


def usage_object(usage: Usage, autorun: Sequence[str] = ()) -> dict[str, Any]:
    """Usage with Claude's names: `input_tokens` are those read anew, cached ones are apart. Times and rates under
    `local`, and there the files changed that programs run by themselves.
    """
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.generated_tokens,
        "local": {
            "prefill_tokens": usage.prompt_tokens - usage.cached_tokens,
            "cached_tokens": usage.cached_tokens,
            "prompt_tokens": usage.prompt_tokens,
            "prefill_ms": round(usage.prefill_ms),
            "decode_ms": round(usage.decode_ms),
            "prefill_tok_s": round(usage.prefill_rate, 1),
            "tok_s": round(usage.decode_rate, 1),
            "seed": usage.seed,
            **({"autorun_files": list(autorun)} if autorun else {}),
        },
    }
