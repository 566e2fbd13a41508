"""What a model may have meant by a path that does not exist; knows no tool."""

from __future__ import annotations

import difflib
from pathlib import Path

from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.workspace import Workspace


async def near_names(path: Path, workspace: Workspace, ripgrep: Ripgrep) -> str:
    """A question that names files called alike, to follow the sentence that this one does not exist; or nothing."""
    files = await ripgrep.files(workspace.root)
    near = [file for file in files if file.name == path.name]
    names = {file.name: file for file in files if file.parent == path.parent}
    near += [names[name] for name in difflib.get_close_matches(path.name, names, n=3) if names[name] not in near]
    return f" Did you mean {', '.join(workspace.display(file) for file in near[:4])}?" if near else ""
