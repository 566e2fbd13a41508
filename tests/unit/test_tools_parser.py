"""Files made to cost a parser gigabytes and minutes: they cost themselves and nothing else, and nothing is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from symbol_bench import SHAPES, Bench, Snapshot

from codeagent.agent.bootstrap import SessionOptions, open_session
from codeagent.agent.events import Event, ToolFinished
from codeagent.agent.paths import Paths
from codeagent.tools.api import ToolError
from codeagent.tools.parser import Parser
from codeagent.tools.symbols.child import ParseLimits
from codeagent.tools.symbols.extract import symbols_of

CRAFTED = "a=>" * 5000
"""Java for which tree-sitter takes 7 GB in a single step."""
TOO_MUCH = "Parsing it takes more than 1,024 MiB of memory."
GREET = "os.write(1, bytes(4))"
"""What a process does first: an empty frame."""
SYMBOL = {"name": "f", "qualified": "f", "kind": "function", "signature": "", "doc": ""} | dict.fromkeys(
    ("start", "end", "start_byte", "end_byte"), 1
)
SMALL = ParseLimits(seconds=5.0, megabytes=400, stall_s=0.5)


@pytest.fixture
def parser() -> Iterator[Parser]:
    parser = Parser(SMALL)
    yield parser
    parser.close()


class Watched:
    """What this process grows by at most, and how long a call takes."""

    def __enter__(self) -> Watched:
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of the tests before
        self._before, self._since = memory("VmRSS"), time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.grown, self.seconds = memory("VmHWM") - self._before, time.monotonic() - self._since


def memory(what: str) -> float:
    """MiB of this process."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[what].split()[0]) / 1024


def parsing(parent: int) -> list[int]:
    """The processes that parse for another one."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and is_running(int(entry.name)):
            try:
                stat, words = (entry / "stat").read_text(), (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == parent and b"codeagent.tools.parser_process" in words:
                found.append(int(entry.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Waits in bounded time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in /proc")


@needs_proc
@pytest.mark.case(36)
async def test_a_file_that_takes_gigabytes_to_parse_is_a_clear_result(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Snapshot(tmp_path))
    bench.write("A.java", CRAFTED)
    bench.write("shapes.py", SHAPES)
    await bench.call("read", path="A.java")
    with Watched() as watched:
        outline = await bench.call("outline", path="A.java")
        with pytest.raises(ToolError) as refused:
            await bench.prepare("edit_symbol", path="A.java", symbol="a", action="delete")
    assert outline.output == (f"A.java (1 lines, Java): no definitions were found. See it with read.\n[{TOO_MUCH}]")
    assert str(refused.value) == (
        "A.java does not define a. No definitions were found in it: change it with edit. "
        f"{TOO_MUCH} Nothing was changed."
    )
    assert watched.grown < 200
    assert watched.seconds < 60
    assert "25-26 def square(x)" in (await bench.call("outline", path="shapes.py")).output


@needs_proc
@pytest.mark.case(36)
async def test_code_that_takes_gigabytes_to_parse_is_not_put_into_a_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Snapshot(tmp_path))
    text = "class A {\n    int f() {\n        return 1;\n    }\n}\n"
    file = bench.write("A.java", text)
    await bench.call("read", path="A.java")
    with Watched() as watched, pytest.raises(ToolError) as refused:
        await bench.prepare("edit_symbol", path="A.java", symbol="A.f", action="replace", code=CRAFTED)
    assert str(refused.value) == (
        f"With this code A.java is not parsed: {TOO_MUCH} Nothing was changed. Change it with edit."
    )
    assert (watched.grown < 200, file.read_text()) == (True, text)


@needs_proc
@pytest.mark.case(36)
async def test_an_edit_of_such_a_file_is_made_and_the_session_leaves_no_process(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "A.java").write_text(f"int x;\n{CRAFTED}")
    (root / "b.py").write_text("def f():\n    return 1\n")
    calls = [
        {"name": "edit", "arguments": {"path": "A.java", "old": "int x;", "new": "int y;"}},
        {"name": "edit", "arguments": {"path": "b.py", "old": "return 1", "new": "return ("}},
    ]
    turns: list[dict[str, Any]] = [*({"calls": [call]} for call in calls), {"text": "done"}, {"text": "done"}]
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    home = tmp_path / "home"
    options = SessionOptions(
        root=root,
        paths=Paths(home / "config", home / "state", home / "cache", home / "data"),
        flags={"permission_mode": "acceptEdits"},
        trust=True,
        bare=True,
        persist=False,
        replay=script,
    )
    events: list[Event] = []
    before = parsing(os.getpid())
    opened = open_session(options, events.append, None)
    try:
        with Watched() as watched:
            await opened.session.run_turn("change x")
        said = "\n".join(str(message.content) for message in opened.session.messages)
        assert [event.is_error for event in events if isinstance(event, ToolFinished)][:2] == [False, False]
        assert (root / "A.java").read_text().startswith("int y;\n")
        assert "b.py line 2: '(' was never closed" in said  # the next check works
        assert watched.grown < 200
        assert len(parsing(os.getpid())) == len(before) + 1
    finally:
        await opened.session.close()
    assert parsing(os.getpid()) == before


def test_answers_are_those_of_the_parser_itself(parser: Parser) -> None:
    data = SHAPES.encode() + "# \udc80\n".encode("utf-8", "surrogateescape")
    assert parser.symbols("a.py", data) == symbols_of("a.py", data)
    rst = b"T\xff\xe9tle\n======\n\nmore\n"
    assert parser.symbols("a\udcff.rst", rst) == symbols_of("a\udcff.rst", rst)
    assert [problem.line for problem in parser.problems("a.py", b"x = 1\ny = (\n")] == [2]
    assert parser.problems("a.txt", b"((((") == []


def test_one_process_answers_many_questions_also_from_several_threads(parser: Parser) -> None:
    assert parser.pid is None  # none before the first question
    wrong: list[int] = []

    def ask(number: int) -> None:
        for i in range(20):
            found = parser.symbols("a.py", f"def f{number}_{i}(): pass\n".encode()).definitions
            if [symbol.name for symbol in found] != [f"f{number}_{i}"]:
                wrong.append(number)

    parser.symbols("a.py", b"")
    pid = parser.pid
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (wrong, parser.pid) == ([], pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_was_killed_is_replaced(parser: Parser, number: signal.Signals) -> None:
    parser.symbols("a.py", b"")
    first = parser.pid
    assert first is not None
    os.kill(first, number)
    until(lambda: not is_running(first))
    found = [parser.symbols("a.py", b"def f(): pass\n") for _ in range(2)]
    blamed = number != signal.SIGKILL  # by which the system ends whom it likes
    assert found[0].partial == ("The process that parsed it ended (SIGSEGV)." if blamed else "")
    assert [symbol.name for symbol in found[1].definitions] == ["f"]
    assert parser.pid not in (None, first)


def test_a_process_that_neither_answers_nor_ends_is_given_up() -> None:
    parser = Parser(ParseLimits(seconds=0.5, stall_s=0.2))
    try:
        parser.symbols("a.py", b"")
        assert parser.pid is not None
        os.kill(parser.pid, signal.SIGSTOP)
        assert parser.symbols("a.py", b"").partial == "Reading and parsing it takes more than 0.5 s."
        assert parser.symbols("a.py", b"def f(): pass\n").partial == ""
    finally:
        parser.close()


def test_closing_does_not_wait_for_an_answer_and_nothing_starts_after_it(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    program = f"import os, signal; {GREET}; os.read(0, 1000); open({str(asked)!r}, 'w').close(); signal.pause()"
    parser = Parser(SMALL, (sys.executable, "-c", program))
    said: list[str] = []
    asking = threading.Thread(target=lambda: said.append(parser.symbols("a.py", b"").partial))
    asking.start()
    until(asked.exists)
    pid = parser.pid
    parser.close()
    asking.join(5)
    assert said == ["The session has ended."]
    assert parser.symbols("a.py", b"").partial == "The session has ended."
    assert pid is not None and not is_running(pid)
    assert parser.pid is None


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (("/nonexistent/program",), "No process that parses files can be started (No such file or directory)."),
        ((sys.executable, "-c", "raise SystemExit(7)"), "No process that parses files can be started (exit code 7)."),
        ((sys.executable, "-c", "print('nonsense' * 9)"), "The process that parsed it sent what cannot be."),
    ],
)
def test_without_a_process_nothing_is_parsed_and_that_is_said(program: tuple[str, ...], reason: str) -> None:
    parser = Parser(SMALL, program)
    assert parser.symbols("a.py", b"def f(): pass\n").partial == reason
    assert parser.problems("a.py", b"(") == []
    assert parser.pid is None


@pytest.mark.parametrize(
    "answer",
    [
        "{",
        "\xff",
        "[" * 100_000,
        '["done", 1]',
        '["done", {"language": "C", "definitions": [{"name": 1}]}]',
        json.dumps(["done", {"language": "C", "definitions": [SYMBOL | {"parent": 0}]}]),
    ],
)
def test_what_a_damaged_process_says_is_not_believed(tmp_path: Path, answer: str) -> None:
    (tmp_path / "answer").write_bytes(struct.pack("<I", len(answer)) + answer.encode("latin-1"))
    program = f"import os; {GREET}; os.read(0, 1000); os.write(1, open({str(tmp_path / 'answer')!r}, 'rb').read())"
    parser = Parser(SMALL, (sys.executable, "-c", program))
    assert parser.symbols("a.py", b"x").partial == "The process that parsed it sent what cannot be."
    assert parser.pid is None


@needs_proc
async def test_the_process_ends_with_its_parent_even_if_that_is_killed() -> None:
    program = """
from codeagent.tools.parser import Parser
from codeagent.tools.symbols.child import ParseLimits
import sys
parser = Parser(ParseLimits(seconds=3.0))
parser.symbols("a.py", b"def f(): pass")
print(parser.pid, "tree_sitter" in sys.modules, flush=True)
parser.symbols("A.java", b"a=>" * 5000)
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid, parses_itself = (await asyncio.wait_for(parent.stdout.readline(), 30)).split()
    assert parses_itself == b"False"
    parent.kill()
    await parent.wait()
    await asyncio.to_thread(until, lambda: not is_running(int(pid)))
