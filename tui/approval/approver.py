"""Asks the person through a panel: one at a time, and away again when nobody waits for the answer any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from codeagent.agent.config import process_environment
from codeagent.agent.permissions import Answer, Question
from codeagent.tools.api import FileChange
from codeagent.tui.approval.call_panel import CallApproval
from codeagent.tui.approval.decisions import Decisions
from codeagent.tui.approval.edit_panel import EditApproval
from codeagent.tui.approval.guard import GUARD_SECONDS
from codeagent.tui.approval.panel import ApprovalPanel

Hook = Callable[[ApprovalPanel], Awaitable[None]]


class PanelApprover:
    """The approver of the terminal app; see `agent.permissions.Approver`."""

    def __init__(
        self,
        show: Hook,
        hide: Hook,
        folder: Path | None = None,
        environ: Mapping[str, str] | None = None,
        guard_seconds: float = GUARD_SECONDS,
    ) -> None:
        """`show` puts a panel on the screen and `hide` takes it away, answered or not.

        `folder` is where commands run; `environ`, this process's by default, names the person's editor.
        """
        self._show = show
        self._hide = hide
        self._folder = folder
        self._environ = process_environment() if environ is None else environ
        self._guard_seconds = guard_seconds
        self._one = asyncio.Lock()

    async def ask(self, question: Question) -> Answer:
        """Show the call and wait for an answer. Questions that come meanwhile wait their turn."""
        async with self._one:
            panel = await self._panel(question)
            try:
                await self._show(panel)
                return await panel.answer()
            finally:
                await self._hide(panel)

    async def _panel(self, question: Question) -> ApprovalPanel:
        if isinstance(question.call, FileChange):
            # Finding the hunks of thousands of lines takes seconds, in which the app goes on.
            decisions = await asyncio.to_thread(Decisions, question.call, question.certainty)
            return EditApproval(question, decisions, self._environ, self._guard_seconds)
        return CallApproval(question, self._folder, self._guard_seconds)
