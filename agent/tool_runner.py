"""Runs one call: parse, prepare, gate, execute, report. The only caller of `execute()`; knows no front end and no
model.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from codeagent import prompts
from codeagent.agent.certainty import Certainty
from codeagent.agent.changes import ChangeLog
from codeagent.agent.events import Emit, Notice, PermissionDenied, ToolFinished, ToolOutput, ToolStarted
from codeagent.agent.permissions import Decision, PermissionGate, Question, Verdict
from codeagent.agent.secrets import Secrets
from codeagent.inference.client import ToolCall, ToolSpec
from codeagent.tools.api import EffectKind, FileChange, Output, PreparedCall, Tool, ToolError, ToolResult
from codeagent.tools.bound import changes
from codeagent.tools.diffs import diff
from codeagent.tools.truncate import head_and_tail

NAME_SHOWN = 60
ERROR_SHOWN = 4_000

_RUNS = (EffectKind.EXECUTE, EffectKind.LOOK)
_ONLY_SHOW = (EffectKind.READ, EffectKind.REVEAL, EffectKind.LOOK)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ran:
    """A call that has been dealt with: what the model is told, whether it was refused or broke, and each file it wrote.

    `changed` says that it may have changed the world, by its effects. `before` maps the absolute path of a written
    file to its bytes before the call, None if it was not there. `objected` says that a person refused it or a part.
    """

    result: ToolResult
    denied: bool = False
    changed: bool = False
    broken: bool = False
    objected: bool = False
    before: dict[str, bytes | None] = field(default_factory=dict[str, bytes | None])


class ToolRunner:
    """The session's tools behind the gate."""

    def __init__(
        self,
        tools: Sequence[Tool[Any]],
        gate: PermissionGate,
        changes: ChangeLog,
        emit: Emit,
        secrets: Secrets | None = None,
    ) -> None:
        """`changes` learns the bytes of every file before a call writes it, `secrets` which files the person opened.
        With it no secret is in what a command printed.
        """
        self._tools = {tool.name: tool for tool in tools}
        self._gate = gate
        self._changes = changes
        self._emit = emit
        self._secrets = secrets

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools as the model sees them, in their fixed order."""
        return tuple(
            ToolSpec(
                name=t.name,
                description=t.description,
                parameters=t.schema(),
                fenced=t.fenced,
                existing=t.existing,
                anchors=t.anchors,
            )
            for t in self._tools.values()
        )

    @property
    def masked(self) -> tuple[str, ...]:
        """The tools of which every call would be refused now: the model sees them and cannot call them."""
        return tuple(tool.name for tool in self._tools.values() if tool.acts) if self._gate.mode == "plan" else ()

    async def run(self, call: ToolCall, certainty: Certainty | None = None) -> Ran:
        """Deal with one call. Never raises for what the call holds: errors become results that the model can act on.

        `certainty` is how sure the model was of what it wrote, for whoever is asked.
        """
        try:
            prepared = await self.prepare(call)
            prepared, verdict = await self._permission(call, prepared, certainty)
        except ToolError as e:
            return self._not_begun(call, str(e))
        except Exception as e:
            return self._bug(call, e)
        if not verdict.allowed:
            self._emit(
                PermissionDenied(
                    call_id=call.id,
                    name=call.name,
                    arguments=call.arguments,
                    effects=prepared.effects,
                    reason=verdict.reason,
                    code=verdict.refusal or "",
                    title=prepared.title,
                )
            )
            return Ran(ToolResult(output=verdict.reason, is_error=True), denied=True, objected=verdict.asked)
        for effect in verdict.call.effects:
            if effect.kind is EffectKind.REVEAL and self._secrets is not None:
                self._secrets.reveal(Path(effect.target))
        ran = await self._execute(call, verdict.call)
        if verdict.call is prepared or ran.result.is_error:
            return ran
        return dataclasses.replace(ran, result=_with_changes(ran.result, prepared, verdict), objected=True)

    async def _permission(
        self, call: ToolCall, prepared: PreparedCall, certainty: Certainty | None
    ) -> tuple[PreparedCall, Verdict]:
        """The call as it was asked about last, and the gate's verdict. A write whose file changed while a person looked
        at it is shown again as it would be made now, and so is a command whose scripts changed. Raises ToolError when
        it cannot be made any more.
        """
        while True:
            verdict = await self._gate.allows(Question(call.id, call.name, prepared, certainty))
            if not (verdict.allowed and verdict.asked):
                return prepared, verdict
            fresh = prepared.rebased() if isinstance(prepared, FileChange) else prepared.renewed()
            if fresh is prepared:
                return prepared, verdict
            if isinstance(fresh, FileChange):
                text = f"{fresh.shown} was changed while you looked at it. This is the edit on the file as it is now."
            else:
                text = f"{_changes(prepared, fresh)} while you looked at it, so your answer does not count any more."
            self._emit(Notice(level="warning", text=text))
            prepared = fresh

    async def prepare(self, call: ToolCall) -> PreparedCall:
        """Validate a call and say what it would do. Raises ToolError with what is wrong with it."""
        tool = self._tools.get(call.name)
        if tool is None:
            raise ToolError(f"There is no tool {_short(call.name)!r}. The tools are: {', '.join(self._tools)}.")
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
        return self._gate.decide(call.name, prepared.effects, prepared)[0] is Decision.ALLOW

    async def _execute(self, call: ToolCall, prepared: PreparedCall) -> Ran:
        texts = {str(prepared.path): prepared.after} if isinstance(prepared, FileChange) else None
        try:
            before = self._changes.note(prepared.effects, texts)
        except ToolError as e:
            return self._not_begun(call, str(e))
        self._emit(ToolStarted(call_id=call.id, name=call.name, title=prepared.title, preview=prepared.preview))
        start = time.monotonic()
        broken = False
        try:
            async with self._changes.watching(prepared.effects):
                result = await prepared.execute(lambda text: self._emit(ToolOutput(call_id=call.id, text=text)))
        except ToolError as e:
            result = ToolResult(output=str(e), is_error=True)
        except Exception as e:
            ran = self._bug(call, e)
            result, broken = ran.result, True
        if self._secrets is not None and any(effect.kind in _RUNS for effect in prepared.effects):
            result = self._secrets.mask_result(result)
        self._emit(
            ToolFinished(
                call_id=call.id,
                name=call.name,
                display=result.display,
                is_error=result.is_error,
                seconds=round(time.monotonic() - start, 3),
            )
        )
        if not result.is_error:
            self._changes.wrote(before)
        changed = any(effect.kind not in _ONLY_SHOW for effect in prepared.effects)
        return Ran(result, changed=changed, broken=broken, before={} if result.is_error else before)

    def _not_begun(self, call: ToolCall, error: str) -> Ran:
        """A call that could not even be prepared; the person sees it as one that failed."""
        name, error = _short(call.name), head_and_tail(error, ERROR_SHOWN)  # both may hold a book of the model's
        self._emit(ToolStarted(call_id=call.id, name=name, title=name))
        self._emit(ToolFinished(call_id=call.id, name=name, display=Output(text=error), is_error=True))
        return Ran(ToolResult(output=error, is_error=True))

    def _bug(self, call: ToolCall, error: Exception) -> Ran:
        _log.error("tool %s failed on %s", call.name, json.dumps(call.arguments)[:2000], exc_info=error)
        text = f"The tool {call.name} broke on this call ({type(error).__name__}: {error}). Try another way."
        return Ran(ToolResult(output=text, is_error=True), broken=True)


def _short(name: str) -> str:
    """A tool's name as the model wrote it, which may be a book."""
    return name if len(name) <= NAME_SHOWN else f"{name[:NAME_SHOWN]}…"


def _changes(before: PreparedCall, now: PreparedCall) -> str:
    return changes(before.binding, now.binding) if before.binding and now.binding else "The call changed"


def _with_changes(result: ToolResult, proposed: PreparedCall, verdict: Verdict) -> ToolResult:
    """The result of a write that the person changed before it was made: the model must know what it did not get."""
    if not (isinstance(proposed, FileChange) and isinstance(verdict.call, FileChange)):
        return result
    text = prompts.render(
        "loop/changed_by_person.md",
        left_out=diff(proposed.shown, proposed.after, verdict.call.after).unified.rstrip("\n"),
        reason=verdict.reason,
    )
    return result.model_copy(update={"output": f"{result.output}\n{text}"})
