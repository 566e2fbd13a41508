"""`codeagent sandbox`: runs one command as the agent's commands are run, at the person's own terminal."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import click

from codeagent.agent.text import printable

NO_SANDBOX = 56


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "ignore_unknown_options": True}, no_args_is_help=True
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("-C", "directory", metavar="DIR", type=click.Path(path_type=Path), default=Path(), help="The workspace.")
@click.option("--network", is_flag=True, help="Let it use the network.")
@click.option("--memory-mb", type=click.IntRange(min=1), metavar="N", help="Memory of all its processes together.")
@click.option("--processes", type=click.IntRange(min=1), metavar="N", help="Processes with their threads, together.")
@click.option("--file-mb", type=click.IntRange(min=1), metavar="N", help="Size of any one file it writes.")
@click.option("--disk-mb", type=click.IntRange(min=1), metavar="N", help="What it must leave free on the disk.")
def sandbox(command: tuple[str, ...], directory: Path, network: bool, **limits: int | None) -> int:
    """Run COMMAND in the sandbox that the agent's commands run in, and end with its exit code.

    Write -- before it: codeagent sandbox -- npm test. It can write in this folder, in a cache of its own and in a fresh
    /tmp; it sees no keys and, without --network, no network. Exits with 56 where this machine has no sandbox.
    """
    from codeagent.agent.config import ConfigError, load_config  # loads much that --help does not need
    from codeagent.agent.confinement import notices, session_sandbox
    from codeagent.agent.paths import Paths
    from codeagent.tools.api import ToolError
    from codeagent.tools.process import Processes
    from codeagent.tools.sandbox.hidden import SandboxError

    root = directory.resolve()
    if not root.is_dir():
        raise click.UsageError(f"{directory} is no folder.")
    paths = Paths.default()
    try:
        config = load_config(paths.config_file, None, os.environ, {})
        held = session_sandbox(
            (root,), config.model_copy(update={"sandbox": "auto"}), paths, os.environ, attended=False
        )
    except (ConfigError, SandboxError) as e:
        _say(str(e))
        return NO_SANDBOX if isinstance(e, SandboxError) else 52
    names = {"memory_mb": "memory", "processes": "processes", "file_mb": "file", "disk_mb": "disk"}
    given = {names[k]: v * (10**6 if k.endswith("_mb") else 1) for k, v in limits.items() if v is not None}
    held = replace(held, limits=replace(held.limits, **given))
    for sentence in notices(held, root):
        _say(sentence)
    try:
        code, limit = Processes(root, os.environ, held, _say).attached(command, root, network)
    except ToolError as e:
        _say(str(e))
        return 1
    if limit:
        _say(f"stopped: {limit}.")
    return code


def _say(sentence: str) -> None:
    sys.stderr.write(f"codeagent: {printable(sentence)}\n")
    sys.stderr.flush()
