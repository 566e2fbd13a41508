"""What is judged is what runs: the words that the gate reads in a command are those that bash would pass on."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeagent.tools.commands.judge import Look, Step, judge
from codeagent.tools.commands.reach import Reach
from codeagent.tools.commands.words import NotUnderstoodError
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace

Record = Callable[[str, object], None]
EXAMPLES = 400
TALKERS = ("echo", "printf", "true", "false", "basename", "dirname")
STUB = '#!/bin/sh\nprintf \'%s\\0\' "${0##*/}" "$@" > "$LOG/$$"\n'
BUILTINS = "enable -n echo printf true false test pwd"

tame = st.text(st.sampled_from("abzé09_-./,:=+@%^]!#~"), min_size=1, max_size=4)
letters = st.text(st.sampled_from("ab-./={}[]*?$&~"), min_size=1, max_size=4)
single = st.text(st.sampled_from('ab \\"$`*{}~;|&#\n'), max_size=5).map(lambda text: f"'{text}'")
double = st.text(st.sampled_from("ab '*{}~;|&#\\$`!\n)"), max_size=5).map(lambda text: f'"{text}"')
escaped = st.sampled_from(["\\ ", "\\*", "\\\\", "\\'", '\\"', "\\$", "\\;", "\\~", "\\{", "\\a", "\\\n", "\\#", "\\&"])
odd = st.sampled_from(
    ["$'a'", '$"a"', "$(a)", "${a}", "`a`", "a#b", "a=~", "*.py", "?", ".*", "b*", "-*", "[a]", "\r", "\t", "a$"]
)
word = st.lists(st.one_of(tame, tame, tame, single, double, escaped, letters, odd), min_size=1, max_size=3).map("".join)
redirect = st.sampled_from(
    [" 2>&1", " >/dev/null", " 2>/dev/null", " >&2", " > /dev/null", " 2> x", " >x", " &>/dev/null", " 1>&2"]
)
name = st.sampled_from([*TALKERS, "echo", "echo", "e\\cho", "'echo'", "ec''ho", "X=1 echo", "! echo", "time echo"])
simple = st.builds(
    lambda name, words, redirects: " ".join([name, *words]) + "".join(redirects),
    name,
    st.lists(word, max_size=4),
    st.lists(redirect, max_size=2),
)
operator = st.sampled_from(
    [" && ", "&&", " || ", "; ", ";", " | ", "|", "\n", " &&\n", " & ", " |& ", ";;", "\n\n", " \\\n", " #"]
)
command = st.lists(st.tuples(simple, operator), min_size=1, max_size=4).map(
    lambda parts: "".join(text + tie for text, tie in parts[:-1]) + parts[-1][0]
)
noise = st.text(st.sampled_from("echo a'\"\\$`{}()[]<>|&;*?~#!=,.-\n\r\t é\u00a0"), max_size=40).map("echo ".__add__)


class Bash:
    """A bash in which every program only tells its arguments."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self._log = folder / "log"
        self._stubs = folder / "stubs"
        for made in (self.workspace, self._log, self._stubs):
            made.mkdir()
        for stub in TALKERS:
            (self._stubs / stub).write_text(STUB)
            (self._stubs / stub).chmod(0o755)
        for file in ("a.py", "b.py", "b c", ".hidden.py", "-x", "x*y", "a", "ba"):
            (self.workspace / file).touch()

    def judged(self, command: str) -> Look | None:
        """What the gate makes of a command; None if it would ask."""
        try:
            return judge(command, Reach((self.workspace,), self.workspace), lambda name: str(self._stubs / name))
        except NotUnderstoodError:
            return None

    def passed(self, command: str) -> list[list[str]]:
        """The words of every program that bash starts for a command."""
        for file in self._log.iterdir():
            file.unlink()
        environ = {"PATH": str(self._stubs), "LOG": str(self._log), "LC_ALL": "C.UTF-8"}
        subprocess.run(
            ["/bin/bash", "-c", f"{BUILTINS}\n{command}"],
            cwd=self.workspace,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
        )
        logs = [file.read_bytes().split(b"\0")[:-1] for file in self._log.iterdir()]
        return sorted([os.fsdecode(word) for word in words] for words in logs)


def would_run(steps: tuple[Step, ...]) -> list[list[str]]:
    """The words of the steps that run where every program succeeds."""
    run: list[list[str]] = []
    runs = True
    for step in steps:
        if step.operator != "|":
            runs = step.operator != "||"
        if runs:
            run.append(list(step.words))
    return sorted(run)


@pytest.fixture(scope="module")
def bash() -> Iterator[Bash]:
    with tempfile.TemporaryDirectory() as folder:
        yield Bash(Path(folder).resolve())


@pytest.mark.case(11)
def test_the_gate_reads_words_as_bash_does(bash: Bash, record_property: Record) -> None:
    understood: list[str] = []

    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(st.one_of(command, command, command, noise))
    def compare(text: str) -> None:
        look = bash.judged(text)
        if look is not None:
            understood.append(text)
            assert would_run(look.steps) == bash.passed(text), text

    compare()
    record_property("tried", EXAMPLES)
    assert len(understood) > EXAMPLES / 20


@pytest.mark.parametrize(
    "text",
    [
        "echo a\\\nb; echo c",
        "echo 'a'\"b\"c\\ d e",
        "echo *.py ? .* b* '*' \\* \"?\"",
        "echo -* none*",
        "echo a#b \\#c '#d'",
        'echo "a$" "a\\$b" "\\a" "a\\"b" "!"',
        "echo a=b a~b a=:b HEAD~1 HEAD^ @ %",
        "echo a && echo b || echo c; echo d | basename e\n\necho f",
        "echo a 2>&1 | basename b >/dev/null 2>&1",
        "echo '' \"\" ''''",
        "echo é日本 'ü'",
        "echo x'\n'y",
        "echo 12 012 1e3 -5 +5",
        "echo if then do done function in",
        "cd . && echo a",
    ],
)
def test_these_words_are_read_as_bash_reads_them(bash: Bash, text: str) -> None:
    look = bash.judged(text)
    if "\\\n" in text:
        assert look is None
    else:
        assert look is not None
        assert would_run(look.steps) == bash.passed(text)


@pytest.mark.parametrize(
    "text",
    [
        "cat a nothing 2>/dev/null | wc -l",
        "ls nothing 2>&1 >/dev/null | wc -l",
        "false && echo a || echo b; echo c",
        "true || echo a && echo b",
        "echo x >&2 2>/dev/null",
        "printf '%s\\n' c a b | sort | head -2 | tail -1",
        "cat words | grep o | cut -d' ' -f2 | tr a-z A-Z",
        "seq 100000 | head -2",
        "grep nothing words || echo none",
        "ls *.py && wc -c < /dev/null || true",
        "false | true && echo last",
        "true | false || echo last",
        "cd sub && cat inner",
    ],
)
async def test_what_is_run_without_a_shell_gives_what_bash_gives(workspace: Path, text: str) -> None:
    for name, content in {"a": "1\n2\n", "b.py": "", "words": "one two\nthree four\n", "sub/inner": "in\n"}.items():
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).write_text(content)
    tool = {tool.name: tool for tool in builtin_tools(Workspace(workspace), FileLedger(), os.environ)}["run"]
    prepared = await tool.prepare(tool.params.model_validate({"command": text}))
    told = await prepared.execute(lambda _: None)
    assert told.output == by_bash(text, workspace)


def by_bash(text: str, folder: Path) -> str:
    """What the model would read of a command that bash ran."""
    done = subprocess.run(["bash", "-c", text], cwd=folder, capture_output=True, timeout=20, stdin=subprocess.DEVNULL)
    return f"{(done.stdout + done.stderr).decode().rstrip()}\n[exit code {done.returncode}]".lstrip("\n")
