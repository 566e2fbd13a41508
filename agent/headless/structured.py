"""The answer in the shape of a JSON schema, asked for after the work is done; knows no tools."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

from codeagent import prompts
from codeagent.agent.headless.outcome import Exit, Outcome
from codeagent.inference.client import (
    BadRequestError,
    ChatRequest,
    Finished,
    Message,
    ModelClient,
    ModelError,
    Sampling,
    TextDelta,
    ToolSpec,
)

TRIES = 2
TOKENS = 2048


async def structured_answer(
    client: ModelClient,
    messages: tuple[Message, ...],
    tools: tuple[ToolSpec, ...],
    schema: dict[str, Any],
    outcome: Outcome,
    seed: int | None = None,
) -> None:
    """Ask for the result held to the schema and put it into the outcome; a cut answer is asked for once more. `seed` is
    the session's own.

    The tools are listed, though none can be called, so that the cached prompt stays valid.
    """
    question = Message(role="user", content=prompts.load("loop/structured.md"))
    for attempt in range(TRIES):
        request = ChatRequest(
            messages=(*messages, question),
            tools=tools,
            tool_choice="none",
            json_schema=schema,
            max_tokens=TOKENS * (attempt + 1),
            sampling=Sampling(temperature=0.0 if attempt == 0 else 0.5, seed=seed),
        )
        text, finished = "", Finished(reason="stop")
        try:
            async with aclosing(client.stream(request)) as stream:
                async for event in stream:
                    if isinstance(event, TextDelta):
                        text += event.text
                    elif isinstance(event, Finished):
                        finished = event
        except BadRequestError as e:
            outcome.fail(Exit.BAD_INPUT, str(e))
            return
        except ModelError as e:
            outcome.fail(Exit.ERROR, str(e))
            return
        outcome.usage += finished.usage
        try:
            outcome.structured = json.loads(text)
        except ValueError:
            continue
        return
    outcome.fail(
        Exit.ERROR, "The model gave no complete answer for the JSON schema.", "error_max_structured_output_retries"
    )
