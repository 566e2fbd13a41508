"""Runs one command under limits and sees to it that nothing of it outlives the call; knows no session and no tool.

    python -I -S -c STARTER PACKAGES [name=value ...] -- COMMAND [ARGUMENT ...]

It runs in a process of its own, without site-packages, and imports only what is quick to import. `lifeline` is one end
of a socket pair whose other end only the caller holds. When something comes from it or it closes, because the caller
wants so or because it was killed, every process of the command is killed. The same is done with what the command left
running when it ended, and when it passes a limit; the limit's name is then sent to the caller. The exit status is that
of the command; if a signal ended it, the same signal ends this process. Without a `lifeline` this process is confined
and becomes the command.

It costs each command some ten milliseconds, most of them Python's own: `signal` and `contextlib` alone would add half
as much again, because of what they import.

It is a process, and not a `preexec_fn`, because Python between fork and exec in a program with threads can hang.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import sys
import time

from codeagent.tools.sandbox import cgroup
from codeagent.tools.sandbox.usage import Usage

STARTER = (
    "import os, sys; sys.path.append(sys.argv.pop(1)); "
    "from codeagent.tools.supervise import main; os._exit(main(sys.argv[1:]))"
)
"""The packages come last on the path: nothing there may stand in for the standard library. It ends without tidying up,
which would take as long as a short command.
"""

_signals = __import__("_signal")  # without the enumerations that `signal` puts around it
CANNOT_CONFINE = 126
_CHILDREN = "/proc/thread-self/children"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LOOK_S = 0.1
_STEP_S = 0.01  # where the end of a process cannot be waited for beside other things
_OOM_SCORE = 900  # when memory ends, a command goes before the model process and the app


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(kind, (value, value))
    except (OSError, ValueError):
        return  # macOS refuses some; what is watched is watched all the same


def _limit_all(options: dict[str, str]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if size := int(options.get("file", 0)):
        _limit(resource.RLIMIT_FSIZE, size)
    if tasks := int(options.get("processes", 0)):
        # It counts all of the user's, and not at all for root; those of the whole system are no fewer.
        running = _read("/proc/loadavg").split()
        present = int(running[3].partition("/")[2]) if len(running) > 3 else 0
        _limit(resource.RLIMIT_NPROC, present + tasks)
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write(str(_OOM_SCORE))
    except OSError:
        return  # there is none outside of Linux


def _confine(text: str) -> None:
    """Confine this process as `Confinement` in sandbox/kernel.py says, or end it: never run anything unconfined."""
    import json  # slow, and not needed for most commands

    from codeagent.tools.sandbox.landlock import confine

    told = json.loads(text)
    try:
        confine(told["read"], told["write"], told["list"], told["ports"], bytes.fromhex(told["filter"]), told["binds"])
    except OSError as e:
        os.write(2, f"codeagent: the command could not be confined: {e.strerror}\n".encode())
        os._exit(CANNOT_CONFINE)


def _become(command: list[str], options: dict[str, str]) -> None:
    """Turn into the command; does not return."""
    try:
        for number in (_signals.SIGINT, _signals.SIGQUIT, _signals.SIGPIPE, _signals.SIGCHLD, _signals.SIGXFSZ):
            _signals.signal(number, _signals.SIG_DFL)
        if "confine" in options:
            _confine(options["confine"])
        os.execvp(command[0], command)  # noqa: S606  # there is no shell, on purpose
    except OSError as e:
        os.write(2, f"{command[0]}: {e.strerror}\n".encode(errors="replace"))
    finally:
        os._exit(127)


def _start(command: list[str], options: dict[str, str], group: cgroup.ControlGroup | None) -> int:
    """Start the command in a session of its own, so that what it sends to its group does not reach this process; at a
    terminal in a group of its own, which the terminal's keys reach."""
    pid = os.fork()
    if pid:
        return pid
    try:
        if "terminal" in options:
            os.setpgid(0, 0)
            _foreground(os.getpid())
            _signals.signal(_signals.SIGTSTP, _signals.SIG_IGN)  # nobody could make it go on
        else:
            os.setsid()
        _prctl(_PR_SET_PDEATHSIG, _signals.SIGKILL)
        if group is not None:
            group.enter()
        _limit_all(options)
        _become(command, options)
    finally:
        os._exit(127)


def _foreground(group: int) -> None:
    """Give the terminal to a process group, where there is one."""
    before = _signals.signal(_signals.SIGTTOU, _signals.SIG_IGN)
    if os.isatty(0):
        os.tcsetpgrp(0, group)
    _signals.signal(_signals.SIGTTOU, before)


def _children() -> list[int]:
    """Processes whose parent this one is: the command's orphans too, as this process is their reaper."""
    if os.path.exists(_CHILDREN):
        return [int(pid) for pid in _read(_CHILDREN).split()]
    if sys.platform != "linux":
        return []
    stats = {name: _read(f"/proc/{name}/stat").rpartition(")")[2].split() for name in os.listdir("/proc")}
    return [int(name) for name, fields in stats.items() if name.isdigit() and fields[1:2] == [str(os.getpid())]]


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _kill(pid: int, group: bool = False) -> None:
    try:
        (os.killpg if group else os.kill)(pid, _signals.SIGKILL)
    except OSError:
        return  # it is gone


def _reap(reaped: dict[int, int]) -> bool:
    """Add the statuses of children that have ended, by process id; whether there are others."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        reaped[pid] = status


def _kill_all(pid: int, reaped: dict[int, int]) -> None:
    """Kill the command's group, then orphans until none comes up: a killed process leaves its children to this one."""
    _kill(pid, group=True)
    for _ in range(1000):
        for child in _children():
            _kill(child)
        if not _reap(reaped):
            return
        select.select([], [], [], 0.002)


def _wait(pid: int, lifeline: int, usage: Usage, group: cgroup.ControlGroup | None) -> dict[int, int]:
    """Wait for the command's end or its caller's, or for a limit; returns the statuses of what has ended."""
    reaped: dict[int, int] = {}
    pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    watched, step = ([lifeline, pidfd], _LOOK_S) if pidfd >= 0 else ([lifeline], _STEP_S)
    look_at = time.monotonic() + _LOOK_S
    while pid not in reaped:
        ready, _, _ = select.select(watched, [], [], step)
        if lifeline in ready:
            break
        _reap(reaped)
        if time.monotonic() >= look_at and pid not in reaped:
            if _tell(lifeline, (group.passed() if group is not None else "") or usage.passed()):
                break
            look_at = time.monotonic() + _LOOK_S
    return reaped


def _tell(lifeline: int, passed: str) -> bool:
    """Tell the caller which limit was passed; whether there was one. The first line is what counts."""
    if passed:
        try:
            os.write(lifeline, f"{passed}\n".encode())
        except OSError:
            return True  # nobody listens any more
    return bool(passed)


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit code, or does not return if a signal ended it."""
    border = arguments.index("--")
    options, command = dict(word.split("=", 1) for word in arguments[:border]), arguments[border + 1 :]
    if "lifeline" not in options:
        _become(command, options)
    lifeline = int(options["lifeline"])
    os.set_inheritable(lifeline, False)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    if "terminal" in options:
        for number in (_signals.SIGINT, _signals.SIGQUIT):
            _signals.signal(number, _signals.SIG_IGN)
    memory, tasks = int(options.get("memory", 0)), int(options.get("processes", 0))
    group = cgroup.make(memory, tasks) if memory or tasks else None
    usage = Usage(os.getpid(), memory, tasks, int(options.get("disk", 0)), ".")
    pid = _start(command, options, group)
    reaped = _wait(pid, lifeline, usage, group)
    _kill_all(pid, reaped)
    if "terminal" in options:
        _foreground(os.getpgrp())
    status = reaped[pid] if pid in reaped else int(_signals.SIGKILL)
    if group is not None:
        if status != 0:
            _tell(lifeline, group.passed())  # it may have ended by the limit before it was looked at
        group.remove()
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (_signals.SIGKILL, _signals.SIGSTOP):
            _signals.signal(number, _signals.SIG_DFL)
        os.kill(os.getpid(), number)
    return os.WEXITSTATUS(status)
