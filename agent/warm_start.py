"""Where the model process may keep what it has read for the next session, as the settings want it; knows no session."""

from __future__ import annotations

from pathlib import Path

from codeagent.agent.config import Config
from codeagent.agent.paths import Paths
from codeagent.agent.private import make_private_folder
from codeagent.inference.frames import WarmPlace
from codeagent.inference.warm_place import folder_of, make_room

GB = 10**9


def warm_place(config: Config, paths: Paths, model: Path) -> WarmPlace | None:
    """The folder for this model's states, made if it is not there, and the bytes left for it. None where the settings
    want none, or it cannot be made: then everything is read.
    """
    if not config.warm_start:
        return None
    try:
        folder = folder_of(paths.warm_states, model)
        make_private_folder(folder)
        folder.chmod(0o700)
    except OSError:
        return None
    return WarmPlace(
        folder=str(folder.resolve()), limit=make_room(paths.warm_states, folder, int(config.warm_start_gb * GB))
    )
