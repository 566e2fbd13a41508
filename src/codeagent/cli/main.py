"""The command line's root: chooses between a subcommand and the run itself, and loads only what is used."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence

import click

from codeagent.cli.task import task

SUBCOMMANDS = {
    "model": ("codeagent.cli.model", "List, pull, inspect, choose and remove models."),
    "doctor": ("codeagent.cli.doctor", "Check this machine and say what to do about what is missing."),
    "index": ("codeagent.cli.index", "Bring the index of a folder's code up to date, or say what is in it."),
    "map": ("codeagent.cli.map", "Print the map of a folder's code, for a question or as a whole."),
    "reproduce": ("codeagent.cli.reproduce", "Make a session's model calls again and compare the answers by token."),
    "web": ("codeagent.cli.web", "Serve the app to a browser on this machine."),
    "worker": ("codeagent.cli.worker", "Lend this machine's memory and cores to a codeagent on another one."),
    "sandbox": ("codeagent.cli.sandbox", "Run a command in the sandbox that the agent's commands run in."),
    "trust": ("codeagent.cli.trust", "Trust a folder, so that codeagent may work in it."),
}
COMPLETION = "_CODEAGENT_COMPLETE"
BAD_INPUT = 42


class Root(click.Group):
    """All of the command line as one group: for --help and shell completion. Subcommands are imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the subcommands."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a subcommand."""
        return _load(cmd_name) if cmd_name in SUBCOMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in SUBCOMMANDS.items()])


def root() -> Root:
    """The command line as a group with the flags of the run."""
    flags = [p for p in task.params if not isinstance(p, click.Argument)]
    return Root(
        "codeagent", params=flags, help=task.help, invoke_without_command=True, context_settings=task.context_settings
    )


def run(args: Sequence[str]) -> int:
    """Run the command line and return the exit code. Wrong usage is 42, and still ends in a result object if one was
    asked for.
    """
    if COMPLETION in os.environ:
        root().main(list(args), prog_name="codeagent", complete_var=COMPLETION)
    if any(arg in ("-h", "--help") for arg in args) and args[0] not in SUBCOMMANDS:
        click.echo(root().get_help(click.Context(root(), info_name="codeagent", **root().context_settings)))
        return 0
    try:
        if args and args[0] in SUBCOMMANDS:
            result = _load(args[0]).main(list(args[1:]), prog_name=f"codeagent {args[0]}", standalone_mode=False)
        else:
            result = task.main(list(args), prog_name="codeagent", standalone_mode=False)
    except click.exceptions.Exit as e:
        return e.exit_code
    except click.Abort:
        return 130
    except click.ClickException as e:
        return _usage_error(args, e)
    except OSError as e:
        sys.stderr.write(f"codeagent: {e.strerror or e}.\n")
        return 1
    return result if isinstance(result, int) else 0


def _load(name: str) -> click.Command:
    return getattr(importlib.import_module(SUBCOMMANDS[name][0]), name)


def _usage_error(args: Sequence[str], error: click.ClickException) -> int:
    error.show()
    if any(word in ("json", "stream-json") for arg in args for word in arg.split("=")):
        from codeagent.agent.headless.outcome import Exit, Outcome  # only for a run that failed

        outcome = Outcome()
        outcome.fail(Exit.BAD_INPUT, error.format_message())
        sys.stdout.write(json.dumps(outcome.result()) + "\n")
    return BAD_INPUT if isinstance(error, click.UsageError) else error.exit_code
