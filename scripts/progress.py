"""Runs a long command into a log file and shows a line of progress; knows how uv and ninja talk, not what they do."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from console import MissingError, clock, say

QUIET_INTERVAL_S = 15.0
NINJA_STEP = re.compile(r"^(?:DEBUG )?\[(\d+)/(\d+)\] ")
MAKE_PERCENT = re.compile(r"^(?:DEBUG )?\[\s*(\d+)%\] ")
PHASES = (
    (re.compile(r"Configuring CMake|Performing Test|Detecting CXX"), "configuring llama.cpp"),
    (re.compile(r"Installing project into wheel"), "packing llama.cpp"),
    (re.compile(r"Sending fresh GET request for: \S+/(?P<file>[^/\s]+\.(?:whl|tar\.gz))"), "downloading"),
    (re.compile(r"Waiting to acquire exclusive lock"), "waiting for another uv that is at work"),
    (re.compile(r"^Installed \d+ packages"), "installed"),
)
CAUSES = (
    (
        re.compile(r"No space left on device|os error 28"),
        "the disk became full: free some space and run the same command again",
    ),
    (
        re.compile(
            r"dns error|error sending request|tcp connect|[Cc]onnection (?:refused|reset)|[Nn]etwork is unreach"
            r"|NewConnectionError|Temporary failure in name|timed out|Could not connect|No matching distribution"
        ),
        "the package index cannot be reached: check the network (or HTTPS_PROXY) and run the same command again",
    ),
    (
        re.compile(r"[Kk]illed signal|cc1plus: out of memory|virtual memory exhausted"),
        "the compiler ran out of memory: close other programs, or run with CMAKE_BUILD_PARALLEL_LEVEL=1",
    ),
)
FIRST_ERROR = re.compile(r"(?:fatal error|error): .*|CMake Error\b.*|.*Permission denied.*|.*Read-only file system.*")


class Phase:
    """What the command is doing, read from its output line by line."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, line: str) -> None:
        """Take note of a line of output; most lines change nothing."""
        if step := NINJA_STEP.match(line):
            self.text = f"compiling llama.cpp {step[1]}/{step[2]}"
        elif percent := MAKE_PERCENT.match(line):
            self.text = f"compiling llama.cpp {percent[1]} %"
        else:
            for pattern, text in PHASES:
                if found := pattern.search(line):
                    file = found.groupdict().get("file")
                    self.text = f"{text} {file}" if file else text
                    return


class Ticker:
    """Shows a phase and the time since the start: rewriting one line on a terminal, else a line every 15 seconds."""

    def __init__(self, phase: Phase) -> None:
        self._phase = phase
        self._started = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Ticker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        live = sys.stdout.isatty()
        while not self._done.wait(0.5 if live else QUIET_INTERVAL_S):
            line = f"   {self._phase.text} · {clock(time.monotonic() - self._started)}"
            if live:
                print(f"\r\033[K{line[:100]}", end="", flush=True)
            else:
                say(line)
        if live:
            print("\r\033[K", end="", flush=True)


def run_logged(command: Sequence[str], *, log: Path, first_phase: str, environ: Mapping[str, str], cwd: Path) -> None:
    """Run `command` to its end with all of its output in `log`. Raises MissingError with one sentence if it fails."""
    phase = Phase(first_phase)
    with log.open("a", encoding="utf-8") as sink, Ticker(phase):
        print(f"$ {' '.join(command)}", file=sink)
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        try:
            assert process.stdout is not None
            for line in process.stdout:
                with contextlib.suppress(OSError):  # a full disk is reported by the command's own failure
                    sink.write(line)
                phase.read(line)
            code = process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise
    if code != 0:
        raise MissingError(f"{explain(log, Path(command[0]).name)}; the full log is in {os.path.relpath(log)}.")


def explain(log: Path, program: str) -> str:
    """The probable cause of the failure that `log` ends with, as a sentence without its full stop."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    # uv retries: the cause is in what it said last. Of a compiler's complaints the first is the real one.
    tail = "\n".join(line for line in lines[-400:] if not line.startswith("DEBUG [") or "error" in line)
    for pattern, sentence in CAUSES:
        if pattern.search(tail):
            return f"Setting up failed because {sentence}"
    for number, line in enumerate(lines):
        if found := FIRST_ERROR.search(line):
            # CMake puts the message on the lines after the place.
            words = lines[number + 1 : number + 3] if line.endswith("(message):") else [found[0]]
            text = " ".join(word.removeprefix("DEBUG").strip() for word in words)
            return f"Setting up failed with “{text.strip()[:160]}”"
    return f"Setting up failed: {program} gave up without saying why"
