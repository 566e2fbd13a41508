"""A session's model calls: their seeds, and that the log holds all it takes to make them again."""

from __future__ import annotations

from codeagent.agent.calls import Calls, calls_of
from codeagent.agent.events import Event, MessageAdded, Rewound, SessionStarted
from codeagent.agent.replay import Divergence, divergence
from codeagent.inference.client import ChatRequest, Finished, Message, Sampling, TokenLogprob, ToolSpec, Usage

TOOL = ToolSpec(name="read", description="Reads.", parameters={"type": "object"})
STARTED = SessionStarted(session_id="s", cwd="/x", model="m", tools=(), permission_mode="default")


def ask(*texts: str, seed: int | None = 5, **more: object) -> ChatRequest:
    messages = tuple(Message(role="user", content=text) for text in texts)
    given = {"messages": messages, "tools": (TOOL,), "sampling": Sampling(seed=seed), **more}
    return ChatRequest.model_validate(given)


def answered(text: str, *tokens: int, seed: int = 0, raw: str | None = None) -> MessageAdded:
    message = Message(role="assistant", content=text, tokens=tokens)
    return MessageAdded(message=message, usage=Usage(seed=seed, prompt_tokens=9, cached_tokens=3), raw=raw)


def test_each_call_has_another_seed_and_the_same_ones_every_time() -> None:
    rows: list[list[int | None]] = []
    for _ in range(2):
        calls = Calls()
        rows.append([calls.next(ask("a"))[0].sampling.seed for _ in range(50)])
    assert rows[0] == rows[1]
    assert rows[0][0] == 5
    assert len(set(rows[0])) == 50


def test_without_a_seed_all_is_left_to_chance() -> None:
    calls = Calls()
    assert {calls.next(ask("a", seed=None))[0].sampling.seed for _ in range(3)} == {None}


def test_the_log_gives_back_each_request_with_the_seed_that_was_used() -> None:
    calls = Calls()
    first, told = calls.next(ask("a", files=("x.py",), max_tokens=100))
    user = MessageAdded(message=Message(role="user", content="a"))
    reply = answered("b", 7, 8, seed=5, raw="<b>")
    more = MessageAdded(message=Message(role="user", content="c"))
    messages = (user.message, reply.message, more.message)
    second, told_again = calls.next(ChatRequest(messages=messages, tools=(TOOL,), sampling=Sampling(seed=5)))
    events: list[Event] = [STARTED, user, told, reply, more, told_again, answered("d", 9, seed=77)]
    one, two = calls_of(events)
    assert one.request == first
    assert (one.tokens, one.raw, one.cached) == ((7, 8), "<b>", 3)
    assert two.request == second.model_copy(update={"sampling": Sampling(seed=77)})
    assert "tools" not in told_again.changed


def test_what_was_rewound_was_asked_all_the_same_and_is_not_in_later_requests() -> None:
    calls = Calls()
    user = MessageAdded(message=Message(role="user", content="a"))
    (_, first), (_, second) = calls.next(ask("a")), calls.next(ask("a"))
    events = [STARTED, user, first, answered("bad", 1), Rewound(messages=1), second, answered("good", 2)]
    assert [(call.number, call.tokens, len(call.request.messages)) for call in calls_of(events)] == [
        (1, (1,), 1),
        (2, (2,), 1),
    ]


def test_a_session_that_goes_on_begins_its_record_anew() -> None:
    user = MessageAdded(message=Message(role="user", content="a"))
    _, first = Calls().next(ask("a", files=("x.py",)))
    again = MessageAdded(message=Message(role="user", content="c"))
    _, second = Calls().next(ask("a", "b", "c"))
    events = [STARTED, user, first, answered("b", 1), STARTED, again, second, answered("d", 2)]
    assert [call.request.files for call in calls_of(events)] == [("x.py",), ()]


def test_the_first_other_token_is_named_with_both_texts() -> None:
    user = MessageAdded(message=Message(role="user", content="a"))
    _, told = Calls().next(ask("a"))
    (call,) = calls_of([STARTED, user, told, answered("one two three", 1, 2, 3)])
    texts = [TokenLogprob(text=text, logprob=-0.1) for text in ("one", " two", " four")]
    other = Finished(reason="stop", tokens=(1, 2, 4), raw="one two four", logprobs=tuple(texts))
    assert divergence(call, other) == Divergence(2, 3, 4, " three", " four")
    shorter = Finished(reason="stop", tokens=(1, 2), raw="one two", logprobs=tuple(texts[:2]))
    assert divergence(call, shorter) == Divergence(2, 3, None, " three", "")
    same = Finished(reason="stop", tokens=(1, 2, 3), raw="one two three", logprobs=())
    assert divergence(call, same) is None
