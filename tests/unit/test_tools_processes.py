"""Processes: bounded time and output, nothing left behind, no secrets passed on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codeagent.tools.api import ToolError
from codeagent.tools.environment import clean_environment
from codeagent.tools.process import Processes


def processes(folder: Path) -> Processes:
    return Processes(folder, os.environ)


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # other processes make it true
            await asyncio.sleep(0.01)


def start(script: str, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, str(folder)])


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def shell(folder: Path, command: str, timeout_s: float = 20, max_output: int = 10_000):
    runner = processes(folder)
    return await runner.run(runner.shell(command), timeout_s, max_output=max_output)


async def test_output_and_exit_code_are_those_of_the_command(tmp_path: Path) -> None:
    finished = await shell(tmp_path, "pwd; echo problem >&2; exit 3")
    assert (finished.output, finished.exit_code) == (f"{tmp_path}\nproblem\n", 3)
    assert not finished.timed_out


async def test_output_is_passed_on_while_the_command_runs(tmp_path: Path) -> None:
    seen: list[str] = []
    runner = processes(tmp_path)
    command = runner.shell("echo one; until [ -e go ]; do read -t 0.01 < <(:); done; echo two")
    task = asyncio.create_task(runner.run(command, 20, on_output=seen.append))
    await until(lambda: "".join(seen) == "one\n")
    (tmp_path / "go").touch()
    finished = await task
    assert "".join(seen) == finished.output == "one\ntwo\n"


async def test_characters_cut_by_a_chunk_are_passed_on_whole(tmp_path: Path) -> None:
    seen: list[str] = []
    runner = processes(tmp_path)
    command = runner.shell("printf '\\xc3'; until [ -e go ]; do read -t 0.01 < <(:); done; printf '\\xa9'")
    task = asyncio.create_task(runner.run(command, 20, on_output=seen.append))
    await until(lambda: seen != [])
    (tmp_path / "go").touch()
    await task
    assert "".join(seen) == "é"


async def test_stdin_is_empty(tmp_path: Path) -> None:
    assert (await shell(tmp_path, "cat; echo end")).output == "end\n"


async def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    start = time.monotonic()
    finished = await shell(tmp_path, "echo begun; (setsid sleep 1000 & echo $! > a); sleep 1000 & echo $! > b; wait", 1)
    assert finished.timed_out
    assert finished.exit_code is None
    assert finished.output == "begun\n"
    assert time.monotonic() - start < 6
    assert not alive(int((tmp_path / "a").read_text()))
    assert not alive(int((tmp_path / "b").read_text()))


@pytest.mark.parametrize("background", ["bash hold &", "setsid bash hold &", "(setsid nohup bash hold &) &"])
async def test_a_background_process_that_holds_stdout_delays_nothing_and_is_ended(
    tmp_path: Path, background: str
) -> None:
    (tmp_path / "hold").write_text("echo $$ > pid; exec sleep 1000\n")
    start = time.monotonic()
    finished = await shell(tmp_path, f"{background} until [ -s pid ]; do read -t 0.01 < <(:); done; echo done")
    assert (finished.output, finished.exit_code) == ("done\n", 0)
    assert time.monotonic() - start < 5
    assert not alive(int((tmp_path / "pid").read_text()))


async def test_cancelling_ends_the_processes(tmp_path: Path) -> None:
    task = asyncio.create_task(shell(tmp_path, "setsid sleep 1000 & echo $! > child; echo $$ > pid; wait", 100))
    await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(int((tmp_path / "pid").read_text()))
    assert not alive(int((tmp_path / "child").read_text()))


async def test_killing_this_process_leaves_none_of_the_command_behind(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, sys; from pathlib import Path; from codeagent.tools.process import Processes\n"
        "p = Processes(Path(sys.argv[1]), os.environ)\n"
        "asyncio.run(p.run(p.shell('setsid sleep 1000 & echo $! > child; sleep 1000 & echo $! > pid; wait'), 100))\n"
    )
    parent = start(script, tmp_path)
    try:
        await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    finally:
        parent.kill()
        parent.wait()
    pids = [int((tmp_path / name).read_text()) for name in ("pid", "child")]
    await until(lambda: not any(alive(pid) for pid in pids), 5)


async def test_a_command_cannot_reach_its_supervisor_by_its_process_group(tmp_path: Path) -> None:
    finished = await shell(tmp_path, "kill -TERM 0; echo unreached")
    assert finished.signal == "SIGTERM"
    assert finished.exit_code is None


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGPIPE"])
async def test_the_signal_that_ended_a_command_is_named(tmp_path: Path, name: str) -> None:
    finished = await shell(tmp_path, f"kill -{signal.Signals[name].value} $$")
    assert (finished.signal, finished.exit_code) == (name, None)


async def test_output_without_end_is_held_in_bounded_memory_and_its_head_and_tail_are_kept(tmp_path: Path) -> None:
    finished = await shell(
        tmp_path, "echo first; head -c 30000000 /dev/zero | tr '\\0' x; echo; echo last", max_output=4000
    )
    assert finished.output.startswith("first\n")
    assert finished.output.endswith("last\n")
    assert len(finished.output) < 4100
    assert finished.left_out == 30_000_012 - 4000
    assert f"[... {finished.left_out:,} bytes left out ...]" in finished.output


async def test_output_that_fits_is_whole_to_the_byte(tmp_path: Path) -> None:
    finished = await shell(tmp_path, "head -c 4000 /dev/zero | tr '\\0' x", max_output=4000)
    assert finished.output == "x" * 4000


async def test_output_that_is_not_utf8_is_shown_with_replacements(tmp_path: Path) -> None:
    assert (await shell(tmp_path, "printf 'a\\xffb'")).output == "a\ufffdb"


async def test_a_command_that_does_not_exist_exits_with_127(tmp_path: Path) -> None:
    finished = await processes(tmp_path).run(["no-such-program"], 10)
    assert finished.exit_code == 127
    assert "no-such-program: No such file" in finished.output


async def test_a_nul_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="NUL"):
        await shell(tmp_path, "echo a\0b")


async def test_commands_see_neither_secrets_nor_what_makes_programs_run_code(tmp_path: Path) -> None:
    hostile = {
        "PATH": os.environ["PATH"],
        "HOME": "/home/someone",
        "LC_ALL": "C.UTF-8",
        "LC_API_KEY": "s3cret",
        "OPENAI_API_KEY": "s3cret",
        "GITHUB_TOKEN": "s3cret",
        "DB_PASSWORD": "s3cret",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "SSH_AUTH_SOCK": "/s3cret",
        "HTTPS_PROXY": "http://user:s3cret@proxy",
        "PYTHONPATH": "/evil",
        "PYTHONSTARTUP": "/evil",
        "LD_PRELOAD": "/evil.so",
        "BASH_ENV": "/evil",
        "NODE_OPTIONS": "--require /evil",
        "GIT_DIR": "/evil",
        "UNHEARD_OF": "s3cret",
    }
    runner = Processes(tmp_path, hostile)
    finished = await runner.run(runner.shell("env"), 10)
    assert "s3cret" not in finished.output
    assert "evil" not in finished.output
    assert "HOME=/home/someone\n" in finished.output
    assert "LC_ALL=C.UTF-8\n" in finished.output


def test_a_proxy_without_a_password_is_passed_on() -> None:
    assert clean_environment({"https_proxy": "http://proxy:8080"})["https_proxy"] == "http://proxy:8080"


def test_programs_that_the_workspace_brings_along_are_not_found(tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "bash"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    runner = Processes(tmp_path, {"PATH": f"{fake.parent}:.:{os.environ['PATH']}"})
    found = runner.find("bash")
    assert found is not None
    assert not Path(found).is_relative_to(tmp_path)


async def test_starting_in_a_folder_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="could not be started"):
        await processes(tmp_path / "gone").run(["true"], 10)


@pytest.mark.parametrize("seconds", [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.1])
def test_a_program_that_ends_while_a_command_starts_or_runs_says_nothing_of_it(tmp_path: Path, seconds: float) -> None:
    program = f"""
import asyncio, pathlib
from codeagent.tools.process import Processes

async def main():
    processes = Processes(pathlib.Path({str(tmp_path)!r}), {{"PATH": "/usr/bin:/bin"}})
    task = asyncio.create_task(processes.run(["/bin/sleep", "60"], 90, separate_errors=True))
    await asyncio.sleep({seconds})
    task.cancel()
    await asyncio.sleep(0)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
