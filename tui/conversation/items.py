"""What stands in the conversation, as data that widgets draw, now or again later; knows no widget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from codeagent.tools.api import Display

ToolState = Literal["writing", "running", "done", "failed", "denied"]


@dataclass(eq=False)
class Item:
    """One block. `turn` is the turn it belongs to, counting from 1; 0 is before the first."""

    turn: int = 0


@dataclass(eq=False)
class Said(Item):
    """What the person said; `steering` if it was said into a turn under way."""

    text: str = ""
    steering: bool = False


@dataclass(eq=False)
class Answered(Item):
    """Prose of the model, in Markdown."""

    text: str = ""


@dataclass(eq=False)
class Thought(Item):
    """The model's reasoning."""

    text: str = ""


@dataclass(eq=False)
class Tool(Item):
    """A call from the moment the model begins to write it; `draft` is its raw text so far."""

    call_id: str = ""
    name: str = ""
    title: str = ""
    state: ToolState = "writing"
    draft: str = ""
    output: str = ""
    preview: Display | None = None
    display: Display | None = None
    reason: str = ""
    seconds: float = 0.0


@dataclass(eq=False)
class Shell(Item):
    """A command that the person ran."""

    command: str = ""
    output: str = ""
    exit_code: int | None = None
    running: bool = False
    shared: bool = False


@dataclass(eq=False)
class Told(Item):
    """A sentence of the program: a notice, an error, or how a turn ended."""

    text: str = ""
    level: Literal["quiet", "info", "warning", "error"] = "info"


@dataclass(eq=False)
class Aside(Item):
    """A question beside the conversation, and its answer."""

    question: str = ""
    text: str = ""
