"""`codeagent trust`: says once that a folder may be worked in."""

from __future__ import annotations

from pathlib import Path

import click

from codeagent.agent.paths import Paths
from codeagent.agent.project_files import read_project_files
from codeagent.agent.text import printable
from codeagent.agent.trust import TrustError, TrustStore


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
def trust(folder: Path) -> int:
    """Trust FOLDER (default: this one) with its project settings as they are now.

    These are all files below .codeagent, and .mcp.json. When one byte of them changes they are not obeyed any more
    until you say so again. Folders inside of FOLDER are not covered.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise click.UsageError(f"{folder} is no folder.")
    project = read_project_files(root)
    try:
        TrustStore(Paths.default().trust_file).add(root, project)
    except TrustError as e:
        click.echo(f"codeagent: {printable(str(e))}", err=True)
        return 1
    settings = f", with {', '.join(project.files)}" if project.files else ""
    click.echo(f"Trusted: {printable(str(root))}{settings}.")
    if project.problem:
        click.echo(f"codeagent: {project.problem}", err=True)
    return 0
