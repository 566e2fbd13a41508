"""A script: starts one command and sees to it that nothing of it outlives the call; imports nothing of codeagent.

    python -I -S supervise.py LIFELINE_FD COMMAND [ARGUMENT ...]

LIFELINE_FD is the read end of a pipe whose write end only the caller holds. When it closes, because the caller wants so
or because it was killed, every process of the command is killed. The same is done with what the command left running
when it ended. The exit status is that of the command; if a signal ended it, the same signal ends this process.
It is a process, and not a `preexec_fn`, because Python between fork and exec in a program with threads can hang.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
from types import FrameType

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """A handler, so that the signal wakes the loop by its descriptor."""


def _start(command: list[str]) -> int:
    """Start the command in a session of its own, so that what it sends to its group does not reach this process."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606  # there is no shell, on purpose
    except OSError as e:
        os.write(2, f"{command[0]}: {e.strerror}\n".encode(errors="replace"))
    finally:
        os._exit(127)


def _children() -> list[int]:
    """Processes whose parent this one is: the command's orphans too, as this process is their reaper."""
    found: list[int] = []
    if sys.platform != "linux":
        return found
    with os.scandir("/proc") as entries:
        for entry in entries:
            if not entry.name.isdigit():
                continue
            try:
                with open(f"{entry.path}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == os.getpid():
                found.append(int(entry.name))
    return found


def _reap() -> dict[int, int]:
    """The statuses of children that have ended, by process id."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def _kill_all(pid: int, reaped: dict[int, int]) -> None:
    """Kill the command's group, then orphans until none comes up: a killed process leaves its children to this one."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    for _ in range(1000):
        children = _children()
        for child in children:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        if not children and pid in reaped:
            return
        select.select([], [], [], 0.002)
        reaped |= _reap()


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit code, or does not return if a signal ended it."""
    lifeline, command = int(arguments[0]), arguments[1:]
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _do_nothing)
    pid = _start(command)
    reaped: dict[int, int] = {}
    while pid not in reaped:
        ready, _, _ = select.select([lifeline, wake_read], [], [])
        if lifeline in ready:
            break
        os.read(wake_read, 4096)
        reaped |= _reap()
    _kill_all(pid, reaped)
    status = reaped.get(pid, signal.SIGKILL)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return os.WEXITSTATUS(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
