"""The tokens that a grammar leaves no choice about; knows no scores and no cache."""

from __future__ import annotations

import codecs

from codeagent.inference.dialects.gbnf_walk import Automaton, UnwalkableError, Walk
from codeagent.inference.engine.llama import Vocab


class Forced:
    """Follows an answer under a grammar, from the grammar's start on."""

    def __init__(self, vocab: Vocab, gbnf: str) -> None:
        """A grammar that cannot be walked through forces nothing."""
        self._vocab = vocab
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            self._walk = Walk(Automaton(gbnf))
        except UnwalkableError:
            self._walk = None

    def feed(self, piece: bytes) -> None:
        """The answer goes on with these bytes."""
        if self._walk is None:
            return
        try:
            self._walk.feed(self._decoder.decode(piece))
        except UnicodeDecodeError:
            self._walk = None

    def tokens(self) -> list[int]:
        """The tokens that come next: none where the grammar has a choice.

        They are those that the tokenizer makes of the text that must come, up to the first that would be another one
        if the text went on. A mark that a chat is made of is no such token: it is the model's to write.
        """
        pending, _ = self._decoder.getstate()
        text = self._walk.forced() if self._walk is not None and not pending else ""
        if not text:
            return []
        rest = text.encode(errors="replace")
        found: list[int] = []
        for token in self._vocab.tokenize(text, parse_special=True):
            piece = self._vocab.piece(token)
            if not piece or not rest.startswith(piece) or self._vocab.is_mark(token) or self._vocab.goes_on(rest):
                break
            found.append(token)
            rest = rest[len(piece) :]
        return found
