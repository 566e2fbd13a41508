"""What may be quoted of a file is what the edit tool finds there, once."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeagent.inference.client import MalformedCall, ToolCall, ToolSpec
from codeagent.inference.dialects import DIALECT_NAMES, by_name, detect
from codeagent.inference.dialects.base import Dialect
from codeagent.inference.dialects.schema_grammar import object_without
from codeagent.inference.dialects.slots import Slot
from codeagent.inference.engine.anchors import Anchors
from codeagent.inference.engine.quotes import Source, Span, one_of_names, quoted_file
from codeagent.tools.api import FileChange
from codeagent.tools.edit import EditParams, EditTool
from codeagent.tools.ledger import FileLedger
from codeagent.tools.matching import locate
from codeagent.tools.process import Processes
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.text import decode
from codeagent.tools.workspace import Workspace

JSON = Slot("old", "json", '"', "a.py")
FENCE = Slot("old", "lines", "```\n", "a.py")
LONG_FENCE = Slot("old", "lines", "````\n", "a.py")
TAG = Slot("old", "raw", "\n</parameter>\n", "a.py")
SLOTS = (JSON, FENCE, LONG_FENCE, TAG)

LINES = st.sampled_from(
    [
        "",
        " ",
        "\t",
        "x",
        "  x",
        "\tx",
        "x = 1",
        "max = 1",
        "}",
        "    }",
        "é\U0001f600",
        'say "a\\b"',
        "\x7f\x01",
        "a\rb",
        "``",
        "- ```",
    ]
)
FILES = st.builds(
    lambda lines, ending, last: ending.join(lines) + (ending if last else ""),
    st.lists(LINES, min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n", "\n", "\r"]),
    st.booleans(),
)


def text_of(file: str) -> str:
    """A file's text as the edit tool sees it."""
    return decode(file.encode(), "a.py").text


def value_of(written: bytes, slot: Slot) -> str:
    """The value that a parser reads from what was written before the closer."""
    return json.loads(b'"' + written + b'"', strict=False) if slot.writing == "json" else written.decode()


def written_as(text: str, slot: Slot) -> bytes:
    if slot.writing != "json":
        return text.encode()
    return json.dumps(text, ensure_ascii=False)[1:-1].replace("\x7f", "\\u007f").encode()


def accepts(source: Source, slot: Slot, text: str) -> bool:
    """Whether the text may be written, and the slot closed behind it."""
    span: Span | bool = Span(source, slot.closer.encode(), source.starts)
    for byte in written_as(text, slot) + slot.closer.encode():
        if not isinstance(span, Span):
            return False
        span = span.step(byte)
    return span is True


def walk(source: Source, slot: Slot, chance: random.Random) -> bytes:
    """Some text that is accepted: a byte that is allowed is taken, whichever it is, until the slot is closed."""
    span = Span(source, slot.closer.encode(), source.starts)
    written = b""
    while True:
        allowed = [(byte, after) for byte in sorted(span.next_bytes()) if (after := span.step(byte)) is not False]
        assert allowed, f"a dead end behind {written!r}"
        byte, after = chance.choice(allowed)
        written += bytes([byte])
        if isinstance(after, bool):
            return written.removesuffix(slot.closer.encode())
        span = after


@given(FILES, st.sampled_from(SLOTS), st.integers())
def test_whatever_is_accepted_is_found_by_the_edit_tool(file: str, slot: Slot, seed: int) -> None:
    text = text_of(file)
    source = quoted_file(text, slot)
    if source is None:
        return
    old = value_of(walk(source, slot, random.Random(seed)), slot)
    found = locate(text, old.replace("\r\n", "\n"), "something else", "a.py")
    assert text[found.start : found.end].removesuffix("\n") == old.removesuffix("\n")


def runs_that_stand_once(text: str) -> list[tuple[str, bool]]:
    """Every run of whole lines that stands once in a text, each with its newline, and whether it reaches a last line
    that has none.
    """
    lines = text.split("\n")
    count = len(lines) if lines[-1] else len(lines) - 1
    runs = [(first, last) for first in range(count) for last in range(first, count)]
    many = Counter(tuple(lines[first : last + 1]) for first, last in runs)
    return [
        ("".join(f"{line}\n" for line in lines[first : last + 1]), last == len(lines) - 1)
        for first, last in runs
        if many[tuple(lines[first : last + 1])] == 1
    ]


@given(FILES, st.sampled_from(SLOTS))
def test_every_run_of_lines_that_stands_once_is_accepted(file: str, slot: Slot) -> None:
    text = text_of(file)
    source = quoted_file(text, slot)
    for run, unended in runs_that_stand_once(text) if source else []:
        shown = run.removesuffix("\n") if unended else run
        again = unended and sum(text.startswith(shown, place) for place in range(len(text))) > 1
        if not again and not (unended and slot.writing == "lines"):
            assert source and accepts(source, slot, shown), shown


def test_a_fence_takes_whole_lines_that_stand_once_and_nothing_else() -> None:
    source = quoted_file("a = 1\nb = 2\na = 1\nc = 3", FENCE)
    assert source is not None
    taken = ["b = 2\n", "a = 1\nb = 2\n", "a = 1\nc = 3\n", "c = 3\n", "a = 1\nb = 2\na = 1\nc = 3\n"]
    refused = ["a = 1\n", "b = 2", "= 2\n", "b = 2\n\n", "", "\n", "d\n", "a = 1\na = 1\n"]
    assert [text for text in taken if not accepts(source, FENCE, text)] == []
    assert [text for text in refused if accepts(source, FENCE, text)] == []


def test_a_string_takes_any_part_that_stands_once() -> None:
    source = quoted_file("max = 1\nx = 1\n", JSON)
    assert source is not None
    taken = ["x = 1\n", "max", "max = 1", "1\nx", "\nx = 1", "max = 1\nx = 1\n"]
    refused = ["x = 1", "= 1\n", "1\n", "", "y", "x = 1\n\n"]
    assert [text for text in taken if not accepts(source, JSON, text)] == []
    assert [text for text in refused if accepts(source, JSON, text)] == []


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("", JSON),
        ("# A\n```py\nx\n```\n", FENCE),
        ("x\n</tool_call>\n", LONG_FENCE),
        ("x </parameter>\n", TAG),
        ("bytes that are no text: \udc80", JSON),
        (" ", FENCE),
    ],
)
def test_what_a_form_cannot_hold_is_not_held_to(text: str, slot: Slot) -> None:
    assert quoted_file(text, slot) is None


NAMES = ("src/a.py", "src/a.pyi", "b c.py", "é.py", "a\tb.py")


@pytest.mark.parametrize("slot", [JSON, TAG])
def test_a_path_is_one_of_the_names(slot: Slot) -> None:
    source = one_of_names(NAMES, slot)
    assert source is not None
    assert all(accepts(source, slot, name) for name in NAMES[:-1])
    refused = ["src/a", "src/a.pyx", "", "src", "a.py", NAMES[-1], "src/a.py\0src/a.pyi"]
    assert [name for name in refused if accepts(source, slot, name)] == []


def test_there_may_be_no_names() -> None:
    assert one_of_names((), JSON) is None


# Around the path and the quotation of a call in each dialect, whose code is not JSON where it need not be.
JSON_END = '", "new": "something else"}}'
FORMS = {
    "hermes": ('<tool_call>\n{"name": "edit", "arguments": {"path": "', '", "old": "', JSON_END + "\n</tool_call>"),
    "fenced": (
        '<tool_call>\n{"name": "edit", "arguments": {"path": "',
        '"}}\n```old\n',
        "```\n```new\nsomething else\n```\n</tool_call>",
    ),
    "qwen3-coder": (
        "<tool_call>\n<function=edit>\n<parameter=path>\n",
        "\n</parameter>\n<parameter=old>\n",
        "\n</parameter>\n<parameter=new>\nsomething else\n</parameter>\n</function>\n</tool_call>",
    ),
    "llama3": ('{"name": "edit", "parameters": {"path": "', '", "old": "', JSON_END),
    "mistral": ('[TOOL_CALLS][{"name": "edit", "arguments": {"path": "', '", "old": "', JSON_END + "]"),
    "deepseek": (
        '<@tool▁calls▁begin@><@tool▁call▁begin@>function<@tool▁sep@>edit\n```json\n{"path": "'.replace("@", "\uff5c"),
        '", "old": "',
        (JSON_END[:-1] + "\n```<@tool▁call▁end@><@tool▁calls▁end@>").replace("@", "\uff5c"),
    ),
    "glm": (
        "<tool_call>edit\n<arg_key>path</arg_key>\n<arg_value>",
        "</arg_value>\n<arg_key>old</arg_key>\n<arg_value>",
        "</arg_value>\n<arg_key>new</arg_key>\n<arg_value>something else</arg_value>\n</tool_call>",
    ),
    "gpt-oss": (
        '<|channel|>commentary to=functions.edit <|constrain|>json<|message|>{"path": "',
        '", "old": "',
        JSON_END[:-1],
    ),
    "gemma": (
        '<|tool_call>call:edit{path:<|"|>',
        '<|"|>,old:<|"|>',
        '<|"|>,new:<|"|>something else<|"|>}<tool_call|>',
    ),
}
TEMPLATES = {"deepseek": "<\uff5ctool▁calls▁begin\uff5c>```json"}
EDIT = ToolSpec(
    name=EditTool.name,
    description="",
    parameters=object_without(EditParams.model_json_schema(), ()),
    fenced=EditTool.fenced,
    existing=EditTool.existing,
    anchors=EditTool.anchors,
)


def test_every_dialect_has_its_form_here() -> None:
    assert {*FORMS, "plain"} == set(DIALECT_NAMES)


def any_edit(dialect: Dialect, form: tuple[str, str, str], text: str, chance: random.Random) -> str | None:
    """A call that edits a.py, with any quotation that is allowed; None where the form does not hold it to the file."""
    anchors = Anchors(dialect, [EDIT], ["src/b.py", "a.py"], {"a.py": text})
    before, between, after = form
    call = (before + "a.py" + between).encode()
    assert anchors.advance(call), call
    if not anchors.holding:
        return None
    while anchors.holding:
        allowed = [bytes([byte]) for byte in sorted(anchors.next_bytes()) if anchors.allows(bytes([byte]))]
        assert allowed, f"a dead end behind {call!r}"
        call += chance.choice(allowed)
        anchors.advance(call[-1:])
    rest = after.encode()
    closer = next(size for size in range(len(rest), 0, -1) if call.endswith(rest[:size]))
    assert anchors.advance(rest[closer:])
    return (call + rest[closer:]).decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("repo")


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=40)
@given(file=FILES, seed=st.integers())
def test_an_edit_in_any_dialect_does_not_miss(folder: Path, name: str, file: str, seed: int) -> None:
    dialect = detect(TEMPLATES[name], "") if name in TEMPLATES else by_name(name)
    (folder / "a.py").write_bytes(file.encode())
    reply = any_edit(dialect, FORMS[name], text_of(file), random.Random(seed))
    if reply is None:
        return
    parser = dialect.parser([EDIT])
    (call,) = [e for e in [*parser.feed(reply), *parser.finish()] if isinstance(e, ToolCall | MalformedCall)]
    assert isinstance(call, ToolCall), call
    workspace = Workspace(folder)
    tool = EditTool(workspace, FileLedger(), Ripgrep(workspace, Processes(folder, {})))
    prepared = asyncio.run(tool.prepare(EditParams.model_validate(call.arguments)))
    assert isinstance(prepared, FileChange)
    assert "something else" in prepared.after


@pytest.mark.parametrize("name", FORMS)
def test_a_path_that_is_not_there_cannot_be_written(name: str) -> None:
    before, between, _ = FORMS[name]
    anchors = Anchors(by_name(name), [EDIT], ["src/b.py", "a.py"], {})
    assert anchors.advance(before.encode())
    assert anchors.holding
    assert anchors.allows(b"src/b")
    assert not anchors.allows(b"src/bc")
    assert not anchors.allows(b"b.py")
    assert not anchors.allows(f"src{between}".encode())
    assert anchors.advance(f"src/b.py{between}x = 1".encode())
    assert not anchors.holding


def test_edits_in_a_list_are_held_to_the_file_too() -> None:
    before, between, _ = FORMS["hermes"]
    anchors = Anchors(by_name("hermes"), [EDIT], ["a.py"], {"a.py": "one\ntwo\n"})
    assert anchors.advance(f'{before}a.py{between}one", "new": "1", "edits": [{{"old": "'.encode())
    assert anchors.holding
    assert anchors.allows(b'two"')
    assert not anchors.allows(b"three")


def test_text_that_looks_like_a_call_is_not_taken_for_one() -> None:
    before, between, _ = FORMS["fenced"]
    anchors = Anchors(by_name("fenced"), [EDIT], ["a.py"], {"a.py": "one\n"})
    assert anchors.advance(f"{before}a.py{between}one\n```\n```new\n".encode())
    assert anchors.advance(before[len("<tool_call>") :].encode())
    assert not anchors.holding
    assert anchors.advance(b"\n```\n</tool_call>\n" + before.encode())
    assert anchors.holding


def test_a_copy_goes_its_own_way() -> None:
    before, *_ = FORMS["hermes"]
    anchors = Anchors(by_name("hermes"), [EDIT], ["a.py", "b.py"], {})
    anchors.advance(before.encode())
    tried = anchors.copy()
    assert tried.advance(b"b")
    assert not tried.allows(b"a.py")
    assert anchors.allows(b"a.py")
