"""`codeagent sandbox` at a terminal: the keys reach the command, and the terminal comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import COMMAND
from sandbox_stage import SandboxStage
from terminal import Terminal


@pytest.fixture
def typed(stage: SandboxStage) -> Iterator[Terminal]:
    """A shell at a terminal of its own, in the workspace."""
    env = stage.env | {"PS1": "", "HISTFILE": "", "TERM": "xterm"}
    with Terminal(["bash", "--norc", "--noprofile", "--noediting", "-i"], env, stage.workspace) as shell:
        shell.send("stty -echo; echo re''ady\r")
        shell.wait_for("ready")
        yield shell


@pytest.mark.case(4, 7)
def test_the_terminal_is_the_commands_until_it_ends_and_then_the_shells_again(typed: Terminal) -> None:
    typed.send(f"{COMMAND} sandbox -- bash -c 'test -t 0 && echo is-a-terminal; read x; echo got-$x; exit 5'\r")
    typed.wait_for("is-a-terminal")
    typed.send("words\r")
    typed.wait_for("got-words")
    typed.send("echo code-$?\r")
    typed.wait_for("code-5")


@pytest.mark.case(7)
def test_control_c_ends_the_command_and_not_the_shell(typed: Terminal) -> None:
    typed.send(f"{COMMAND} sandbox -- bash -c 'echo beg''un; sleep 1000'\r")
    typed.wait_for("begun")
    typed.send("\x03")
    typed.send("echo code-$?\r")
    typed.wait_for("code-130")


@pytest.mark.case(4)
def test_a_command_cannot_type_for_the_person(typed: Terminal) -> None:
    push = "import fcntl, sys; [fcntl.ioctl(0, 0x5412, bytes([c])) for c in b'echo ev' b'il\\n']"
    typed.send(f'{COMMAND} sandbox -- python3 -c "{push}" 2>&1 | tail -1; echo en""d\r')
    typed.wait_for("not permitted")
    typed.wait_for("end")
    typed.send("echo af''ter\r")
    typed.wait_for("after")
    assert "evil" not in typed.text
