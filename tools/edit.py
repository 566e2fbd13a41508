"""The tool that replaces text in a file that exists; writes through files.write_atomic alone."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from codeagent.tools.api import EffectKind, Params, PreparedCall, Tool, ToolError
from codeagent.tools.files import NotThereError, digest, is_read_only, read_bytes
from codeagent.tools.ledger import FileLedger
from codeagent.tools.matching import apply, locate
from codeagent.tools.params import ToolParams, shorten
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.sensitive import writing
from codeagent.tools.suggest import near_names
from codeagent.tools.text import TextFile, decode
from codeagent.tools.workspace import Workspace
from codeagent.tools.writing import FileWrite, Written


class OneEdit(Params):
    """The one place where `old` stands becomes `new`."""

    old: str
    new: str


_EDITS_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"old": {"type": "string"}, "new": {"type": "string"}},
        "required": ["old", "new"],
    },
}


def _with_texts_required(schema: dict[str, Any]) -> None:
    """The model is told that `old` and `new` are needed, which makes the simple call the likely one."""
    shorten(schema)
    schema["required"] = ["path", "old", "new"]


class EditParams(ToolParams):
    """One replacement as `old` and `new`; `edits` holds further ones, or all of them."""

    model_config = ConfigDict(json_schema_extra=_with_texts_required)

    path: str
    old: str | SkipJsonSchema[None] = None
    new: str | SkipJsonSchema[None] = None
    edits: Annotated[tuple[OneEdit, ...], WithJsonSchema(_EDITS_SCHEMA)] = ()

    def all(self) -> list[OneEdit]:
        """The replacements to make, in order. Raises ToolError if there is none or half a one."""
        if (self.old is None) != (self.new is None):
            raise ToolError(f"The edit of {self.path} needs both `old` and `new`.")
        first = [] if self.old is None or self.new is None else [OneEdit(old=self.old, new=self.new)]
        if not first and not self.edits:
            raise ToolError(f"The edit of {self.path} says neither `old` and `new` nor `edits`.")
        return [*first, *self.edits]


class EditTool(Tool[EditParams]):
    """Finds each `old` in the file as it was read, and makes all replacements or none."""

    name = "edit"
    fenced = ("old", "new")
    existing = "path"
    anchors = ("old",)
    acts = True
    params = EditParams

    def __init__(self, workspace: Workspace, ledger: FileLedger, ripgrep: Ripgrep) -> None:
        """Refuses files that changed since the ledger saw them; names others where one does not exist."""
        self._workspace = workspace
        self._ledger = ledger
        self._ripgrep = ripgrep

    async def prepare(self, params: EditParams) -> PreparedCall:
        """See Tool."""
        edits = params.all()
        path = self._workspace.resolve_for_writing(params.path)
        shown = self._workspace.display(path)
        try:
            data = read_bytes(path, shown)
        except NotThereError as e:
            near = await near_names(path, self._workspace, self._ripgrep)
            raise ToolError(f"{e}{near or ' Make it with write.'}") from e
        self._ledger.check_unchanged(path, digest(data), shown)
        if self._ledger.seen(path) is None and EffectKind.REVEAL in writing(path, self._workspace):
            # What does not fit is answered with the lines that come near, which are not to be seen without a question.
            raise ToolError(f"{shown} may hold secrets. Read it first, for which the person is asked.")
        file = decode(data, shown)
        changed, tolerant = _edited(file, edits, shown)
        note = " `old` was found with other spaces or indentation, and `new` was indented to fit." if tolerant else ""
        written = Written(
            given=params.path,
            path=path,
            shown=shown,
            old=file,
            new=changed,
            expected=digest(data),
            output=f"Edited {shown}.{note}",
            read_only=is_read_only(path, shown),
        )
        return FileWrite(f"Edit {shown}", written, self._workspace, self._ledger)


def _edited(file: TextFile, edits: list[OneEdit], shown: str) -> tuple[TextFile, bool]:
    """The file after all edits, and whether one of them was found only by tolerance."""
    places = [locate(file.text, _plain(e.old), _plain(e.new), shown) for e in edits if (e.old or file.text)]
    text = apply(file.text, places, shown) if places else "".join(_plain(e.new) for e in edits)
    if text == file.text:
        raise ToolError(f"The edit leaves {shown} as it is. Nothing was changed.")
    return file.with_text(text), any(place.tolerant for place in places)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")
