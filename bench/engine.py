"""The engine's speed against a bare llama_decode loop on the same model in the same run, and the memory it takes.

    python bench/engine.py --model NAME-OR-FILE

The bare loop decodes the same tokens and samples nothing. The two take turns, and what counts is the median of the
ratios, turn by turn. Expected: 0.97.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

from rows import report

from codeagent.inference.client import ChatRequest, Finished, Message, ModelEvent, Sampling
from codeagent.inference.engine.engine import Engine
from codeagent.inference.engine.llama import Context, Entry, Model
from codeagent.inference.engine.machine import default_threads
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient
from codeagent.inference.store import ModelStore, default_models_folder

CONTEXT = 4096
BATCH = 256
EXPECTED = 0.97


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help="a pulled model's name, or a GGUF file")
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("--prompt", type=int, default=512, help="tokens of the prompt, about")
    parser.add_argument("--tokens", type=int, default=64, help="tokens to generate")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=default_threads())
    options = parser.parse_args()
    if options.memory:
        asyncio.run(memory(LoadSettings.model_validate_json(options.memory)))
        return
    path = ModelStore(default_models_folder()).resolve(options.model)
    settings = LoadSettings(path=str(path), name="bench", context=CONTEXT, threads=options.threads, batch=BATCH)
    speed(settings, options.prompt, options.tokens, options.repeats)
    # In a process of its own, which like the real parent has not loaded the native library.
    subprocess.run([sys.executable, __file__, "--memory", settings.model_dump_json()], check=True)


def speed(settings: LoadSettings, prompt: int, tokens: int, repeats: int) -> None:
    """Prefill and decode rates of both, in turns."""
    engine = Engine.load(settings)
    model = Model(settings.path)
    bare = Context(
        model, size=CONTEXT, batch=BATCH, threads=settings.threads or default_threads(), should_abort=lambda: False
    )
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for number in range(repeats + 1):
        request = request_of(number, prompt, tokens)
        end = answer(engine, request)
        count = end.usage.prompt_tokens - end.usage.cached_tokens
        start = end.usage.cached_tokens
        ours.append((end.usage.prefill_rate, end.usage.decode_rate))
        theirs.append(bare_rates(bare, start, count, end.tokens))
    compare("prefill", [rate for rate, _ in ours[1:]], [rate for rate, _ in theirs[1:]])
    compare("decode", [rate for _, rate in ours[1:]], [rate for _, rate in theirs[1:]])
    bare.close()
    model.close()
    second_turn(engine, request_of(repeats + 1, prompt, tokens))
    engine.close()


def second_turn(engine: Engine, request: ChatRequest) -> None:
    """How much of a turn's prompt is served from the cache when the next one follows it, and what that saves."""
    first = answer(engine, request)
    said = Message(role="assistant", content=first.raw, tokens=first.tokens)
    following = (*request.messages, said, Message(role="user", content="Go on."))
    second = answer(engine, request.model_copy(update={"messages": following}))
    share = second.usage.cached_tokens / first.usage.prompt_tokens
    print(
        f"second turn: {second.usage.cached_tokens} of {second.usage.prompt_tokens} prompt tokens cached, "
        f"{share:.1%} of the first turn's {first.usage.prompt_tokens}; "
        f"read in {second.usage.prefill_ms:.0f} ms, the first in {first.usage.prefill_ms:.0f} ms"
    )


def request_of(number: int, prompt: int, tokens: int) -> ChatRequest:
    """A prompt whose beginning differs from every other's, so that nothing is cached but the first words."""
    text = f"{number} " + " ".join(f"line {number * 7 + n} of the text" for n in range(prompt // 8))
    sampling = Sampling(temperature=0.7, seed=number)
    return ChatRequest(
        messages=(Message(role="user", content=text + "\nWrite a very long story."),),
        sampling=sampling,
        max_tokens=tokens,
    )


def answer(engine: Engine, request: ChatRequest) -> Finished:
    """The last event of a request."""
    events: list[ModelEvent] = []
    engine.generate(request, events.append, Event())
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def bare_rates(context: Context, start: int, count: int, generated: tuple[int, ...]) -> tuple[float, float]:
    """Tokens a second of the bare loop for as many tokens as the engine read, from the same position, and wrote."""
    context.clear()
    read_bare(context, 0, start)
    started = time.perf_counter()
    read_bare(context, start, start + count)
    read = time.perf_counter()
    for position, token in enumerate(generated, start + count):
        context.decode([Entry(token, position, 0, True)])
        context.logits()
    return count / (read - started), len(generated) / (time.perf_counter() - read)


def read_bare(context: Context, start: int, end: int) -> None:
    """Decode any tokens from one position to another, in batches, and fetch the scores after each."""
    for first in range(start, end, BATCH):
        last = min(first + BATCH, end) - 1
        context.decode([Entry(1000 + place % 1000, place, 0, place == last) for place in range(first, last + 1)])
        context.logits()


def compare(what: str, ours: list[float], theirs: list[float]) -> None:
    """One row: both medians, and the median of the ratios turn by turn."""
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    mine, bare = statistics.median(ours), statistics.median(theirs)
    report(what, f"{mine:.1f} tok/s", f"bare loop {bare:.1f} tok/s", ratio, least=EXPECTED)


async def memory(settings: LoadSettings) -> None:
    """Resident memory of a fresh parent's client and of its runner after one answer."""
    client = RunnerClient(settings, lambda *_: None)
    async for _ in client.stream(request_of(1, 512, 16)):
        pass
    for child in children():
        print(f"runner   {resident(child)}")
    print(f"parent   {resident(Path('/proc/self'))}")
    await client.close()


def children() -> list[Path]:
    """The processes this one has started."""
    me = os.getpid()
    return [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and parent_of(entry) == me]


def parent_of(process: Path) -> int:
    """The parent's number, or 0 for a process that has gone."""
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def resident(process: Path) -> str:
    """Resident memory, and how much of it is the mapped file."""
    fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    total, mapped = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "RssFile"))
    return f"{total:8.0f} MiB resident, of which {mapped:.0f} MiB mapped files"


if __name__ == "__main__":
    main()
