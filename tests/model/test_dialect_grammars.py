"""The grammars of all dialects in the real library with the 0.5B model's vocabulary, and calls sampled under them."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest

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
from codeagent.inference.dialects import DIALECT_NAMES, by_name
from codeagent.inference.dialects.base import Dialect
from codeagent.inference.dialects.call_grammar import framed
from codeagent.inference.dialects.gbnf import Grammar as Rules
from codeagent.inference.dialects.schema_grammar import json_rule
from codeagent.inference.engine.engine import Engine
from codeagent.inference.engine.llama import Model, Vocab
from codeagent.inference.engine.samplers import Grammar
from codeagent.inference.engine.sampling import constraint_for
from codeagent.inference.frames import LoadSettings
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace

pytestmark = pytest.mark.model

SAMPLES = int(os.environ.get("CODEAGENT_SAMPLES", "20"))
TASKS = (
    "Read the file src/app.py.",
    "Show me which files there are.",
    "Find where parse_args is called.",
    "In calc.py replace `return a - b` by `return a + b`.",
    "Write hello.py, which prints hello.",
    "Run `make lint`.",
    "Run the tests of the parser.",
    "Make a plan: read the code, fix the bug, run the tests.",
)


@pytest.fixture(scope="module")
def vocab(small_model: Path) -> Iterator[Vocab]:
    model = Model(str(small_model))
    yield model.vocab
    model.close()


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> tuple[ToolSpec, ...]:
    """The real tools, as the model sees them."""
    made = builtin_tools(Workspace(tmp_path_factory.mktemp("repo")), FileLedger(), {})
    return tuple(
        ToolSpec(name=tool.name, description=tool.description, parameters=tool.schema(), fenced=tool.fenced)
        for tool in made
    )


def accepts(vocab: Vocab, gbnf: str, text: str) -> bool:
    """Whether the grammar takes exactly this text and may end there."""
    grammar = Grammar(vocab, gbnf)
    taken = all(grammar.advance(token) for token in vocab.tokenize(text, parse_special=True))
    return taken and grammar.allows(vocab.eos)


def schema_accepts(vocab: Vocab, schema: dict[str, Any], text: str) -> bool:
    rules = Rules()
    return accepts(vocab, rules.text(json_rule(rules, schema)), text)


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_every_grammar_parses_with_the_real_tools(
    vocab: Vocab, tools: Sequence[ToolSpec], name: str, required: bool
) -> None:
    found = by_name(name).grammar(tools, required)
    assert found is not None
    assert (found.trigger is None) == required
    assert Grammar(vocab, found.gbnf)


CALLS = {
    "hermes": '<tool_call>\n{"name": "read", "arguments": {"path": "a.py", "first": 2}}\n</tool_call>',
    "fenced": '<tool_call>\n{"name": "edit", "arguments": {"path": "a"}}\n```old\nx\n```\n```new\n```\n</tool_call>',
    "plain": '<tool_call>\n{"name": "write", "arguments": {"path": "a"}}\n'
    "````content\n# A\n```\nb\n```\n````\n</tool_call>",
    "qwen3-coder": "<tool_call>\n<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=content>\n<b>\n\n"
    "</parameter>\n</function>\n</tool_call>",
    "llama3": '{"name": "read", "parameters": {"path": "a.py"}}',
    "mistral": '[TOOL_CALLS][{"name": "read", "arguments": {"path": "a.py"}, "id": "abcdef123"}]',
    "deepseek": "<@tool▁calls▁begin@><@tool▁call▁begin@>function<@tool▁sep@>read\n"
    '```json\n{"path": "a.py"}\n```<@tool▁call▁end@><@tool▁calls▁end@>'.replace("@", "\uff5c"),
    "glm": "<tool_call>read\n<arg_key>path</arg_key>\n<arg_value>a.py</arg_value>\n</tool_call>",
    "gpt-oss": 'to=functions.read <|constrain|>json<|message|>{"path":"a.py"}',
    "gemma": '<|tool_call>call:edit{new:<|"|>x<|"|>,old:<|"|>y"<|"|>,path:<|"|>a<|"|>}<tool_call|>',
}


def test_there_is_an_example_of_every_dialect() -> None:
    assert set(CALLS) == set(DIALECT_NAMES)


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_call_in_the_familys_form_is_accepted_and_read(vocab: Vocab, tools: Sequence[ToolSpec], name: str) -> None:
    found = by_name(name).grammar(tools, required=False)
    assert found is not None and found.trigger
    assert CALLS[name].startswith(found.trigger)
    assert accepts(vocab, found.gbnf, CALLS[name])
    prefix = "<|channel|>commentary " if name == "gpt-oss" else ""
    parser = by_name(name).parser(tools)
    events = [*parser.feed(prefix + CALLS[name]), *parser.finish()]
    assert [type(e) for e in events if isinstance(e, ToolCall | MalformedCall)] == [ToolCall]


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_masked_tool_cannot_be_called_in_any_form(vocab: Vocab, tools: tuple[ToolSpec, ...], name: str) -> None:
    called = next(tool.name for tool in tools if f"{tool.name}" in re.findall(r"\w+", CALLS[name]))
    asked = (Message(role="user", content="x"),)
    free = constraint_for(ChatRequest(messages=asked, tools=tools), by_name(name))
    held = constraint_for(ChatRequest(messages=asked, tools=tools, masked=(called,)), by_name(name))
    assert free.gbnf and held.gbnf and free.trigger == held.trigger
    assert accepts(vocab, free.gbnf, CALLS[name])
    assert not accepts(vocab, held.gbnf, CALLS[name])
    none = constraint_for(ChatRequest(messages=asked, tools=tools[:1], masked=(tools[0].name,)), by_name(name))
    assert none.gbnf is None and none.trigger == free.trigger


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_call_that_is_required_comes_first(vocab: Vocab, tools: Sequence[ToolSpec], name: str) -> None:
    found = by_name(name).grammar(tools, required=True)
    assert found is not None
    if name == "gpt-oss":
        thought = "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary "
        assert accepts(vocab, found.gbnf, thought + CALLS[name])
        return
    assert accepts(vocab, found.gbnf, CALLS[name])
    assert not accepts(vocab, found.gbnf, "I am done.")
    assert not accepts(vocab, found.gbnf, "I look at it first.\n" + CALLS[name])


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("src/a.py\n```python\nx = 1\n```\n", True),
        ("a.py\n```python\nx = 1\n```\nb.py\n```python\ny = 1\n```", False),
        ("a.py\n```python\n    x = 1\n```\n", False),
        ("a.md\n```md\n```python\nx\n```\n```", False),
        ("b.py\n```python\nx = 1\n```", False),
        ('<tool_call>\n{"name": "list", "arguments": {}}\n</tool_call>', True),
        ("Here is a.py\n```python\nx\n```", False),
    ],
)
def test_a_required_call_may_be_one_of_the_files(
    vocab: Vocab, tools: Sequence[ToolSpec], text: str, taken: bool
) -> None:
    found = by_name("fenced").grammar(tools, required=True, files=("src/a.py", "a.py"))
    assert found is not None
    assert accepts(vocab, found.gbnf, text) == taken
    if taken:
        parser = by_name("fenced").parser(tools)
        assert any(isinstance(event, ToolCall) for event in [*parser.feed(text), *parser.finish()])


HEAD = '<tool_call>\n{"name": "write", "arguments": {"path": "a"}}\n'


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (HEAD + "```content\nx\n```\n</tool_call>", True),
        (HEAD + "```content\n```\n</tool_call>", True),
        (HEAD + "```content\n`a`\n``b\n</b>\n```\n</tool_call>", True),
        (HEAD + "````content\n```\na\n```\n````\n</tool_call>", True),
        (HEAD + "```content\n```\n```\n</tool_call>", False),
        (HEAD + "```content\nx\n```\n</tool_call>\n" + HEAD + "```content\ny\n```\n</tool_call>", True),
        (HEAD + "```content\nx\n```\n</tool_call>\nThat was it.", False),
        (HEAD + "```content\nx\n</tool_call>", False),
        (HEAD + "```content\nx\n</tool_call>\n```\n</tool_call>", False),
        (HEAD + "```python\nx\n```\n</tool_call>", False),
        (HEAD + "</tool_call>", False),
        ('<tool_call>\n{"name": "nope", "arguments": {}}\n</tool_call>', False),
        ('<tool_call>\n{"name": "read", "arguments": {}}\n</tool_call>', False),
        ('<tool_call>\n{"name": "read", "arguments": {"path": "a",   "first": 1}}\n</tool_call>', False),
        ('<tool_call>\n{"name": "edit", "arguments": {"path": "a"}}\n```old\nx\n```\n</tool_call>', False),
        ('<tool_call>\n{"name": "edit", "arguments": {"path": "a"}}\n```old\nx\n```new\ny\n```\n</tool_call>', False),
        ('<tool_call>\n{"name": "list", "arguments": {}}\n</tool_call>', True),
    ],
)
def test_what_the_fenced_grammar_takes(vocab: Vocab, tools: Sequence[ToolSpec], text: str, taken: bool) -> None:
    found = by_name("fenced").grammar(tools, required=False)
    assert found is not None
    assert accepts(vocab, found.gbnf, text) == taken


TREE = {
    "$defs": {
        "Tree": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
            },
            "required": ["name"],
        }
    },
    "$ref": "#/$defs/Tree",
}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string"}, ['"a\\n\\"é\\u00e9"', '""'], ['"a\nb"', '"\\ud800"', '"\\x"', "a"]),
        ({"type": "string", "minLength": 1, "maxLength": 2}, ['"a"', '"ab"'], ['""', '"abc"']),
        ({"type": "integer"}, ["0", "-5", "123456789012345"], ["01", "-0", "1" * 16, "1.5", ""]),
        ({"type": "integer", "minimum": 1, "maximum": 600}, ["1", "99", "600"], ["0", "601", "1000", "-1"]),
        ({"type": "integer", "minimum": 0}, ["0", "7", "1000"], ["-1"]),
        ({"type": "integer", "minimum": 12}, ["12", "99", "100"], ["11", "1", "0"]),
        ({"type": "integer", "exclusiveMaximum": 0}, ["-1", "-30"], ["0", "1"]),
        ({"type": "integer", "minimum": -3, "maximum": 3}, ["-3", "0", "3"], ["-4", "4", "-0"]),
        ({"type": "number"}, ["0", "-1.5", "3.25"], ["1.", ".5", "1.0000000000"]),
        ({"type": "boolean"}, ["true", "false"], ["True", "1"]),
        ({"enum": ["a", 'b"', 3]}, ['"a"', '"b\\""', "3"], ['"c"', "a"]),
        ({"const": "x"}, ['"x"'], ['"y"']),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, ["4", "null"], ['"4"']),
        ({"type": ["string", "null"]}, ['"a"', "null"], ["1"]),
        ({"type": "array", "items": {"type": "boolean"}}, ["[]", "[true]", "[true, false]"], ["[ ]", "[true,  false]"]),
        (
            {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
            ["[1]", "[1, 2]"],
            ["[]", "[1,2,3]"],
        ),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
            ["{}", '{"a": 1}', '{"b": 1}', '{"a": 1, "b": 2}', '{"a":1,"b":2}'],
            ['{"b": 1, "a": 2}', '{"a": 1, "a": 2}', '{"c": 1}', '{,"a": 1}', '{"a":\n1}'],
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}},
                "required": ["b"],
            },
            ['{"b": 1}', '{"a": 1, "b": 2}', '{"b": 1, "c": 2}', '{"a": 1, "b": 2, "c": 3}'],
            ["{}", '{"a": 1}', '{"a": 1, "c": 2}'],
        ),
        ({"type": "object", "additionalProperties": {"type": "string"}}, ["{}", '{"x": "y"}'], ['{"x": 1}']),
        ({"type": "object"}, ["{}", '{"x": [1, {"y": null}]}'], ['{"x": [[[[[1]]]]]}']),
        (
            TREE,
            ['{"name": "a"}', '{"name": "a", "children": [{"name": "b", "children": []}]}'],
            ["{}", '{"children": []}'],
        ),
    ],
)
def test_a_schemas_grammar_takes_its_json_and_no_other(
    vocab: Vocab, schema: dict[str, Any], good: list[str], bad: list[str]
) -> None:
    assert [text for text in good if not schema_accepts(vocab, schema, text)] == []
    assert [text for text in bad if schema_accepts(vocab, schema, text)] == []


def test_a_reference_to_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="which it does not define"):
        json_rule(Rules(), {"$ref": "#/$defs/Gone"})


def test_a_thinking_model_may_think_before_a_call_that_is_required(vocab: Vocab, tools: Sequence[ToolSpec]) -> None:
    template = '<tool_call>{"name": <x>}</think>'
    found = by_name("hermes", template).grammar(tools, required=True)
    assert found is not None
    assert accepts(vocab, found.gbnf, "<think>\na < b <tool_call>\n</think>\n\n" + CALLS["hermes"])
    opened = template + "{% if add_generation_prompt %}<think>{% endif %}"
    found = by_name("hermes", opened).grammar(tools, required=True)
    assert found is not None
    assert accepts(vocab, found.gbnf, "hm </think>\n\n" + CALLS["hermes"])


def test_the_frame_of_a_grammar_is_lazy_unless_a_call_is_required() -> None:
    assert framed(Rules(), '"x"', "x", required=False).trigger == "x"
    assert framed(Rules(), '"x"', "x", required=True).trigger is None


@pytest.fixture(scope="module")
def engine(small_model: Path) -> Iterator[Engine]:
    loaded = Engine.load(LoadSettings(path=str(small_model), name="small", context=4096))
    yield loaded
    loaded.close()


@pytest.mark.timeout(300 + 60 * SAMPLES)
def test_calls_sampled_at_temperature_1_are_never_malformed(engine: Engine, tools: tuple[ToolSpec, ...]) -> None:
    malformed: list[MalformedCall] = []
    calls: Counter[str] = Counter()
    # Where a file may be written as the answer, the small model at this temperature writes little else: two groups.
    blocks = tuple(tool for tool in tools if tool.name != "write")
    number = 0
    while calls.total() < SAMPLES or len(calls) < len(tools):
        # A reply that its limit cuts off ends inside a call: it is none, and is asked for anew.
        assert number < 3 * SAMPLES, f"{number} replies held only these calls: {dict(calls)}"
        wanted = tools[number % len(tools)]
        alone = number // len(tools) % 2 == 0 or wanted not in blocks
        request = ChatRequest(
            messages=(
                Message(role="system", content="You are a coding agent."),
                Message(role="user", content=f"{TASKS[number % len(TASKS)]} Use the tool {wanted.name}."),
            ),
            tools=(wanted,) if alone else blocks,
            tool_choice="required",
            sampling=Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, seed=number),
            max_tokens=200,
        )
        number += 1
        events: list[ModelEvent] = []
        engine.generate(request, events.append, Event())
        finished = events[-1]
        assert isinstance(finished, Finished)
        calls.update(event.name for event in events if isinstance(event, ToolCall))
        if finished.reason == "tool_calls":
            # That a file is not given whole is no grammar's to prevent.
            malformed += [e for e in events if isinstance(e, MalformedCall) and "complete content" not in e.error]
        else:
            assert finished.reason in ("length", "loop"), finished
    logging.getLogger(__name__).info(f"{calls.total()} calls in {number} replies: {dict(calls)}")
    assert malformed == []


def test_the_instructions_of_the_real_tools_are_short(vocab: Vocab, tools: Sequence[ToolSpec]) -> None:
    dialect: Dialect = by_name("fenced")
    assert len(vocab.tokenize(dialect.instructions(tools), parse_special=True)) <= 550
