"""The flags of `codeagent` itself, and how they become the options of an unattended run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

MOST_CANDIDATES = 16
MODES = ["plan", "default", "acceptEdits", "dontAsk", "bypassPermissions"]


class PositiveInt(click.IntRange):
    """A whole number above zero."""

    name = "N"

    def __init__(self) -> None:
        super().__init__(min=1)


class Mode(click.Choice[str]):
    """A permission mode."""

    def __init__(self) -> None:
        super().__init__(MODES)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("prompt", required=False)
@click.option("--task", metavar="TEXT", help="Do this task and exit. `-` reads it from standard input.")
@click.option(
    "-p", "--print", "print_", metavar="TEXT", is_flag=False, flag_value="-", help="The same, as other agents spell it."
)
@click.option("--task-file", metavar="FILE", help="Read the task from a file.")
@click.option(
    "-C", "directory", metavar="DIR", type=click.Path(path_type=Path), default=Path(), help="Work in this folder."
)
@click.option(
    "--add-dir",
    "add_dirs",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A further folder it may read and write.",
)
@click.option("--trust", is_flag=True, help="Work in this folder though it was not trusted before (this run only).")
@click.option(
    "--verify",
    metavar="CMD",
    help="The work is done when this command succeeds; it runs after each edit and at the end.",
)
@click.option(
    "--candidates",
    type=click.IntRange(1, MOST_CANDIDATES),
    metavar="N",
    default=1,
    help="Try the task N ways in copies of the folder; --verify judges, and the best one's changes are made.",
)
@click.option("--permission-mode", type=Mode(), help="What may happen without asking.")
@click.option(
    "--yolo",
    "--dangerously-skip-permissions",
    "yolo",
    is_flag=True,
    help="The same as --permission-mode bypassPermissions.",
)
@click.option(
    "--allowed-tools",
    "--allowedTools",
    "allowed_tools",
    metavar="RULES",
    multiple=True,
    help='Allow without asking, e.g. "Edit,Bash(pytest *)".',
)
@click.option(
    "--disallowed-tools",
    "--disallowedTools",
    "disallowed_tools",
    metavar="RULES",
    multiple=True,
    help="Always refuse. Refusing wins.",
)
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "off", "require"]),
    help="Run commands in the strongest sandbox of this machine, in none, or only in a full one.",
)
@click.option("--max-turns", type=PositiveInt(), help="At most this many model calls.")
@click.option("--max-tokens", type=PositiveInt(), help="At most this many generated tokens.")
@click.option("--max-seconds", type=click.FloatRange(min=0, min_open=True), metavar="S", help="At most this long.")
@click.option(
    "--output-format",
    type=click.Choice(["text", "json", "stream-json"]),
    default="text",
    show_default=True,
    help="What stdout gets.",
)
@click.option("--include-partial-messages", is_flag=True, help="With stream-json: the deltas too.")
@click.option(
    "--input-format",
    type=click.Choice(["text", "stream-json"]),
    default="text",
    show_default=True,
    help="stream-json: user messages as JSON lines on stdin.",
)
@click.option("--json-schema", metavar="FILE|JSON", help="End with an answer of this JSON schema.")
@click.option(
    "-o",
    "--output-last-message",
    "last_message_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the final message to a file.",
)
@click.option(
    "--diff-out",
    "diff_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write what was changed as a patch.",
)
@click.option("-c", "--continue", "continue_latest", is_flag=True, help="Go on with the latest session of this folder.")
@click.option("-r", "--resume", metavar="ID", help="Go on with this session.")
@click.option("--fork-session", "fork", is_flag=True, help="Go on in a copy of the session.")
@click.option("--no-session-persistence", "no_persist", is_flag=True, help="Keep no session log.")
@click.option("--model", metavar="NAME|FILE", help="Catalogue name or GGUF file.")
@click.option("--gpu-layers", type=click.IntRange(min=0), metavar="N", help="Layers on GPUs (default: as many as fit).")
@click.option(
    "--ctx", "context", type=click.IntRange(min=512), metavar="N", help="Context window in tokens (default: what fits)."
)
@click.option("--threads", type=PositiveInt(), help="CPU threads.")
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="HOST:PORT",
    help="A worker whose memory and cores hold layers too (on this machine, or a tunnel's end).",
)
@click.option("--temperature", type=click.FloatRange(0, 5), metavar="T", help="Sampling temperature; 0 is greedy.")
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 2), metavar="N", help="Seed of the sampler.")
@click.option("--append-system-prompt", metavar="TEXT", help="Add this to the system prompt.")
@click.option("--bare", is_flag=True, help="Read no settings files.")
@click.option(
    "--replay",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Play model answers from a script instead of running a model.",
)
@click.option(
    "-v", "--verbose", is_flag=True, help="Accepted for scripts written for other agents; progress is always shown."
)
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.option("-V", "--version", is_flag=True, help="Show the version and exit.")
def task(**flags: Any) -> int:
    """A coding agent whose model runs on your own machine.

    \b
    codeagent                     work in this folder, in the terminal
    codeagent --task "make the failing test pass" --trust --verify "pytest -q"
    codeagent model list          what can be pulled, and what fits this machine
    codeagent doctor              what this machine has and what it lacks

    An edit or a command that nobody can approve is refused and listed in the result. Commands run in a sandbox: they
    write in this folder only, and have no network.
    """
    if flags["version"]:
        from codeagent import __version__  # rare: the plain flag is answered earlier

        click.echo(f"codeagent {__version__}")
        return 0
    return _start(flags)


def _start(flags: dict[str, Any]) -> int:
    given = [flags["task"], flags["print_"], flags["task_file"]]
    stream_input = flags["input_format"] == "stream-json"
    if sum(value is not None for value in given) > 1:
        raise click.UsageError("The task is given more than once. Use one of --task, -p, --task-file.")
    text = flags["task"] if flags["task"] is not None else flags["print_"]
    if flags["prompt"] is not None and flags["print_"] == "-":
        text = flags["prompt"]
    elif flags["prompt"] is not None and (text is not None or flags["task_file"] is not None):
        raise click.UsageError("The task is given more than once. Use one of --task, -p, --task-file.")
    elif text is None and flags["task_file"] is None and not stream_input:
        if sys.stdin is not None and not sys.stdin.isatty() and _is_pipe():
            text = "-"
        else:
            return _interactive(flags)
    return _unattended(flags, text, stream_input)


def _interactive(flags: dict[str, Any]) -> int:
    if flags["prompt"] is not None and len(flags["prompt"].split()) == 1:
        raise click.UsageError(f"There is no command {flags['prompt']!r}. `codeagent --help` lists them.")
    streams = (sys.stdin, sys.stdout, sys.stderr)  # Textual draws on the last one
    if not all(stream is not None and stream.isatty() for stream in streams):
        raise click.UsageError("The app needs a terminal. Give a task with --task TEXT to work without one.")
    from codeagent.agent.bootstrap import SessionOptions  # loaded only when there is something to do
    from codeagent.tui.run import run_app

    return run_app(SessionOptions(**session_fields(flags)), flags["prompt"])


def _unattended(flags: dict[str, Any], text: str | None, stream_input: bool) -> int:
    from codeagent.agent.headless.options import TaskOptions  # loaded only when there is something to do
    from codeagent.agent.headless.run import run_task

    options = TaskOptions(
        **session_fields(flags),
        task=text,
        task_file=flags["task_file"],
        stream_input=stream_input,
        output_format=flags["output_format"],
        partial_messages=flags["include_partial_messages"],
        json_schema=flags["json_schema"],
        last_message_file=flags["last_message_file"],
        diff_file=flags["diff_file"],
        quiet=flags["quiet"],
        candidates=flags["candidates"],
        at_once=flags["candidates"],
    )
    return run_task(options, sys.stdin.buffer, sys.stdout, sys.stderr)


def session_fields(flags: dict[str, Any]) -> dict[str, Any]:
    """What both ways of working have in common, as the fields of SessionOptions."""
    from codeagent.agent.guards import Limits  # loaded only when there is something to do

    seed = {"seed": flags["seed"]} if flags["seed"] is not None else {}
    heat = {"temperature": flags["temperature"]} if flags["temperature"] is not None else {}
    names = ("model", "context", "gpu_layers", "threads", "devices", "allowed_tools", "disallowed_tools", "max_turns")
    names += ("sandbox",)
    settings = {name: flags[name] for name in names}
    settings["permission_mode"] = "bypassPermissions" if flags["yolo"] else flags["permission_mode"]
    settings["sampling"] = (seed | heat) or None
    return {
        "root": flags["directory"],
        "flags": settings,
        "limits": Limits(
            max_turns=flags["max_turns"], max_tokens=flags["max_tokens"], max_seconds=flags["max_seconds"]
        ),
        "trust": flags["trust"],
        "bare": flags["bare"],
        "verify": flags["verify"],
        "add_dirs": flags["add_dirs"],
        "append_system_prompt": flags["append_system_prompt"],
        "continue_latest": flags["continue_latest"],
        "resume": flags["resume"],
        "fork": flags["fork"],
        "persist": not flags["no_persist"],
        "replay": flags["replay"],
    }


def _is_pipe() -> bool:
    """Whether standard input is a pipe or a file with something in it to come, not a terminal or an inherited
    nothing.
    """
    import os
    import stat

    mode = os.fstat(sys.stdin.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
