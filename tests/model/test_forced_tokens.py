"""What a grammar forces, compared with what llama.cpp's own sampler allows."""

import codecs
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects import DIALECT_NAMES, by_name
from codeagent.inference.dialects.gbnf_walk import Automaton, Walk
from codeagent.inference.engine.forced import Forced
from codeagent.inference.engine.llama import Model, Vocab
from codeagent.inference.engine.samplers import Grammar

pytestmark = pytest.mark.model

READ = ToolSpec(
    name="read",
    description="Read a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}, "first": {"type": "integer"}, "whole": {"type": "boolean"}},
        "required": ["path"],
        "additionalProperties": False,
    },
)
EDIT = ToolSpec(
    name="edit",
    description="Edit a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}, "old": {"type": "string"}, "new": {"type": "string"}},
        "required": ["path", "old", "new"],
        "additionalProperties": False,
    },
    fenced=("old", "new"),
)
STEPS = 60


@pytest.fixture(scope="module")
def vocab(small_model: Path) -> Iterator[Vocab]:
    model = Model(str(small_model), vocabulary_only=True)
    yield model.vocab
    model.close()


@pytest.fixture(scope="module")
def printable(vocab: Vocab) -> list[int]:
    return [token for token in range(vocab.size) if vocab.piece(token).isascii() and not vocab.is_mark(token)]


@pytest.mark.parametrize("name", DIALECT_NAMES)
@pytest.mark.parametrize("required", [True, False])
def test_where_something_is_forced_the_library_allows_nothing_else(
    vocab: Vocab, printable: list[int], name: str, required: bool
) -> None:
    """Along a random answer: every token that is allowed begins with what is forced, or is the beginning of it."""
    found = by_name(name).grammar([READ, EDIT], required)
    if found is None:
        pytest.skip("this dialect writes no grammar")
    decoder = codecs.getincrementaldecoder("utf-8")()
    chance = random.Random(f"{name}{required}")
    shortest = [t for t in printable if len(vocab.piece(t)) == 1]
    grammar, walk, forced_somewhere = Grammar(vocab, found.gbnf), Walk(Automaton(found.gbnf)), 0
    lazy = by_name(name).grammar([READ, EDIT], required=False)
    opener = lazy.trigger if lazy and required else None
    for token in vocab.tokenize(opener or "", parse_special=True):
        if grammar.advance(token):  # a random answer would hardly ever come to a call by itself
            walk.feed(decoder.decode(vocab.piece(token)))
    for _ in range(STEPS):
        text = walk.forced().encode()
        tried = chance.sample(printable, 300) + shortest + vocab.tokenize(text.decode(), parse_special=True)[:1]
        allowed = [token for token in tried if grammar.allows(token)]
        if not allowed:
            break
        if text and not decoder.getstate()[0]:
            forced_somewhere += 1
            assert all(text.startswith(p) or p.startswith(text) for p in map(vocab.piece, allowed))
        token = chance.choice(allowed)
        assert grammar.advance(token)
        walk.feed(decoder.decode(vocab.piece(token)))
    assert forced_somewhere


@pytest.mark.parametrize(
    ("gbnf", "written", "expected"),
    [
        ('root ::= "<tool_call>\\n{\\"name\\": \\"" [a-z]+', "", '<tool_call>\n{"name":'),  # the quote may be ` "read`
        ('root ::= "calc.py\\n```" [a-z]+', "", "calc.py\n```"),
        ('root ::= "a" [b-z]', "", ""),
        ('root ::= "</tool_call>"', "</tool", "_call"),  # there are longer tokens that begin with ">"
        ('root ::= "\u65e5\u672c\u8a9e!" [a]', "", "日本語!"),
        ('root ::= "see <|im_end|> here"', "", "see "),  # a mark is the model's to write
        ("root ::= missing", "", ""),
    ],
)
def test_forced_tokens_are_those_that_the_tokenizer_would_make(
    vocab: Vocab, gbnf: str, written: str, expected: str
) -> None:
    forced = Forced(vocab, gbnf)
    forced.feed(written.encode())
    tokens = forced.tokens()
    assert b"".join(map(vocab.piece, tokens)).decode() == expected
    assert tokens == vocab.tokenize(expected, parse_special=True)


def test_in_the_middle_of_a_character_nothing_is_forced(vocab: Vocab) -> None:
    forced = Forced(vocab, 'root ::= "\u00e9 or something else"')
    forced.feed("\u00e9".encode()[:1])
    assert forced.tokens() == []
    forced.feed("\u00e9".encode()[1:])
    assert b"".join(map(vocab.piece, forced.tokens())) == b" or something"
    forced.feed(b"\xff")
    assert forced.tokens() == []
