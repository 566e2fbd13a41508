"""A recorded session with a seed, made again with the real model: equal to the last token."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from codeagent.agent.bootstrap import SessionOptions, open_session
from codeagent.agent.calls import Call, calls_of
from codeagent.agent.events import Event
from codeagent.agent.paths import Paths
from codeagent.agent.replay import Compared, compare, described, differences, open_model
from codeagent.agent.transcript import load
from codeagent.inference.client import ModelInfo

pytestmark = pytest.mark.model


def recorded(model: Path, folder: Path, temperature: float) -> tuple[Event, ...]:
    """The log of a session of two turns."""
    root = folder / "repo"
    root.mkdir()
    paths = Paths(folder / "config", folder / "state", folder / "cache", folder / "data")
    sampling = {"temperature": temperature, "seed": 7}
    flags = {"model": str(model), "context": 2048, "max_output_tokens": 24, "sampling": sampling, "sandbox": "off"}
    options = SessionOptions(root=root, paths=paths, trust=True, bare=True, flags={**flags, "max_turns": 1})

    async def work() -> Path:
        opened = open_session(options, lambda event: None, None)
        try:
            async with asyncio.timeout(300):
                for text in ("Tell me a story about a lighthouse.", "And what came then?"):
                    await opened.session.run_turn(text)
        finally:
            await opened.session.close()
        return opened.log_folder / f"{opened.session.id}.jsonl"

    return load(asyncio.run(work())).events


def again(model: Path, info: ModelInfo, calls: list[Call]) -> tuple[list[Compared], dict[str, str]]:
    async def work() -> tuple[list[Compared], dict[str, str]]:
        client = open_model(str(model), info)
        try:
            async with asyncio.timeout(300):
                return [await compare(call, client) for call in calls], (await client.info()).identity
        finally:
            await client.close()

    return asyncio.run(work())


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_session_with_a_seed_is_equal_when_it_is_made_again(
    small_model: Path, tmp_path: Path, temperature: float
) -> None:
    events = recorded(small_model, tmp_path, temperature)
    _, info = described(events)
    calls = list(calls_of(events))
    assert len(calls) == 2
    assert min(len(call.tokens) for call in calls) > 8
    compared, identity = again(small_model, info, calls)
    assert [each.divergence for each in compared] == [None, None]
    assert [each.cached for each in compared] == [call.cached for call in calls]
    assert differences(info.identity, identity) == []
    if temperature:
        moved = dataclasses.replace(calls[0], tokens=(*calls[0].tokens[:5], 0, *calls[0].tokens[6:]))
        found = again(small_model, info, [moved])[0][0].divergence
        assert found is not None
        assert (found.index, found.expected, found.got) == (5, 0, calls[0].tokens[5])
        assert found.got_text
        assert calls[0].raw.endswith(found.got_text) or found.got_text in calls[0].raw


def test_another_model_is_told_by_its_content(small_model: Path) -> None:
    then = {"content": "a", "threads": "2", "library": "llama 1"}
    now = {"content": "b", "threads": "2", "library": "llama 2"}
    assert differences(then, now) == [
        "The content of the model's file is b now and was a then.",
        "The library is llama 2 now and was llama 1 then.",
    ]
