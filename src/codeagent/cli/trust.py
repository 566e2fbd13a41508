"""`codeagent trust`: says once that a folder may be worked in."""

from __future__ import annotations

from pathlib import Path

import click

from codeagent.agent.paths import Paths
from codeagent.agent.trust import PROJECT_CONFIG, TrustStore, config_digest


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
def trust(folder: Path) -> int:
    """Trust FOLDER (default: this one) with its project settings as they are now.

    The settings count again as unknown when they change by one byte.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise click.UsageError(f"{folder} is no folder.")
    try:
        TrustStore(Paths.default().trust_file).add(root)
    except OSError as e:
        click.echo(f"codeagent: the list of trusted folders cannot be written ({e.strerror}).", err=True)
        return 1
    settings = f", with its settings in {PROJECT_CONFIG}" if config_digest(root) else ""
    click.echo(f"Trusted: {root}{settings}.")
    return 0
