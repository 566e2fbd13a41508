"""A file rewritten whole with a few changed lines, with guesses from the old file and without, in the same run; and
what a grammar costs a token.

    python bench/edits.py --model NAME-OR-FILE

Both answers are greedy and must be equal. The limit is what the cost curve of this machine allows: every token guessed
right, in decodes of the best size, none lost. Expected on the default model: at least 2 times plain decoding, and at
least 85 % of the limit; a grammar takes at most 3 % of the time of a token.
"""

from __future__ import annotations

import argparse
import statistics
import time
from threading import Event

from rows import report

from codeagent.inference.client import ChatRequest, Finished, Message, ModelEvent, Sampling, ToolSpec
from codeagent.inference.dialects import by_name
from codeagent.inference.engine.engine import Engine
from codeagent.inference.engine.llama import Context, Entry, Model
from codeagent.inference.engine.machine import default_threads
from codeagent.inference.engine.sampling import Chooser, Constraint
from codeagent.inference.frames import LoadSettings
from codeagent.inference.store import ModelStore, default_models_folder

FASTER, OF_THE_LIMIT, GRAMMAR = 2.0, 0.85, 0.03
BATCH = 256
SIZES = (1, 32, 64, 128)
WRITE = ToolSpec(
    name="write",
    description="Write a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"],
    },
    fenced=("content",),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help="a pulled model's name, or a GGUF file")
    parser.add_argument("--lines", type=int, default=300, help="lines of the file")
    parser.add_argument("--tokens", type=int, default=4000, help="tokens to write at most")
    options = parser.parse_args()
    path = ModelStore(default_models_folder()).resolve(options.model)
    rewriting(str(path), source(options.lines), options.tokens)
    grammar_cost(str(path))


def source(lines: int) -> str:
    """A Python module of about so many lines, in functions of ten that differ."""
    verbs = ("load", "parse", "check", "merge", "count", "filter", "render", "store", "split", "trim")
    nouns = ("orders", "prices", "users", "events", "stocks", "routes", "labels", "grades", "tasks", "notes")
    body = ['"""Reports of a small shop."""', "", "import json", "", "LIMIT = 100", "", ""]
    number = 0
    while len(body) + 10 <= lines:
        verb, noun = verbs[number % 10], nouns[(number // 10 + number) % 10]
        body += [
            f"def {verb}_{noun}(values, minimum={number}):",
            f'    """Return the {noun} that are at least the minimum, in order."""',
            "    found = []",
            "    for value in values:",
            f"        if value >= minimum and len(found) < LIMIT + {number * 3}:",
            f"            found.append(value * {number + 2})",
            f'    print("{verb}", len(found), "{noun}")',
            "    return sorted(found)",
            "",
            "",
        ]
        number += 1
    return "\n".join(body).rstrip() + "\n"


def rewriting(path: str, text: str, tokens: int) -> None:
    """Plain and guessed, and the limit."""
    engine = Engine.load(LoadSettings(path=path, name="bench", context=12_288, batch=BATCH))
    question = (
        "In shop.py set LIMIT to 250, rename the function load_orders to read_orders, and let check_users print "
        f'"checked" instead of "check". Change nothing else.\n\nshop.py\n```python\n{text}```\n'
    )
    request = ChatRequest(
        messages=(Message(role="user", content=question),),
        tools=(WRITE,),
        tool_choice="required",
        files=("shop.py",),
        sampling=Sampling(temperature=0),
        max_tokens=tokens,
        prediction=text,
        logprobs=True,
    )
    # What is measured first has the prompt to read as well, which is no part of either.
    plain = answer(engine, request.model_copy(update={"exact": True}))
    answer(engine, request.model_copy(update={"max_tokens": 200}))
    guessed = answer(engine, request)
    engine.close()
    ratio = guessed.usage.decode_rate / plain.usage.decode_rate
    curve = measured(path, guessed.usage.prompt_tokens + guessed.usage.generated_tokens // 2)
    best = max(size / curve[size] for size in SIZES) * curve[1]
    print(f"a file of {len(text.splitlines())} lines, {guessed.usage.generated_tokens} tokens written")
    print(f"the same answer: {same(plain, guessed)}")
    print(f"plain {plain.usage.decode_rate:.1f} tok/s, guessed {guessed.usage.decode_rate:.1f} tok/s")
    print(f"drafted {guessed.usage.drafted}, accepted {guessed.usage.accepted}")
    print("cost curve: " + ", ".join(f"{size}: {ms:.0f} ms" for size, ms in curve.items()))
    what = f"{len(text.splitlines())} lines rewritten with three changed"
    ours, slow = (f"{each.usage.decode_rate:.1f} tok/s" for each in (guessed, plain))
    report(what, ours, f"plain {slow}", ratio, least=FASTER)
    limit = f"cost curve {best * plain.usage.decode_rate:.1f} tok/s"
    report(f"{what}, of the limit", ours, limit, ratio / best, least=OF_THE_LIMIT)


def answer(engine: Engine, request: ChatRequest) -> Finished:
    """The last event of a request."""
    events: list[ModelEvent] = []
    engine.generate(request, events.append, Event())
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def same(plain: Finished, guessed: Finished) -> str:
    """Whether the answers are equal, or where they part and by what margin."""
    if plain.tokens == guessed.tokens:
        return "yes"
    at = next((n for n, (a, b) in enumerate(zip(plain.tokens, guessed.tokens, strict=False)) if a != b), -1)
    one, other = plain.logprobs[at], guessed.logprobs[at]
    return f"up to token {at}, {one.text!r} or {other.text!r}, margin {abs(one.logprob - other.logprob):.4f}"


def measured(path: str, depth: int) -> dict[int, float]:
    """Milliseconds of a decode by its size, all tokens scored, this deep in a conversation: medians, in turns."""
    model = Model(path)
    context = Context(model, size=depth + 512, batch=BATCH, threads=default_threads(), should_abort=lambda: False)
    for start in range(0, depth, BATCH):
        context.decode([Entry(1000 + n % 100, n, 0, False) for n in range(start, min(depth, start + BATCH))])
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(5):
        for size in SIZES:
            for _ in range(8 if size == 1 else 1):
                started = time.perf_counter()
                context.decode([Entry(1000 + n, depth + n, 0, True) for n in range(size)])
                times[size].append((time.perf_counter() - started) * 1000)
                context.remove_from(depth)
    context.close()
    model.close()
    return {size: statistics.median(found) for size, found in times.items()}


def grammar_cost(path: str) -> None:
    """The time a token takes to be chosen under a grammar, over that without, by the time a token takes in all."""
    model = Model(path)
    context = Context(model, size=1024, batch=BATCH, threads=default_threads(), should_abort=lambda: False)
    found = by_name("fenced").grammar([WRITE], required=True, files=("shop.py", "other.py"))
    assert found is not None
    tokens = model.vocab.tokenize("shop.py\n```python\n" + source(60), parse_special=False)[:300]
    decoding: list[float] = []
    choosing: dict[str, list[float]] = {"free": [], "held": []}
    sampling = Sampling()
    choosers = {
        "free": Chooser(context, sampling, 1, Constraint()),
        "held": Chooser(context, sampling, 1, Constraint(gbnf=found.gbnf)),
    }
    for position, token in enumerate(tokens):
        started = time.perf_counter()
        context.decode([Entry(token, position, 0, True)])
        decoding.append(time.perf_counter() - started)
        for name, chooser in choosers.items():
            started = time.perf_counter()
            chooser.next(thinking=False)
            choosing[name].append(time.perf_counter() - started)
    context.close()
    model.close()
    free, held = (statistics.median(choosing[name]) * 1000 for name in ("free", "held"))
    whole = statistics.median(decoding) * 1000 + free
    share = (held - free) / whole
    ours, whole_token = f"{held:.2f} ms to choose, free {free:.2f} ms", f"a token {whole:.1f} ms"
    report("a grammar, of a token's time", ours, whole_token, share, most=GRAMMAR, percent=True)


if __name__ == "__main__":
    main()
