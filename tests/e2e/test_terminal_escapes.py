"""No text from outside reaches the terminal as anything but text: looked at in the bytes of a real pty."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness import COMMAND, Script
from session_logs import started, turn, write_log
from terminal import Terminal

from codeagent.agent.paths import Paths
from codeagent.agent.text import printable

pytestmark = pytest.mark.case(24)

PAYLOADS = (
    "\x1b]52;c;cGF5bG9hZA==\x07",  # write the clipboard
    "\x1b]52;c;?\x1b\\",  # read the clipboard
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",  # a link with another text
    "\x1b]0;owned\x07",  # icon and title
    "\x1b]2;owned\x1b\\",  # title
    "\x1b]4;1;rgb:00/00/00\x07",  # palette
    "\x1b]11;?\x07",  # makes the terminal type an answer
    "\x1b]9;owned\x07",  # notification
    "\x1b]777;notify;you;owned\x07",
    "\x1b]7;file://host/tmp\x07",  # current folder
    "\x1b]133;A\x07",  # a prompt begins
    "\x1b]1337;File=inline=1:AAAA\x07",  # a picture, or a download
    "\x1b]50;#1\x07",  # font
    "\x1b[2J",  # clear
    "\x1b[3J",  # clear what was scrolled away
    "\x1b[1;1Hover",  # write elsewhere
    "\x1bc",  # reset
    "\x1b[!p",  # soft reset
    "\x1b[?1049l",  # leave the other screen
    "\x1b[?25l",  # hide the cursor
    "\x1b[?1003h",  # report the mouse
    "\x1b[201~",  # end of a paste
    "\x1b[?2004l",  # pastes no longer marked
    "\x1b[c",  # makes the terminal type what it is
    "\x1b[6n",  # and where its cursor is
    "\x1b[8;1;1t",  # window of one cell
    "\x1b[8mhidden\x1b[28m",
    "\x1b[1;2r",  # scroll only two lines
    "\x1b(0",  # line drawing instead of letters
    "\x1b[>31u",  # other keyboard protocol
    '\x1bP$q"p\x1b\\',  # DCS: asks for a setting
    "\x1bPq#0;2;0;0;0~\x1b\\",  # DCS: sixel picture
    "\x1bPtmux;\x1b\x1b]0;owned\x07\x1b\\",  # DCS: through tmux
    "\x1b_Ga=T,f=24;AAAA\x1b\\",  # APC: kitty picture
    "\x1b^private\x1b\\",  # PM
    "\x1bXstring\x1b\\",  # SOS
    "\x9d52;c;AAAA\x9c",  # OSC in one byte of eight bits
    "\x9b2J",  # CSI likewise
    "safe\revil",  # written over
    "rm -rf /\b\b\b\b\b\b\b\bls      ",  # taken back
    "\x07",
    "\x0e\x0f\x0b\x0c",  # other letters, other lines
    "a\x00b\x7f",
    "\u202egpj.exe\u202c",  # right to left
    "\u2066if\u2069 \u200fadmin",
    "pass\u200bw\u200do\u2060rd\ufeff",  # nothing to see
    "ig\U000e0041\U000e0042nore",  # tag characters
    "soft\u00adhyphen\u2028line\ufe0a",
)
TAG = "#{}."

# What Textual itself sends: colours, places, modes, questions about two of them, keyboard protocol, mouse pointer.
OURS = re.compile(
    rb"""\x1b\[ (?: [0-9;]*m | \d+;\d+H | \?(?:7|25|1000|1003|1004|1006|1015|1016|1049|2004|2026|2048)[hl]
    | \?(?:2026|2048)\$p | >25u | <u ) | \x1b\]22;[a-z-]*\x07""",
    re.VERBOSE,
)


def tagged(allowed: Callable[[str], bool] = lambda payload: True) -> list[str]:
    """The payloads, each with a tag by which it is found on the screen and by which its bytes are no others."""
    return [payload + TAG.format(number) for number, payload in enumerate(PAYLOADS) if allowed(payload)]


def assert_only_text(raw: bytes) -> None:
    """Nothing in the bytes of a terminal is a payload, and nothing moves, colours or hides but what is ours."""
    for payload in tagged():
        assert payload.encode() not in raw, payload
    rest = OURS.sub(b"", raw).decode()
    assert printable(rest.replace("\r\n", "\n")) == rest.replace("\r\n", "\n")


class App:
    """The app in a terminal so large that everything stands on its screen."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.seen: set[str] = set()

    def ask(self, text: str = "go") -> None:
        """Give a request."""
        self.terminal.wait_for("type a request")
        self.terminal.send(f"{text}\r")

    def sees(self, payloads: list[str]) -> None:
        """Wait until each of these stands there, made harmless."""
        for payload in payloads:
            tag = payload[payload.rindex("#") :]
            self.terminal.wait_for(tag)
            self.seen.add(payload)

    def end(self) -> None:
        """Quit, and look at all the bytes that came."""
        self.terminal.send("\x11")
        self.terminal.wait()
        self.terminal.wait_restored()
        assert_only_text(self.terminal.raw)


Start = Callable[..., Any]


@pytest.fixture
def app(home: dict[str, str], workspace: Path, script: Script, record_property: Callable[[str, object], None]) -> Start:
    @contextmanager
    def start(*items: dict[str, Any], args: tuple[str, ...] = (), cwd: Path = workspace) -> Iterator[App]:
        replay = script(*(items or ({"text": "."},)))
        with Terminal([COMMAND, "--trust", "--replay", replay, *args], home, cwd, 200, 150) as terminal:
            one = App(terminal)
            yield one
            one.end()
            record_property("tried", len(one.seen) or 1)

    return start


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"calls": [{"name": name, "arguments": arguments}]}


def test_the_payloads_are_forty_at_least_and_none_is_printable() -> None:
    assert len(set(PAYLOADS)) >= 40
    assert all(printable(payload) != payload for payload in PAYLOADS)


def test_the_check_finds_each_payload() -> None:
    for payload in tagged():
        with pytest.raises(AssertionError):
            assert_only_text(b"\x1b[1;1H" + payload.encode())


@pytest.mark.parametrize("form", ["prose", "code", "list", "in pieces"])
def test_the_answer_of_the_model(app: Start, form: str) -> None:
    texts = {
        "prose": "\n\n".join(tagged()),
        "code": "```python\n" + "\n".join(tagged()) + "\n```",
        "list": "\n".join(f"- [{payload}]({payload}) | `{payload}`" for payload in tagged()),
        "in pieces": "\n\n".join(tagged()),
    }
    with app({"text": texts[form], "chunks": 400 if form == "in pieces" else 1}) as one:
        one.ask()
        one.sees(tagged())


def test_entities_in_the_answer(app: Start) -> None:
    text = "&#27;]0;owned&#7; &#x202e; &#155;2J &NewLine; &#8238; [a](&#27;c) ![b](x '&#27;c') &ZeroWidthSpace; end"
    with app({"text": text}) as one:
        one.ask()
        one.terminal.wait_for("end")


def test_reasoning(app: Start) -> None:
    with app({"reasoning": "\n".join(tagged()), "text": "done"}) as one:
        one.ask()
        one.terminal.click("thinking (")
        one.sees(tagged())


def test_arguments_of_a_call(app: Start) -> None:
    payloads = tagged(lambda p: "\0" not in p)
    calls = [{"name": "run", "arguments": {"command": f"true {shlex.quote(payload)}"}} for payload in payloads]
    with app({"calls": calls}, {"text": "done"}, args=("--yolo",)) as one:
        one.ask()
        one.sees([payload for payload in payloads if len(payload.splitlines()) == 1])
        one.terminal.wait_for("done")


def test_a_path_that_is_not_there(app: Start) -> None:
    with app(call("read", path="".join(tagged())), {"text": "done"}) as one:
        one.ask()
        one.terminal.wait_for("done")


def test_a_call_that_cannot_be_read_and_a_tool_that_is_not_there(app: Start) -> None:
    names = [{"name": payload, "arguments": {payload: payload}} for payload in tagged()]
    with app({"malformed": "\n".join(tagged())}, {"calls": names}, {"text": "x"}) as one:
        one.ask()
        one.terminal.wait_for("call after call failed")


def test_a_command_that_asks(app: Start) -> None:
    with app(call("run", command="echo '" + "\n".join(tagged(lambda p: "\0" not in p)) + "'"), {"text": "done"}) as one:
        one.ask()
        one.sees(tagged(lambda p: "\0" not in p))
        one.terminal.wait_for("asks to run a command")


def test_the_content_of_a_new_file(app: Start) -> None:
    with app(call("write", path="new.txt", content="\n".join(tagged()) + "\n"), {"text": "done"}) as one:
        one.ask()
        one.sees(tagged())


def test_lines_that_an_edit_takes_away(app: Start, workspace: Path) -> None:
    lines = tagged(lambda p: "\0" not in p)
    (workspace / "old.py").write_text("".join(f"{line}\n" for line in lines), newline="")
    with app(call("read", path="old.py"), call("write", path="old.py", content="clean\n"), {"text": "done"}) as one:
        one.ask()
        one.terminal.wait_for("clean")
        one.sees(lines)


def test_what_a_command_prints(app: Start, workspace: Path) -> None:
    (workspace / "out.txt").write_bytes("\n".join(tagged()).encode() + b"\n\x9b2J raw \xff\n")
    with app(call("run", command="cat out.txt"), {"text": "done"}, args=("--yolo",)) as one:
        one.ask()
        one.terminal.wait_for("done")
        one.terminal.click("cat out.txt")
        one.sees(tagged())


def test_what_a_command_of_the_person_prints(app: Start, workspace: Path) -> None:
    (workspace / "out.txt").write_text("\n".join(tagged()))
    with app() as one:
        one.ask("!cat out.txt")
        one.sees(tagged()[-5:])


def names() -> list[str]:
    return tagged(lambda p: "/" not in p and "\0" not in p)


def test_names_of_files(app: Start, workspace: Path) -> None:
    for name in names():
        (workspace / name).write_text("x\n")
    with app(call("list"), {"text": "done"}, args=("--yolo",)) as one:
        one.ask()
        one.terminal.wait_for("done")
        one.terminal.click("✓ ")
        one.sees(names())
        one.terminal.send("@")
        one.terminal.wait_quiet()


def test_the_name_of_the_folder(app: Start, workspace: Path) -> None:
    folder = workspace / "".join(name for name in names() if len(name) < 9)
    folder.mkdir()
    with app(cwd=folder) as one:
        one.terminal.wait_for("type a request")
        one.terminal.wait_for("#16.")


def test_whether_to_trust_a_folder(home: dict[str, str], workspace: Path, script: Script) -> None:
    folder = workspace / "".join(name for name in names() if len(name) < 9)
    folder.mkdir()
    with Terminal([COMMAND, "--replay", script({"text": "."})], home, folder, 200, 50) as terminal:
        terminal.wait_for("#16.")
        App(terminal).end()


@pytest.mark.parametrize("branch", ["\u202egpj.exe", "a\u200bb\u2060c", "\x9b2J\x9d0;x\x9c", "x\U000e0041\u00ad\u2028"])
def test_the_branch_of_the_repository(app: Start, python_repo: Path, branch: str) -> None:
    os.rename(python_repo / ".git" / "refs" / "heads" / "master", python_repo / ".git" / "refs" / "heads" / branch)
    (python_repo / ".git" / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    with app(cwd=python_repo) as one:
        one.terminal.wait_for("<U+")


def test_sessions_of_the_folder_and_one_that_goes_on(app: Start, home: dict[str, str], workspace: Path) -> None:
    folder = Paths(*[Path(home["XDG_STATE_HOME"]) / "codeagent"] * 4).sessions(workspace)
    for number, payload in enumerate(tagged()):
        write_log(
            folder, f"2026-{number}", [started(), *turn(payload, "\n\n".join(tagged()))], at=1_790_000_000 + number
        )
    with app() as one:
        one.terminal.wait_for("type a request")
        one.terminal.send("/sessions\r")
        one.terminal.wait_for("Sessions in this folder")
        one.terminal.wait_for("> soft")  # the marked one is described: now there is a list to walk through
        for payload in reversed(tagged()):
            if len(payload.splitlines()) == 1:  # else the title is only its first line
                one.sees([payload])
            one.terminal.send("\x1b[B")
        one.terminal.send("\r")
        one.terminal.wait_gone("Sessions in this folder")
        one.sees(tagged())


def test_the_plan(app: Start) -> None:
    items = [{"text": payload, "status": "pending"} for payload in tagged()]
    with app(call("todo", items=items), {"text": "done"}) as one:
        one.ask()
        one.sees(tagged())


def test_an_error_of_the_model(app: Start) -> None:
    with app({"error": "bad_request", "message": "\n".join(tagged())}) as one:
        one.ask()
        one.sees(tagged())


def test_names_of_failing_tests_and_what_they_say(app: Start, python_repo: Path) -> None:
    said = json.dumps("\n".join(tagged(lambda p: "\0" not in p)))
    (python_repo / "test_calc.py").write_text(
        f"import unittest\n\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.fail({said})\n"
    )
    command = f"{shlex.quote('python3')} -m unittest -q test_calc"
    with app(call("test"), {"text": "all done"}, args=("--verify", command), cwd=python_repo) as one:
        one.ask()
        one.terminal.wait_for("test_it")


def test_what_the_person_pastes(app: Start) -> None:
    with app({"text": "done"}) as one:
        one.terminal.wait_for("type a request")
        for payload in tagged(lambda p: "\x1b[201~" not in p):
            one.terminal.paste(payload)
        one.terminal.send("\r")
        one.terminal.wait_for("done")
