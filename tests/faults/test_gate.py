"""The gate against long, broken and forbidden commands, and what rules and "always" do not cover."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Command, Script
from hostile import Gatehouse, git, make_traps

from codeagent.agent.events import PermissionDenied
from codeagent.agent.permissions import Answer, Question
from codeagent.tools.commands.script import simple_commands
from codeagent.tools.commands.words import NotUnderstoodError

Record = Callable[[str, object], None]


class Person:
    """Answers one question after the other; `then` happens while they look at it."""

    def __init__(self, *answers: Answer, then: Callable[[int], object] = lambda number: None) -> None:
        self.asked: list[Question] = []
        self._answers = list(answers)
        self._then = then

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        self._then(len(self.asked))
        return self._answers.pop(0)


def denied(house: Gatehouse) -> list[str]:
    """The reasons of what was refused, for programs."""
    return [event.code for event in house.events if isinstance(event, PermissionDenied)]


# --- long and broken commands -----------------------------------------------------------------------------------------


@pytest.mark.case(12)
@pytest.mark.parametrize("tie", [" && ", "; ", " | ", "\n"])
async def test_one_forbidden_part_among_five_hundred_forbids_the_whole(workspace: Path, tie: str) -> None:
    house = Gatehouse(workspace, "bypassPermissions", deny=["Bash(git push *)"])
    parts = [f"echo {n}" for n in range(500)]
    parts[417] = "git push origin main"
    assert not await house.free(tie.join(parts))
    assert await house.free(tie.join(part for part in parts if "push" not in part))


@pytest.mark.case(12)
async def test_five_hundred_harmless_parts_ask(workspace: Path) -> None:
    assert not await Gatehouse(workspace).free(" && ".join(["ls"] * 500))


@pytest.mark.case(12)
async def test_a_command_of_a_megabyte_is_refused_at_once(workspace: Path) -> None:
    house = Gatehouse(workspace, "bypassPermissions")
    start = time.monotonic()
    for text in ("echo " + "x" * 1_000_000, "(" * 1_000_000, "ls; " * 250_000, "'" * 999_999, "$(" * 500_000):
        ran = await house.run(text)
        assert ran.result.is_error
        assert "longer than 100,000 characters" in ran.result.output
    assert time.monotonic() - start < 5


@pytest.mark.case(12)
@pytest.mark.parametrize(
    "text", ["(" * 90_000, "ls; " * 24_000, "'" * 99_000, "$(" * 45_000, "a" * 99_000, "\\" * 99_999]
)
async def test_a_long_command_is_judged_soon_and_asks(workspace: Path, text: str) -> None:
    start = time.monotonic()
    assert not await Gatehouse(workspace, deny=["Bash(rm *)"]).free(text)
    assert time.monotonic() - start < 8


@pytest.mark.case(12)
def test_a_command_that_takes_too_long_to_read_is_not_understood() -> None:
    with pytest.raises(NotUnderstoodError, match="took too long"):
        simple_commands("ls -la", seconds=-1)


@pytest.mark.case(12)
@pytest.mark.parametrize("text", ["ls 'x", "ls )", "; ls", "if ls", 'ls "', "ls &&", "ls <<E", "for x in"])
async def test_what_is_no_whole_command_asks_and_is_refused_where_nobody_is(workspace: Path, text: str) -> None:
    house = Gatehouse(workspace)
    ran = await house.run(text)
    assert ran.denied
    assert denied(house) == ["nobody_to_ask"]


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.case(11)
@pytest.mark.parametrize(
    "text",
    [
        "rm x",
        "ls && rm x",
        "ls; rm x",
        "ls | rm x",
        "ls & rm x",
        "ls\nrm x",
        "(rm x)",
        "{ rm x; }",
        "echo $(rm x)",
        "echo `rm x`",
        'echo "$(rm x)"',
        "cat <(rm x)",
        "cat <<E\n$(rm x)\nE",
        "if true; then rm x; fi",
        "for f in *; do rm $f; done",
        "f() { rm x; }; f",
        "A=1 rm x",
        "rm x > y",
        "! rm x",
        "/bin/rm x",
        "'rm' x",
        "r\\m x",
        "r''m x",
        "\\rm x",
        "$'rm' x",
        "sudo rm x",
        "env -i A=1 rm x",
        "timeout 5 rm x",
        "xargs -n1 rm x",
        "command rm x",
        "find . -exec rm x {} ;",
        "sh -c 'rm x'",
        'bash -lc "ls && rm x"',
        "eval 'rm x'",
        "sudo sh -c 'env rm x'",
        "trap 'rm x' EXIT",
        "ls 'unclosed; rm x",
        "rm \\\n x",
    ],
)
async def test_a_forbidden_command_is_found_wherever_it_stands(workspace: Path, text: str) -> None:
    assert not await Gatehouse(workspace, "bypassPermissions", deny=["Bash(rm *)"]).free(text)


async def test_a_rule_that_forbids_says_nothing_of_other_commands(workspace: Path) -> None:
    house = Gatehouse(workspace, "bypassPermissions", deny=["Bash(rm *)"])
    for text in ("git commit -m 'rm x'", "echo rm x", "ls rm", "rmdir x", "grep 'rm x' y"):
        assert await house.free(text), text


async def test_a_rule_against_reading_a_file_holds_for_commands_that_read_it(workspace: Path) -> None:
    (workspace / "plan.txt").write_text("x\n")
    house = Gatehouse(workspace, "bypassPermissions", deny=["Read(plan.txt)"])
    assert not await house.free("cat plan.txt")
    assert not await house.free("head -1 pl*.txt | wc -l")
    assert await house.free("ls")


@pytest.mark.case(11)
@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("pytest", True),
        ("pytest -q tests", True),
        ("pytest -q 2>&1 | tail -5", True),
        ("ls && pytest -k 'a or b'; git status", True),
        ("pytest -x && ruff check .", True),
        ("pytest && make", False),
        ("cd sub && pytest", False),
        ("pytest > out.txt", False),
        ("pytest $(make)", False),
        ("pytest *.py", False),
        ("ls *.py && pytest", False),
        ("PYTEST_ADDOPTS=-s pytest", False),
        ("env pytest", False),
        ("pytest & ls", False),
        ("pytester", False),
        ("./pytest", False),
        ("'pytest' -q", False),
        ("pytest {a,b}", False),
        ("pytest \u202e", False),
    ],
)
async def test_a_rule_that_allows_holds_for_plain_commands_each_part_on_its_own(
    workspace: Path, text: str, free: bool
) -> None:
    (workspace / "sub").mkdir()
    git(workspace, "init", "-q")
    assert await Gatehouse(workspace, allow=["Bash(pytest *)", "Bash(ruff check *)"]).free(text) is free


async def test_the_network_takes_a_rule_of_its_own(workspace: Path) -> None:
    for allow in (["Bash(npm install *)"], ["Bash"], ["Bash(npm install x)"]):
        assert not await Gatehouse(workspace, allow=allow).free("npm install x", network=True)
    both = Gatehouse(workspace, allow=["Bash(npm install *)", "Network(npm install *)"])
    assert await both.free("npm install x", network=True)
    assert not await both.free("npm install x; curl y", network=True)
    assert not await Gatehouse(workspace, allow=["Network(npm install *)"]).free("npm install x", network=True)
    assert not await Gatehouse(workspace).free("ls", network=True)
    assert not await Gatehouse(workspace, "bypassPermissions", deny=["Network"]).free("ls", network=True)


# --- what an approval holds for ---------------------------------------------------------------------------------------


@pytest.mark.case(13)
@pytest.mark.parametrize(
    "command", ["./build.sh", "sh build.sh", "ls; ./build.sh", "bash -c './build.sh'", "make", "env ./build.sh"]
)
async def test_a_script_that_changes_while_the_person_looks_is_asked_about_anew(workspace: Path, command: str) -> None:
    script = workspace / ("Makefile" if command == "make" else "build.sh")
    good = "all:\n\techo good > result\n" if command == "make" else "#!/bin/sh\necho good > result\n"
    script.write_text(good)
    script.chmod(0o755)

    def swap(number: int) -> None:
        if number == 1:
            script.write_text(good.replace("good", "evil"))

    person = Person(Answer("session"), Answer("no"), then=swap)
    house = Gatehouse(workspace, approver=person)
    ran = await house.run(command)
    assert ran.denied
    assert not (workspace / "result").exists()
    first, second = (question.call.binding for question in person.asked)
    assert first is not None and second is not None
    assert first.scripts != second.scripts
    assert any(script.name in str(event) and "does not count" in str(event) for event in house.events)


@pytest.mark.case(13)
@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("./build.sh x", "build.sh"),
        ("python3 tool.py", "tool.py"),
        ("python3 -m tool", "tool.py"),
        ("npm test", "package.json"),
    ],
)
async def test_a_script_that_changes_before_the_start_is_not_run(workspace: Path, command: str, file: str) -> None:
    (workspace / file).write_text("echo good\n")
    (workspace / file).chmod(0o755)
    house = Gatehouse(workspace, "bypassPermissions")
    prepared = await house.prepare(command)
    (workspace / file).write_text("echo evil\n")
    with pytest.raises(Exception, match=f"^{file} changed since this command was allowed, so it was not run"):
        await house.start(prepared)


@pytest.mark.case(14)
async def test_always_covers_the_same_command_with_the_same_scripts_and_nothing_else(workspace: Path) -> None:
    script = workspace / "build.sh"
    script.write_text("#!/bin/sh\necho built\n")
    script.chmod(0o755)
    others = ["./build.sh --release", "./build.sh && ls", " ./build.sh", "sh build.sh", "cd . && ./build.sh"]
    person = Person(Answer("session"), *[Answer("no")] * (len(others) + 2))
    house = Gatehouse(workspace, approver=person)
    for _ in range(3):
        assert (await house.run("./build.sh")).result.output.startswith("built")
    assert len(person.asked) == 1
    for text in others:
        assert (await house.run(text)).denied, text
    assert (await house.run("./build.sh", network=True)).denied
    script.write_text("#!/bin/sh\necho changed\n")
    assert (await house.run("./build.sh")).denied
    script.write_text("#!/bin/sh\necho built\n")
    assert not (await house.run("./build.sh")).denied


@pytest.mark.case(14)
async def test_always_holds_in_one_folder_one_environment_and_one_session(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    calls = [
        await Gatehouse(tmp_path / name, environ=environ).prepare("make")
        for name, environ in (("one", {"PATH": "/bin"}), ("two", {"PATH": "/bin"}), ("one", {"PATH": "/usr/bin"}))
    ]
    bindings = [call.binding for call in calls]
    assert all(binding not in bindings[:at] for at, binding in enumerate(bindings))
    assert len({call.effects for call in calls}) == 1
    person = Person(Answer("session"), Answer("no"), Answer("no"))
    gate = Gatehouse(tmp_path / "one", approver=person).gate
    assert [(await gate.allows(Question("1", "run", call))).allowed for call in calls] == [True, False, False]
    assert not (await Gatehouse(tmp_path / "one").gate.allows(Question("1", "run", calls[0]))).allowed


# --- programs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folders", [":/usr/lib", "/usr/lib:", ".", "{here}", "/usr/lib:lib", "/usr/../{here}/lib"])
async def test_nothing_is_free_where_programs_load_libraries_of_the_folder(workspace: Path, folders: str) -> None:
    environ = {"PATH": "/usr/bin:/bin"}
    assert await Gatehouse(workspace, environ=environ | {"LD_LIBRARY_PATH": "/usr/lib:/opt/x"}).free("ls")
    named = environ | {"LD_LIBRARY_PATH": folders.format(here=workspace)}
    assert not await Gatehouse(workspace, environ=named).free("ls")


async def test_a_program_that_the_folder_or_a_version_manager_brings_is_not_free(workspace: Path) -> None:
    for folder in ("bin", "shims"):
        place = (workspace if folder == "bin" else workspace.parent) / folder
        place.mkdir()
        (place / "wc").write_text("#!/bin/sh\n")
        (place / "wc").chmod(0o755)
        environ = {"PATH": f"{place}:/nowhere"}
        assert not await Gatehouse(workspace, environ=environ).free("wc README.md"), folder


# --- nobody there -----------------------------------------------------------------------------------------------------


@pytest.mark.case(17)
@pytest.mark.parametrize(
    ("command", "flags", "exit_code", "code"),
    [
        ("echo hello", [], 0, None),
        ("make", [], 65, "nobody_to_ask"),
        ("ls > out.txt", ["--permission-mode", "acceptEdits"], 65, "nobody_to_ask"),
        ("make", ["--disallowed-tools", "Bash(make *)"], 65, "forbidden"),
        ("ls", ["--disallowed-tools", "Bash(ls *)"], 65, "forbidden"),
        ("make", ["--permission-mode", "plan"], 65, "plan_mode"),
        ("make", ["--permission-mode", "dontAsk"], 65, "nobody_to_ask"),
    ],
)
def test_where_nobody_is_a_question_is_a_no_with_its_reason(
    codeagent: Command,
    script: Script,
    workspace: Path,
    command: str,
    flags: list[str],
    exit_code: int,
    code: str | None,
) -> None:
    (workspace / "Makefile").write_text("all:\n\ttouch made\n")
    call = {"calls": [{"name": "run", "arguments": {"command": command}}]}
    replay = script(call, {"text": "done"})
    done = codeagent("--trust", "--replay", replay, "--output-format", "json", *flags, "--task", "go on")
    if done.code == 56:
        pytest.skip("NOT TESTED: there is no sandbox on this machine")
    refused = done.result["permission_denials"]
    assert (done.code, [denial["code"] for denial in refused]) == (exit_code, [code] if code else [])
    assert all(denial["tool_input"] == {"command": command} for denial in refused)
    assert not (workspace / "made").exists()
    assert not (workspace / "out.txt").exists()


@pytest.mark.case(17)
def test_commands_that_only_look_run_where_nobody_is_and_nothing_else_does(
    codeagent: Command, script: Script, workspace: Path, record_property: Record
) -> None:
    make_traps(workspace)
    looks = [
        "ls -la | wc -l",
        "git status -s 2>/dev/null | head -3",
        "cd src && grep -n main app.py && pwd",
        "cat src/*.py",
    ]
    replay = script(*[{"calls": [{"name": "run", "arguments": {"command": text}}]} for text in looks], {"text": "done"})
    done = codeagent("--trust", "--replay", replay, "--output-format", "stream-json", "--task", "go on")
    if done.code == 56:
        pytest.skip("NOT TESTED: there is no sandbox on this machine")
    assert (done.code, done.result["permission_denials"]) == (0, [])
    assert done.out.count("[exit code 0]") == len(looks)
    assert str(workspace / "src") in done.out
    record_property("tried", len(looks))


@pytest.mark.parametrize(("asks", "reached"), [(True, True), (False, False)])
def test_a_command_reaches_the_network_only_where_it_asked_and_a_rule_allowed(
    codeagent: Command, script: Script, workspace: Path, asks: bool, reached: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        (workspace / "reach.py").write_text(
            f"import socket\nsocket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)\nprint('reached')\n"
        )
        call = {"name": "run", "arguments": {"command": "python3 reach.py"} | ({"network": True} if asks else {})}
        rules = "Bash(python3 *),Network(python3 *)"
        replay = script({"calls": [call]}, {"text": "done"})
        flags = ("--output-format", "stream-json", "--sandbox", "require", "--allowed-tools", rules)
        done = codeagent("--trust", "--replay", replay, *flags, "--task", "go on")
        if done.code == 56:
            pytest.skip("NOT TESTED: there is no full sandbox on this machine")
        assert done.result["permission_denials"] == []
        assert ("reached" in done.out) is reached
