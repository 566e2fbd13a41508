"""Instructions, messages, and what a parser makes of replies that are wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from codeagent.inference.client import (
    MalformedCall,
    Message,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolSpec,
)
from codeagent.inference.dialects import DIALECT_NAMES, by_name, detect
from codeagent.inference.dialects.base import ParsedEvent
from codeagent.inference.dialects.fenced import FencedDialect
from codeagent.inference.dialects.streaming import BlockParser

STRING = {"type": "string"}
READ = ToolSpec(
    name="read",
    description="Read a file,\nwhole or in part.",
    parameters={
        "type": "object",
        "properties": {"path": STRING, "first": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
        "required": ["path"],
    },
)
EDIT = ToolSpec(
    name="edit",
    description="Replace lines.",
    parameters={
        "type": "object",
        "properties": {"path": STRING, "old": STRING, "new": STRING},
        "required": ["path", "old"],
    },
    fenced=("old", "new"),
)
WRITE = ToolSpec(
    name="write",
    description="Write a file.",
    parameters={"type": "object", "properties": {"path": STRING, "content": STRING}, "required": ["path", "content"]},
    fenced=("content",),
)
TOOLS = (READ, EDIT, WRITE)

QWEN25 = (
    '{%- if tools %}<tools>…{"name": <function-name>}<tool_call>{%- endif %}'
    '{%- if message.role == "tool" %}<tool_response>{%- endif %}'
    "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}"
)
QWEN3 = QWEN25 + "{%- if '</think>' in content %}{%- endif %}"
OPENED = "{% if '</think>' in c %}{% endif %}{%- if add_generation_prompt %}{{- '<a>\\n<think>\\n' }}{%- endif %}"


def parse(text: str, dialect: str = "fenced", tools: Sequence[ToolSpec] = TOOLS) -> list[ParsedEvent]:
    parser = by_name(dialect).parser(tools)
    events = [*parser.feed(text), *parser.finish()]
    return [event for event in events if not isinstance(event, ToolCallDelta)]


def call_in(text: str, dialect: str = "fenced") -> ToolCall:
    (event,) = parse(text, dialect)
    assert isinstance(event, ToolCall), event
    return event


def error_in(text: str, dialect: str = "fenced") -> str:
    (event,) = parse(text, dialect)
    assert isinstance(event, MalformedCall), event
    return event.error


def test_every_name_gives_its_dialect_and_no_other_name_does() -> None:
    assert [by_name(name).name for name in DIALECT_NAMES] == list(DIALECT_NAMES)
    with pytest.raises(ValueError, match=r'no tool-call dialect "klingon"\. There are: fenced, hermes'):
        by_name("klingon")


def test_instructions_are_one_line_a_tool_and_the_writer_of_files_is_shown_by_example() -> None:
    told = by_name("fenced").instructions(TOOLS)
    assert "\n- read(path: str, first?: int): Read a file, whole or in part.\n" in told
    assert "\n- edit(path: str) + fence old, new: Replace lines.\n" in told
    assert "- write" not in told


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_each_dialect_explains_the_tools_in_exactly_one_place(name: str) -> None:
    dialect = by_name(name)
    assert bool(dialect.template_tools(TOOLS)) != bool(dialect.instructions(TOOLS))
    assert not dialect.template_tools(())
    assert not dialect.instructions(())
    assert dialect.grammar((), required=False) is None


def test_the_examples_in_the_instructions_are_themselves_calls() -> None:
    told = by_name("fenced").instructions(TOOLS)
    assert [e.name for e in parse(told) if isinstance(e, ToolCall)] == ["write", "edit"]


def test_an_answer_of_a_tool_has_role_tool_only_where_the_template_knows_it() -> None:
    answer = Message(role="tool", content="5 lines", tool_call_id="call_1", tool_name="read")
    assert detect(QWEN25, "qwen2").template_message(answer, TOOLS)["role"] == "tool"
    assert by_name("plain").template_message(answer, TOOLS) == {
        "role": "user",
        "content": "<tool_response>\n5 lines\n</tool_response>",
    }


def test_ids_for_mistral_have_nine_letters_and_match_in_call_and_answer() -> None:
    dialect = by_name("mistral")
    call = ToolCall(id="call_12345678", name="read", arguments={})
    shown = dialect.template_message(Message(role="assistant", tool_calls=(call,)), TOOLS)
    answer = dialect.template_message(Message(role="tool", content="x", tool_call_id=call.id, tool_name="read"), TOOLS)
    assert shown["tool_calls"][0]["id"] == answer["tool_call_id"]
    assert len(answer["tool_call_id"]) == 9 and answer["tool_call_id"].isalnum()


class TestFences:
    """What a fence holds."""

    def test_content_is_its_lines_with_their_newlines(self) -> None:
        reply = '<tool_call>\n{"name": "write", "arguments": {"path": "a"}}\n```content\none\n\n```\n</tool_call>'
        assert call_in(reply).arguments == {"path": "a", "content": "one\n\n"}

    def test_an_empty_fence_is_empty_text(self) -> None:
        reply = '<tool_call>\n{"name": "write", "arguments": {"path": "a"}}\n```content\n```\n</tool_call>'
        assert call_in(reply).arguments == {"path": "a", "content": ""}

    def test_markdown_with_fences_of_its_own_is_content(self) -> None:
        content = "# Use\n```python\nx\n```\nand\n```\ny\n```\n"
        reply = (
            f'<tool_call>\n{{"name": "write", "arguments": {{"path": "a"}}}}\n```content\n{content}```\n</tool_call>'
        )
        assert call_in(reply).arguments["content"] == content

    def test_code_that_spells_the_end_of_a_call_is_carried_by_a_longer_fence(self) -> None:
        content = "`````\n</tool_call>\n```content\n"
        call = ToolCall(id="call_00000000", name="write", arguments={"path": "a", "content": content})
        shown = FencedDialect().template_message(Message(role="assistant", tool_calls=(call,)), TOOLS)["content"]
        assert "``````content\n" in shown
        assert call_in(shown).arguments == call.arguments

    def test_text_without_a_last_newline_stays_in_the_header(self) -> None:
        call = ToolCall(id="call_00000000", name="write", arguments={"path": "a", "content": "x"})
        shown = FencedDialect().template_message(Message(role="assistant", tool_calls=(call,)), TOOLS)["content"]
        assert "```" not in shown
        assert call_in(shown).arguments == call.arguments

    def test_a_fence_that_is_not_required_may_be_left_out(self) -> None:
        reply = '<tool_call>\n{"name": "edit", "arguments": {"path": "a"}}\n```old\nx\n```\n</tool_call>'
        assert call_in(reply).arguments == {"path": "a", "old": "x\n"}

    def test_a_fence_labelled_with_a_language_is_the_one_that_is_due(self) -> None:
        reply = '<tool_call>\n{"name": "write", "arguments": {"path": "a"}}\n```python\nx\n```\n</tool_call>'
        assert call_in(reply).arguments == {"path": "a", "content": "x\n"}

    def test_a_missing_fence_is_named(self) -> None:
        reply = '<tool_call>\n{"name": "write", "arguments": {"path": "a"}}\n</tool_call>'
        assert error_in(reply) == "The call of write lacks the fence ```content."

    def test_a_forgotten_closing_fence_at_the_end_of_the_reply_is_forgiven(self) -> None:
        reply = '<tool_call>\n{"name": "write", "arguments": {"path": "a"}}\n```content\nx\n</tool_call>\n'
        assert call_in(reply).arguments["content"] == "x\n"

    def test_an_open_fence_is_no_call(self) -> None:
        reply = '<tool_call>\n{"name": "write", "arguments": {"path": "a"}}\n```content\nx\n```'
        assert error_in(reply) == "The fence ```content is not closed by a line ``` before </tool_call>."


class TestStatedFiles:
    """A path on a line and a fence behind it write that file."""

    def test_each_is_a_call_and_keeps_its_place_before_a_block(self) -> None:
        block = '<tool_call>\n{"name": "read", "arguments": {"path": "c"}}\n</tool_call>'
        told = parse(f"I fix it.\n\na.py\n```python\nx = 1\n```\nb/c.txt\n```text\n# B\n```\n{block}")
        assert [e.arguments for e in told if isinstance(e, ToolCall)] == [
            {"path": "a.py", "content": "x = 1\n"},
            {"path": "b/c.txt", "content": "# B\n"},
            {"path": "c"},
        ]

    @pytest.mark.parametrize(
        ("reply", "error"),
        [
            ("a.py\n```python\n    return x\n```", "begins indented, so it is a piece of the file"),
            ("a.py\n```python\nx = 1\n# ... rest of the file\n```", "leaves a part of the file out"),
            ("a.py\n```diff\n-x\n+y\n```", "holds diff, not the file"),
            ("a.py\n```python\nx = 1\n```\na.py\n```python\ny = 1\n```", "is not the only one for this file"),
            ("a.md\n```md\n# A\n```\ncode\n```\n```", "open and close it with four backticks"),
            ("a.py\n```python\nx = 1\n", "is not closed: the reply ended inside it."),
        ],
    )
    def test_one_that_cannot_be_whole_is_an_error_and_not_silence(self, reply: str, error: str) -> None:
        errors = [e.error for e in parse(reply) if isinstance(e, MalformedCall)]
        assert len(errors) == 1 and error in errors[0]

    @pytest.mark.parametrize(
        ("reply", "content"),
        [
            ("a.py\n```python\ndef f():\n    ...\n```", "def f():\n    ...\n"),
            ("run.sh\n```bash\nls\n```", "ls\n"),
            ("a.md\n```markdown\n# A\n```", "# A\n"),
            ("a.md\n````md\n# A\n```\nx\n```\n````", "# A\n```\nx\n```\n"),
            ("pkg/__init__.py\n```python\n```", ""),
            ("Makefile\n```make\nall:\n\tls\n```", "all:\n\tls\n"),
        ],
    )
    def test_its_content_is_exact(self, reply: str, content: str) -> None:
        (call,) = [e for e in parse(reply) if not isinstance(e, TextDelta)]
        assert isinstance(call, ToolCall) and call.arguments["content"] == content

    def test_other_dialects_take_it_for_text_beside_a_call(self) -> None:
        reply = 'a.py\n```python\nx = 1\n```\n<tool_call>\n{"name": "read", "arguments": {"path": "c"}}\n</tool_call>'
        assert [e.name for e in parse(reply, "hermes") if isinstance(e, ToolCall)] == ["read"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"name": "delete", "arguments": {}}', 'There is no tool "delete". The tools are: read, edit, write.'),
        ('{"name": "read"}', "The call of read has no arguments."),
        ('{"arguments": {}}', 'The call has no "name".'),
        ('{"name": "read", "arguments": [1]}', "The arguments of read must be a JSON object, not a list."),
        ('{"name": "read", "arguments": {"path": a}}', "The call is not valid JSON: Expecting value at character 39"),
        ('{"name": "read", "arguments": {"path": "\\ud800"}}', "half of a \\u surrogate pair"),
        ("read a.py", "The call is not valid JSON: Expecting value at character 0"),
        ("[" * 100_000, "The call is not"),
        (f'{{"name": "read", "arguments": {{"path": {"[" * 500}{"]" * 500}}}}}', "nested more than 64 deep"),
        ("", "The call is not valid JSON"),
    ],
)
@pytest.mark.case(45)
def test_a_malformed_call_says_what_is_wrong(body: str, error: str) -> None:
    for dialect in ("hermes", "fenced"):
        assert error in error_in(f"<tool_call>\n{body}\n</tool_call>", dialect)


@pytest.mark.case(45)
def test_a_call_that_is_not_finished_says_so() -> None:
    assert error_in('<tool_call>\n{"name": "read", "arg') == "The call is not finished: the reply ended inside it."


@pytest.mark.parametrize(
    "reply",
    [
        '<tool_call>{"name": "read", "arguments": {"path": "a"}}</tool_call>',
        '<tool_call>\n{"name": "read", "arguments": {"path": "a"}}}\n</tool_call>',
        '<tool_call>\n{"name": "read", "arguments": {"path": "a"}}',
        '<tool_call>\n{"name": "read", "parameters": {"path": "a"}}\n</tool_call>',
        '<tool_call>\n{"name": "read", "arguments": "{\\"path\\": \\"a\\"}"}\n</tool_call>',
    ],
)
def test_small_slips_are_forgiven(reply: str) -> None:
    for dialect in ("hermes", "fenced"):
        assert call_in(reply, dialect).arguments == {"path": "a"}


@pytest.mark.case(45)
def test_text_after_a_malformed_call_and_the_next_call_are_not_lost() -> None:
    reply = (
        'A\n<tool_call>\nx\n</tool_call>\nB\n<tool_call>\n{"name": "read", "arguments": {"path": "a"}}\n</tool_call>\nC'
    )
    kinds = [(type(e), getattr(e, "text", "")) for e in parse(reply)]
    assert [kind for kind, _ in kinds] == [TextDelta, MalformedCall, TextDelta, ToolCall, TextDelta]
    assert [text for kind, text in kinds if kind is TextDelta] == ["A", "B", "C"]


def test_without_tools_everything_is_text() -> None:
    reply = '<tool_call>\n{"name": "read", "arguments": {}}\n</tool_call>'
    assert parse(reply, tools=()) == [TextDelta(text=reply)]


def test_the_name_and_the_raw_text_of_a_call_are_streamed() -> None:
    reply = '<tool_call>\n{"name": "read", "arguments": {"path": "a"}}\n</tool_call>'
    parser = by_name("fenced").parser(TOOLS)
    deltas = [e for piece in reply for e in parser.feed(piece) if isinstance(e, ToolCallDelta)]
    assert "".join(delta.text for delta in deltas) == reply
    assert deltas[0].name is None and deltas[-1].name == "read"


class TestThinking:
    """Thinking is told apart from the answer."""

    def test_tags_are_read_where_the_template_has_them(self) -> None:
        parser = detect(QWEN3, "qwen3").parser(TOOLS)
        events = [*parser.feed("<think>\nhm <tool_call>\n</think>\n\nYes <think> no"), *parser.finish()]
        assert events == [ReasoningDelta(text="hm <tool_call>"), TextDelta(text="Yes <think> no")]

    def test_a_prompt_that_opens_the_thinking_makes_the_reply_begin_in_it(self) -> None:
        parser = detect(OPENED, "qwen2").parser(TOOLS)
        assert [*parser.feed("hm\n</think>\nYes"), *parser.finish()] == [
            ReasoningDelta(text="hm"),
            TextDelta(text="Yes"),
        ]

    def test_the_parser_says_whether_the_model_is_thinking(self) -> None:
        parser = by_name("gemma").parser(TOOLS)
        assert isinstance(parser, BlockParser)
        states = [(parser.feed(piece), parser.thinking)[1] for piece in ("<|channel>thought\n", "hm", "<channel|>a")]
        assert states == [True, True, False]

    def test_a_call_in_thoughts_is_no_call(self) -> None:
        parser = detect(OPENED, "qwen2").parser(TOOLS)
        thought = '```json\n{"name": "read", "arguments": {"path": "a"}}\n```'
        assert [*parser.feed(thought), *parser.finish()] == [ReasoningDelta(text=thought)]


class TestHarmony:
    """The channels of gpt-oss."""

    def test_channels_are_reasoning_preamble_and_call(self) -> None:
        reply = (
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
            '<|start|>assistant<|channel|>commentary to=functions.read <|constrain|>json<|message|>{"path":"a"}'
        )
        told = parse(reply, "gpt-oss")
        assert told[:2] == [ReasoningDelta(text="hm"), TextDelta(text="I look.")]
        assert isinstance(told[2], ToolCall) and told[2].arguments == {"path": "a"}

    def test_the_recipient_may_stand_in_the_role(self) -> None:
        assert call_in(' to=functions.read<|channel|>commentary json<|message|>{"path":"a"}', "gpt-oss").name == "read"

    def test_the_final_channel_is_the_answer(self) -> None:
        reply = "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Done.<|return|>"
        assert parse(reply, "gpt-oss") == [ReasoningDelta(text="hm"), TextDelta(text="Done.")]

    def test_a_call_that_stops_in_its_arguments_is_malformed(self) -> None:
        reply = '<|channel|>commentary to=functions.read <|constrain|>json<|message|>{"path'
        assert "not valid JSON" in error_in(reply, "gpt-oss")


def test_qwen3_coder_may_forget_the_outer_tag() -> None:
    reply = "I see.\n<function=read>\n<parameter=path>\na.py\n</parameter>\n</function>\n</tool_call>"
    told = parse(reply, "qwen3-coder")
    assert told[0] == TextDelta(text="I see.")
    assert isinstance(told[1], ToolCall) and told[1].arguments == {"path": "a.py"}


def test_mistral_with_names_reads_several_calls() -> None:
    told = parse('[TOOL_CALLS]read[ARGS]{"path": "a"}[TOOL_CALLS]read[ARGS]{"path": "b"}', "mistral")
    assert [e.arguments for e in told if isinstance(e, ToolCall)] == [{"path": "a"}, {"path": "b"}]
