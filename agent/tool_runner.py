"""Runs one call: parse, prepare, gate, execute, report. The only caller of `execute()`; knows no front end and no
model.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from codeagent.agent.changes import ChangeLog
from codeagent.agent.events import Emit, PermissionDenied, ToolFinished, ToolOutput, ToolStarted
from codeagent.agent.permissions import Decision, PermissionGate
from codeagent.inference.client import ToolCall, ToolSpec
from codeagent.tools.api import EffectKind, PreparedCall, Tool, ToolError, ToolResult

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ran:
    """A call that has been dealt with: what the model is told, whether it was refused or broke, and each file it wrote.

    `changed` says that it may have changed the world, by its effects. `before` maps the absolute path of a written
    file to its bytes before the call, None if it was not there.
    """

    result: ToolResult
    denied: bool = False
    changed: bool = False
    broken: bool = False
    before: dict[str, bytes | None] = field(default_factory=dict[str, bytes | None])


class ToolRunner:
    """The session's tools behind the gate."""

    def __init__(self, tools: Sequence[Tool[Any]], gate: PermissionGate, changes: ChangeLog, emit: Emit) -> None:
        """`changes` learns the bytes of every file before a call writes it."""
        self._tools = {tool.name: tool for tool in tools}
        self._gate = gate
        self._changes = changes
        self._emit = emit

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools as the model sees them, in their fixed order."""
        return tuple(
            ToolSpec(name=t.name, description=t.description, parameters=t.schema(), fenced=t.fenced)
            for t in self._tools.values()
        )

    async def run(self, call: ToolCall) -> Ran:
        """Deal with one call. Never raises for what the call holds: errors become results that the model can act on."""
        try:
            prepared = await self.prepare(call)
        except ToolError as e:
            return Ran(ToolResult(output=str(e), is_error=True))
        except Exception as e:
            return self._bug(call, e)
        verdict = await self._gate.allows(call.name, prepared)
        if not verdict.allowed:
            self._emit(
                PermissionDenied(
                    call_id=call.id,
                    name=call.name,
                    arguments=call.arguments,
                    effects=prepared.effects,
                    reason=verdict.reason,
                )
            )
            return Ran(ToolResult(output=verdict.reason, is_error=True), denied=True)
        return await self._execute(call, prepared)

    async def prepare(self, call: ToolCall) -> PreparedCall:
        """Validate a call and say what it would do. Raises ToolError with what is wrong with it."""
        tool = self._tools.get(call.name)
        if tool is None:
            raise ToolError(f"There is no tool {call.name!r}. The tools are: {', '.join(self._tools)}.")
        try:
            params = tool.params.model_validate(call.arguments)
        except ValidationError as e:
            problems = "; ".join(f"{'.'.join(map(str, x['loc'])) or 'arguments'}: {x['msg']}" for x in e.errors()[:4])
            raise ToolError(f"The call to {call.name} has wrong arguments. {problems}.") from e
        return await tool.prepare(params)

    async def allowed_unasked(self, call: ToolCall) -> bool:
        """Whether this call would run without anybody being asked; used before the agent makes a call by itself."""
        try:
            prepared = await self.prepare(call)
        except ToolError:
            return False
        return self._gate.decide(call.name, prepared.effects)[0] is Decision.ALLOW

    async def _execute(self, call: ToolCall, prepared: PreparedCall) -> Ran:
        before = self._changes.note(prepared.effects)
        self._emit(ToolStarted(call_id=call.id, name=call.name, title=prepared.title, preview=prepared.preview))
        start = time.monotonic()
        broken = False
        try:
            result = await prepared.execute(lambda text: self._emit(ToolOutput(call_id=call.id, text=text)))
        except ToolError as e:
            result = ToolResult(output=str(e), is_error=True)
        except Exception as e:
            ran = self._bug(call, e)
            result, broken = ran.result, True
        self._emit(
            ToolFinished(
                call_id=call.id,
                name=call.name,
                display=result.display,
                is_error=result.is_error,
                seconds=round(time.monotonic() - start, 3),
            )
        )
        changed = any(effect.kind is not EffectKind.READ for effect in prepared.effects)
        return Ran(result, changed=changed, broken=broken, before={} if result.is_error else before)

    def _bug(self, call: ToolCall, error: Exception) -> Ran:
        _log.error("tool %s failed on %s", call.name, json.dumps(call.arguments)[:2000], exc_info=error)
        text = f"The tool {call.name} broke on this call ({type(error).__name__}: {error}). Try another way."
        return Ran(ToolResult(output=text, is_error=True), broken=True)
