"""Several requests written at once, against what one llama_decode with as many tokens costs in the same run.

    python bench/parallel.py --model NAME-OR-FILE

The limit is a bare loop: as many sequences with as many tokens in them, one token each a decode, the scores fetched and
nothing sampled. The two take turns, and the median of the times for one step is compared. Expected: 0.9 of the limit at
2, 4 and 8 requests. What that gives over one request alone depends on the machine: a GPU does eight nearly for the
price of one, two CPU cores do not.
"""

from __future__ import annotations

import argparse
import statistics
from threading import Event
from time import perf_counter

from rows import report

from codeagent.inference.client import ChatRequest, Message, ModelEvent, Sampling, TextDelta
from codeagent.inference.engine.engine import Engine
from codeagent.inference.engine.llama import Context, Entry, Model
from codeagent.inference.engine.machine import default_threads
from codeagent.inference.frames import LoadSettings
from codeagent.inference.store import ModelStore, default_models_folder

EXPECTED = 0.9
CONTEXT = 4096
BATCH = 256
TOGETHER = (1, 2, 4, 8)


def main() -> None:
    """Print a line for each number of requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help="a pulled model's name, or a GGUF file")
    parser.add_argument("--steps", type=int, default=8, help="tokens a request in one turn")
    parser.add_argument("--repeats", type=int, default=3, help="turns")
    parser.add_argument("--threads", type=int, default=default_threads())
    options = parser.parse_args()
    path = str(ModelStore(default_models_folder()).resolve(options.model))
    settings = LoadSettings(
        path=path, name="bench", context=CONTEXT, threads=options.threads, batch=BATCH, sequences=max(TOGETHER)
    )
    alone = 0.0
    for count in TOGETHER:
        engine = Engine.load(settings)
        model = Model(path)
        bare = Context(
            model,
            size=CONTEXT,
            batch=BATCH,
            threads=options.threads,
            should_abort=lambda: False,
            sequences=max(TOGETHER),
        )
        ours, limit = turns(engine, bare, count, options.steps, options.repeats)
        alone = alone or count / ours
        print(f"{count} together write {count / ours:.1f} tok/s, {count / ours / alone:.2f} of one alone")
        report(
            f"{count} together, a token of each",
            f"{1000 * ours:.1f} ms",
            f"bare loop {1000 * limit:.1f} ms",
            limit / ours,
            least=EXPECTED,
        )
        engine.close()
        bare.close()
        model.close()


def turns(engine: Engine, bare: Context, count: int, steps: int, repeats: int) -> tuple[float, float]:
    """Seconds for one token of every request: the engine's and the bare loop's median."""
    written = [0] * count
    cancelled, ended = Event(), list[Exception | None]()

    def heard(number: int, event: ModelEvent) -> None:
        written[number] += isinstance(event, TextDelta)

    lengths: list[int] = []
    for number in range(count):
        request = request_of(number)
        lengths.append(engine.count(request))
        engine.submit(request, lambda event, number=number: heard(number, event), cancelled, ended.append)
    while not all(written):
        engine.step()
    for sequence, length in enumerate(lengths):
        last = length - 1
        bare.decode([Entry(1000 + place, place, sequence, place == last) for place in range(length)])
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(repeats * steps):
        started = perf_counter()
        engine.step()
        between = perf_counter()
        bare.decode([Entry(1000, place, sequence, True) for sequence, place in enumerate(lengths)])
        for at in range(count):
            bare.logits(at)
        ours.append(between - started)
        theirs.append(perf_counter() - between)
        lengths = [length + 1 for length in lengths]
    if ended:
        raise SystemExit(f"an answer ended too soon ({ended}): take fewer --steps or --repeats")
    cancelled.set()
    while engine.busy:
        engine.step()
    return statistics.median(ours), statistics.median(theirs)


def request_of(number: int) -> ChatRequest:
    """Something that takes long to write and is not refused, token by token."""
    return ChatRequest(
        messages=(
            Message(
                role="user",
                content=f"Write a Python module that implements a text adventure with {number + 2} rooms. Only code.",
            ),
        ),
        sampling=Sampling(temperature=0.7, seed=number),
        max_tokens=2000,
        exact=True,
    )


if __name__ == "__main__":
    main()
