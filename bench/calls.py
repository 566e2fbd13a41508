"""Sampled calls of the real tools, of every model at hand: how many of them are malformed.

    python bench/calls.py --calls 500

Each model is asked for calls of all tools at temperature 1 with nothing cut off the distribution, which is as wild as
it gets; what keeps them well-formed is the grammar alone. A reply that the limit of tokens cuts off inside a call is
counted apart: it is neither. Expected: 0 malformed, with every model.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from threading import Event

from rows import report, unmeasured

from codeagent.inference.client import (
    ChatRequest,
    Finished,
    MalformedCall,
    Message,
    ModelEvent,
    Sampling,
    ToolCall,
    ToolSpec,
)
from codeagent.inference.engine.engine import Engine
from codeagent.inference.frames import LoadSettings
from codeagent.inference.store import ModelStore, UnknownModelError, default_models_folder
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace

MODELS = "qwen2.5-coder-1.5b,qwen2.5-coder-0.5b,gemma-3-270m,smollm2-135m"
TOKENS = 200


def main() -> None:
    """Print a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=MODELS, help="names of pulled models, with commas")
    parser.add_argument("--calls", type=int, default=40, help="calls of each model")
    options = parser.parse_args()
    for name in options.models.split(","):
        what = f"malformed calls, {name}"
        try:
            path = ModelStore(default_models_folder()).resolve(name)
        except UnknownModelError:
            unmeasured(what, f"not here: codeagent model pull {name}")
            continue
        with closing(Engine.load(LoadSettings(path=str(path), name=name, context=4096))) as engine:
            print(f"{name} calls as {engine.info().dialect}")
            good, malformed, cut = sample(engine, tools_of(), options.calls)
        print(f"{name}: {good.total()} calls, {cut} replies cut off: {dict(good)}")
        total = good.total() + malformed
        report(what, f"{malformed} of {total}", "the grammar's promise: 0", malformed / max(1, total), most=0)


def tools_of() -> tuple[ToolSpec, ...]:
    """The real tools, as a model sees them."""
    with tempfile.TemporaryDirectory() as folder:
        made = builtin_tools(Workspace(Path(folder)), FileLedger(), {})
        return tuple(
            ToolSpec(name=tool.name, description=tool.description, parameters=tool.schema(), fenced=tool.fenced)
            for tool in made
        )


def sample(engine: Engine, tools: tuple[ToolSpec, ...], wanted: int) -> tuple[Counter[str], int, int]:
    """Good calls by their tool, malformed ones, and replies that were cut off."""
    good: Counter[str] = Counter()
    malformed = cut = number = 0
    while good.total() + malformed < wanted and number < 4 * wanted:
        tool = tools[number % len(tools)]
        request = ChatRequest(
            messages=(
                Message(role="system", content="You are a coding agent."),
                Message(role="user", content=f"Go on with step {number}. Use the tool {tool.name}."),
            ),
            # In turns that tool alone, and all of them.
            tools=(tool,) if number // len(tools) % 2 == 0 else tools,
            tool_choice="required",
            sampling=Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, seed=number),
            max_tokens=TOKENS,
        )
        number += 1
        events: list[ModelEvent] = []
        engine.generate(request, events.append, Event())
        end = events[-1]
        assert isinstance(end, Finished)
        good.update(event.name for event in events if isinstance(event, ToolCall))
        # That a file is not given whole ("... the rest as before") is no grammar's to prevent.
        broken = sum(isinstance(e, MalformedCall) and "complete content" not in e.error for e in events)
        if end.reason in ("length", "loop"):
            cut += 1
        else:
            malformed += broken
    return good, malformed, cut


if __name__ == "__main__":
    main()
