"""Every dialect reads back what its model's template writes, however the reply is cut into pieces."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from codeagent.inference.client import Message, ReasoningDelta, TextDelta, ToolCall, ToolCallDelta, ToolSpec
from codeagent.inference.dialects import DIALECT_NAMES, by_name, detect
from codeagent.inference.dialects.base import CallParser, Dialect, ParsedEvent

STRING = {"type": "string"}
READ = ToolSpec(
    name="read",
    description="Read a file.",
    parameters={
        "type": "object",
        "properties": {
            "path": STRING,
            "first": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None},
            "all": {"type": "boolean", "default": False},
        },
        "required": ["path"],
    },
)
EDIT = ToolSpec(
    name="edit",
    description="Replace lines of a file.",
    parameters={
        "type": "object",
        "properties": {"path": STRING, "old": STRING, "new": STRING},
        "required": ["path", "old", "new"],
    },
    fenced=("old", "new"),
)
WRITE = ToolSpec(
    name="write",
    description="Write a whole file.",
    parameters={"type": "object", "properties": {"path": STRING, "content": STRING}, "required": ["path", "content"]},
    fenced=("content",),
)
TODO = ToolSpec(
    name="todo",
    description="Note the plan.",
    parameters={
        "$defs": {
            "Step": {
                "type": "object",
                "properties": {"text": STRING, "status": {"enum": ["pending", "done"], "type": "string"}},
                "required": ["text", "status"],
            }
        },
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/Step"}}},
        "required": ["items"],
    },
)
TOOLS = (READ, EDIT, WRITE, TODO)

# The parts of the families' templates that write calls, and the words that tell the families apart.
TEMPLATES = {
    "hermes": """{# {"name": <function-name>} #}{% for c in calls %}
{{ '\\n' if not loop.first }}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{% endfor %}""",
    "qwen3-coder": """{% for c in calls %}
{{ '\\n' if not loop.first }}<tool_call>
<function={{ c.function.name }}>
{% for key, value in c.function.arguments | items %}
<parameter={{ key }}>
{{ value | tojson if value is mapping or (value is sequence and value is not string) else value | string }}
</parameter>
{% endfor %}
</function>
</tool_call>{% endfor %}""",
    "llama3": """{# {"name": function name, "parameters": dictionary #}{% for c in calls %}
{"name": "{{ c.function.name }}", "parameters": {{ c.function.arguments | tojson }}}{% endfor %}""",
    "mistral": """{% for c in calls %}{{ '[TOOL_CALLS][' if loop.first }}
{{- '{"name": "' + c.function.name + '", "arguments": ' + (c.function.arguments | tojson) + ', "id": "' + c.id + '"}' }}
{{- ', ' if not loop.last else ']' }}{% endfor %}""",
    "mistral named": """{% for c in calls %}[TOOL_CALLS]{{ c.function.name + '[CALL_ID]' + c.id }}
{{- '[ARGS]' + (c.function.arguments | tojson) }}{% endfor %}""",
    "deepseek": """{% for c in calls %}{{ '<@tool▁calls▁begin@>' if loop.first else '\\n' }}<@tool▁call▁begin@>
{{- 'function<@tool▁sep@>' + c.function.name }}
```json
{{ c.function.arguments | tojson }}
```<@tool▁call▁end@>{% endfor %}{{ '<@tool▁calls▁end@>' if calls }}""".replace("@", "\uff5c"),
    "deepseek bare": """{% for c in calls %}{{ '<@tool▁calls▁begin@>' if loop.first }}<@tool▁call▁begin@>
{{- c.function.name + '<@tool▁sep@>' + (c.function.arguments | tojson) }}<@tool▁call▁end@>{% endfor %}
{{- '<@tool▁calls▁end@>' if calls }}""".replace("@", "\uff5c"),
    "glm": """{% for c in calls %}
{{ '\\n' if not loop.first }}<tool_call>{{ c.function.name }}
{% for key, value in c.function.arguments.items() %}
<arg_key>{{ key }}</arg_key>
<arg_value>{{ value | tojson if value is not string else value }}</arg_value>
{% endfor %}
</tool_call>{% endfor %}""",
    "glm inline": """{# {function-name}<arg_key> #}{% for c in calls %}<tool_call>{{ c.function.name }}
{%- for key, value in c.function.arguments.items() %}<arg_key>{{ key }}</arg_key><arg_value>
{{- value | tojson if value is not string else value }}</arg_value>{% endfor %}</tool_call>{% endfor %}""",
    "gpt-oss": """{% for c in calls %}<|channel|>commentary to=functions.{{ c.function.name + ' ' -}}
<|constrain|>json<|message|>{{ c.function.arguments | tojson }}<|call|>{% endfor %}""",
    "gemma": """{% macro form(value) %}{% if value is string %}{{ '<|"|>' + value + '<|"|>' }}
{%- elif value is boolean %}{{ 'true' if value else 'false' }}{% elif value is mapping %}{
{%- for key, one in value | dictsort %}{{ key }}:{{ form(one) }}{{ ',' if not loop.last }}{% endfor %}}
{%- elif value is sequence %}[{% for one in value %}{{ form(one) }}{{ ',' if not loop.last }}{% endfor %}]
{%- else %}{{ value }}{% endif %}{% endmacro %}
{% for c in calls %}<|tool_call>call:{{ c.function.name }}{{ form(c.function.arguments) }}<tool_call|>{% endfor %}""",
}
SINGLE = {"llama3", "gpt-oss"}
VARIANTS = ["fenced", "plain", *TEMPLATES]


def dialect_of(variant: str) -> Dialect:
    if variant in ("fenced", "plain"):
        return by_name(variant)
    return detect(TEMPLATES[variant], "")


def written(variant: str, message: Message) -> str:
    """The assistant's message as the model's template renders it."""
    dialect = dialect_of(variant)
    shown = dialect.template_message(message, TOOLS)
    if "tool_calls" not in shown:
        return shown["content"]
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    calls = environment.from_string(TEMPLATES[variant]).render(calls=shown["tool_calls"])
    if variant == "gpt-oss" and message.content:
        return f"<|channel|>commentary<|message|>{message.content}<|end|><|start|>assistant{calls}"
    return f"{message.content}\n{calls}" if message.content else calls


def parsed(parser: CallParser, pieces: Sequence[str]) -> list[ParsedEvent]:
    return [event for piece in pieces for event in parser.feed(piece)] + parser.finish()


def essence(events: Sequence[ParsedEvent]) -> list[tuple[Any, ...]]:
    """What was said: pieces of one kind joined, ids left out."""
    told: list[tuple[Any, ...]] = []
    for kind, group in itertools.groupby(events, key=type):
        members = list(group)
        if kind in (TextDelta, ReasoningDelta):
            told.append((kind, "".join(e.text for e in members)))  # type: ignore[union-attr]  # by its kind
        elif kind is not ToolCallDelta:
            told += [(kind, *e.model_dump(exclude={"id"}).values()) for e in members]
    return told


# Templates put strings between tags as they are, so what spells a tag, or nothing, cannot be told from one.
text = st.text(max_size=40).filter(lambda value: value not in ("null", "None") and "<" not in value)
code = st.lists(st.sampled_from(["def f():", "    x = 1", "", "```", "```python", "# T", "```new", "é ß"]), max_size=6)
lines = code.map(lambda rows: "".join(row + "\n" for row in rows))


def calls() -> st.SearchStrategy[ToolCall]:
    step = st.fixed_dictionaries({"text": text, "status": st.sampled_from(["pending", "done"])})
    arguments = st.one_of(
        st.tuples(
            st.just("read"),
            st.fixed_dictionaries({"path": text}, optional={"first": st.integers(1, 10**9), "all": st.booleans()}),
        ),
        st.tuples(
            st.just("edit"),
            st.fixed_dictionaries({"path": text, "old": st.one_of(lines, text), "new": st.one_of(lines, text)}),
        ),
        st.tuples(st.just("write"), st.fixed_dictionaries({"path": text, "content": st.one_of(lines, text)})),
        st.tuples(st.just("todo"), st.fixed_dictionaries({"items": st.lists(step, max_size=3)})),
    )
    return arguments.map(lambda pair: ToolCall(id="call_00000000", name=pair[0], arguments=pair[1]))


def test_the_variants_cover_every_dialect() -> None:
    assert {dialect_of(variant).name for variant in VARIANTS} == set(DIALECT_NAMES)


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_call_that_was_written_is_read_back_exactly(variant: str, data: st.DataObject) -> None:
    made = data.draw(st.lists(calls(), min_size=1, max_size=1 if variant in SINGLE else 3))
    reply = written(variant, Message(role="assistant", content="I look first.", tool_calls=tuple(made)))
    events = parsed(dialect_of(variant).parser(TOOLS), [reply])
    assert essence(events) == [
        (TextDelta, "I look first."),
        *((ToolCall, "tool_call", call.name, call.arguments) for call in made),
    ]


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_events_do_not_depend_on_how_the_reply_is_cut(variant: str, data: st.DataObject) -> None:
    made = data.draw(st.lists(calls(), max_size=1 if variant in SINGLE else 2))
    prose = data.draw(st.sampled_from(["", "See `<tool` and {x}.", "First\n\n  ", "<thin", "a [TOOL b ```\n"]))
    reply = written(variant, Message(role="assistant", content=prose, tool_calls=tuple(made)))
    reply = reply[: data.draw(st.integers(0, len(reply)))] if data.draw(st.booleans()) else reply
    cuts = sorted(data.draw(st.lists(st.integers(0, len(reply)), max_size=12)))
    pieces = [reply[a:b] for a, b in itertools.pairwise([0, *cuts, len(reply)])]
    whole = essence(parsed(dialect_of(variant).parser(TOOLS), [reply]))
    assert essence(parsed(dialect_of(variant).parser(TOOLS), pieces)) == whole
    assert essence(parsed(dialect_of(variant).parser(TOOLS), list(reply))) == whole


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_call_cut_off_anywhere_is_never_silence_and_never_another_call(variant: str) -> None:
    call = ToolCall(id="call_00000000", name="write", arguments={"path": "a.py", "content": "x = 1\n```\ny\n"})
    reply = written(variant, Message(role="assistant", tool_calls=(call,)))
    for length in range(1, len(reply)):
        kinds = essence(parsed(dialect_of(variant).parser(TOOLS), [reply[:length]]))
        for kind, *rest in kinds:
            assert kind is not ToolCall or rest == ["tool_call", call.name, call.arguments]
        assert kinds or variant == "gpt-oss"  # its headers are nothing until a message follows


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_calls_get_different_ids(variant: str) -> None:
    call = ToolCall(id="call_00000000", name="read", arguments={"path": "a"})
    reply = written(variant, Message(role="assistant", tool_calls=(call,)))
    ids = {
        e.id for _ in range(2) for e in parsed(dialect_of(variant).parser(TOOLS), [reply]) if isinstance(e, ToolCall)
    }
    assert len(ids) == 2
    assert all(len(one) == 13 and one.startswith("call_") for one in ids)
