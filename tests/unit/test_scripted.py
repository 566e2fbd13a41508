"""The scripted model plays what its script says, as a real model would send it, and complains about bad scripts."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from codeagent.inference.client import (
    BadRequestError,
    ChatRequest,
    ContextOverflowError,
    Finished,
    MalformedCall,
    Message,
    ModelClient,
    ModelError,
    ModelEvent,
    ModelInfo,
    ModelLoadError,
    OutOfMemoryError,
    Prefill,
    ReasoningDelta,
    RunnerDiedError,
    TextDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from codeagent.inference.scripted import ScriptedCall, ScriptedClient, ScriptedTurn


def ask(text: str = "Hello", seed: int | None = None) -> ChatRequest:
    request = ChatRequest(messages=(Message(role="user", content=text),))
    return request.model_copy(update={"sampling": request.sampling.model_copy(update={"seed": seed})})


async def play(client: ModelClient, request: ChatRequest | None = None) -> list[ModelEvent]:
    return [event async for event in client.stream(request or ask())]


def script(folder: Path, text: str | bytes) -> Path:
    path = folder / "script.jsonl"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


async def test_a_turn_plays_reasoning_text_and_calls_in_order_and_finishes() -> None:
    usage = Usage(prompt_tokens=10, generated_tokens=5, seed=7)
    calls = (ScriptedCall(name="read", arguments={"path": "a.py"}), ScriptedCall(name="list"))
    client = ScriptedClient([ScriptedTurn(reasoning="Hm.", text="Hello", chunks=2, calls=calls, usage=usage)])
    prompt = await client.count_tokens(ask())
    assert await play(client) == [
        Prefill(done=prompt, total=prompt, cached=0),
        ReasoningDelta(text="Hm"),
        ReasoningDelta(text="."),
        TextDelta(text="Hel"),
        TextDelta(text="lo"),
        ToolCallDelta(index=0, name="read", text='{"name": "read", "arguments": {"path": "a.py"}}'),
        ToolCall(id="call_1_1", name="read", arguments={"path": "a.py"}),
        ToolCallDelta(index=1, name="list", text='{"name": "list", "arguments": {}}'),
        ToolCall(id="call_1_2", name="list", arguments={}),
        Finished(
            reason="tool_calls",
            usage=usage,
            raw='Hm.\nHello\n{"name": "read", "arguments": {"path": "a.py"}}\n{"name": "list", "arguments": {}}',
        ),
    ]


@pytest.mark.parametrize("text", ["", "a", "ab", "abcdefgh", "zwölf Boxkämpfer"])
@pytest.mark.parametrize("chunks", [1, 3, 100])
async def test_text_arrives_complete_in_at_most_that_many_deltas(text: str, chunks: int) -> None:
    events = await play(ScriptedClient([ScriptedTurn(text=text, chunks=chunks)]))
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(deltas) == text
    assert len(deltas) <= chunks
    assert all(deltas)


async def test_the_finish_can_be_chosen_and_is_made_up_otherwise() -> None:
    client = ScriptedClient([ScriptedTurn(text="x" * 40), ScriptedTurn(reason="length")])
    first = (await play(client, ask(seed=3)))[-1]
    assert isinstance(first, Finished)
    assert first.reason == "stop"
    assert (first.usage.generated_tokens, first.usage.seed) == (10, 3)
    second = (await play(client))[-1]
    assert isinstance(second, Finished)
    assert second.reason == "length"


async def test_a_malformed_call_is_an_event_and_no_call() -> None:
    events = await play(ScriptedClient([ScriptedTurn(malformed="<tool_call>{")]))
    assert [type(event) for event in events] == [Prefill, MalformedCall, Finished]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("runner_died", RunnerDiedError),
        ("overflow", ContextOverflowError),
        ("out_of_memory", OutOfMemoryError),
        ("load", ModelLoadError),
        ("bad_request", BadRequestError),
    ],
)
async def test_an_error_is_raised_after_what_the_turn_said_before_and_the_next_turn_plays(
    kind: Any, error: type[ModelError]
) -> None:
    client = ScriptedClient([ScriptedTurn(text="Well", chunks=1, error=kind), ScriptedTurn(text="fine")])
    seen: list[ModelEvent] = []
    with pytest.raises(error):
        async for event in client.stream(ask()):
            seen.append(event)
    assert seen[1:] == [TextDelta(text="Well")]
    assert isinstance((await play(client))[-1], Finished)


async def test_a_hanging_turn_ends_by_closing_the_stream_and_frees_the_model() -> None:
    client = ScriptedClient([ScriptedTurn(text="Well", hang=True), ScriptedTurn(text="fine")])

    async def wait_for_ever() -> None:
        await play(client)

    task = asyncio.create_task(wait_for_ever())
    done, _ = await asyncio.wait({task}, timeout=0.2)
    assert not done
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
    async with asyncio.timeout(5):
        assert isinstance((await play(client))[-1], Finished)


async def test_closing_a_stream_half_way_leaves_the_next_turn_untouched() -> None:
    client = ScriptedClient([ScriptedTurn(text="one"), ScriptedTurn(text="two", chunks=1)])
    async with aclosing(client.stream(ask())) as stream:
        await anext(stream)
    assert TextDelta(text="two") in await play(client)


async def test_a_second_stream_waits_for_the_first() -> None:
    client = ScriptedClient([ScriptedTurn(text="one"), ScriptedTurn(text="two")])
    async with aclosing(client.stream(ask())) as stream:
        await anext(stream)
        second = asyncio.create_task(play(client))
        done, _ = await asyncio.wait({second}, timeout=0.1)
        assert not done
    async with asyncio.timeout(5):
        assert isinstance((await second)[-1], Finished)


async def test_an_expectation_that_is_met_plays_and_one_that_is_not_fails_with_both_texts() -> None:
    client = ScriptedClient([ScriptedTurn(expect="ell"), ScriptedTurn(expect="3 passed")])
    assert isinstance((await play(client))[-1], Finished)
    with pytest.raises(ModelError, match=r"Turn 2 .* expected '3 passed' .* 'Hello'"):
        await play(client)


async def test_a_script_that_runs_out_says_so() -> None:
    client = ScriptedClient([ScriptedTurn(text="once")])
    await play(client)
    with pytest.raises(ModelError, match="The script has 1 turns and was asked for number 2"):
        await play(client)


async def test_requests_are_recorded() -> None:
    client = ScriptedClient([ScriptedTurn(), ScriptedTurn()])
    await play(client, ask("one"))
    await play(client, ask("two"))
    assert [request.messages[-1].content for request in client.requests] == ["one", "two"]


async def test_it_describes_itself_and_closes_twice() -> None:
    client = ScriptedClient([], name="demo", context_length=1000)
    assert await client.info() == ModelInfo(name="demo", context_length=1000, dialect="script")
    await client.close()
    await client.close()


async def test_a_file_is_one_turn_a_line(tmp_path: Path) -> None:
    client = ScriptedClient.from_file(
        script(tmp_path, '{"text": "line\\u2028separator", "chunks": 1}\n\n{"calls": [{"name": "list"}]}\n')
    )
    assert TextDelta(text="line\u2028separator") in await play(client)
    assert ToolCall(id="call_2_1", name="list", arguments={}) in await play(client)
    assert (await client.info()).name == "script:script.jsonl"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"text": "a"}\n{"text": ', "line 2: Invalid JSON"),
        ('\n{"txet": "a"}', "line 2: txet: Extra inputs are not permitted"),
        ("[]", "line 1: Input should be an object"),
        ('{"calls": [{"arguments": {}}]}', r"line 1: calls\.0\.name: Field required"),
        ('{"error": "fire"}', "line 1: error: Input should be"),
        ('{"chunks": 0}', "line 1: chunks: Input should be greater"),
        ('{"error": "load", "hang": true}', "line 1: Value error, a turn ends in one way, not in error and hang"),
        ('{"hang": true, "reason": "stop"}', "one way, not in hang and reason"),
        ('{"message": "x"}', "message goes with an error"),
        ("\n \n", "holds no turns"),
        (b"\xff", r"not UTF-8 text \(byte 0\)"),
    ],
)
def test_a_bad_script_is_a_sentence_with_the_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(ModelLoadError, match=said):
        ScriptedClient.from_file(script(tmp_path, text))


async def test_a_turn_tells_how_sure_the_model_was_to_who_asks(tmp_path: Path) -> None:
    turn = {
        "text": "Well.",
        "calls": [{"name": "run", "arguments": {"command": "a\nb"}}],
        "logprobs": [{"text": "Wel", "logprob": -1}, {"text": "a\nb", "logprob": -2.5}],
    }
    client = ScriptedClient.from_file(script(tmp_path, f"{json.dumps(turn)}\n" * 2))
    asked = (await play(client, ask().model_copy(update={"logprobs": True})))[-1]
    assert isinstance(asked, Finished)
    assert "".join(token.text for token in asked.logprobs) == asked.raw
    assert [token for token in asked.logprobs if token.logprob] == [
        TokenLogprob(text="Wel", logprob=-1),
        TokenLogprob(text="a\\nb", logprob=-2.5),
    ]
    plain = (await play(client))[-1]
    assert isinstance(plain, Finished)
    assert plain.logprobs == ()


@pytest.mark.parametrize("pieces", [["no"], ["b", "a"], ["a", "a"]])
def test_a_piece_that_a_turn_does_not_play_is_refused(tmp_path: Path, pieces: list[str]) -> None:
    turn = {"text": "a b", "logprobs": [{"text": piece, "logprob": -1} for piece in pieces]}
    with pytest.raises(ModelLoadError, match=r"line 1: Value error, the text .* not in what the turn plays"):
        ScriptedClient.from_file(script(tmp_path, json.dumps(turn)))


def test_a_script_that_is_not_there_or_a_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="cannot be read: No such file"):
        ScriptedClient.from_file(tmp_path / "missing.jsonl")
    with pytest.raises(ModelLoadError, match="cannot be read: Is a directory"):
        ScriptedClient.from_file(tmp_path)


async def test_a_turn_takes_the_time_between_deltas_that_it_names(tmp_path: Path) -> None:
    client = ScriptedClient.from_file(script(tmp_path, json.dumps({"text": "abcdef", "chunks": 6, "delay_ms": 20})))
    began = asyncio.get_running_loop().time()
    played = await play(client)
    assert [event.text for event in played if isinstance(event, TextDelta)] == list("abcdef")
    assert asyncio.get_running_loop().time() - began >= 6 * 0.02
