"""What ends a turn that would not end by itself: limits, repeated calls, failures in a row; knows no model and no
tool.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Literal

from codeagent.agent.events import TurnOutcome
from codeagent.inference.client import Frozen, ToolCall, Usage

SAME_CALL_WARN = 2
SAME_CALL_STOP = 5
FAILURES_STOP = 10


class Limits(Frozen):
    """Bounds of one run: model calls, generated tokens, seconds. None means no bound."""

    max_turns: int | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None

    def exceeded(self, steps: int, usage: Usage) -> TurnOutcome | None:
        """Which bound forbids another model call; time is watched by whoever runs the turn."""
        if self.max_turns is not None and steps >= self.max_turns:
            return "max_turns"
        if self.max_tokens is not None and usage.generated_tokens >= self.max_tokens:
            return "max_tokens"
        return None


class CallGuard:
    """Counts calls that repeat word for word with the same answer, and calls that fail in a row."""

    def __init__(self) -> None:
        """One guard a turn."""
        self._seen: Counter[str] = Counter()
        self._failures = 0

    def note(self, call: ToolCall, output: str, is_error: bool) -> Literal["go", "warn", "stop"]:
        """What to do after this call: go on, tell the model that it repeats itself, or end the turn."""
        key = json.dumps([call.name, call.arguments, output], sort_keys=True, default=str)
        self._seen[key] += 1
        self._failures = self._failures + 1 if is_error else 0
        if self._seen[key] >= SAME_CALL_STOP:
            return "stop"
        return "warn" if self._seen[key] >= SAME_CALL_WARN else "go"

    @property
    def failing(self) -> bool:
        """Whether so many calls failed in a row that going on is pointless."""
        return self._failures >= FAILURES_STOP
