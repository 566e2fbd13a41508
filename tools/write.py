"""The tool that makes a file or replaces all of one; writes through files.write_atomic alone."""

from __future__ import annotations

from codeagent.tools.api import PreparedCall, Tool, ToolError
from codeagent.tools.files import NotThereError, digest, is_read_only, read_bytes
from codeagent.tools.ledger import FileLedger
from codeagent.tools.params import ToolParams
from codeagent.tools.text import TextFile, decode
from codeagent.tools.workspace import Workspace
from codeagent.tools.writing import FileWrite, Written


class WriteParams(ToolParams):
    """`content` is the whole file."""

    path: str
    content: str


class WriteTool(Tool[WriteParams]):
    """Keeps encoding, byte order mark, line ends and the presence of a final line end of a file that exists."""

    name = "write"
    acts = True
    fenced = ("content",)
    params = WriteParams

    def __init__(self, workspace: Workspace, ledger: FileLedger) -> None:
        """Refuses to replace what the ledger has not seen whole, as it is now."""
        self._workspace = workspace
        self._ledger = ledger

    async def prepare(self, params: WriteParams) -> PreparedCall:
        """See Tool."""
        path = self._workspace.resolve_for_writing(params.path)
        shown = self._workspace.display(path)
        if params.path.endswith("/"):
            raise ToolError(f"{shown}/ is a folder, not a file.")
        try:
            data = read_bytes(path, shown)
        except NotThereError:
            data = None
        if data is None:
            old, file = None, _replaced(TextFile(""), params.content)
        else:
            self._ledger.check_known(path, digest(data), shown)
            old = decode(data, shown)
            file = _replaced(old, params.content)
            if file.text == old.text:
                raise ToolError(f"{shown} has this content already. Nothing was changed.")
        read_only = data is not None and is_read_only(path, shown)
        lines = file.text.count("\n") + (not file.text.endswith("\n") and bool(file.text))
        written = Written(
            given=params.path,
            path=path,
            shown=shown,
            old=old,
            new=file,
            expected=None if data is None else digest(data),
            output=f"{'Made' if data is None else 'Replaced'} {shown} ({lines} line{'s' * (lines != 1)}).",
            read_only=read_only,
        )
        return FileWrite(f"Write {shown}", written, self._workspace, self._ledger)


def _replaced(old: TextFile, content: str) -> TextFile:
    text = content.replace("\r\n", "\n")
    if text:
        text = text.removesuffix("\n") + ("\n" if old.text.endswith("\n") or not old.text else "")
    return old.with_text(text)
