"""How identifiers and prose are cut into words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeagent.agent.context.index.graph import Strings
from codeagent.agent.context.ranking.words import CHUNK, asked, fingerprints, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("parse_header", ["parse", "header"]),
        ("HTTPServer", ["http", "server"]),
        ("getURLsForHost", ["get", "urls", "host"]),
        ("XMLHttpRequest2Body", ["xml", "http", "request", "body"]),
        ("sha256sum", ["sha", "256", "sum"]),
        ("__init__.py", ["init", "py"]),
        ("kebab-case/and.dots", ["kebab", "case", "dots"]),
        ("naïve Größe", ["naïve", "größe"]),
        ("“quoted” — text…", ["quoted", "text"]),
        ("How is the a of it", []),
        ("x y z", []),
        ("", []),
        ("\ud800 lone", ["lone"]),
    ],
)
def test_words_of_a_request(text: str, words: list[str]) -> None:
    assert list(asked(text).values()) == words


def test_a_word_is_the_same_in_every_writing() -> None:
    hashes = {frozenset(asked(text)) for text in ("parse_header", "parseHeader", "ParseHeader", "PARSE HEADER")}
    assert len(hashes) == 1


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=("Cs",)), max_size=40), max_size=20))
def test_texts_together_have_the_words_of_each(texts: list[str]) -> None:
    together: dict[int, set[int]] = {}
    for part in words_of(Strings.of(texts)):
        for word, row in zip(part.hashes.tolist(), part.rows.tolist(), strict=True):
            together.setdefault(row, set()).add(word)
    for row, text in enumerate(texts):
        assert set(asked(text)) <= together.get(row, set())


def test_more_text_than_is_cut_at_once() -> None:
    texts = ["alpha_beta " * 20_000, "gamma", "x" * (2 * CHUNK), "deltaEpsilon", *["zeta_eta"] * 100_000]
    rows = np.concatenate([part.rows for part in words_of(Strings.of(texts))])
    counts = np.bincount(rows, minlength=len(texts))
    assert counts[:4].tolist() == [40_000, 1, 1, 2]
    assert (counts[4:] == 2).all()


def test_words_are_told_apart_by_their_first_sixty_four_bytes() -> None:
    assert len(asked("a" * 64 + "b " + "a" * 64 + "c " + "a" * 63)) == 2


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=("Cs",)), max_size=30), unique=True))
def test_different_texts_have_different_fingerprints(texts: list[str]) -> None:
    assert len(set(fingerprints(Strings.of(texts), fold=False).tolist())) == len(texts)
    folded = {"".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text) for text in texts}
    assert len(set(fingerprints(Strings.of(texts), fold=True).tolist())) == len(folded)
