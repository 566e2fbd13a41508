"""`codeagent web`: the app in a browser of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from codeagent.cli.task import session_fields, task

_NOT_THE_APP = ("prompt", "task", "print_", "task_file")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "ignore_unknown_options": True})
@click.option("--host", default="127.0.0.1", show_default=True, help="The loopback address to serve on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8420,
    show_default=True,
    help="The port to serve on; 0 is any free one.",
)
@click.option("--no-open", is_flag=True, help="Only print the address; do not open a browser.")
@click.option(
    "-C",
    "directory",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    default=Path(),
    help="Work in this folder.",
)
@click.option("--tab", is_flag=True, hidden=True, help="Be the process behind a tab.")
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
def web(host: str, port: int, no_open: bool, directory: Path, tab: bool, flags: tuple[str, ...]) -> int:
    """Serve the app to a browser on this machine. FLAGS are those of `codeagent` itself, such as --model.

    Every tab is a session of its own and ends when the tab is closed; `-c` goes on with the latest one. The address
    that is printed holds a token, and whoever has it can work as you: keep it to yourself. Ctrl+C ends everything.
    """
    given = _understood(flags)
    if tab:
        from codeagent.agent.bootstrap import SessionOptions  # what the server itself does not need
        from codeagent.tui.run import run_app

        return run_app(SessionOptions(**session_fields(given | {"directory": directory})))
    from codeagent.tui.web import WebError, serve  # the web server takes long to load

    def announce(address: str, once: str) -> None:
        click.echo(address)
        click.echo("Ctrl+C ends it.", err=True)
        if not no_open and _has_display():
            import threading  # only if one is to be opened
            import webbrowser

            # It may wait seconds for the browser, and the browser waits for us.
            threading.Thread(target=webbrowser.open, args=(once,), daemon=True).start()

    # -P: the folder that is worked in must not be able to stand in for our modules.
    command = (sys.executable, "-P", "-m", "codeagent", "web", "--tab", "-C", str(directory), *flags)
    try:
        serve(command, host, port, announce, lambda text: click.echo(text, err=True))
    except WebError as error:
        raise click.ClickException(str(error)) from error
    return 0


def _understood(flags: tuple[str, ...]) -> dict[str, Any]:
    """The flags of `codeagent` itself; what would fail in every tab is refused here."""
    given = task.make_context("codeagent web", list(flags)).params
    if given["version"] or any(given[name] is not None for name in _NOT_THE_APP):
        raise click.UsageError("`codeagent web` opens the app; a task is given to `codeagent` itself, with --task.")
    return given


def _has_display() -> bool:
    """Whether a browser would get a window of its own and not this terminal."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
