"""The contract of a tool: prepare says what would happen and changes nothing, execute does exactly that; knows no
gate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from codeagent import prompts


class EffectKind(StrEnum):
    """What a call does to the world. LOOK is running a command that was judged only to look. Three kinds stand beside
    another: OVERRIDE is changing a file that is marked read-only, REVEAL showing one that holds keys or passwords,
    AUTORUN changing one that programs run or obey by themselves.
    """

    READ = "read"
    REVEAL = "reveal"
    WRITE = "write"
    OVERRIDE = "override"
    AUTORUN = "autorun"
    LOOK = "look"
    EXECUTE = "execute"
    NETWORK = "network"


class Frozen(BaseModel):
    """Immutable plain data that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Effect(Frozen):
    """One thing a call would do. `target` is an absolute path, a command line, or, of the network, a host or the
    command line that reaches it.
    """

    kind: EffectKind
    target: str


class Binding(Frozen):
    """What a command depends on beside its text. An approval holds as long as all of it is the same: the arguments as
    they are run, the folder, a digest of the environment, and path and SHA-256 of each script that it names.
    """

    arguments: tuple[str, ...]
    folder: str
    environment: str
    scripts: tuple[tuple[str, str], ...] = ()


class Diff(Frozen):
    """A unified diff of one file, as a front end may draw it; `old` and `new` are empty for a file that is made or
    removed.
    """

    type: Literal["diff"] = "diff"
    path: str
    unified: str
    added: int
    removed: int


class Output(Frozen):
    """Text a command or a search produced. `exit_code` is None when nothing was run or it was stopped."""

    type: Literal["output"] = "output"
    text: str
    exit_code: int | None = None


class TestReport(Frozen):
    """The outcome of a test run: counts, and one short line a failure."""

    __test__: ClassVar[bool] = False  # pytest would take the name for a test class

    type: Literal["test_report"] = "test_report"
    command: str
    passed: int
    failed: int
    failures: tuple[str, ...]
    exit_code: int | None = None


class Todo(Frozen):
    """One step of the plan."""

    text: str
    status: Literal["pending", "in_progress", "done"]


class TodoList(Frozen):
    """The plan as it now stands."""

    type: Literal["todo_list"] = "todo_list"
    items: tuple[Todo, ...]


Display = Annotated[Diff | Output | TestReport | TodoList, Field(discriminator="type")]


class ToolResult(Frozen):
    """What a call came to, for its two readers: `output` for the model, `display` for the person. Never parse one for
    the other.
    """

    output: str
    display: Display | None = None
    is_error: bool = False


class ToolError(Exception):
    """Something the model can act on: what was expected, what was found, what to try. Anything else raised is a bug."""


class PreparedCall(ABC):
    """A validated call that has changed nothing yet and says all it would do.

    `binding` is what an approval of it depends on beside its effects. `why` are reasons for which a command is asked
    about, each the end of a sentence that begins with "it"; `acts` are those of its parts, as they are written, that do
    more than look, where all its parts are understood.
    """

    title: str
    effects: tuple[Effect, ...]
    preview: Display | None = None
    binding: Binding | None = None
    why: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()

    def renewed(self) -> PreparedCall:
        """This call as it would be made now: itself unless what it is bound to has changed."""
        return self

    @abstractmethod
    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        """Do what was shown, or raise ToolError if the world changed meanwhile. `report` takes output as it comes."""


class FileChange(PreparedCall):
    """A prepared write of one text file, which a person may still change before it happens.

    `before` is the text it replaces, None for a new file; `after` is the text it writes. Both have "\\n" line ends and
    may hold lone surrogates for bytes that are no text: they are not fit to be drawn as they are.
    """

    path: Path
    shown: str
    before: str | None
    after: str

    @abstractmethod
    def revised(self, after: str) -> FileChange:
        """The same write with another text. Raises ToolError when the file's encoding lacks a character of it."""

    @abstractmethod
    def rebased(self) -> FileChange:
        """This write on the file as it is now: itself where nothing changed. Raises ToolError where it does not fit."""


class Params(BaseModel):
    """Base of every tool's parameters: unknown fields are refused, so that a misspelt one is heard of."""

    model_config = ConfigDict(frozen=True, extra="forbid")


ParamsT = TypeVar("ParamsT", bound=Params)


class Tool(ABC, Generic[ParamsT]):
    """Something the agent can do.

    `fenced` names the string parameters that hold code, in writing order, `existing` the one that names a file which
    must be there, `anchors` those that quote a place of this file. `read_only` tools declare READ effects alone;
    those that `acts` write or execute with every call.
    """

    name: ClassVar[str]
    fenced: ClassVar[tuple[str, ...]] = ()
    existing: ClassVar[str] = ""
    anchors: ClassVar[tuple[str, ...]] = ()
    read_only: ClassVar[bool] = False
    acts: ClassVar[bool] = False
    params: type[ParamsT]

    @property
    def description(self) -> str:
        """The words the model reads, from prompts/tools/<name>.md."""
        return prompts.load(f"tools/{self.name}.md")

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the parameters, titles dropped: they cost tokens and say nothing."""
        return _plain(self.params.model_json_schema())

    @abstractmethod
    async def prepare(self, params: ParamsT) -> PreparedCall:
        """Validate and describe the call. Changes nothing. Raises ToolError for what the model can act on."""


def _plain(schema: Any) -> Any:
    if isinstance(schema, dict):
        items: dict[str, Any] = schema  # pyright: ignore[reportUnknownVariableType]  # JSON from pydantic
        return {k: _plain(v) for k, v in items.items() if not (k == "title" and isinstance(v, str))}
    if isinstance(schema, list):
        return [_plain(v) for v in schema]  # pyright: ignore[reportUnknownVariableType]  # JSON from pydantic
    return schema


def relative(path: Path, root: Path) -> str:
    """The path as a person writes it: relative to the root when inside it, absolute otherwise."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
