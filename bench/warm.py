"""Time to the first token of a reopened session: warm, cold, and from llama-cpp-python's own OpenAI server.

    python bench/warm.py --model NAME-OR-FILE

Expected: warm at least 20 times as fast as cold on a CPU.
A session of about `--prompt` tokens is read once, saved, and reopened in turns: by an engine that may load the state,
by one that may not, and by llama-cpp-python's server, freshly started, which reads all of it. Loading the model is not
counted: each has answered something short before.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

from rows import report

from codeagent.inference.client import ChatRequest, Finished, Message, ModelEvent, Sampling
from codeagent.inference.engine.engine import Engine
from codeagent.inference.engine.machine import default_threads
from codeagent.inference.frames import LoadSettings, WarmPlace
from codeagent.inference.store import ModelStore, default_models_folder

CONTEXT = 4096
BATCH = 256
EXPECTED = 20.0
START_S = 120
SERVER = "llama-cpp-python's server"


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help="a pulled model's name, or a GGUF file")
    parser.add_argument("--prompt", type=int, default=3000, help="tokens of the session, about")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    model = ModelStore(default_models_folder()).resolve(options.model)
    with tempfile.TemporaryDirectory() as folder:
        compare(model, Path(folder), options.prompt, options.repeats)


def compare(model: Path, folder: Path, prompt: int, repeats: int) -> None:
    """Measure and print."""
    rules = "You are a careful programmer.\n" + "".join(f"def f{n}(x): return x * {n}\n" for n in range(prompt // 14))
    first = request_of(Message(role="system", content=rules), Message(role="user", content="What does f7 do?"))
    with closing(engine_of(model, folder)) as engine:
        end, _ = answer(engine, first)
    said = Message(role="assistant", content=end.raw, tokens=end.tokens)
    again = request_of(*first.messages, said, Message(role="user", content="And f8?"))
    times: dict[str, list[float]] = {"warm": [], "cold": [], SERVER: []}
    for _ in range(repeats):
        for name, place in (("warm", folder), ("cold", None)):
            with closing(engine_of(model, place)) as engine:
                answer(engine, SHORT)
                end, seconds = answer(engine, again)
                times[name].append(seconds)
                usage = end.usage
                print(f"{name}: {usage.prompt_tokens} tokens, {usage.cached_tokens} of them there, {seconds:.3f} s")
        times[SERVER].append(peer(model, again))
    size = sum(path.stat().st_size for path in folder.glob("*.state"))
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    print(f"states on the disk: {size / 1e6:.0f} MB")
    warm = middle.pop("warm")
    for name, seconds in middle.items():
        report(
            f"first token of a reopened session, {end.usage.prompt_tokens} tokens", f"{warm:.3f} s",
            f"{name} {seconds:.1f} s", seconds / warm, least=EXPECTED,
        )  # fmt: skip


def engine_of(model: Path, folder: Path | None) -> Engine:
    """A freshly loaded engine that may use this folder."""
    warm = None if folder is None else WarmPlace(folder=str(folder), limit=4 << 30)
    return Engine.load(LoadSettings(path=str(model), name="bench", context=CONTEXT, batch=BATCH, warm=warm))


def request_of(*messages: Message) -> ChatRequest:
    """Greedy, a few tokens."""
    return ChatRequest(messages=messages, sampling=Sampling(temperature=0), max_tokens=8)


SHORT = request_of(Message(role="user", content="Hello."))


def answer(engine: Engine, request: ChatRequest) -> tuple[Finished, float]:
    """The last event, and the seconds to the first token: building the prompt and loading a state included."""
    events: list[ModelEvent] = []
    began: list[float] = []

    def emit(event: ModelEvent) -> None:
        events.append(event)
        if event.type != "prefill":
            began.append(time.perf_counter())

    started = time.perf_counter()
    engine.generate(request, emit, Event())
    last = events[-1]
    assert isinstance(last, Finished)
    return last, began[0] - started


def peer(model: Path, request: ChatRequest) -> float:
    """Seconds to the first token of the server, freshly started, with the same messages and settings."""
    with server(model) as port:
        first_token(port, [{"role": "user", "content": "Hello."}])
        return first_token(port, [{"role": message.role, "content": message.content} for message in request.messages])


@contextmanager
def server(model: Path) -> Iterator[int]:
    """A server of llama-cpp-python on a free port of this machine."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    threads = str(default_threads())
    command = [
        sys.executable, "-m", "llama_cpp.server", "--model", model, "--port", str(port), "--n_ctx", str(CONTEXT),
        "--n_batch", str(BATCH), "--n_threads", threads, "--n_threads_batch", threads,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + START_S
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5):
                    break
            except OSError as e:
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"the server of llama-cpp-python does not answer: {e}") from None
                time.sleep(0.2)
        yield port
    finally:
        process.kill()
        process.wait()


def first_token(port: int, messages: list[dict[str, str]]) -> float:
    """Seconds until the first piece of an answer is there."""
    body = {"messages": messages, "max_tokens": 2, "temperature": 0, "stream": True}
    headers = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", json.dumps(body).encode(), headers)
    started = time.perf_counter()
    with urllib.request.urlopen(asked, timeout=600) as answer:
        for line in answer:
            if b'"content"' in line:
                return time.perf_counter() - started
    raise SystemExit("the server of llama-cpp-python wrote nothing")


if __name__ == "__main__":
    main()
