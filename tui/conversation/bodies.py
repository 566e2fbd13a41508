"""What a finished tool call opens to: diff, output, failures or plan; knows no state of the conversation."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from codeagent.agent.text import printable
from codeagent.tools.api import Diff, Output, TestReport, TodoList
from codeagent.tui.approval.diff_view import UnifiedDiffView
from codeagent.tui.conversation.items import Tool

_LINES = 300
_TODO = {"pending": ("☐ ", ""), "in_progress": ("▶ ", "$accent"), "done": ("☑ ", "$text-success")}


def summary_of(item: Tool) -> str:
    """What came of a call, in a few words."""
    display = item.display or item.preview
    match display:
        case Diff():
            said = f"+{display.added} -{display.removed}"
        case TestReport():
            said = f"{display.passed} passed, {display.failed} failed" if display.passed or display.failed else ""
            said = said or ("passed" if display.exit_code == 0 else "failed")
        case Output() if display.exit_code not in (None, 0):
            said = f"exit code {display.exit_code}"
        case TodoList():
            said = f"{sum(todo.status == 'done' for todo in display.items)} of {len(display.items)} done"
        case _:
            said = ""
    if item.state == "writing":
        said = f"{item.draft.count(chr(10)) + 1} lines"
    if item.state == "denied":
        said = printable(item.reason)
    if item.seconds >= 1:
        said = f"{said}  {item.seconds:.0f} s".strip()
    return said


def body_of(item: Tool) -> Widget | None:
    """The opened call; None where there is nothing more to see than its line."""
    display = item.display
    if display is None and item.state == "running":
        return _output(item.output) or _shown(item.preview)
    return _shown(display) or _output(item.output) or _shown(item.preview)


def _shown(display: Diff | Output | TestReport | TodoList | None) -> Widget | None:
    match display:
        case Diff():
            return UnifiedDiffView(display)
        case Output():
            return _output(display.text)
        case TestReport():
            lines = [f"✗ {printable(failure)}" for failure in display.failures] or ["no failures"]
            return Static(Content("\n".join(lines[:_LINES])))
        case TodoList():
            rows = [Content.styled(_TODO[t.status][0] + printable(t.text), _TODO[t.status][1]) for t in display.items]
            return Static(Content("\n").join(rows))
        case None:
            return None


def _output(text: str) -> Widget | None:
    lines = printable(text.rstrip("\n")).splitlines()
    if not lines:
        return None
    left = len(lines) - _LINES
    if left > 0:
        lines = [f"… {left:,} lines before …", *lines[-_LINES:]]
    return Static(Content("\n".join(lines)))
