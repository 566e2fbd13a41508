"""Chooses tokens under a grammar, from the start or once a call is opened; knows no parsing and no cache."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codeagent.inference.client import BadRequestError, ChatRequest, Sampling
from codeagent.inference.dialects.base import Dialect
from codeagent.inference.engine.ggml import NativeError
from codeagent.inference.engine.llama import Chain, Context, Grammar, Vocab, schema_grammar

MAX_GRAMMAR = 1 << 20
MAX_NESTING = 200
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]', re.DOTALL)


@dataclass(frozen=True)
class Constraint:
    """What an answer must look like.

    A grammar alone holds the whole answer. A grammar with a trigger holds it from where that text begins. A trigger
    alone is a text that must not be written.
    """

    gbnf: str | None = None
    trigger: str | None = None


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
    if request.tool_choice == "none":
        found = dialect.grammar(request.tools, required=False)
        return Constraint(trigger=found.trigger if found else None)
    required = request.tool_choice == "required"
    tools = [tool for tool in request.tools if not (required and request.only) or tool.name in request.only]
    found = dialect.grammar(tools, required, request.files, request.reason_first)
    return Constraint(gbnf=found.gbnf, trigger=found.trigger) if found else Constraint()


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
        self._vocab = context.model.vocab
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
        self._held = None if self._trigger else grammar
        # Free text in a grammar would admit the marks that a chat is made of; only those it spells out are meant.
        self._marks = [
            token
            for token, piece in self._vocab.control_tokens
            if piece.decode(errors="replace") not in (self._gbnf or "")
        ]

    def next(self, thinking: bool) -> int:
        """The next token. While the model is `thinking`, a call's opener means nothing."""
        if self._held:
            return self._next_held(self._held)
        token = self._chain.sample()
        if not self._trigger or thinking:
            self._tail = b""
            return token
        banned: list[int] = []
        while not self._admits(token):
            banned.append(token)
            token = self._some(self._chain.pick(banned=banned))
        if banned:
            self._chain.accept(token)
        return token

    def _next_held(self, grammar: Grammar) -> int:
        # Asking about one token is a thousand times cheaper than masking the vocabulary, for the same distribution.
        token = self._some(self._chain.pick(banned=self._marks))
        if not grammar.advance(token):
            token = self._some(self._chain.pick(grammar, banned=self._marks))
            if not grammar.advance(token):
                self._some(None)
        self._chain.accept(token)
        return token

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
        self._held = grammar
        return True

    def _some(self, token: int | None) -> int:
        if token is None:
            raise BadRequestError("The grammar leads to a place where no token of this model's vocabulary may follow.")
        return token
