"""How quick the terminal app is: against two other agents at the start, and under load.

    make bench BENCH=bench/tui.py, or python bench/tui.py --no-peers

Everything is measured from outside, in a real terminal (a pty) and from the system's own figures, so Linux is needed.
First paint: from starting the command to the first letters on the screen. First key: to the moment at which a typed
letter comes back. Key to paint: the same, for keys pressed while an answer streams. The last line of the output is all
figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tui_load import streaming_turn, write_session
from tui_peers import PEERS, Installed, PeerError, install

from codeagent.agent.paths import Paths

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from terminal import Terminal, descendants  # noqa: E402  # the path to it is set above

COMMAND = str(Path(sys.executable).parent / "codeagent")
ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\)|[ -/]*[0-~])", re.DOTALL)
LETTERS = [chr(code) for code in range(0x0100, 0x0180)] + [chr(code) for code in range(0x0410, 0x0450)]
"""Each is typed once and never part of an answer, so where it comes back is the echo."""
START_SECONDS = 60.0
EXPECTED = {
    "key_p95_ms": 33.0,
    "idle_cpu_percent": 1.0,
    "memory_mb": 250.0,
}


def main() -> None:
    """Measure and print."""
    options = arguments()
    if platform.system() != "Linux":
        sys.exit("This measurement reads Linux's /proc, so it runs on Linux only.")
    with tempfile.TemporaryDirectory(prefix="codeagent-bench-") as temporary:
        stage = Path(temporary)
        figures: dict[str, Any] = {
            "machine": {"processor": processor(), "cores": os.cpu_count(), "load": os.getloadavg()[0]},
            "start": measure_starts(options, stage),
            "load": measure_load(options, stage),
        }
    report(figures)
    print(json.dumps(figures))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="starts of each agent; the median counts")
    parser.add_argument("--no-peers", action="store_true", help="start no other agents")
    parser.add_argument("--peers", nargs="+", default=list(PEERS), help="which, as pip would name them")
    parser.add_argument("--cache", type=Path, default=Paths.default().cache / "bench", help="where they are installed")
    parser.add_argument("--blocks", type=int, default=10_000, help="blocks of the session under load")
    parser.add_argument("--keys", type=int, default=100, help="keys pressed while an answer streams (at most 192)")
    parser.add_argument("--idle", type=float, default=20.0, metavar="S", help="seconds of doing nothing")
    parser.add_argument("--streaming", type=float, default=20.0, metavar="S", help="seconds of 30 tokens/s")
    return parser.parse_args()


# Starting


def measure_starts(options: argparse.Namespace, stage: Path) -> dict[str, Any]:
    """The start of each agent, in turns; of one that could not be measured, why."""
    script = stage / "start.jsonl"
    script.write_text('{"text": "Hello."}\n')
    ours = Installed("codeagent", (COMMAND, "--trust", "--replay", str(script)), environment(stage / "home"))
    agents, results = [ours], dict[str, Any]()
    for requirement in [] if options.no_peers else options.peers:
        try:
            agents.append(install(requirement, options.cache, stage / "home"))
        except PeerError as error:
            results[requirement] = {"failed": str(error)}
    times: dict[str, list[tuple[float, float]]] = {agent.name: [] for agent in agents}
    for run in range(options.runs + 1):
        for agent in agents:
            if agent.name in results:
                continue
            say(f"start {run + 1}/{options.runs + 1}: {agent.name}")
            try:
                taken = one_start(agent.argv, agent.environment, stage)
            except (AssertionError, OSError) as error:
                results[agent.name] = {"failed": str(error)[:2000]}
            else:
                times[agent.name] += [taken] if run else []  # the first one fills the disk cache
    for name, taken in times.items():
        if taken and name not in results:
            paints, keys = zip(*taken, strict=True)
            results[name] = {"first_paint_s": spread(paints), "first_key_s": spread(keys)}
    return results


def one_start(argv: Sequence[str], env: Mapping[str, str], stage: Path) -> tuple[float, float]:
    """Seconds to the first paint and to the first key that is taken."""
    workspace = stage / "workspace"
    workspace.mkdir(exist_ok=True)
    with Terminal(argv, env, workspace, 120, 40) as terminal:
        painted = terminal.wait_until(lambda: first_paint(terminal), "the first paint", START_SECONDS)
        # Before the program has taken the terminal, it is the system that echoes what is typed.
        terminal.wait_until(lambda: not terminal.echoes, "the program reads keys itself", START_SECONDS)
        for letter in LETTERS:
            terminal.send(letter)
            try:
                echoed = echo(terminal, LETTERS, 0.05)
            except AssertionError:
                continue
            return painted - terminal.started, echoed - terminal.started
        raise AssertionError(f"No key was taken. On the screen:\n{terminal.text}")


def first_paint(terminal: Terminal) -> float | None:
    """When the first letter or digit came."""
    for at, data in terminal.chunks:
        if re.search(r"\w", ESCAPE.sub(b"", data).decode(errors="ignore")):
            return at
    return None


def echo(terminal: Terminal, letters: Sequence[str], seconds: float, since: int = 0) -> float:
    """When one of the letters came, in a chunk from number `since` on. Raises AssertionError if none does in time."""
    wanted = [letter.encode() for letter in letters]

    def came() -> float | None:
        return next((at for at, data in terminal.chunks[since:] if any(letter in data for letter in wanted)), None)

    return terminal.wait_until(came, f"{letters[0]!r} is drawn", seconds)


# Under load


def measure_load(options: argparse.Namespace, stage: Path) -> dict[str, Any]:
    """Latency, processor time and memory in one run of the app with a long session."""
    env = environment(stage / "home")
    workspace = stage / "workspace"
    workspace.mkdir(exist_ok=True)
    state = Path(env["XDG_STATE_HOME"]) / "codeagent"
    log = Paths(state, state, state, state).sessions(workspace.resolve()) / "20260101-000000-aaaaaa.jsonl"
    say(f"writing a session of {options.blocks:,} blocks")
    write_session(log, options.blocks)
    script = stage / "load.jsonl"
    pause = 0.11
    script.write_text(streaming_turn(200, options.keys * pause * 1.5 + 2) + streaming_turn(30, options.streaming + 2))
    argv = (COMMAND, "--trust", "--replay", str(script), "--continue")
    with Terminal(argv, env, workspace, 120, 40) as terminal:
        pid = terminal.process.pid
        terminal.wait_for("ready", START_SECONDS)
        terminal.wait_quiet(1.0, START_SECONDS)
        opened = terminal.chunks[-1][0] - terminal.started
        before = memory(pid)
        say(f"idle for {options.idle:.0f} s")
        idle = share(pid, lambda: time.sleep(options.idle))

        say(f"{options.keys} keys while 200 tokens/s stream")
        with answering(terminal):
            latencies, rate = press_keys(terminal, LETTERS[: options.keys], pause)
        say(f"30 tokens/s for {options.streaming:.0f} s")
        with answering(terminal):
            streaming = share(pid, lambda: time.sleep(options.streaming))
        after = memory(pid)
        terminal.send("\x11")
        terminal.wait(START_SECONDS)
    return {
        "blocks": options.blocks,
        "opened_s": round(opened, 3),
        "keys": len(latencies),
        "key_p50_ms": round(statistics.median(latencies) * 1000, 1),
        "key_p95_ms": round(percentile(latencies, 0.95) * 1000, 1),
        "key_max_ms": round(max(latencies) * 1000, 1),
        "painted_bytes_per_s": round(rate),
        "idle_cpu_percent": round(idle, 2),
        "streaming_cpu_percent": round(streaming, 1),
        "memory_opened_mb": round(before, 1),
        "memory_mb": round(after, 1),
    }


@contextmanager
def answering(terminal: Terminal) -> Iterator[None]:
    """Ask for an answer, and wait for its end afterwards."""
    terminal.send("\x15go on\r")
    terminal.wait_quiet(0.2)
    seen = len(terminal.chunks)
    terminal.wait_until(lambda: len(terminal.chunks) > seen + 5, "the answer streams")
    yield
    terminal.wait_quiet(1.5, 120)


def press_keys(terminal: Terminal, letters: Sequence[str], pause: float) -> tuple[list[float], float]:
    """Seconds from each key to its picture, and how many bytes a second were painted meanwhile."""
    latencies: list[float] = []
    first, began = len(terminal.chunks), time.perf_counter()
    for letter in letters:
        since, sent = len(terminal.chunks), time.perf_counter()
        terminal.send(letter)
        latencies.append(echo(terminal, [letter], 10, since) - sent)
        # Not in step with anything the app does at a rhythm of its own.
        time.sleep(pause * (0.5 + (ord(letter) * 7 % 10) / 10))
    painted = sum(len(data) for _, data in terminal.chunks[first:])
    return latencies, painted / (time.perf_counter() - began)


def share(pid: int, wait: Callable[[], object]) -> float:
    """Percent of one processor core that a process and its descendants used meanwhile."""
    began, used = time.perf_counter(), processor_seconds(pid)
    wait()
    return 100 * (processor_seconds(pid) - used) / (time.perf_counter() - began)


def processor_seconds(pid: int) -> float:
    """Processor time of a process and its descendants."""
    ticks = 0
    for one in (pid, *descendants(pid)):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Megabytes of a process and its descendants; what several share counts once."""
    total = 0
    for one in (pid, *descendants(pid)):
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.MULTILINE)
        total += int(found[1]) if found else 0
    return total * 1024 / 1e6


# Small things


def environment(home: Path) -> dict[str, str]:
    """An environment with empty settings."""
    home.mkdir(parents=True, exist_ok=True)
    folders = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "STATE", "CACHE", "DATA")}
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **folders}


def processor() -> str:
    """The processor's name."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and extremes."""
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
        "runs": len(values),
    }


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that is not exceeded by this part of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def report(figures: Mapping[str, Any]) -> None:
    """Print the figures for a person."""
    machine, load = figures["machine"], figures["load"]
    print(f"\n{machine['processor']}, {machine['cores']} cores, load {machine['load']:.1f} at the start\n")
    print(f"{'':24}{'first paint':>22}{'first key':>22}")
    for name, result in figures["start"].items():
        if "failed" in result:
            print(f"{name:24}not measured: {result['failed'].splitlines()[0]}")
            continue
        cells = (f"{v['median']:.2f} s ({v['min']:.2f}-{v['max']:.2f})" for v in result.values())
        print(f"{name:24}" + "".join(f"{cell:>22}" for cell in cells))
    print(f"\nA session of {load['blocks']:,} blocks, opened in {load['opened_s']:.1f} s")
    for label, name, unit in (
        ("key to paint at 200 tokens/s, p50", "key_p50_ms", "ms"),
        ("key to paint at 200 tokens/s, p95", "key_p95_ms", "ms"),
        ("processor while idle", "idle_cpu_percent", "%"),
        ("processor at 30 tokens/s", "streaming_cpu_percent", "%"),
        ("memory when opened", "memory_opened_mb", "MB"),
        ("memory at the end", "memory_mb", "MB"),
    ):
        limit = EXPECTED.get(name)
        verdict = (
            "" if limit is None else f"   {'ok' if load[name] <= limit else 'MISSED'} (expected at most {limit:g})"
        )
        print(f"  {label:36}{load[name]:>9} {unit:3}{verdict}")
    print()


if __name__ == "__main__":
    main()
