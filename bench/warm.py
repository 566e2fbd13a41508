"""Time to the first token of a reopened session: warm, cold, and llama-cpp-python reading the same prompt.

    make bench, or python bench/warm.py --model NAME-OR-FILE

Expected: warm at least 20 times as fast as cold on a CPU.
A session of about `--prompt` tokens is read once, saved, and reopened in turns: by an engine that may load the state,
by one that may not, and by llama-cpp-python's `Llama` class, which is what its OpenAI server runs and which a restart
leaves with nothing. Loading the model is not counted: each has answered something short before.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from threading import Event

import llama_cpp

from codeagent.inference.client import ChatRequest, Finished, Message, ModelEvent, Sampling
from codeagent.inference.engine.engine import Engine
from codeagent.inference.engine.machine import default_threads
from codeagent.inference.frames import LoadSettings, WarmPlace
from codeagent.inference.store import ModelStore, default_models_folder

CONTEXT = 4096
BATCH = 256
EXPECTED = 20.0


def main() -> None:
    """Print the table; ends with 1 when the expectation is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help="a pulled model's name, or a GGUF file")
    parser.add_argument("--prompt", type=int, default=3000, help="tokens of the session, about")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    model = ModelStore(default_models_folder()).resolve(options.model)
    with tempfile.TemporaryDirectory() as folder:
        raise SystemExit(compare(model, Path(folder), options.prompt, options.repeats))


def compare(model: Path, folder: Path, prompt: int, repeats: int) -> int:
    """Measure and print; 0 when it is as expected."""
    rules = "You are a careful programmer.\n" + "".join(f"def f{n}(x): return x * {n}\n" for n in range(prompt // 14))
    first = request_of(Message(role="system", content=rules), Message(role="user", content="What does f7 do?"))
    with closing(engine_of(model, folder)) as engine:
        end, _ = answer(engine, first)
    said = Message(role="assistant", content=end.raw, tokens=end.tokens)
    again = request_of(*first.messages, said, Message(role="user", content="And f8?"))
    times: dict[str, list[float]] = {"warm": [], "cold": [], "llama-cpp-python": []}
    for _ in range(repeats):
        for name, place in (("warm", folder), ("cold", None)):
            with closing(engine_of(model, place)) as engine:
                answer(engine, SHORT)
                end, seconds = answer(engine, again)
                times[name].append(seconds)
                usage = end.usage
                print(f"{name}: {usage.prompt_tokens} tokens, {usage.cached_tokens} of them there, {seconds:.3f} s")
        times["llama-cpp-python"].append(peer(model, again))
    size = sum(path.stat().st_size for path in folder.glob("*.state"))
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    print(f"states on the disk: {size / 1e6:.0f} MB")
    for name, seconds in middle.items():
        print(f"{name:18} {seconds:8.3f} s to the first token   {seconds / middle['warm']:6.1f} times as long as warm")
    ratio = middle["cold"] / middle["warm"]
    print(f"cold / warm {ratio:.1f}, expected at least {EXPECTED:.0f}: {'yes' if ratio >= EXPECTED else 'NO'}")
    return int(ratio < EXPECTED)


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
    """Seconds to the first token of llama-cpp-python, freshly loaded, with the same messages and settings."""
    llama = llama_cpp.Llama(
        str(model), n_ctx=CONTEXT, n_batch=BATCH, n_threads=default_threads(), n_threads_batch=default_threads(),
        verbose=False,
    )  # fmt: skip
    llama.create_completion("Hello.", max_tokens=1)
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    started = time.perf_counter()
    next(iter(llama.create_completion(chat(messages), max_tokens=1, temperature=0, stream=True)))
    seconds = time.perf_counter() - started
    llama.close()
    return seconds


def chat(messages: list[dict[str, str]]) -> str:
    """ChatML, the form of the models here."""
    return "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages) + "<|im_start|>assistant\n"


if __name__ == "__main__":
    main()
