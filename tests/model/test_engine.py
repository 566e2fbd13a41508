import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Event, Timer

import pytest

from codeagent.inference.client import (
    BadRequestError,
    ChatRequest,
    ContextOverflowError,
    Finished,
    Message,
    ModelEvent,
    ModelLoadError,
    Prefill,
    Sampling,
    TextDelta,
    ToolCall,
    ToolSpec,
)
from codeagent.inference.engine.engine import Engine
from codeagent.inference.engine.generation import CancelledError
from codeagent.inference.frames import LoadSettings
from codeagent.inference.store import ModelInUseError, ModelStore

pytestmark = pytest.mark.model

GREEDY = Sampling(temperature=0)
READ = ToolSpec(
    name="read",
    description="Read a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}, "first": {"type": "integer"}},
        "required": ["path"],
        "additionalProperties": False,
    },
)


@pytest.fixture(scope="module")
def engine(small_model: Path) -> Iterator[Engine]:
    engine = Engine.load(LoadSettings(path=str(small_model), name="small", context=2048))
    yield engine
    engine.close()


@dataclass
class Run:
    events: list[ModelEvent]

    @property
    def end(self) -> Finished:
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))


def run(engine: Engine, request: ChatRequest) -> Run:
    events: list[ModelEvent] = []
    engine.generate(request, events.append, Event())
    return Run(events)


def ask(text: str, **more: object) -> ChatRequest:
    return ChatRequest.model_validate({"messages": (Message(role="user", content=text),), "sampling": GREEDY, **more})


def test_what_is_loaded_is_described(engine: Engine) -> None:
    info = engine.info()
    assert (info.name, info.architecture, info.context_length) == ("small", "qwen2", 2048)
    assert info.can_rewind
    assert not info.reasoning
    assert 490_000_000 < info.parameters < 640_000_000


def test_the_same_seed_gives_the_same_answer(engine: Engine) -> None:
    request = ask("Tell me a story.", sampling=Sampling(temperature=1.0, seed=7), max_tokens=16)
    run(engine, request)  # brings the cache to where both of the others find it
    first, second = run(engine, request).end, run(engine, request).end
    assert first.tokens == second.tokens
    assert first.usage.seed == 7
    others = [run(engine, ask("Tell me a story.", sampling=Sampling(temperature=1.0), max_tokens=16)) for _ in range(2)]
    assert others[0].end.usage.seed != others[1].end.usage.seed


def test_a_second_turn_reads_only_what_is_new(engine: Engine) -> None:
    first = ask("Write a Python function that adds two numbers.", max_tokens=40)
    answer = run(engine, first).end
    said = Message(role="assistant", content=answer.raw, tokens=answer.tokens)
    second = ask("").model_copy(update={"messages": (*first.messages, said, Message(role="user", content="And now?"))})
    usage = run(engine, second.model_copy(update={"max_tokens": 8})).end.usage
    before = answer.usage.prompt_tokens + len(answer.tokens)
    # The last token of an answer that was cut off has not been read yet.
    assert usage.cached_tokens == before - (answer.reason == "length")
    assert usage.cached_tokens >= 0.95 * before
    assert usage.prompt_tokens - usage.cached_tokens < 20


def test_an_edited_history_is_reread_from_the_edit_on(engine: Engine) -> None:
    run(engine, ask("Name a colour. " + "Take your time. " * 20, max_tokens=4))
    usage = run(engine, ask("Name a colour. " + "Take your time. " * 19 + "Hurry.", max_tokens=4)).end.usage
    assert usage.prompt_tokens - usage.cached_tokens < 20
    other = run(engine, ask("Now something else entirely.", max_tokens=4)).end.usage
    assert other.cached_tokens < usage.cached_tokens


def test_a_cached_prompt_gives_the_answer_of_a_fresh_one(engine: Engine, small_model: Path) -> None:
    request = ask("What is the capital of France?", max_tokens=12)
    run(engine, ask("What is the capital of Spain?", max_tokens=12))
    cached = run(engine, request)
    fresh = Engine.load(LoadSettings(path=str(small_model), name="small", context=512))
    try:
        assert run(fresh, request).end.raw == cached.end.raw
    finally:
        fresh.close()
    assert "Paris" in cached.text


def test_usage_says_what_the_call_cost(engine: Engine) -> None:
    request = ask("Count to five.", max_tokens=10)
    assert engine.count(request) == run(engine, request).end.usage.prompt_tokens
    usage = run(engine, request).end.usage
    assert usage.cached_tokens == usage.prompt_tokens - 1
    assert usage.generated_tokens == 10
    assert usage.prefill_ms > 0
    assert usage.decode_ms > 0


def test_reading_is_reported_in_chunks_with_the_time_left(engine: Engine) -> None:
    events = run(engine, ask("word " * 600, max_tokens=1)).events
    prefills = [event for event in events if isinstance(event, Prefill)]
    assert [p.done for p in prefills] == sorted({p.done for p in prefills})
    assert prefills[-1].done == prefills[-1].total
    assert all(b.done - a.done <= 256 for a, b in pairwise(prefills))
    assert all(p.eta_s is not None for p in prefills[1:])
    assert prefills[-1].eta_s == 0


@pytest.mark.parametrize("moment", ["prefill", "decode"])
@pytest.mark.case(42)
def test_cancel_takes_less_than_half_a_second_and_the_next_answer_is_right(engine: Engine, moment: str) -> None:
    known = ask("What is the capital of France?", max_tokens=8)
    expected = run(engine, known).end.raw
    request = ask("word " * 1500 if moment == "prefill" else "Tell me a long story.", max_tokens=400)
    cancelled, asked_at = Event(), [0.0]

    def cancel() -> None:
        asked_at[0] = time.monotonic()
        cancelled.set()

    seen: list[ModelEvent] = []

    def emit(event: ModelEvent) -> None:
        seen.append(event)
        if len(seen) == (2 if moment == "prefill" else 8):
            Timer(0.05, cancel).start()  # in the middle of what comes next, not between two steps

    with pytest.raises(CancelledError):
        engine.generate(request, emit, cancelled)
    assert time.monotonic() - asked_at[0] < 0.5
    assert not any(isinstance(event, Finished) for event in seen)
    again = run(engine, request.model_copy(update={"max_tokens": 1})).end.usage
    assert again.cached_tokens >= (256 if moment == "prefill" else engine.count(request) - 1)
    assert run(engine, known).end.raw == expected


@pytest.mark.case(42)
def test_a_request_cancelled_before_it_starts_reads_nothing(engine: Engine) -> None:
    cancelled = Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        engine.generate(ask("Hello again."), lambda _event: None, cancelled)


def test_max_tokens_ends_an_answer_by_length(engine: Engine) -> None:
    end = run(engine, ask("Tell me a long story.", max_tokens=5)).end
    assert (end.reason, len(end.tokens)) == ("length", 5)


def test_an_answer_that_ends_by_itself_stops(engine: Engine) -> None:
    end = run(engine, ask("Answer with the word yes and nothing else.", max_tokens=50)).end
    assert end.reason == "stop"
    assert "<|im_end|>" not in end.raw


@pytest.mark.case(41)
def test_a_prompt_over_the_window_is_refused_and_nothing_cut(engine: Engine) -> None:
    with pytest.raises(ContextOverflowError) as caught:
        run(engine, ask("word " * 3000))
    assert caught.value.limit == 2048
    assert caught.value.needed == engine.count(ask("word " * 3000)) > 3000


@pytest.mark.case(41)
def test_an_answer_that_fills_the_window_says_so(engine: Engine) -> None:
    filled = ask("word " * 1990, max_tokens=500, grammar="root ::= [a-z ]+")
    room = 2048 - engine.count(filled)
    end = run(engine, filled).end
    assert end.reason == "context_full"
    assert len(end.tokens) == room + 1
    assert run(engine, ask("What is the capital of France?", max_tokens=8)).end.usage.cached_tokens > 0


def test_a_stop_string_ends_the_answer_before_it(engine: Engine) -> None:
    whole = run(engine, ask("Count from 1 to 9, with commas.", max_tokens=24))
    assert ", 4, 5" in whole.text
    cut = run(engine, ask("Count from 1 to 9, with commas.", max_tokens=24, stop=(" 4, 5", "never")))
    assert cut.end.reason == "stop"
    assert cut.text == cut.end.raw == whole.text[: whole.text.index(" 4, 5")]
    assert cut.end.tokens == whole.end.tokens[: len(cut.end.tokens)]


@pytest.mark.case(43)
def test_an_exact_repetition_without_end_is_stopped_as_a_loop(engine: Engine) -> None:
    phrase = "the quick brown fox jumps over the lazy dog and "
    end = run(engine, ask("Go on.", max_tokens=900, grammar=f'root ::= "{phrase * 100}"')).end
    assert end.reason == "loop"
    assert 400 <= len(end.tokens) < 440


def test_characters_of_several_tokens_arrive_whole(engine: Engine) -> None:
    text = "日本語 😀🧑‍🚀 é ǅ"
    got = run(engine, ask("Say it.", grammar=f'root ::= "{text}"'))
    assert got.end.raw == got.text == text


def test_an_answer_held_to_a_schema_is_valid_json_and_no_call(engine: Engine) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"enum": ["read", "write"]}, "arguments": {"type": "object", "maxProperties": 0}},
        "required": ["name", "arguments"],
    }
    wild = Sampling(temperature=1.5, top_k=0, top_p=1, min_p=0, seed=5)
    got = run(engine, ask("Go.", json_schema=schema, tools=(READ,), sampling=wild, max_tokens=300))
    assert got.end.reason in ("stop", "length")
    if got.end.reason == "stop":
        assert set(json.loads(got.end.raw)) == {"name", "arguments"}
    assert not any(isinstance(event, ToolCall) for event in got.events)


@pytest.mark.parametrize(
    "grammar",
    [
        "",
        " \n",
        "root",
        "root ::= missing",
        'other ::= "a"',
        'root ::= root "a"',
        "root ::= [",
        'root ::= "open',
        "garbage {{{",
        'root ::= "\\x00"',
        'root ::= "a"\0',
        "root ::= " + "(" * 100_000 + '"a"' + ")" * 100_000,
        'root ::= "' + "a" * (1 << 20) + '"',
    ],
    ids=lambda text: repr(text[:16]),
)
def test_a_grammar_that_is_none_is_refused_and_the_engine_goes_on(engine: Engine, grammar: str) -> None:
    with pytest.raises(BadRequestError):
        run(engine, ask("Hello.", grammar=grammar, max_tokens=4))
    assert run(engine, ask("Hello.", grammar='root ::= "hi"')).text == "hi"


@pytest.mark.parametrize("schema", [{"type": "strange"}, {"$ref": "#/nowhere"}, {"type": "array", "items": 3}])
def test_a_schema_that_is_none_is_refused(engine: Engine, schema: dict[str, object]) -> None:
    with pytest.raises(BadRequestError, match="schema"):
        run(engine, ask("Hello.", json_schema=schema))


@pytest.mark.parametrize("seed", range(4))
def test_a_required_call_is_well_formed_at_any_temperature(engine: Engine, seed: int) -> None:
    wild = Sampling(temperature=1.5, top_k=0, top_p=1, min_p=0, seed=seed)
    got = run(engine, ask("Look at main.py.", tools=(READ,), tool_choice="required", sampling=wild, max_tokens=200))
    calls = [event for event in got.events if isinstance(event, ToolCall)]
    assert got.end.reason in ("tool_calls", "length")
    if got.end.reason == "tool_calls":
        assert calls
    for call in calls:
        assert call.name == "read"
        assert isinstance(call.arguments["path"], str)
        assert set(call.arguments) <= {"path", "first"}


def test_a_penalty_on_repetition_changes_a_repetitive_answer(engine: Engine) -> None:
    plain = ask("Write the word echo ten times.", max_tokens=24)
    punished = plain.model_copy(update={"sampling": Sampling(temperature=0, repeat_penalty=2.0)})
    assert run(engine, plain).end.raw != run(engine, punished).end.raw


@pytest.mark.parametrize(
    ("name", "content"), [("empty.gguf", b""), ("text.gguf", b"hello"), ("cut.gguf", b"GGUF\x03\x00\x00\x00")]
)
@pytest.mark.case(39)
def test_a_file_that_is_no_model_is_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelLoadError, match=name):
        Engine.load(LoadSettings(path=str(tmp_path / name), name="bad"))


@pytest.mark.case(39)
def test_a_model_file_with_half_its_weights_is_a_sentence(tmp_path: Path, small_model: Path) -> None:
    with small_model.open("rb") as source:
        (tmp_path / "half.gguf").write_bytes(source.read(small_model.stat().st_size // 2))
    with pytest.raises(ModelLoadError, match="half"):
        Engine.load(LoadSettings(path=str(tmp_path / "half.gguf"), name="half"))


def test_an_rpc_server_that_is_not_there_is_a_sentence(small_model: Path) -> None:
    with pytest.raises(ModelLoadError, match="RPC server"):
        Engine.load(LoadSettings(path=str(small_model), name="far", rpc=("127.0.0.1:9",)))


def test_a_loaded_model_cannot_be_removed_until_it_is_closed(small_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    shutil.copyfile(small_model, copy)
    store = ModelStore(tmp_path)
    loaded = Engine.load(LoadSettings(path=str(copy), name="copy", context=512))
    try:
        with pytest.raises(ModelInUseError):
            store.remove("copy")
    finally:
        loaded.close()
    store.remove("copy")
    assert not copy.exists()
