"""The process that holds the model reads the model and its libraries, writes nothing and reaches nobody."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sandbox_stage import SandboxStage

from codeagent.agent.confinement import runner_command
from codeagent.inference.frames import LoadSettings
from codeagent.inference.supervisor import RunnerState, Supervisor
from codeagent.tools.sandbox.landlock import version
from codeagent.tools.sandbox.runner import runner_prefix

pytestmark = pytest.mark.skipif(
    platform.system() != "Linux" or not version(), reason="NOT TESTED: this kernel has no Landlock"
)

TRY = r"""
import ctypes, os, socket, subprocess, sys
model, other, folder, port, parent = sys.argv[1:6]
def attempt(name, action):
    try:
        action()
    except OSError:
        print(name, "failed")
    else:
        print(name, "DONE")
attempt("read the model", lambda: open(model, "rb").read())
attempt("import", lambda: __import__("json"))
attempt("meminfo", lambda: open("/proc/meminfo").read())
attempt("write the model", lambda: open(model, "ab"))
attempt("write beside it", lambda: open(folder + "/f", "w"))
attempt("write in tmp", lambda: open("/tmp/codeagent-escape", "w"))
attempt("write in shm", lambda: open("/dev/shm/codeagent-escape", "w"))
attempt("read another file", lambda: open(other).read())
attempt("read passwords", lambda: open("/etc/shadow").read())
attempt("read the parent", lambda: open(f"/proc/{parent}/environ").read())
attempt("signal the parent", lambda: os.kill(int(parent), 0))
attempt("tcp", lambda: socket.create_connection(("127.0.0.1", int(port)), 2))
attempt("unix", lambda: socket.socket(socket.AF_UNIX))
attempt("core_pattern", lambda: open("/proc/sys/kernel/core_pattern", "w"))
"""


def attempts(stage: SandboxStage, rpc: tuple[str, ...], port: int) -> list[str]:
    model = stage.workspace / "m-00001-of-00002.gguf"
    for name in (model.name, "m-00002-of-00002.gguf", "other.gguf"):
        (stage.workspace / name).write_bytes(b"GGUF")
    prefix = runner_prefix(model, rpc, os.environ)
    arguments = [str(model), str(stage.workspace / "other.gguf"), str(stage.workspace), str(port), str(os.getpid())]
    command = [*prefix, sys.executable, "-I", "-S", "-c", TRY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def status_of(pid: int | None) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_it_reads_its_model_and_can_do_nothing_else(
    stage: SandboxStage, record_property: Callable[[str, object], None]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = attempts(stage, (), server.getsockname()[1])
    assert said[:3] == ["read the model DONE", "import DONE", "meminfo DONE"]
    assert [text for text in said[3:] if not text.endswith("failed")] == []
    assert len(said) == TRY.count("\nattempt(")
    record_property("tried", len(said) - 3)


def test_with_devices_on_other_machines_it_connects_to_their_ports_alone(stage: SandboxStage) -> None:
    if version() < 4:
        pytest.skip("NOT TESTED: this kernel's Landlock knows no ports")
    with socket.create_server(("127.0.0.1", 0)) as device, socket.create_server(("127.0.0.1", 0)) as other:
        wanted, refused = device.getsockname()[1], other.getsockname()[1]
        assert "tcp DONE" in attempts(stage, (f"127.0.0.1:{wanted}",), wanted)
        assert "tcp failed" in attempts(stage, (f"127.0.0.1:{wanted}",), refused)


def test_a_model_in_several_files_is_read_whole(stage: SandboxStage) -> None:
    for name in ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf", "n-00002-of-00002.gguf"):
        (stage.workspace / name).write_bytes(b"GGUF")
    prefix = runner_prefix(stage.workspace / "m-00001-of-00002.gguf", (), os.environ)
    program = "cat m-00001-of-00002.gguf m-00002-of-00002.gguf && ! cat n-00002-of-00002.gguf"
    done = subprocess.run([*prefix, "/bin/sh", "-c", program], cwd=stage.workspace, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"GGUFGGUF")


async def test_the_real_process_greets_from_inside_and_has_lost_its_rights(stage: SandboxStage) -> None:
    model = stage.workspace / "m.gguf"
    model.write_bytes(b"GGUF")

    def ignore(_state: RunnerState, _detail: str, _progress: float | None) -> None:
        """Nobody watches."""

    supervisor = Supervisor(ignore, runner_command(LoadSettings(path=str(model), name="m"), os.environ))
    try:
        greeting = await supervisor.start()
        status = status_of(supervisor.pid)
    finally:
        await supervisor.stop()
    assert greeting.versions["llama-cpp-python"]
    assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
