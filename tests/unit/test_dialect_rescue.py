"""What small models write instead of a call is read as the call it was meant to be, when it can be nothing else."""

from __future__ import annotations

import pytest

from codeagent.inference.client import MalformedCall, ReasoningDelta, TextDelta, ToolCall, ToolSpec
from codeagent.inference.dialects import by_name
from codeagent.inference.dialects.base import ParsedEvent

STRING = {"type": "string"}
READ = ToolSpec(
    name="read",
    description="Read a file.",
    parameters={"type": "object", "properties": {"path": STRING}, "required": ["path"]},
)
WRITE = ToolSpec(
    name="write",
    description="Write a file.",
    parameters={"type": "object", "properties": {"path": STRING, "content": STRING}, "required": ["path", "content"]},
    fenced=("content",),
)


def rescued(reply: str, *tools: ToolSpec) -> list[tuple[str, dict[str, object]]]:
    """The calls found at the end of a reply; its text must have been streamed whole and first."""
    parser = by_name("fenced").parser(tools or (READ, WRITE))
    events: list[ParsedEvent] = [event for piece in reply for event in parser.feed(piece)]
    assert not any(isinstance(event, ToolCall | MalformedCall) for event in events)
    ending = parser.finish()
    shown = "".join(e.text for e in events + ending if isinstance(e, TextDelta))
    assert shown == reply.strip() or shown == reply.lstrip()
    return [(e.name, e.arguments) for e in ending if isinstance(e, ToolCall)]


CALL = '{"name": "read", "arguments": {"path": "a.py"}}'
READ_A = [("read", {"path": "a.py"})]


@pytest.mark.parametrize(
    "reply",
    [
        f"```json\n{CALL}\n```",
        f"I will read it:\n\n```json\n{CALL}\n```\nThen I will tell you.",
        f"<tools>\n{CALL}\n</tools>",
        f"<tools>{CALL}</tools>",
        f"<toolcall>\n{CALL}\n</toolcall>",
        f"<function_call>{CALL}</function_call>",
        f"Let me look.\n<tool-call>\n```json\n{CALL}\n```\n</tool-call>",
        CALL,
        f"First I look.\n{CALL}",
        f"First I look.\n\n{CALL}\n</tool_call>",
        f"[{CALL}]",
        '{"name": "read", "parameters": {"path": "a.py"}}',
        '```json\n{\n  "name": "read",\n  "arguments": {\n    "path": "a.py"\n  }\n}\n```',
        '{"type": "function", "function": {"name": "read", "arguments": {"path": "a.py"}}}',
        '<function=read>{"path": "a.py"}</function>',
        "<function=read>\n<parameter=path>\na.py\n</parameter>\n</function>",
        f"```tool_code\n{CALL}\n```",
    ],
)
def test_a_call_in_the_wrong_clothes_is_a_call(reply: str) -> None:
    assert rescued(reply) == READ_A


@pytest.mark.parametrize(
    "reply",
    [
        "The file has 5 lines.",
        '```json\n{"name": "delete", "arguments": {"path": "a.py"}}\n```',
        '```json\n{"name": "read", "version": "1.0"}\n```',
        '```json\n{"name": "read", "arguments": "none"}\n```',
        f"A call looks like this:\n{CALL}\nbut I need none.",
        f"Inline {CALL}",
        '{"name": "read", "arguments": {"path": "a.py"',
        "<function=delete>{}</function>",
        "```python\nx = 1\n```",
    ],
)
def test_what_may_mean_something_else_stays_text(reply: str) -> None:
    assert rescued(reply) == []


@pytest.mark.parametrize(
    "reply",
    [
        '```json\n{"name": "write", "arguments": {"path": "a.py"}}\n```\n```python\nx = 1\n```\nThat is all.',
        '{"name": "write", "arguments": {"path": "a.py"}}\n```content\nx = 1\n```',
        'Now:\n\n{"name": "write", "arguments": {"path": "a.py"}}\n\n```python\nx = 1\n```\n</tool_call>',
    ],
)
def test_code_that_follows_a_header_in_a_fence_of_its_own_belongs_to_it(reply: str) -> None:
    assert rescued(reply) == [("write", {"path": "a.py", "content": "x = 1\n"})]


def test_wrong_tags_around_header_and_fence_are_understood() -> None:
    reply = '<tools>\n{"name": "write", "arguments": {"path": "a.py"}}\n```content\nx = 1\n```\n</tools>'
    assert rescued(reply) == [("write", {"path": "a.py", "content": "x = 1\n"})]


def test_a_header_whose_code_is_missing_is_answered_with_an_error() -> None:
    parser = by_name("fenced").parser((WRITE,))
    parser.feed('```json\n{"name": "write", "arguments": {"path": "a.py"}}\n```')
    (event,) = parser.finish()[-1:]
    assert isinstance(event, MalformedCall) and "```content" in event.error


@pytest.mark.parametrize(
    "reply",
    [
        "```python src/a.py\nx = 1\n```",
        "```python:src/a.py\nx = 1\n```",
        "```src/a.py\nx = 1\n```",
        '```python path="src/a.py"\nx = 1\n```',
        "src/a.py:\n```python\nx = 1\n```",
        "Here it is.\n\n### src/a.py\n\n```python\nx = 1\n```\nDone.",
        "**src/a.py**\n```python\nx = 1\n```",
        "`src/a.py`:\n```\nx = 1\n```",
        "File: src/a.py\n```python\nx = 1\n```",
        "```python\n# src/a.py\nx = 1\n```",
        "```python\n# src/a.py\n\nx = 1\n```",
    ],
)
def test_a_fence_with_a_file_name_writes_that_file(reply: str) -> None:
    assert rescued(reply) == [("write", {"path": "src/a.py", "content": "x = 1\n"})]


def test_several_named_files_are_several_calls() -> None:
    reply = "a.py:\n```python\nx = 1\n```\nb.py:\n```python\ny = 2\n```\n"
    assert [arguments["path"] for _, arguments in rescued(reply)] == ["a.py", "b.py"]


@pytest.mark.parametrize(
    "reply",
    [
        "a.py:\n```python\nx = 1\n```\na.py:\n```python\nx = 2\n```",
        "a.py:\n```diff\n-x = 1\n+x = 2\n```",
        "run a.py:\n```bash\npython a.py\n```",
        "a.py:\n```console\n$ python a.py\n```",
        "a.py:\n```python\n    return x\n```",
        "a.py:\n```python\ndef f():\n    ...  # as before\n# rest of the file\n```",
        "a.py:\n```python\n# ... existing code ...\nx = 1\n```",
        "../a.py:\n```python\nx = 1\n```",
        "/etc/a.py:\n```python\nx = 1\n```",
        "a.md:\n```markdown\n# A\n```",
        "a.py:\n```python\nx = 1\n",
        "a.py:\n```python\n```",
    ],
)
def test_a_fence_that_may_be_no_whole_file_writes_nothing(reply: str) -> None:
    assert rescued(reply) == []


def test_no_file_is_written_without_a_tool_for_it() -> None:
    assert rescued("a.py:\n```python\nx = 1\n```", READ) == []


def test_nothing_is_rescued_beside_a_real_call() -> None:
    parser = by_name("fenced").parser((READ, WRITE))
    parser.feed(f"a.py:\n```python\nx = 1\n```\n<tool_call>\n{CALL}\n</tool_call>")
    assert parser.finish() == []


def test_nothing_is_rescued_from_thinking() -> None:
    parser = by_name("gemma").parser((READ,))
    events = [*parser.feed(f"<|channel>thought\n```json\n{CALL}\n```"), *parser.finish()]
    assert [type(event) for event in events] == [ReasoningDelta]
