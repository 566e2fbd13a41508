"""The real runner process, spoken to in frames over its pipes."""

import os
import queue
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from codeagent.inference.client import ChatRequest, Finished, Message, Prefill, Sampling, ToolSpec
from codeagent.inference.frames import (
    FROM_RUNNER,
    Cancel,
    Cancelled,
    Count,
    Counted,
    Event,
    Failed,
    FromRunner,
    Generate,
    Hello,
    Load,
    Loaded,
    LoadSettings,
    Shutdown,
    State,
    body_of,
    encode,
)

pytestmark = pytest.mark.model

ARGV = [sys.executable, "-P", "-m", "codeagent.inference.runner"]
PATIENCE_S = 60


class Runner:
    """A runner process and the frames it sent."""

    def __init__(self, limit: Callable[[], None] | None = None) -> None:
        self.process = subprocess.Popen(
            ARGV, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limit
        )
        self._frames: queue.Queue[FromRunner | None] = queue.Queue()
        self.stderr = b""
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._overhear)]
        for thread in self._threads:
            thread.start()

    def _listen(self) -> None:
        assert self.process.stdout
        try:
            for line in self.process.stdout:
                self._frames.put(FROM_RUNNER.validate_json(body_of(line)))
        finally:
            self._frames.put(None)

    def _overhear(self) -> None:
        assert self.process.stderr
        self.stderr = self.process.stderr.read()

    def send(self, *frames: Load | Generate | Count | Cancel | Shutdown) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"".join(encode(frame) for frame in frames))
        self.process.stdin.flush()

    def next(self) -> FromRunner | None:
        return self._frames.get(timeout=PATIENCE_S)

    def until(self, *kinds: type[FromRunner]) -> FromRunner:
        while (frame := self.next()) is not None:
            if isinstance(frame, kinds):
                return frame
        raise AssertionError(f"the runner ended: {self.stderr.decode()[-2000:]}")

    def answer(self, number: int) -> tuple[list[Prefill], Finished]:
        prefills: list[Prefill] = []
        while True:
            frame = self.until(Event)
            assert isinstance(frame, Event)
            assert frame.id == number
            if isinstance(frame.event, Prefill):
                prefills.append(frame.event)
            if isinstance(frame.event, Finished):
                return prefills, frame.event

    def close(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()


@contextmanager
def runner(limit: Callable[[], None] | None = None) -> Iterator[Runner]:
    started = Runner(limit)
    try:
        yield started
    finally:
        started.close()


def load(path: Path, **more: object) -> Load:
    return Load(settings=LoadSettings.model_validate({"path": str(path), "name": "small", "context": 2048, **more}))


def ask(text: str, **more: object) -> ChatRequest:
    sampling = Sampling(temperature=0)
    return ChatRequest.model_validate({"messages": (Message(role="user", content=text),), "sampling": sampling, **more})


def test_it_greets_loads_counts_answers_and_leaves(small_model: Path) -> None:
    with runner() as r:
        hello = r.next()
        assert isinstance(hello, Hello)
        assert [device.kind for device in hello.devices].count("cpu") == 1
        assert set(hello.versions) == {"llama.cpp", "llama-cpp-python"}
        r.send(load(small_model))
        assert isinstance(r.next(), State)
        loaded = r.until(Loaded)
        assert isinstance(loaded, Loaded)
        assert loaded.info.context_length == 2048
        request = ask("What is the capital of France?", max_tokens=12)
        r.send(Count(id=1, request=request), Generate(id=2, request=request))
        counted = r.next()
        assert isinstance(counted, Counted)
        prefills, end = r.answer(2)
        assert prefills[-1].total == end.usage.prompt_tokens == counted.tokens
        assert "Paris" in end.raw
        r.send(Shutdown())
        assert r.next() is None
        assert r.process.wait(PATIENCE_S) == 0


@pytest.mark.case(44)
def test_it_leaves_when_its_stdin_ends_even_in_the_middle_of_an_answer(small_model: Path) -> None:
    with runner() as r:
        r.send(load(small_model), Generate(id=1, request=ask("word " * 1500)))
        r.until(Event)
        assert r.process.stdin
        r.process.stdin.close()
        assert r.process.wait(5) == 0


@pytest.mark.case(44)
def test_it_dies_with_its_parent(small_model: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen({ARGV!r}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)\n"
        "p.stdout.readline()\nprint(p.pid, flush=True)\ntime.sleep(100)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and Path(f"/proc/{pid}/stat").exists():
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            break
    else:
        assert not Path(f"/proc/{pid}").exists()


@pytest.mark.case(42)
def test_a_cancelled_request_is_confirmed_within_half_a_second_and_the_next_one_served(small_model: Path) -> None:
    with runner() as r:
        r.send(load(small_model), Generate(id=1, request=ask("word " * 1500)))
        r.until(Event)
        r.until(Event)
        started = time.monotonic()
        r.send(Cancel(id=1), Cancel(id=99))
        assert r.until(Cancelled) == Cancelled(id=1)
        assert time.monotonic() - started < 0.5
        r.send(Generate(id=2, request=ask("What is the capital of France?", max_tokens=12)))
        assert "Paris" in r.answer(2)[1].raw


@pytest.mark.case(42)
def test_a_request_cancelled_while_it_waits_is_not_run(small_model: Path) -> None:
    with runner() as r:
        request = ask("Count to 5.", max_tokens=4)
        r.send(load(small_model), Generate(id=1, request=request), Generate(id=2, request=request), Cancel(id=2))
        assert r.until(Event, Cancelled) == Cancelled(id=2)
        r.answer(1)


def test_a_count_and_a_short_answer_do_not_wait_for_a_long_one(small_model: Path) -> None:
    with runner() as r:
        short = ask("What is the capital of France?", max_tokens=12)
        r.send(load(small_model), Generate(id=1, request=ask("Tell me a long story.", max_tokens=1000)))
        r.until(Event)
        r.send(Generate(id=2, request=short), Count(id=3, request=short))
        counted = False
        while True:
            frame = r.until(Event, Counted)
            counted = counted or isinstance(frame, Counted)
            if isinstance(frame, Event) and isinstance(frame.event, Finished):
                break
        assert (frame.id, counted) == (2, True)
        assert "Paris" in frame.event.raw
        r.send(Cancel(id=1))
        assert r.until(Cancelled) == Cancelled(id=1)


def test_what_is_asked_stops_what_runs_in_the_background(small_model: Path) -> None:
    with runner() as r:
        hidden = ask("word " * 1500, max_tokens=1, background=True)
        r.send(load(small_model), Generate(id=1, request=hidden))
        r.until(Event)
        r.send(Generate(id=2, request=ask("What is the capital of France?", max_tokens=12)))
        while True:
            frame = r.until(Event)
            assert isinstance(frame, Event)
            if frame.id == 2:
                break
            assert not isinstance(frame.event, Finished)
        assert "Paris" in r.answer(2)[1].raw
        assert r.answer(1)[1].reason == "length"


def test_while_it_reads_it_shows_signs_of_life(small_model: Path) -> None:
    with runner() as r:
        r.send(load(small_model, batch=2048, threads=1), Generate(id=1, request=ask("word " * 1900)))
        r.until(Loaded)
        r.until(Event)
        state = r.until(State, Event)
        assert isinstance(state, State)
        assert state.state == "busy"


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (ask("word " * 3000), "overflow"),
        (ask("Hello.", grammar="garbage {{{"), "bad_request"),
        (ask("Hello.", json_schema={"type": "strange"}), "bad_request"),
    ],
)
def test_a_request_it_cannot_serve_is_answered_and_the_next_one_served(
    small_model: Path, request_: ChatRequest, kind: str
) -> None:
    with runner() as r:
        r.send(load(small_model), Generate(id=1, request=request_))
        failed = r.until(Failed)
        assert isinstance(failed, Failed)
        assert (failed.id, failed.kind) == (1, kind)
        assert (failed.data == {}) != (kind == "overflow")
        r.send(Generate(id=2, request=ask("Hello.", max_tokens=2)))
        assert r.answer(2)[1].reason == "length"


@pytest.mark.case(39)
def test_a_file_that_cannot_be_loaded_and_a_request_without_a_model_are_answered(tmp_path: Path) -> None:
    with runner() as r:
        r.send(load(tmp_path / "missing.gguf"), Generate(id=1, request=ask("Hello.")))
        first, second = r.until(Failed), r.until(Failed)
        assert isinstance(first, Failed)
        assert (first.id, first.kind) == (0, "load")
        assert "missing.gguf" in first.message
        assert isinstance(second, Failed)
        assert (second.id, second.kind) == (1, "load")


@pytest.mark.case(38)
def test_what_is_no_frame_ends_it_with_a_word_on_stderr() -> None:
    with runner() as r:
        assert isinstance(r.next(), Hello)
        assert r.process.stdin
        r.process.stdin.write(b"hello\n")
        r.process.stdin.flush()
        assert r.next() is None
        assert r.process.wait(PATIENCE_S) == 0
    assert b"Not a frame" in r.stderr


@pytest.mark.case(44)
def test_it_is_killed_before_its_parent_leaves_no_core_and_ignores_ctrl_c(small_model: Path) -> None:
    with runner() as r:
        assert isinstance(r.next(), Hello)
        mine = int(Path("/proc/self/oom_score_adj").read_text())
        proc = Path(f"/proc/{r.process.pid}")
        assert int((proc / "oom_score_adj").read_text()) == min(1000, mine + 500)
        assert any(
            line.split()[4:6] == ["0", "0"]
            for line in (proc / "limits").read_text().splitlines()
            if line.startswith("Max core file size")
        )
        os.kill(r.process.pid, signal.SIGINT)
        r.send(load(small_model))
        assert isinstance(r.until(Loaded), Loaded)


@pytest.mark.case(41)
def test_a_window_that_does_not_fit_the_memory_is_lowered_only_when_it_was_automatic(small_model: Path) -> None:
    with runner() as r:
        r.send(load(small_model, context=None))
        loaded = r.until(Loaded)
        assert isinstance(loaded, Loaded)
        status = Path(f"/proc/{r.process.pid}/status").read_text()
        needed = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmPeak"))

    def short_of_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (needed - (120 << 20), needed - (120 << 20)))

    with runner(short_of_memory) as r:
        r.send(load(small_model, context=None))
        lowered = r.until(Failed, Loaded)
        assert isinstance(lowered, Loaded), lowered
        assert lowered.info.context_length < loaded.info.context_length
        assert any("Memory ran out" in notice for notice in lowered.info.notices)
        r.send(load(small_model, context=loaded.info.context_length))
        failed = r.until(Failed, Loaded)
        assert isinstance(failed, Failed), failed
        assert failed.kind == "out_of_memory"
        assert "--ctx" in failed.message


def test_a_call_streams_over_the_wire(small_model: Path) -> None:
    tool = ToolSpec(
        name="read",
        description="Read a file.",
        parameters={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    )
    with runner() as r:
        request = ask("Look at main.py.", tools=(tool,), tool_choice="required", max_tokens=100)
        r.send(load(small_model), Generate(id=1, request=request))
        finished = r.answer(1)[1]
        assert finished.reason == "tool_calls"
        # This model goes on to make the same call for ever: the second one is where its answer ends.
        assert finished.raw.count("</tool_call>") == 2
