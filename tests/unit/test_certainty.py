"""How sure the model was, found again on the lines of the file that it changes, in every form of call."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeagent.agent.certainty import Certainty, certainty_of
from codeagent.inference.client import TokenLogprob, ToolCall, ToolSpec
from codeagent.inference.dialects import by_name

STRING = {"type": "string"}
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
BENCH = Path(__file__).parents[2] / "bench" / "certainty.py"

OLD = '    if a:\n        return "no\\n"\n'
NEW = '    if a and b:\n        return "é 😀\\n"\n'
HARD = "and b:"  # where the model was unsure: one token, as it stands in the file


def tokens(reply: str, unsure: str, probability: float = 0.25) -> tuple[TokenLogprob, ...]:
    """A reply as tokens of up to four characters, all sure but the last one that holds the unsure text alone."""
    at = reply.rindex(unsure)
    sure = [reply[:at], reply[at + len(unsure) :]]
    before, after = ([TokenLogprob(text=s[i : i + 4], logprob=0.0) for i in range(0, len(s), 4)] for s in sure)
    return (*before, TokenLogprob(text=unsure, logprob=math.log(probability)), *after)


def calls(dialect: str, reply: str, template: str = "") -> list[ToolCall]:
    parser = by_name(dialect, template).parser((EDIT, WRITE))
    return [event for event in [*parser.feed(reply), *parser.finish()] if isinstance(event, ToolCall)]


def marked(line: str, probabilities: tuple[float, ...] | None) -> str:
    """The characters of the line that the model was unsure of."""
    assert probabilities is not None
    assert len(probabilities) == len(line.rstrip("\n"))
    return "".join(character for character, p in zip(line, probabilities, strict=False) if p < 1)


def as_json(escape_unicode: bool) -> str:
    return json.dumps({"path": "a.py", "old": OLD, "new": NEW}, ensure_ascii=escape_unicode)


REPLIES = {
    "fenced": f'<tool_call>\n{{"name": "edit", "arguments": {{"path": "a.py"}}}}\n```old\n{OLD}```\n```new\n{NEW}```\n'
    "</tool_call>",
    "plain": f'<tool_call>\n{{"name": "edit", "arguments": {{"path": "a.py"}}}}\n```old\n{OLD}```\n```new\n{NEW}```\n'
    "</tool_call>",
    "hermes": f'<tool_call>\n{{"name": "edit", "arguments": {as_json(False)}}}\n</tool_call>',
    "hermes with \\u": f'<tool_call>\n{{"name": "edit", "arguments": {as_json(True)}}}\n</tool_call>',
    "hermes with JSON in a string": f'<tool_call>\n{{"name": "edit", "arguments": {json.dumps(as_json(True))}}}\n'
    "</tool_call>",
    "qwen3-coder": "<tool_call>\n<function=edit>\n<parameter=path>\na.py\n</parameter>\n<parameter=old>\n"
    f"{OLD}\n</parameter>\n<parameter=new>\n{NEW}\n</parameter>\n</function>\n</tool_call>",
    "llama3": f'{{"name": "edit", "parameters": {as_json(False)}}}',
    "mistral": f'[TOOL_CALLS][{{"name": "edit", "arguments": {as_json(False)}}}]',
    "mistral with names": f"[TOOL_CALLS]edit[ARGS]{as_json(False)}",
    "deepseek": "<@tool▁calls▁begin@><@tool▁call▁begin@>function<@tool▁sep@>edit\n```json\n".replace("@", "\uff5c")
    + as_json(False)
    + "\n```<@tool▁call▁end@><@tool▁calls▁end@>".replace("@", "\uff5c"),
    "glm": "<tool_call>edit\n<arg_key>path</arg_key>\n<arg_value>a.py</arg_value>\n<arg_key>old</arg_key>\n"
    f"<arg_value>{OLD}</arg_value>\n<arg_key>new</arg_key>\n<arg_value>{NEW}</arg_value>\n</tool_call>",
    "gpt-oss": "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.edit "
    f"<|constrain|>json<|message|>{as_json(False)}<|call|>",
    "gemma": f'<|tool_call>call:edit{{new:<|"|>{NEW}<|"|>,old:<|"|>{OLD}<|"|>,path:<|"|>a.py<|"|>}}<tool_call|>',
}


@pytest.mark.parametrize("form", REPLIES)
def test_what_the_model_was_unsure_of_is_found_on_the_line_in_every_form(form: str) -> None:
    template = '[TOOL_CALLS] "[ARGS]"' if form == "mistral with names" else ""
    reply = f"I change `if a` to `if a and b`.\n{REPLIES[form]}"
    (call,) = calls(form.partition(" with ")[0], reply, template)
    assert call.arguments["new"] in (NEW, NEW.rstrip("\n"))
    certainty = certainty_of(call, tokens(reply, HARD))
    assert certainty is not None
    first, second = NEW.splitlines(keepends=True)
    one, two = certainty.of_lines([first, second])
    assert marked(first, one) == HARD
    assert marked(second, two) == ""


@pytest.mark.parametrize("form", REPLIES)
def test_characters_that_json_escapes_keep_their_places(form: str) -> None:
    template = '[TOOL_CALLS] "[ARGS]"' if form == "mistral with names" else ""
    reply = REPLIES[form]
    (call,) = calls(form.partition(" with ")[0], reply, template)
    end = reply.index("return", reply.rindex("and b")) + len("return ")
    # Every token is one character, and those behind the word were doubtful.
    doubtful = [TokenLogprob(text=c, logprob=math.log(0.5) if i >= end else 0.0) for i, c in enumerate(reply)]
    certainty = certainty_of(call, doubtful)
    assert certainty is not None
    lines = NEW.splitlines(keepends=True)
    assert marked(lines[1], certainty.of_lines(lines)[1]) == '"é 😀\\n"'


def test_a_file_given_in_a_fence_is_found() -> None:
    content = "def f(a, b):\n    return a\n"
    reply = f"The bug is that `return a` lacks b.\n\ncalc.py\n```python\n{content}```\n"
    (call,) = calls("fenced", reply)
    certainty = certainty_of(call, tokens(reply, "return a"))
    assert certainty == Certainty(content, (1.0,) * 17 + (0.25,) * 8 + (1.0,))


def test_what_the_model_said_before_it_wrote_the_call_is_not_meant() -> None:
    spoken = f"In a.py\n```\n{OLD}```\nmust become\n```\n{NEW}```\n"
    reply = REPLIES["fenced"]
    (call,) = calls("fenced", spoken + reply)
    certainty = certainty_of(call, (*tokens(spoken, HARD), *tokens(reply, "return", 0.5)))
    assert certainty is not None
    first, second = NEW.splitlines()
    one, two = certainty.of_lines([first, second])
    assert (marked(first, one), marked(second, two)) == ("", "return")


def test_of_two_calls_that_write_the_same_each_has_its_own() -> None:
    one = '<tool_call>\n{"name": "edit", "arguments": {"path": "a.py", "old": "x = 1", "new": "z = 3"}}\n</tool_call>'
    two = one.replace("x = 1", "y = 2")
    reply = f"{one}\n{two}"
    first, second = calls("hermes", reply)
    unsure = (*tokens(f"{one}\n", "= 3", 0.5), *tokens(two, "= 3", 0.125))
    for call, probability in ((first, 0.5), (second, 0.125)):
        certainty = certainty_of(call, unsure)
        assert certainty is not None
        (line,) = certainty.of_lines(["z = 3\n"])
        assert line == pytest.approx((1.0, 1.0, *([probability] * 3)))


def test_the_text_to_replace_is_not_taken_for_the_text_that_replaces_it() -> None:
    call = ToolCall(id="c", name="edit", arguments={"path": "a.py", "old": "x = 1\n", "new": "y = 2\nx = 1\n"})
    reply = json.dumps(call.arguments)
    certainty = certainty_of(call, tokens(reply, "x = 1"))
    assert certainty is not None
    assert certainty.of_lines(["x = 1\n"]) == [(0.25,) * 5]


def test_several_edits_of_one_call_are_found_in_any_order_of_their_lines() -> None:
    edits = [{"old": "low", "new": "second = 2"}, {"old": "high", "new": "first = 1"}]
    call = ToolCall(id="c", name="edit", arguments={"path": "a.py", "edits": edits})
    certainty = certainty_of(call, tokens(json.dumps(call.arguments), "first"))
    assert certainty is not None
    one, two = certainty.of_lines(["first = 1\n", "second = 2\n"])
    assert (marked("first = 1", one), marked("second = 2", two)) == ("first", "")


def test_a_line_of_which_only_a_part_was_replaced_is_unsure_there_alone() -> None:
    call = ToolCall(id="c", name="edit", arguments={"path": "a.py", "old": "a - b", "new": "a + b"})
    certainty = certainty_of(call, tokens(json.dumps(call.arguments), "+"))
    assert certainty is not None
    line = "    return a + b  # sum\n"
    (found,) = certainty.of_lines([line])
    assert marked(line, found) == "+"
    assert found is not None
    assert found.index(0.25) == line.index("+")


def test_an_indentation_put_right_afterwards_is_not_the_models() -> None:
    call = ToolCall(id="c", name="write", arguments={"path": "a.py", "content": "if x:\n  y()\n"})
    certainty = certainty_of(call, [TokenLogprob(text=json.dumps(call.arguments), logprob=math.log(0.5))])
    assert certainty is not None
    assert certainty.of_lines(["    y()\n"]) == [(1.0,) * 4 + (0.5,) * 3]
    assert certainty.of_lines(["  y()\n"]) == [(0.5,) * 5]


def test_of_equal_lines_the_one_with_the_same_neighbours_is_meant() -> None:
    content = "def f():\n    return None\n\n\ndef g():\n    return None\n"
    call = ToolCall(id="c", name="write", arguments={"path": "a.py", "content": content})
    certainty = certainty_of(call, tokens(json.dumps(call.arguments), "return None"))
    assert certainty is not None
    assert [p is not None and min(p) for p in certainty.of_lines(["def f():\n", "    return None\n"])] == [1, 1]
    assert [p is not None and min(p) for p in certainty.of_lines(["def g():\n", "    return None\n"])] == [1, 0.25]
    whole = certainty.of_lines(content.splitlines(keepends=True))
    assert [p and min(p) for p in whole] == [1, 1, None, None, 1, 0.25]


def test_lines_that_are_blank_or_not_the_models_have_none() -> None:
    certainty = Certainty("x = 1\n", (0.5,) * 6)
    assert certainty.of_lines(["\n", "   ", "other\n", "x = 1\n"]) == [None, None, None, (0.5,) * 5]
    assert certainty.of_lines([]) == []


def test_a_call_that_writes_no_file_has_the_certainty_of_its_texts() -> None:
    call = ToolCall(id="c", name="run", arguments={"command": "rm -r build", "seconds": 5})
    certainty = certainty_of(call, tokens(json.dumps(call.arguments), "rm -r"))
    assert certainty is not None
    assert certainty.of_lines(["rm -r build"]) == [(0.25,) * 5 + (1.0,) * 6]


def test_where_the_engine_told_nothing_or_there_is_no_such_text_there_is_none() -> None:
    call = ToolCall(id="c", name="write", arguments={"path": "a.py", "content": "x\n"})
    assert certainty_of(call, ()) is None
    assert certainty_of(call, tokens("something else", "else")) is None
    assert certainty_of(ToolCall(id="c", name="test", arguments={}), tokens("{}", "}")) is None
    assert certainty_of(call.model_copy(update={"arguments": {"content": "", "path": "\n"}}), tokens("{}", "}")) is None


characters = st.text(st.sampled_from('ab\\"/\n\t {}[]`é😀\u2028'), max_size=60)


@pytest.mark.parametrize("escape_unicode", [True, False])
@settings(max_examples=150, deadline=None)
@given(before=characters, rest=characters)
def test_every_character_has_the_probability_of_its_own_token(escape_unicode: bool, before: str, rest: str) -> None:
    content = f"def f():\n{rest}"
    call = ToolCall(id="c", name="write", arguments={"path": "src/a.py", "content": content})
    encoder = json.JSONEncoder(ensure_ascii=escape_unicode)
    head = f'{before}{{"path": "src/a.py", "content": "'
    pieces = [encoder.encode(character)[1:-1] for character in content]
    logprobs = [
        TokenLogprob(text=head, logprob=0.0),
        *(TokenLogprob(text=piece, logprob=-0.01 * (1 + i)) for i, piece in enumerate(pieces)),
        TokenLogprob(text='"}', logprob=0.0),
    ]
    found = certainty_of(call, logprobs)
    assert found is not None
    assert found.text.startswith(content)
    expected = [math.exp(-0.01 * (1 + i)) for i in range(len(content))]
    assert list(found.probabilities[: len(content)]) == pytest.approx(expected)


def bench(tasks: Path, script: Path, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, BENCH, tasks, "--replay", script, *args], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="a task's check is a script for bash")
def test_the_measurement_notes_each_hunk_of_the_first_edit_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for task, right in (("add", "a + b"), ("subtract", "a - b")):
        folder = tmp_path / "tasks" / "tiny" / task
        (folder / "repo").mkdir(parents=True)
        (folder / "tests").mkdir()
        (folder / "repo" / "calc.py").write_text("def f(a, b):\n    return a * b\n")
        (folder / "tests" / "check.py").write_text(f"assert {right!r} in open('calc.py').read()\n")
        (folder / "check.sh").write_text(
            'exec timeout -k 5 "${LIMIT:-20}" "${TASK_PYTHON:-python3}" check.py </dev/null'
        )
        (folder / "task.md").write_text("Mend calc.py.\n")
    turn = {
        "calls": [{"name": "edit", "arguments": {"path": "calc.py", "old": "a * b", "new": "a + b"}}],
        "logprobs": [{"text": "+", "logprob": math.log(0.25)}],
    }
    script = tmp_path / "script.jsonl"
    script.write_text(json.dumps(turn))
    rows = tmp_path / "rows.jsonl"
    bench(tmp_path, script, "--out", str(rows), "--limit", "1")
    text = bench(tmp_path, script, "--out", str(rows))
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    assert [(row["task"], row["edited"], row["solved"]) for row in found] == [
        ("add", True, True),
        ("subtract", True, False),
    ]
    (hunk,) = found[0]["hunks"]
    assert (hunk["file"], hunk["line"], hunk["min"]) == ("calc.py", 2, 0.25)
    assert "2 tasks, 2 edited, 1 solved by the first edit; 2 hunks, the certainty of 2 is known" in text
    assert "AUC 0.500 (1 right, 1 wrong)" in text
