"""Chooses tokens under a grammar, from the start or once a call is opened; knows no parsing and no cache."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codeagent.inference.client import BadRequestError, ChatRequest, Sampling, ToolSpec
from codeagent.inference.dialects.base import Dialect
from codeagent.inference.engine.anchors import Anchors, anchors_for
from codeagent.inference.engine.forced import Forced
from codeagent.inference.engine.ggml import NativeError
from codeagent.inference.engine.llama import Context, Vocab, schema_grammar
from codeagent.inference.engine.samplers import Chain, Grammar

MAX_GRAMMAR = 1 << 20
MAX_NESTING = 200
_TRIED = 1024  # of the tokens that may fit, the likeliest so many at once: who comes later has hardly a chance
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]', re.DOTALL)


@dataclass(frozen=True)
class Constraint:
    """What an answer must look like.

    A grammar alone holds the whole answer. A grammar with a trigger holds it from where that text begins. A trigger
    alone is a text that must not be written. With a grammar `anchors` hold what calls say of files.
    """

    gbnf: str | None = None
    trigger: str | None = None
    anchors: Anchors | None = None


def constraint_for(request: ChatRequest, dialect: Dialect) -> Constraint:
    """The constraint a request means. Raises BadRequestError for a schema that is none."""
    if request.grammar is not None:
        return Constraint(gbnf=request.grammar)
    if request.json_schema is not None:
        try:
            return Constraint(gbnf=schema_grammar(request.json_schema))
        except Exception as error:  # the converter checks nothing, so a bad schema can end in any of them
            reason = f"{type(error).__name__}: {error}"[:300]
            raise BadRequestError(f"The JSON schema cannot be turned into a grammar ({reason}).") from None
    if not request.tools:
        return Constraint()
    required = request.tool_choice == "required"
    tools = [tool for tool in callable_tools(request) if not (required and request.only) or tool.name in request.only]
    if not tools:
        found = dialect.grammar(request.tools, required=False)
        return Constraint(trigger=found.trigger if found else None)
    found = dialect.grammar(tools, required, request.files, request.reason_first)
    return Constraint(found.gbnf, found.trigger, anchors_for(request, dialect)) if found else Constraint()


def callable_tools(request: ChatRequest) -> list[ToolSpec]:
    """The tools of a request that may be called, and not only be seen."""
    return [tool for tool in request.tools if request.tool_choice != "none" and tool.name not in request.masked]


def parse_grammar(vocab: Vocab, gbnf: str) -> Grammar:
    """A grammar at its start. Raises BadRequestError for one that does not parse or would break the native parser."""
    if not gbnf.strip() or "\0" in gbnf:
        raise BadRequestError("The grammar is empty or holds a NUL: it needs at least a rule `root ::= …`.")
    if len(gbnf) > MAX_GRAMMAR:
        raise BadRequestError(f"The grammar has {len(gbnf):,} characters; the limit is {MAX_GRAMMAR:,}.")
    depth = deepest = 0
    for sign in re.findall(r"[()]", _QUOTED.sub("", gbnf)):
        depth += 1 if sign == "(" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise BadRequestError(f"The grammar nests {deepest} brackets; the limit is {MAX_NESTING}.")
    try:
        return Grammar(vocab, gbnf)
    except NativeError:
        raise BadRequestError(
            "The grammar does not parse: check that it is GBNF, has a rule `root`, defines every rule it uses and has "
            "no left recursion."
        ) from None


class Chooser:
    """The tokens of one answer, one by one. Raises BadRequestError when the grammar is none."""

    def __init__(self, context: Context, sampling: Sampling, seed: int, constraint: Constraint) -> None:
        self._context = context
        self._vocab = context.model.vocab
        self._anchors = constraint.anchors
        self._chain = Chain(
            context,
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=sampling.top_p,
            min_p=sampling.min_p,
            repeat_penalty=sampling.repeat_penalty,
            seed=seed,
        )
        self._gbnf = constraint.gbnf
        self._trigger = (constraint.trigger or "").encode()
        self._tail = b""
        # Parsed now even when it is to wake later, so that a bad one fails before anything is generated.
        grammar = parse_grammar(self._vocab, self._gbnf) if self._gbnf is not None else None
        self._held: Grammar | None = None
        self._forced: Forced | None = None
        self._certain: deque[int] = deque()
        # Free text in a grammar would admit the marks that a chat is made of; only those it spells out are meant.
        self._marks = [
            token
            for token, piece in self._vocab.control_tokens
            if piece.decode(errors="replace") not in (self._gbnf or "")
        ]
        if grammar and not self._trigger:
            self._hold(grammar, b"")

    @property
    def certain(self) -> Sequence[int]:
        """The tokens that come next whatever the scores are, because the grammar admits nothing else."""
        return self._certain

    def force(self, text: str) -> None:
        """Have this text come next, as far as the grammar admits it."""
        for token in self._vocab.tokenize(text, parse_special=True):
            if self._held and self._forced:
                if not self._held.advance(token):
                    break
                self._forced.feed(self._vocab.piece(token))
            self._certain.append(token)

    def next(self, thinking: bool, at: int = -1) -> int:
        """The next token, by the scores at this place of the last decode. While the model is `thinking`, a call's
        opener means nothing.
        """
        if self._certain:
            token = self._certain.popleft()
            self._chain.accept(token)
            return token
        if self._held:
            return self._next_held(self._held, None if thinking else self._anchors, at)
        token = self._chain.sample(at)
        if not self._trigger or thinking:
            self._tail = b""
            return token
        banned: list[int] = []
        while not self._admits(token):
            banned.append(token)
            token = self._some(self._chain.pick(banned=banned, at=at))
        if banned:
            self._chain.accept(token)
        return token

    def _next_held(self, grammar: Grammar, anchors: Anchors | None, at: int) -> int:
        # Asking about one token is a thousand times cheaper than masking the vocabulary, for the same distribution.
        token = self._some(self._chain.pick(banned=self._marks, at=at))
        if not self._allowed(token, anchors) or not grammar.advance(token):
            token = self._some(self._fitting(grammar, anchors, at))
            if not grammar.advance(token):
                self._some(None)
        if anchors:
            anchors.advance(self._vocab.piece(token))
        self._chain.accept(token)
        self._look_ahead(self._vocab.piece(token))
        return token

    def _allowed(self, token: int, anchors: Anchors | None) -> bool:
        return anchors is None or anchors.allows(self._vocab.piece(token))

    def _fitting(self, grammar: Grammar, anchors: Anchors | None, at: int) -> int | None:
        """A token that both allow."""
        if anchors is None or not anchors.holding:
            token = self._chain.pick(grammar, banned=self._marks, at=at)
            if token is None or self._allowed(token, anchors):
                return token
        assert anchors
        # Few tokens go on with a quotation, and a glance at their first bytes shows which may.
        may_begin = np.isin(np.arange(256), list(anchors.next_bytes()))
        may = np.flatnonzero(may_begin[self._vocab.first_bytes])
        likeliest = may[np.argsort(-self._context.logits(at)[may])].tolist()
        for start in range(0, len(likeliest), _TRIED):
            tried = [token for token in likeliest[start : start + _TRIED] if self._allowed(token, anchors)]
            fit = [token for token in tried if token not in self._marks and grammar.allows(token)]
            if fit:
                return self._chain.pick(only=fit, at=at)
        return None

    def _hold(self, grammar: Grammar, written: bytes) -> None:
        """From here on the answer is held to the grammar, which has been brought up to what is written."""
        assert self._gbnf is not None
        self._held, self._forced = grammar, Forced(self._vocab, self._gbnf)
        self._look_ahead(written)

    def _look_ahead(self, written: bytes) -> None:
        assert self._held and self._forced
        self._forced.feed(written)
        for token in self._forced.tokens():
            if self._anchors and not self._anchors.advance(self._vocab.piece(token)):
                break
            if not self._held.advance(token):  # two readings of one grammar: the library's is the one that counts
                break
            self._forced.feed(self._vocab.piece(token))
            self._certain.append(token)

    def _admits(self, token: int) -> bool:
        """Whether the token may be written: not if it completes a forbidden text, or a call that begins wrongly."""
        text = self._tail + self._vocab.piece(token)
        at = text.find(self._trigger)
        if at < 0:
            self._tail = text[max(0, len(text) - len(self._trigger) + 1) :]
            return True
        if self._gbnf is None:
            return False
        # The grammar counts characters, so any tokens that spell what has been written bring it up to date.
        grammar = parse_grammar(self._vocab, self._gbnf)
        written = self._vocab.tokenize(text[at:].decode(errors="replace"), parse_special=True)
        if not all(grammar.advance(each) for each in written):
            return False
        if self._anchors and not self._anchors.advance(text[at:]):
            return False
        self._hold(grammar, text[at:])
        return True

    def _some(self, token: int | None) -> int:
        if token is None:
            raise BadRequestError("The grammar leads to a place where no token of this model's vocabulary may follow.")
        return token
