"""A session of many blocks, and answers that stream at a pace: what the app is measured with."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

from codeagent.agent.events import (
    Event,
    MessageAdded,
    Rewound,
    SessionStarted,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from codeagent.agent.transcript import encode_record
from codeagent.inference.client import Message, Usage
from codeagent.tools.api import Output

BLOCKS_PER_TURN = 6
SAYING = """the function returns a value that was computed from its arguments and then stored where the next call
finds it so that nothing is read twice while errors of the file system are told with the name of the file"""
WORDS = SAYING.split()


def prose(chance: random.Random, words: int) -> str:
    """Markdown as a model writes it: paragraphs, lists, code."""
    parts: list[str] = []
    left = words
    while left > 0:
        size = chance.randint(15, 60)
        left -= size
        said = " ".join(chance.choice(WORDS) for _ in range(size))
        match chance.randint(0, 4):
            case 0:
                parts.append("\n".join(f"- `{chance.choice(WORDS)}` {line}" for line in said.split(" the ")))
            case 1:
                parts.append(f"```python\ndef {chance.choice(WORDS)}(x: int) -> int:\n    return x + {size}\n```")
            case _:
                parts.append(f"{said.capitalize()}.")
    return "\n\n".join(parts)


def events(blocks: int) -> Iterator[Event]:
    """The events of a session that is drawn as so many blocks. The model has forgotten them, the person has not."""
    chance = random.Random(1)
    yield SessionStarted(session_id="bench", cwd=".", model="bench", tools=(), permission_mode="default")
    for number in range(max(1, blocks // BLOCKS_PER_TURN)):
        yield TurnStarted(text=f"Request {number}: {prose(chance, 12)}")
        yield MessageAdded(message=Message(role="user", content="as above"))
        yield MessageAdded(
            message=Message(role="assistant", content=prose(chance, 60), reasoning=prose(chance, 80)),
        )
        call = f"call_{number}"
        yield ToolStarted(call_id=call, name="run", title=f"Run pytest -q tests/test_{number}.py")
        yield ToolFinished(call_id=call, name="run", display=Output(text=prose(chance, 200), exit_code=0), seconds=0.3)
        yield MessageAdded(message=Message(role="assistant", content=prose(chance, 60)))
        yield TurnFinished(outcome="done", steps=2, usage=Usage(prompt_tokens=900, generated_tokens=200))
    yield Rewound(messages=0)


def write_session(path: Path, blocks: int) -> None:
    """Write such a session's log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for number, event in enumerate(events(blocks)):
            file.write(encode_record(number, event, time.time()))


def streaming_turn(tokens_per_second: float, seconds: float) -> str:
    """A line of a script: an answer of that many tokens a second for that long."""
    tokens = max(1, round(tokens_per_second * seconds))
    text = prose(random.Random(2), tokens)
    text = (text * (1 + 4 * tokens // len(text)))[: 4 * tokens]
    return json.dumps({"text": text, "chunks": tokens, "delay_ms": 1000 / tokens_per_second}) + "\n"
