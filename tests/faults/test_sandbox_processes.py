"""Nothing of a command outlives it, and it cannot use the machine up; what stopped it is named."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import Script
from sandbox_stage import SandboxStage, results

# Each leaves a process that would live on, and names its argument so that it can be found from outside.
DAEMONS = {
    "setsid": "setsid sleep {n} & echo done",
    "nohup": "nohup sleep {n} & disown; echo done",
    "double fork": "(setsid sh -c 'sleep {n} & exec sleep {n}' &) & echo done",
    "holds stdout": "sleep {n} & echo done",
    "ignores signals": "(trap '' HUP INT TERM; sleep {n}) & echo done",
    "daemon in Python": "python3 -c 'import os, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0: "
    'os.execvp("sleep", ["sleep", "{n}"])\n os._exit(0)\nos.wait()\'; echo done',
}


def running(marker: str) -> list[int]:
    """Processes of this machine that have this word among their arguments."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:2] == [b"sleep", marker.encode()]:
                found.append(int(entry.name))
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        os.sched_yield()
    return condition()


@pytest.fixture
def marker() -> Iterator[str]:
    """A number of seconds that no other process sleeps."""
    number = f"{700_000 + os.getpid()}"
    yield number
    for pid in running(number):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.case(7)
def test_a_command_ends_at_once_whatever_it_leaves_behind_and_that_is_gone(
    full: SandboxStage, marker: str, record_property: Callable[[str, object], None]
) -> None:
    done = full.task(*(command.format(n=marker) for command in DAEMONS.values()))
    assert [text.splitlines()[0] for text in results(done)] == ["done"] * len(DAEMONS)
    assert all("exit code 0" in text for text in results(done))
    assert running(marker) == []
    record_property("tried", len(DAEMONS))


@pytest.mark.case(7)
def test_a_daemon_delays_the_call_by_no_two_seconds(full: SandboxStage, marker: str) -> None:
    full.run("true")
    start = time.monotonic()
    assert full.run("bash", "-c", DAEMONS["double fork"].format(n=marker)).out == "done\n"
    assert time.monotonic() - start < 4  # starting Python twice on a busy machine is in it
    assert running(marker) == []


@pytest.mark.case(7)
@pytest.mark.parametrize("kind", ["setsid", "double fork", "holds stdout"])
def test_killing_the_agent_takes_the_command_with_it(full: SandboxStage, marker: str, kind: str) -> None:
    command = f"{DAEMONS[kind].format(n=marker)}; sleep {marker}"
    script = Script(full.base / "s.jsonl")({"calls": [{"name": "run", "arguments": {"command": command}}]})
    agent = full.codeagent.start("--task", "x", "--trust", "--yolo", "--replay", str(script))
    try:
        assert wait_for(lambda: len(running(marker)) >= 2, 30)
    finally:
        agent.kill()
        agent.communicate()
    assert wait_for(lambda: running(marker) == [], 2)


@pytest.mark.case(8)
def test_a_command_that_takes_too_much_memory_is_stopped_and_the_limit_named(stage: SandboxStage) -> None:
    program = "b = b'x' * 3_000_000_000"
    done = stage.run("python3", "-c", program, options=("--memory-mb", "300"))
    assert done.code == 137
    assert "stopped: it used more than 300 MB of memory" in done.err


@pytest.mark.case(8)
def test_memory_is_counted_over_all_processes_of_a_command(stage: SandboxStage) -> None:
    one = "python3 -c 'import time; b = bytearray(b\"x\") * 80_000_000; time.sleep(60)' & "
    done = stage.run("bash", "-c", f"{one * 6} wait", options=("--memory-mb", "300"))
    assert done.code == 137
    assert "it used more than 300 MB of memory" in done.err


@pytest.mark.case(8)
def test_a_fork_bomb_is_stopped_and_the_limit_named(stage: SandboxStage) -> None:
    start = time.monotonic()
    done = stage.run("bash", "-c", ":(){ :|:& };:; sleep 60", options=("--processes", "200"))
    assert "stopped: it started more than 200 processes and threads" in done.err
    groups = [path.name.removeprefix("codeagent-") for path in Path("/sys/fs/cgroup/pids").glob("codeagent-*")]
    assert [pid for pid in groups if not Path("/proc", pid).exists()] == []
    assert time.monotonic() - start < 20


@pytest.mark.case(8)
def test_a_file_that_grows_without_end_is_stopped_and_the_limit_named(stage: SandboxStage) -> None:
    done = stage.run("sh", "-c", "exec cat /dev/zero > big", options=("--file-mb", "20"))
    assert done.code == 128 + signal.SIGXFSZ
    assert "stopped: it wrote a file of more than 20 MB" in done.err
    assert (stage.workspace / "big").stat().st_size <= 20_000_000


@pytest.mark.case(8)
def test_a_command_that_fills_the_disk_is_stopped_and_the_limit_named(stage: SandboxStage) -> None:
    disk = stage.workspace
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "none", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("NOT TESTED: only root can mount a small disk")
    try:
        fill = "for i in $(seq 100000); do head -c 400000 /dev/zero > f$i; done"
        done = stage.run("bash", "-c", fill, options=("--disk-mb", "80"))
        assert "stopped: it left less than 80 MB free on the disk" in done.err
        free = os.statvfs(disk)
        assert free.f_bavail * free.f_frsize > 5_000_000
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.case(8)
def test_endless_output_is_held_in_bounded_memory(stage: SandboxStage) -> None:
    done = stage.task({"command": "echo first; yes | head -c 300000000; echo last", "timeout_s": 60})
    told = results(done)[0]
    assert len(told) < 10_000
    assert told.startswith("first\n")
    assert "last\n[exit code 0]" in told


@pytest.mark.case(8)
def test_the_limit_that_stopped_a_command_is_told_to_the_model(stage: SandboxStage) -> None:
    config = stage.home / "config" / "codeagent" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("command_memory_gb = 0.2\n")
    done = stage.task("python3 -c \"b = b'x' * 2_000_000_000\"")
    assert "[stopped: it used more than 200 MB of memory]" in results(done)[0]
