"""Opens the index of a folder where there is no session: for commands that look at code alone."""

from __future__ import annotations

from pathlib import Path

from codeagent.agent.bootstrap import BAD_INPUT, UNTRUSTED, SetupError
from codeagent.agent.config import process_environment
from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.paths import Paths
from codeagent.agent.trust import TrustStore
from codeagent.tools.process import Processes
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.workspace import Workspace


def open_index(folder: Path, paths: Paths, trust: bool) -> CodeIndex:
    """The index that a session in this folder has, too; nothing is read yet. The caller closes it.

    Raises SetupError for what is no folder, and for one that is not trusted: a parser is a program that files drive.
    """
    try:
        root = folder.resolve(strict=True)
    except OSError as e:
        raise SetupError(BAD_INPUT, f"The folder {folder} cannot be opened ({e.strerror}).") from e
    if not root.is_dir():
        raise SetupError(BAD_INPUT, f"{folder} is not a folder. Name the folder whose files are to be indexed.")
    if not trust and not TrustStore(paths.trust_file).is_trusted(root):
        raise SetupError(
            UNTRUSTED,
            f"The folder {root} is not trusted yet, so nothing in it was read. "
            "If you trust what is in it, run `codeagent trust` there once, or add --trust to this command.",
        )
    ripgrep = Ripgrep(Workspace(root), Processes(root, process_environment()))
    return CodeIndex(root, paths.index(root), lambda: ripgrep.open_files(root))
