"""Whatever ends or disturbs the app, the terminal is given back as it was and nothing is left running."""

from __future__ import annotations

import os
import random
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import COMMAND, Script
from terminal import ALWAYS_ON, Terminal, descendants

pytestmark = pytest.mark.case(49)

READY = "type a request"
ARGS = ("--trust", "--replay")


@pytest.fixture
def terminal(home: dict[str, str], workspace: Path, script: Script) -> Iterator[Terminal]:
    """The app, ready for a request."""
    replay = script({"text": "One."}, {"text": "Two."}, {"text": "A long story. " * 400, "chunks": 200})
    with Terminal([COMMAND, *ARGS, replay], home, workspace, 100, 30) as one:
        one.wait_for(READY)
        yield one


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def start_command(terminal: Terminal) -> list[int]:
    """Let the person's shell run something long; the processes."""
    terminal.send("!sleep 1000\r")
    return terminal.wait_until(
        lambda: found if len(found := descendants(terminal.process.pid)) > 1 else [], "the command runs"
    )


@pytest.mark.parametrize("keys", ["\x11", "/quit\r", "\x03\x03"])
def test_quitting_gives_the_terminal_back(terminal: Terminal, keys: str) -> None:
    terminal.send(keys)
    assert terminal.wait() == 0
    terminal.wait_restored()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=["SIGTERM", "SIGHUP", "SIGINT"],
)
def test_a_signal_to_end_gives_the_terminal_back(terminal: Terminal, number: signal.Signals, code: int) -> None:
    pids = start_command(terminal)
    terminal.signal(number)
    assert terminal.wait() == code
    terminal.wait_restored()
    assert "Traceback" not in terminal.text
    terminal.wait_until(lambda: not any(map(alive, pids)), "the command is gone")


def test_a_signal_in_the_middle_of_an_answer_gives_the_terminal_back(terminal: Terminal) -> None:
    for text in ("one", "two", "three"):
        terminal.send(f"{text}\r")
        terminal.wait_for({"one": "One.", "two": "Two.", "three": "A long story."}[text])
    terminal.signal(signal.SIGTERM)
    assert terminal.wait() == 143
    terminal.wait_restored()


BROKEN = """
import pathlib, sys
from codeagent.agent.bootstrap import SessionOptions
from codeagent.agent.config import Config
from codeagent.tui.app import CodeAgentApp

class Broken(CodeAgentApp):
    def key_f12(self):
        raise RuntimeError("a bug \\x1b]0;owned\\x07")

app = Broken(SessionOptions(root=pathlib.Path(), trust=True, replay=pathlib.Path(sys.argv[1])), Config())
app.run()
sys.exit(app.return_code)
"""


def test_a_bug_in_the_app_gives_the_terminal_back_and_is_shown(
    home: dict[str, str], workspace: Path, script: Script
) -> None:
    with Terminal([sys.executable, "-c", BROKEN, script({"text": "."})], home, workspace) as terminal:
        terminal.wait_for(READY)
        terminal.send("\x1b[24~")
        assert terminal.wait() == 1
        terminal.wait_restored()
        terminal.wait_for("a bug")
        assert b"\x1b]0;" not in terminal.raw


def test_a_lost_terminal_ends_the_app_and_what_it_runs(terminal: Terminal) -> None:
    pids = start_command(terminal)
    terminal.hang_up()
    terminal.wait(15)
    terminal.wait_until(lambda: not any(map(alive, pids)), "the command is gone")


def test_nothing_outlives_an_app_that_was_killed(terminal: Terminal) -> None:
    pids = start_command(terminal)
    terminal.signal(signal.SIGKILL)
    terminal.wait()
    terminal.wait_until(lambda: not any(map(alive, pids)), "the command is gone")


def test_ctrl_z_gives_the_shell_back_and_fg_the_app(home: dict[str, str], workspace: Path, script: Script) -> None:
    env = home | {"PS1": "shell> ", "HISTFILE": ""}
    with Terminal(["bash", "--norc", "--noprofile", "-i"], env, workspace, 100, 30) as terminal:
        terminal.wait_for("shell>")
        terminal.send(shlex.join([str(COMMAND), *ARGS, str(script({"text": "Still here."}))]) + "\r")
        terminal.wait_for(READY)
        for _ in range(2):
            terminal.send("\x1a")
            terminal.wait_for("Stopped")
            terminal.send("echo is $((40 + 2))\r")
            terminal.wait_for("is 42")
            assert terminal.screen.modes - {"?2004"} == ALWAYS_ON  # bash marks pastes too
            terminal.send("clear; fg\r")
            terminal.wait_for(READY)
            terminal.wait_for("Ask for a change")
        terminal.send("hello\r")
        terminal.wait_for("Still here.")
        terminal.send("\x11")
        terminal.wait_for("shell>")
        terminal.send("echo back $((40 + 3))\r")
        terminal.wait_for("back 43")
        terminal.send("exit\r")
        terminal.wait()


def test_sigtstp_and_sigcont_suspend_and_resume(terminal: Terminal) -> None:
    terminal.signal(signal.SIGTSTP)
    terminal.wait_until(lambda: "?1049" not in terminal.screen.modes, "the other screen is left")
    pid, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
    assert pid == terminal.process.pid
    assert os.WIFSTOPPED(status)
    terminal.signal(signal.SIGCONT)
    terminal.wait_for(READY)
    terminal.wait_for("Ask for a change")
    terminal.send("hello\r")
    terminal.wait_for("One.")
    terminal.send("\x11")
    assert terminal.wait() == 0
    terminal.wait_restored()


def test_a_storm_of_resizes_while_an_answer_comes_is_survived(terminal: Terminal) -> None:
    chance = random.Random(3)
    for text in ("one", "two"):
        terminal.send(f"{text}\r")
        terminal.wait_for(text.capitalize() + ".")
    terminal.send("three\r")
    for _ in range(150):
        terminal.resize(chance.randint(1, 250), chance.randint(1, 80))
    terminal.resize(1, 1)
    terminal.resize(110, 35)
    terminal.wait_for("A long story.")
    terminal.wait_quiet()
    lines = terminal.text.split("\n")
    assert len(lines) == 35
    assert "Ask for a change" in lines[-2]
    assert max(map(len, lines)) <= 110
    terminal.send("typed")
    terminal.wait_for("typed")


def test_without_a_terminal_there_is_a_sentence(home: dict[str, str], workspace: Path, script: Script) -> None:
    shell = f"{shlex.join([str(COMMAND), *ARGS, str(script({'text': '.'}))])} > {shlex.quote(str(workspace / 'out'))}"
    with Terminal(["sh", "-c", shell], home, workspace) as terminal:
        terminal.wait_for("The app needs a terminal")
        assert terminal.wait() == 42
        terminal.wait_restored()
    assert (workspace / "out").read_bytes() == b""


def test_without_a_terminal_to_draw_on_there_is_a_sentence(
    home: dict[str, str], workspace: Path, script: Script
) -> None:
    command = shlex.join([str(COMMAND), *ARGS, str(script({"text": "."}))])
    shell = f"{command} 2> {shlex.quote(str(workspace / 'errors'))}"
    with Terminal(["sh", "-c", shell], home, workspace) as terminal:
        assert terminal.wait() == 42
        terminal.wait_restored()
    assert "The app needs a terminal" in (workspace / "errors").read_text()


@pytest.mark.model
@pytest.mark.timeout(300)
def test_a_killed_model_process_leaves_the_app_at_work(
    home: dict[str, str], workspace: Path, small_model: Path
) -> None:
    with Terminal([COMMAND, "--trust", "--model", small_model, "--ctx", "2048"], home, workspace, 100, 30) as terminal:
        terminal.wait_for("ready", 120)
        runners = [pid for pid in descendants(terminal.process.pid) if b"inference.runner" in command_line(pid)]
        assert runners
        for pid in runners:
            os.kill(pid, signal.SIGKILL)
        terminal.send("Say hello.\r")
        # The small model may answer, call a tool or lose itself; the app is at work whichever it does.
        signs = ("model call", "Stopped:", "waits for your answer")
        terminal.wait_until(lambda: any(sign in terminal.text for sign in signs), f"one of {signs}", 180)
        terminal.send("\x11")
        assert terminal.wait() == 0
        terminal.wait_restored()


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
