"""What of a project holds in a session, and the sentences for the person on what does not; asks nobody."""

from __future__ import annotations

from pathlib import Path

from codeagent.agent.context.instructions import Instructions
from codeagent.agent.project_files import ProjectFiles, read_project_files
from codeagent.agent.trust import TrustError, TrustStore


def obeyed(
    root: Path, trust: TrustStore, this_run: bool, agreed: str | None
) -> tuple[ProjectFiles | None, tuple[str, ...]]:
    """The project's files where they are to be obeyed; where they are not, None and a sentence why.

    They are if they are those that were trusted; or, in a folder trusted for `this_run`, those whose digest the person
    `agreed` to, which is None where any were meant.
    """
    project = read_project_files(root)
    if project.problem:
        return None, (project.problem,)
    if (this_run and agreed is None) or agreed == project.digest or trust.covers(root, project):
        return project, ()
    changed = ", ".join(trust.changed(root, project))
    text = (
        f"Not obeyed, because it is not as you trusted it: {changed}. "
        "Look at it; if the change is meant, run `codeagent trust` in the folder."
    )
    return None, (text,)


def news(root: Path, instructions: Instructions, trust: TrustStore) -> tuple[str, ...]:
    """A sentence where the project tells the model something else than the last time."""
    try:
        changed = trust.note_instructions(root, instructions.digests)
    except TrustError as e:
        return (str(e),)
    names = ", ".join(changed)
    return (f"What the project tells the model changed since it was read last: {names}.",) if names else ()
