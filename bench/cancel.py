"""How long it takes from closing an answer until the model's process is free again.

    python bench/cancel.py --model NAME-OR-FILE

Through the client and the process the agent uses: half of the answers are left while the prompt is read, half while
they are written, at times that are spread evenly. The limit is the time of one token written: an engine that looks
between tokens only could not be sure to stop sooner. Expected: of 100 cancels 99 take at most twice that.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from contextlib import aclosing

from rows import report

from codeagent.inference.client import ChatRequest, Finished, Message, Sampling
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient
from codeagent.inference.store import ModelStore, default_models_folder

EXPECTED = 2.0
PROMPT_WORDS = 1500
SPREAD_S = 0.6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help="a pulled model's name, or a GGUF file")
    parser.add_argument("--cancels", type=int, default=100)
    options = parser.parse_args()
    path = ModelStore(default_models_folder()).resolve(options.model)
    asyncio.run(measure(LoadSettings(path=str(path), name="bench", context=4096), options.cancels))


async def measure(settings: LoadSettings, cancels: int) -> None:
    """Cancel, and wait for the process each time."""
    client = RunnerClient(settings, lambda *_: None)
    try:
        token = await token_time(client)
        reading = [await cancel(client, n, PROMPT_WORDS, SPREAD_S * n / cancels) for n in range(0, cancels, 2)]
        writing = [await cancel(client, n, 0, SPREAD_S * n / cancels) for n in range(1, cancels, 2)]
    finally:
        await client.close()
    for name, taken in (("reading", reading), ("writing", writing)):
        print(f"while {name}: median {statistics.median(taken) * 1000:.1f} ms, longest {max(taken) * 1000:.1f} ms")
    p99 = statistics.quantiles(reading + writing, n=100, method="inclusive")[98]
    report(
        f"cancel, 99 of 100 ({cancels} times)", f"{p99 * 1000:.0f} ms", f"one token {token * 1000:.0f} ms", p99 / token,
        most=EXPECTED,
    )  # fmt: skip


async def token_time(client: RunnerClient) -> float:
    """Seconds for one token written."""
    async with aclosing(client.stream(request_of(0, 0, 48))) as events:
        found = [event async for event in events]
    end = found[-1]
    assert isinstance(end, Finished)
    return 1 / end.usage.decode_rate


async def cancel(client: RunnerClient, number: int, words: int, after: float) -> float:
    """Seconds from closing an answer, `after` seconds into reading or writing it, until it is closed: the client waits
    for the process to say so.
    """
    async with aclosing(client.stream(request_of(number, words, 400))) as events:
        async for event in events:
            if words or event.type != "prefill":
                break
        await asyncio.sleep(after)
        started = time.perf_counter()
    return time.perf_counter() - started


def request_of(number: int, words: int, tokens: int) -> ChatRequest:
    """A prompt that no other shares the beginning of, and an answer that goes on."""
    text = f"{number} " + "word " * words + "Write a very long story."
    return ChatRequest(
        messages=(Message(role="user", content=text),),
        sampling=Sampling(temperature=0.7, seed=number),
        max_tokens=tokens,
    )


if __name__ == "__main__":
    main()
