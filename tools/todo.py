"""The tool with which the model keeps a plan; holds nothing: each call carries the whole list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import WithJsonSchema

from codeagent.tools.api import PreparedCall, Todo, TodoList, Tool, ToolResult
from codeagent.tools.params import ToolParams

_ITEMS_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "status": {"enum": ["pending", "in_progress", "done"]},
        },
        "required": ["text", "status"],
    },
}
_MARKS = {"pending": "[ ]", "in_progress": "[>]", "done": "[x]"}


class TodoParams(ToolParams):
    """The list as it is to be."""

    items: Annotated[tuple[Todo, ...], WithJsonSchema(_ITEMS_SCHEMA)]


class _Todo(PreparedCall):
    def __init__(self, items: tuple[Todo, ...]) -> None:
        self.title = "Update the plan"
        self.effects = ()
        self._items = items

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        lines = [f"{_MARKS[item.status]} {item.text}" for item in self._items]
        return ToolResult(output="\n".join(lines) or "The plan is empty.", display=TodoList(items=self._items))


class TodoTool(Tool[TodoParams]):
    """Touches nothing but the conversation."""

    name = "todo"
    read_only = True
    params = TodoParams

    async def prepare(self, params: TodoParams) -> PreparedCall:
        """See Tool."""
        return _Todo(params.items)
