"""How much of a prompt other sessions begin with, too: the instructions and tools before what a person said; knows no
cache.
"""

from __future__ import annotations

from codeagent.inference.client import BadRequestError, ChatRequest, Message, ToolSpec
from codeagent.inference.engine.lineage import common
from codeagent.inference.engine.prompt import PromptBuilder

_ANYTHING = "~"


class Beginnings:
    """Finds it by building the prompt of another question to the same instructions."""

    def __init__(self, prompts: PromptBuilder) -> None:
        self._prompts = prompts
        self._known: tuple[Message, tuple[ToolSpec, ...], list[int]] | None = None  # of the request before

    def shared(self, request: ChatRequest, prompt: list[int]) -> int:
        """How many of this prompt's tokens that is; 0 where there are no instructions."""
        first = request.messages[0]
        if first.role != "system":
            return 0
        if self._known is None or self._known[:2] != (first, request.tools):
            other = request.model_copy(update={"messages": (first, Message(role="user", content=_ANYTHING))})
            try:
                self._known = (first, request.tools, self._prompts.build(other))
            except BadRequestError:
                return 0
        return common(self._known[2], prompt)
