"""What a machine lacks for a sandbox is announced; where there is none, nobody works unattended without saying so."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import COMMAND, Finished, Script
from sandbox_stage import SandboxStage, results

from codeagent.agent.events import SessionStarted
from codeagent.tui.status import Standing, line

POORER_KERNEL = Path(__file__).parents[1] / "support" / "poorer_kernel.py"
NO_SANDBOX = 56

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="NOT TESTED: the kernel's means are Linux's")

TRY_REDUCED = r"""
import os, socket, sys
def attempt(name, action):
    try:
        action()
    except OSError:
        print(name, "failed")
    else:
        print(name, "DONE")
outside, secret, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
attempt("write", lambda: open(outside + "/f", "w"))
attempt("truncate", lambda: os.truncate(outside + "/kept", 0))
attempt("rename", lambda: os.rename("mine", outside + "/mine"))
attempt("link", lambda: os.link(outside + "/kept", "linked"))
attempt("delete", lambda: os.unlink(outside + "/kept"))
attempt("mkdir", lambda: os.mkdir(outside + "/folder"))
attempt("etc", lambda: open("/etc/codeagent-escape", "w"))
attempt("tmp", lambda: open("/tmp/codeagent-escape", "w"))
attempt("core_pattern", lambda: open("/proc/sys/kernel/core_pattern", "w"))
attempt("secret", lambda: open(secret))
attempt("environ", lambda: open(f"/proc/{sys.argv[4]}/environ").read())
attempt("kill", lambda: os.kill(int(sys.argv[4]), 0))
attempt("tcp", lambda: socket.create_connection(("127.0.0.1", port), 2))
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
attempt("unix", lambda: socket.socket(socket.AF_UNIX))
attempt("chroot", lambda: os.chroot("."))
status = dict(x.split(":\t", 1) for x in open("/proc/self/status").read().splitlines() if ":\t" in x)
rights = [status[name].strip("0") or "none" for name in ("CapEff", "CapBnd")]
print(*rights, status["NoNewPrivs"], status["Seccomp"])
"""


PRETENDER = """#!/bin/sh
[ "$1" = --version ] && echo 0.8.0 && exit
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


def lacking(stage: SandboxStage, what: str, *arguments: str | Path, env: dict[str, str] | None = None) -> Finished:
    """The installed command as on a kernel without these means."""
    command = [sys.executable, str(POORER_KERNEL), what, str(COMMAND), *map(str, arguments)]
    done = subprocess.run(
        command, env=env or stage.env, cwd=stage.workspace, capture_output=True, text=True, timeout=60, check=False
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def task(stage: SandboxStage, command: str, *options: str) -> tuple[str | Path, ...]:
    call = {"calls": [{"name": "run", "arguments": {"command": command}}]}
    script = Script(stage.base / "script.jsonl")(call, {"text": "Done."})
    return ("--task", "x", "--trust", "--yolo", "--replay", script, "--output-format", "stream-json", *options)


@pytest.fixture
def reduced(stage: SandboxStage) -> SandboxStage:
    """A machine on which bubblewrap is not installed."""
    stage.env = stage.without_bubblewrap()
    done = stage.run("true")
    if done.code == NO_SANDBOX:
        pytest.skip(f"NOT TESTED: {done.err.strip()}")
    return stage


@pytest.mark.case(9)
def test_without_bubblewrap_the_sandbox_is_reduced_and_says_what_it_does_not_cover(reduced: SandboxStage) -> None:
    done = reduced.codeagent(*task(reduced, "echo ran > file"))
    assert "The sandbox is reduced: bubblewrap (bwrap) is not installed" in done.err
    assert "commands can change .git" in done.err
    assert (reduced.workspace / "file").read_text() == "ran\n"


@pytest.mark.case(9)
def test_a_reduced_sandbox_holds_what_it_promises(
    reduced: SandboxStage, record_property: Callable[[str, object], None]
) -> None:
    outside = reduced.base / "ws-evil"
    (outside / "kept").write_text("kept")
    (reduced.workspace / "mine").write_text("mine")
    secret = reduced.home / ".ssh" / "id_ed25519"
    secret.parent.mkdir()
    secret.write_text("CANARY")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        said = reduced.python(TRY_REDUCED, str(outside), str(secret), port, str(os.getpid())).out.splitlines()
    assert [text for text in said[:-1] if not text.endswith("failed")] == []
    assert said[-1] == "none none 1 2"
    assert [path.name for path in outside.iterdir()] == ["kept"]
    assert (outside / "kept").read_text() == "kept"
    assert not Path("/tmp/codeagent-escape").exists()
    record_property("tried", len(said) - 1)


@pytest.mark.case(9)
def test_programs_work_in_a_reduced_sandbox(reduced: SandboxStage) -> None:
    program = (
        "import multiprocessing, tempfile, asyncio\n"
        "print(multiprocessing.get_context('fork').Pool(2).map(abs, [-1]), asyncio.run(asyncio.sleep(0, 2)))\n"
        "tempfile.NamedTemporaryFile()\n"
    )
    assert reduced.python(program).out == "[1] 2\n"


@pytest.mark.case(9)
def test_where_user_namespaces_are_blocked_the_reason_is_told(full: SandboxStage) -> None:
    done = lacking(full, "namespaces", "sandbox", "--", "sh", "-c", f"echo x > {full.base}/f; echo ran")
    assert done.out == "ran\n"
    assert "The sandbox is reduced: bubblewrap: this system keeps ordinary users from user namespaces" in done.err
    assert not (full.base / "f").exists()


@pytest.mark.case(9)
def test_without_any_sandbox_nobody_works_unattended(stage: SandboxStage) -> None:
    env = stage.without_bubblewrap()
    done = lacking(stage, "landlock", *task(stage, "touch ran"), env=env)
    assert done.code == NO_SANDBOX
    assert "There is no sandbox on this machine" in done.result["errors"][0]
    assert "--sandbox off" in done.result["errors"][0]
    assert not (stage.workspace / "ran").exists()
    assert lacking(stage, "landlock", "sandbox", "--", "touch", "ran", env=env).code == NO_SANDBOX
    assert not (stage.workspace / "ran").exists()


@pytest.mark.case(9)
def test_without_any_sandbox_a_person_may_say_that_it_is_meant(stage: SandboxStage) -> None:
    env = stage.without_bubblewrap()
    done = lacking(stage, "landlock", *task(stage, "touch ran", "--sandbox", "off"), env=env)
    assert done.code == 0
    assert "The sandbox is off: commands run with your own rights" in done.err
    assert (stage.workspace / "ran").exists()


@pytest.mark.case(9)
def test_a_sandbox_that_is_required_in_full_is_not_replaced_by_less(reduced: SandboxStage) -> None:
    done = reduced.codeagent(*task(reduced, "touch ran", "--sandbox", "require"))
    assert done.code == NO_SANDBOX
    assert "bubblewrap (bwrap) is not installed" in done.result["errors"][0]
    assert not (reduced.workspace / "ran").exists()


@pytest.mark.case(9)
def test_a_bubblewrap_that_the_workspace_brings_along_is_not_used(stage: SandboxStage) -> None:
    fake = stage.workspace / "bin" / "bwrap"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\ntouch {stage.base}/used\n")
    fake.chmod(0o755)
    (stage.base / "outside").mkdir()
    (stage.base / "outside" / "bwrap").symlink_to(fake)
    for path in (f"{fake.parent}:bin:.", str(stage.base / "outside")):
        stage.codeagent("sandbox", "--", "true", env={"PATH": f"{path}:{stage.env['PATH']}"})
    assert not (stage.base / "used").exists()


@pytest.mark.case(9)
def test_a_bubblewrap_that_only_pretends_is_found_out_even_if_it_held_before(full: SandboxStage) -> None:
    fake = full.base / "outside" / "bwrap"
    fake.parent.mkdir()
    env = full.env | {"PATH": f"{fake.parent}{os.pathsep}{full.env['PATH']}"}
    fake.write_text(f'#!/bin/sh\nexec {shutil.which("bwrap")} "$@"\n')
    fake.chmod(0o755)
    assert full.codeagent("sandbox", "--", "true", env=env).err == ""
    fake.write_text(PRETENDER)
    done = full.codeagent("sandbox", "--", "touch", f"{full.base}/escaped", env=env)
    assert "a command can write outside of the workspace" in done.err
    assert not (full.base / "escaped").exists()


@pytest.mark.case(9)
def test_a_project_cannot_turn_the_sandbox_off(stage: SandboxStage) -> None:
    (stage.workspace / ".codeagent").mkdir()
    (stage.workspace / ".codeagent" / "config.toml").write_text("sandbox = 'off'\n")
    done = stage.codeagent(*task(stage, "touch ran"))
    assert done.code == 52
    assert "not for a project to decide" in done.result["errors"][0]


@pytest.mark.case(9)
def test_doctor_tells_the_level_and_what_to_do(reduced: SandboxStage) -> None:
    said = reduced.codeagent("doctor").out
    assert "sandbox           reduced: bubblewrap (bwrap) is not installed" in " ".join(said.split("\n")[-4:])
    assert "Install bubblewrap" in said


@pytest.mark.parametrize(("level", "shown"), [("reduced", "reduced sandbox"), ("none", "no sandbox"), ("full", None)])
def test_the_status_line_tells_a_level_that_is_not_full(level: str, shown: str | None) -> None:
    now = Standing()
    now.feed(SessionStarted(session_id="x", cwd="/", model="m", tools=(), permission_mode="default", sandbox=level))
    assert ("sandbox" in line(now, 120).plain) == (shown is not None)
    assert (shown or "") in line(now, 120).plain


def test_the_exit_code_of_a_command_is_passed_on(stage: SandboxStage) -> None:
    done = stage.run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.code, done.out) == (7, "out\n")
    assert done.err.endswith("err\n")
    assert stage.run("sh", "-c", "kill -TERM $$").code == 143
    assert stage.run("no-such-program").code != 0


def test_what_was_found_out_is_remembered(full: SandboxStage) -> None:
    full.run("true")
    file = full.home / "cache" / "codeagent" / "sandbox" / "tests" / "bubblewrap.json"
    first = file.stat().st_mtime_ns
    assert json.loads(file.read_text())["about"].startswith("bubblewrap")
    full.run("true")
    assert file.stat().st_mtime_ns == first
    file.write_text("{")
    assert full.run("echo", "x").out == "x\n"
    assert results(full.task("echo y"))[0].startswith("y")
