"""A command in the sandbox has no rights of root, no network of the machine and no sight of secrets."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sandbox_stage import SandboxStage

TRY_RIGHTS = r"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, action):
    try:
        done = action()
    except OSError as e:
        done = -1
    print(name, "failed" if done == -1 else "DONE")
def opened(path, flags=os.O_WRONLY):
    os.close(os.open(path, flags))
attempt("remount", lambda: libc.mount(None, b"/", None, 32 | 4096, None))
attempt("mount", lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
attempt("umount", lambda: libc.umount2(b"/proc/sys", 2))
attempt("core_pattern", lambda: opened("/proc/sys/kernel/core_pattern"))
attempt("sysrq", lambda: opened("/proc/sysrq-trigger"))
attempt("kmsg", lambda: opened("/dev/kmsg"))
attempt("mem", lambda: opened("/dev/mem"))
attempt("mknod", lambda: os.mknod("disk", 0o60600, os.makedev(254, 0)))
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("unshare user", lambda: libc.unshare(0x10000000))
attempt("unshare mount", lambda: libc.unshare(0x20000))
attempt("clone user", lambda: libc.syscall(56 if os.uname().machine == "x86_64" else 220, 0x10000000 | 17, 0, 0, 0, 0))
attempt("setns", lambda: libc.setns(os.open("/proc/self/ns/mnt", os.O_RDONLY), 0))
attempt("ptrace", lambda: libc.ptrace(16, os.getppid(), 0, 0))
attempt("traceme", lambda: libc.ptrace(0, 0, 0, 0))
attempt("setuid", lambda: os.setuid(12345))
attempt("chown", lambda: os.chown(".", 12345, 12345))
attempt("sethostname", lambda: libc.sethostname(b"x", 1))
attempt("bpf", lambda: libc.syscall(321 if os.uname().machine == "x86_64" else 280, 0, 0, 0))
attempt("io_uring", lambda: libc.syscall(425, 1, 0))
attempt("keyctl", lambda: libc.syscall(250 if os.uname().machine == "x86_64" else 219, 0, 0, 0))
attempt("userfaultfd", lambda: libc.syscall(323 if os.uname().machine == "x86_64" else 282, 0))
attempt("new mount api", lambda: libc.syscall(428, -100, b"/", 1))
attempt("kill the app", lambda: os.kill(int(sys.argv[1]), 0))
"""

TRY_NETWORK = r"""
import os, socket, struct, subprocess, sys
def attempt(name, action):
    try:
        action()
    except OSError:
        print(name, "failed")
    else:
        print(name, "DONE")
def connect(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(2)
        s.connect(address)
        s.send(b"escape")
        if kind == socket.SOCK_DGRAM:
            s.recv(10)
tcp, udp, path, abstract = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
attempt("tcp", lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", tcp)))
attempt("tcp6", lambda: connect(socket.AF_INET6, socket.SOCK_STREAM, ("::ffff:127.0.0.1", tcp)))
attempt("udp", lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", udp)))
attempt("unix", lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, path))
attempt("abstract", lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract))
attempt("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
attempt("netlink", lambda: socket.socket(16, socket.SOCK_RAW, 0))
attempt("packet", lambda: socket.socket(17, socket.SOCK_RAW, 0))
attempt("bluetooth", lambda: socket.socket(31, socket.SOCK_RAW, 0))
attempt("dns", lambda: socket.getaddrinfo("example.com", 80))
attempt("route", lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("10.255.255.1", 80)))
shell = subprocess.run(["bash", "-c", f"echo x > /dev/tcp/127.0.0.1/{tcp}"], stderr=subprocess.DEVNULL)
print("/dev/tcp", "failed" if shell.returncode else "DONE")
"""

SERVER_AND_CLIENT = """
import asyncio, multiprocessing, socket, threading, urllib.request, http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"pong")
    def log_message(self, *a): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(opener.open(f"http://127.0.0.1:{server.server_port}").read().decode())
print(multiprocessing.get_context("fork").Pool(2).map(abs, [-1, -2]))
print(asyncio.run(asyncio.sleep(0, "async")))
"""


class Trap:
    """Listens as the machine's services do, and counts who comes."""

    def __init__(self, folder: Path) -> None:
        self.hits: list[bytes] = []
        self.path = str(folder / "service.sock")
        self.abstract = f"codeagent-trap-{folder.name}"
        self._sockets = [
            self._open(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            self._open(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            self._open(socket.AF_UNIX, socket.SOCK_STREAM, self.path),
            self._open(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.abstract),
        ]
        self.tcp, self.udp = (s.getsockname()[1] for s in self._sockets[:2])

    def _open(self, family: int, kind: int, address: object) -> socket.socket:
        opened = socket.socket(family, kind)
        opened.bind(address)  # pyright: ignore[reportArgumentType]  # its type is that of the family
        if kind == socket.SOCK_STREAM:
            opened.listen(16)
        threading.Thread(target=self._serve, args=(opened, kind), daemon=True).start()
        return opened

    def _serve(self, opened: socket.socket, kind: int) -> None:
        while True:
            try:
                if kind == socket.SOCK_STREAM:
                    with closing(opened.accept()[0]) as connection:
                        self.hits.append(connection.recv(100))
                else:
                    data, sender = opened.recvfrom(100)
                    self.hits.append(data)
                    opened.sendto(b"ok", sender)
            except OSError:
                return

    @property
    def arguments(self) -> tuple[str, ...]:
        return (str(self.tcp), str(self.udp), self.path, self.abstract)

    def close(self) -> None:
        for opened in self._sockets:
            opened.shutdown(socket.SHUT_RDWR) if opened.type == socket.SOCK_STREAM else None
            opened.close()


@pytest.fixture
def trap(stage: SandboxStage) -> Iterator[Trap]:
    made = Trap(stage.base)
    yield made
    made.close()


@pytest.mark.case(4)
def test_root_has_no_rights_in_it(full: SandboxStage, record_property: Callable[[str, object], None]) -> None:
    done = full.python(TRY_RIGHTS, str(os.getpid()))
    said = done.out.splitlines()
    assert [line for line in said if not line.endswith("failed")] == []
    assert len(said) == TRY_RIGHTS.count("\nattempt(")
    record_property("tried", len(said))


@pytest.mark.case(4)
def test_its_processes_have_no_capabilities_and_can_gain_none(full: SandboxStage) -> None:
    done = full.run("cat", "/proc/self/status")
    status = dict(line.split(":\t", 1) for line in done.out.splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


@pytest.mark.case(5)
def test_nothing_of_the_machine_can_be_reached_by_a_socket(
    full: SandboxStage, trap: Trap, record_property: Callable[[str, object], None]
) -> None:
    outside = subprocess.run(
        [sys.executable, "-c", TRY_NETWORK, *trap.arguments], capture_output=True, text=True, timeout=60
    )
    open_to_others = [
        "tcp DONE",
        "tcp6 DONE",
        "udp DONE",
        "unix DONE",
        "abstract DONE",
        "netlink DONE",
        "/dev/tcp DONE",
    ]
    assert [line for line in outside.stdout.splitlines() if line in open_to_others] == open_to_others
    trap.hits.clear()
    said = full.python(TRY_NETWORK, *trap.arguments).out.splitlines()
    assert [line for line in said if not line.endswith("failed")] == []
    assert len(said) == 12
    assert trap.hits == []
    record_property("tried", len(said))


@pytest.mark.case(5)
def test_a_server_of_its_own_and_parallel_python_work(full: SandboxStage) -> None:
    done = full.python(SERVER_AND_CLIENT)
    assert done.out.splitlines() == ["pong", "[1, 2]", "async"], done.err


@pytest.mark.case(5)
def test_the_network_is_there_when_it_is_granted(full: SandboxStage) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        program = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))); print('connected')"
        port = str(server.server_port)
        assert full.python(program, port, options=("--network",)).out == "connected\n"
        assert full.python(program, port).code == 1
        server.shutdown()


@pytest.mark.case(6)
def test_secrets_in_the_home_and_our_own_state_are_not_seen(
    full: SandboxStage, record_property: Callable[[str, object], None]
) -> None:
    names = """
        .ssh/id_ed25519 .aws/credentials .gnupg/secring.gpg .kube/config .docker/config.json .config/gh/hosts.yml .netrc
        .npmrc .pypirc .git-credentials .bash_history .python_history .config/git/credentials
        state/codeagent/sessions/ws/log.jsonl config/codeagent/config.toml cache/codeagent/index/x.sqlite
    """
    secrets = names.split()
    for name in secrets:
        file = full.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("# CANARY\n")
    program = (
        "import os, sys\n"
        "for name in sys.argv[1:]:\n"
        "    try: print(open(name).read())\n"
        "    except OSError: pass\n"
        "for folder, _, files in os.walk(os.environ['HOME']):\n"
        "    for name in files:\n"
        "        try: print(open(os.path.join(folder, name)).read())\n"
        "        except OSError: pass\n"
        "print('end')\n"
    )
    done = full.python(program, *(str(full.home / name) for name in secrets), "/etc/shadow")
    assert done.out.strip() == "end", done.out
    record_property("tried", len(secrets) + 1)


@pytest.mark.case(6)
def test_neither_the_environment_of_the_app_nor_a_secret_of_its_own_is_seen(full: SandboxStage) -> None:
    names = ("OPENAI_API_KEY", "GITHUB_TOKEN", "DB_SECRET", "AWS_ACCESS_KEY_ID", "SOMETHING")
    secret: dict[str, str] = {name: "CANARY" for name in names}  # noqa: C420  # fromkeys loses the type
    look = "env; cat /proc/*/environ | tr '\\0' '\\n'; cat /proc/*/cmdline | tr '\\0' ' '; echo end"
    done = full.codeagent("sandbox", "--", "bash", "-c", look, env=secret)
    assert done.out.endswith("end\n")
    assert "CANARY" not in done.out
    assert "codeagent sandbox" not in done.out


@pytest.mark.case(6)
def test_a_secret_that_lies_in_a_home_that_is_the_workspace_is_not_seen_either(full: SandboxStage) -> None:
    (full.home / ".ssh").mkdir()
    (full.home / ".ssh" / "id_ed25519").write_text("CANARY")
    (full.home / ".bashrc").write_text("kept")
    program = "cat .ssh/*; echo evil >> .bashrc; echo evil > .ssh/authorized_keys; touch here; ls here"
    done = full.codeagent("sandbox", "-C", str(full.home), "--", "bash", "-c", program)
    assert done.out == "here\n"
    assert (full.home / ".bashrc").read_text() == "kept"
    assert [path.name for path in (full.home / ".ssh").iterdir()] == ["id_ed25519"]
