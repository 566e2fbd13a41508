"""What an edit may name and quote: the workspace's files, and the text of those that the model has seen; knows no
model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from codeagent.tools.api import ToolError
from codeagent.tools.files import digest, read_bytes
from codeagent.tools.ledger import FileLedger
from codeagent.tools.text import decode
from codeagent.tools.workspace import Workspace

MAX_PATHS = 5_000
TEXT_CHARS = 200_000
ALL_CHARS = 600_000
"""Characters of one text, and of all: they go with every request."""


@dataclass(frozen=True)
class Editable:
    """All files there are, none meaning any; and texts by path, with "\\n" line ends."""

    paths: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict[str, str])


def editable(workspace: Workspace, ledger: FileLedger, names: Sequence[str]) -> Editable:
    """What may be edited now. `names` are the workspace's files; what was read or written beside them counts too.

    A file that changed since it was last seen has no text, for the edit of it will be refused; nor has one that is no
    text, or is long. Where there are very many files, or further folders to work in, any may be named.
    """
    texts: dict[str, str] = {}
    seen: list[str] = []
    left = ALL_CHARS
    for path, sha256 in ledger.newest():
        shown = workspace.display(path)
        seen.append(shown)
        try:
            data = read_bytes(path, shown)
            text = decode(data, shown).text
        except ToolError:
            continue
        if digest(data) == sha256 and len(text) <= min(TEXT_CHARS, left) and _is_unicode(text):
            texts[shown] = text
            left -= len(text)
    paths = tuple(dict.fromkeys([*names, *seen])) if names and len(workspace.roots) == 1 else ()
    return Editable(paths if len(paths) <= MAX_PATHS else (), texts)


def _is_unicode(text: str) -> bool:
    """Whether no byte of the file stands in the text that was no text."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
