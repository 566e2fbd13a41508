import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects import DIALECT_NAMES, by_name
from codeagent.inference.dialects.gbnf import literal
from codeagent.inference.dialects.gbnf_walk import Automaton, UnwalkableError, Walk

READ = ToolSpec(
    name="read",
    description="Read a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}, "first": {"type": "integer"}},
        "required": ["path"],
    },
)
WRITE = ToolSpec(
    name="write",
    description="Write a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"],
    },
    fenced=("content",),
)


def forced(gbnf: str, written: str = "") -> str:
    walk = Walk(Automaton(gbnf))
    walk.feed(written)
    return walk.forced()


@pytest.mark.parametrize(
    ("gbnf", "written", "expected"),
    [
        ('root ::= "abc"', "", "abc"),
        ('root ::= "abc"', "ab", "c"),
        ('root ::= "abc"', "abc", ""),
        ('root ::= "abc"', "x", ""),
        ('root ::= "ab" | "ac"', "", "a"),
        ('root ::= "ab" | "ac"', "a", ""),
        ('root ::= "ab" | "ac"', "ac", ""),
        ('root ::= "a" "b"? "c"', "", "a"),
        ('root ::= "a" "b"*', "", "a"),
        ('root ::= "ab"{2}', "", "abab"),
        ('root ::= "ab"{1,2} "."', "", "ab"),
        ('root ::= "ab"{2,} "."', "", "abab"),
        ('root ::= "a"+ "b"', "aa", ""),
        ('root ::= [a] [b] "c"', "", "abc"),
        ('root ::= [ab] "c"', "", ""),
        ('root ::= [^a] "c"', "x", "c"),
        ('root ::= [a-c] "d"', "b", "d"),
        ('root ::= [a-] "d"', "-", "d"),
        ('root ::= . "d"', "\n", "d"),
        ('root ::= one two # a comment\none ::= "1" |\n  "2"\ntwo ::= (\n "x" \n)', "2", "x"),
        (r'root ::= "\x41\u00e9\U0001F600\n\"\\"', "", 'Aé😀\n"\\'),
        ('root ::= "a" root | "b"', "aa", ""),
        ('root ::= ("a" | "")* "b"', "a", ""),
        ('root ::= "x" end\nend ::= ""', "", "x"),
        ('root ::= ("a" "b" | "a" "b" "c"?) "d"', "", "ab"),
    ],
)
def test_what_must_come_next_is_known(gbnf: str, written: str, expected: str) -> None:
    assert forced(gbnf, written) == expected


@pytest.mark.parametrize(
    "gbnf",
    [
        "",
        "root",
        'root ::= "open',
        "root ::= missing",
        'other ::= "a"',
        "root ::= <tool>",
        'root ::= ("a"',
        r'root ::= "\q"',
    ],
)
def test_what_is_not_understood_is_said(gbnf: str) -> None:
    with pytest.raises(UnwalkableError):
        Automaton(gbnf)


def test_a_grammar_that_branches_without_end_forces_nothing() -> None:
    walk = Walk(Automaton('root ::= ("a"? "a"? "b"?){200} "c"'))
    walk.feed("ab" * 50)
    assert walk.forced() == ""


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), st.integers(0, 30))
def test_a_literal_is_forced_whatever_characters_it_has(text: str, written: int) -> None:
    assert forced(f"root ::= {literal(text)}", text[:written]) == text[written:]


def test_the_frame_of_a_call_is_forced_and_what_stands_in_it_is_not() -> None:
    grammar = by_name("hermes").grammar([READ], required=False)
    assert grammar is not None
    opened = '<tool_call>\n{"name": "'
    assert forced(grammar.gbnf, opened) == 'read", "arguments": {"path":'
    assert forced(grammar.gbnf, opened + 'read", "arguments": {"path": "') == ""


def test_the_head_of_a_file_that_is_the_only_one_is_forced() -> None:
    grammar = by_name("fenced").grammar([WRITE], required=True, files=("src/calc.py",))
    assert grammar is not None
    assert forced(grammar.gbnf) == "src/calc.py\n```"
    assert forced(grammar.gbnf, "src/calc.py\n```python\n") == ""


@pytest.mark.parametrize("name", DIALECT_NAMES)
@pytest.mark.parametrize("required", [True, False])
def test_the_grammars_of_all_dialects_are_understood(name: str, required: bool) -> None:
    grammar = by_name(name).grammar([READ, WRITE], required, ("a.py",))
    if grammar is None:
        pytest.skip("this dialect writes no grammar")
    start = forced(grammar.gbnf)
    assert required or (start and grammar.trigger and start.startswith(grammar.trigger[: len(start)]))
