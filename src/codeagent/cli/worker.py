"""`codeagent worker`: lends this machine's memory and cores to a codeagent on another one, until it is stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import click

from codeagent.agent.text import printable

READY_S = 30.0
PORT = 50052


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", default="127.0.0.1", show_default=True, help="The loopback address to be called on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=PORT, show_default=True, help="The port to be called on."
)
@click.option("--threads", type=click.IntRange(1), metavar="N", help="CPU threads to lend (default: one a core).")
@click.option(
    "--memory", type=click.FloatRange(min=0.25), metavar="GIB", help="Memory to lend (default: what is free)."
)
def worker(host: str, port: int, threads: int | None, memory: float | None) -> int:
    """Lend this machine's memory and cores: a codeagent elsewhere puts layers of its model here with --device.

    Only over loopback or a tunnel. llama.cpp's protocol has no authentication and no encryption: whoever reaches the
    port can read and write this program's memory. On the machine that uses the worker:

    \b
    ssh -N -L 50052:127.0.0.1:50052 USER@WORKER
    codeagent --device 127.0.0.1:50052

    Ctrl+C ends it; a session that uses it goes on without it.
    """
    from codeagent.agent.confinement import worker_command
    from codeagent.inference.engine.machine import default_threads
    from codeagent.inference.supervisor import runner_environment
    from codeagent.inference.workers import AddressError, is_open, require_loopback

    try:
        require_loopback(host, port)
    except AddressError as e:
        raise click.UsageError(str(e)) from e
    if is_open(host, port):
        raise click.UsageError(f"Another program is on port {port} already. Choose another one with --port.")
    count, size = threads or default_threads(), int((memory or 0) * (1 << 30))
    command, held = worker_command(host, port, count, size, os.environ)
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=runner_environment(os.environ)
    )
    try:
        if not _is_ready(child, host, port):
            return 1
        _say(f"{count} threads{f' and {memory:g} GiB' if memory else ''} are lent on {host}:{port}. Ctrl+C ends it.")
        _say(
            "The protocol has no authentication: keep the port on this machine, and reach it through a tunnel: "
            f"ssh -N -L {port}:127.0.0.1:{port} {os.environ.get('USER') or 'USER'}@THIS-MACHINE"
        )
        if not held:
            _say("This system cannot confine the process: it runs with your own rights.")
        child.wait()
        _say("The process that lent them has ended.")
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()


def _is_ready(child: subprocess.Popen[bytes], host: str, port: int) -> bool:
    from codeagent.inference.workers import is_open

    end = time.monotonic() + READY_S
    while child.poll() is None and time.monotonic() < end:
        if is_open(host, port):
            return True
        time.sleep(0.05)
    _say(f"Nothing could be lent on {host}:{port}; what it said stands above.")
    return False


def _say(sentence: str) -> None:
    sys.stderr.write(f"codeagent: {printable(sentence)}\n")
    sys.stderr.flush()
