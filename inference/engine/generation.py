"""One answer from prompt to last event, step by step: what is to be decoded next, and what follows from the scores;
knows no cache and no other answers.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

from codeagent.inference.client import (
    ChatRequest,
    ContextOverflowError,
    Finished,
    ModelEvent,
    Prefill,
    StopReason,
    Usage,
)
from codeagent.inference.dialects.base import CallParser, Dialect
from codeagent.inference.engine.cost_curve import CostCurve, draft_length
from codeagent.inference.engine.lineage import common
from codeagent.inference.engine.llama import Context
from codeagent.inference.engine.loop_guard import LoopGuard
from codeagent.inference.engine.reply import Reply
from codeagent.inference.engine.sampling import Chooser, callable_tools, constraint_for
from codeagent.inference.engine.speculative import Drafter

_SEEDS = (1 << 32) - 1  # the number itself means "random" to llama.cpp


class CancelledError(Exception):
    """The generation was stopped because it was asked to; what was read so far stays cached."""


class Step(NamedTuple):
    """What a generation wants decoded behind what its line holds; the scores after the last `scored` are wanted. All of
    these but the first belong to tokens that have not been chosen yet and may turn out to be others.
    """

    tokens: list[int]
    scored: int


class Generation:
    """A request being answered. Whoever runs it keeps a line of the cache for it, and in turns asks what it wants() and
    tells it to advance().

    The line may be lost and taken anew at any time between: `history` is what it has to hold, and all that is missing
    is wanted again.
    """

    def __init__(
        self,
        request: ChatRequest,
        prompt: list[int],
        context: Context,
        dialect: Dialect,
        emit: Callable[[ModelEvent], None],
        curve: CostCurve,
    ) -> None:
        """Events go to `emit`, the last of them a Finished. By the `curve` it is decided how far to guess ahead. Raises
        ContextOverflowError, and BadRequestError for a grammar.
        """
        if len(prompt) >= context.size:
            raise ContextOverflowError(len(prompt), context.size)
        self.history = list(prompt)
        """The prompt and the answer so far. The last token has not been decoded, unless the answer has ended."""
        self.done = False
        self.pauses: tuple[int, ...] = ()
        """Lengths of the prompt's beginning at which a decode is to end, so that the state there can be kept."""
        self._request = request
        self._prompt = len(prompt)
        self._context = context
        self._emit = emit
        self._seed = secrets.randbelow(_SEEDS) if request.sampling.seed is None else request.sampling.seed % _SEEDS
        self._chooser = Chooser(context, request.sampling, self._seed, constraint_for(request, dialect))
        self._reply = Reply(context.model.vocab, _parser(request, dialect), request.stop, emit)
        self._guard = LoopGuard()
        self._curve = curve
        self._drafter = _drafter(request, prompt, context)
        self._drafted = self._accepted = 0
        self._thought = 0
        self._cached: int | None = None
        self._started = self._written = 0.0

    def begin(self, held: int, rate: float | None) -> None:
        """It has got a line, of which `held` tokens are its own; `rate` tokens a second are read, if that is known."""
        if self._cached is None:
            self._cached, self._started = held, perf_counter()
            self._tell(held, rate)

    def wants(self, held: int, room: int) -> Step:
        """The next tokens behind `held` ones: at least one, at most `room`."""
        tokens = self.history[held : min([held + room, *(pause for pause in self.pauses if pause > held)])]
        if held + len(tokens) < len(self.history):
            return Step(tokens, scored=0)
        ahead = self._ahead(room - len(tokens), len(tokens))
        return Step([*tokens, *ahead], scored=1 + len(ahead))

    def _ahead(self, room: int, sure: int) -> list[int]:
        """The tokens that must come next, or else those that probably do, as far as guessing them pays. `sure` tokens
        are decoded anyway.
        """
        left = min(room, self._context.size - len(self.history), self._request.max_tokens - len(self._reply) - 1)
        certain = self._chooser.certain
        if certain or self._drafter is None:
            return list(certain)[: max(0, left)]
        guessed = self._drafter.draft(left)
        return guessed[: draft_length(self._curve, self._drafter.outlook, len(guessed), sure)]

    def advance(self, held: int, step: Step, scores: range, rate: float | None) -> int:
        """Go on from a step that was decoded behind `held` tokens, its scores at these places of the last decode.

        Returns how many of the step's tokens hold: the line has to be cut behind them. May raise BadRequestError: a
        grammar may lead nowhere.
        """
        held += len(step.tokens)
        if not len(self._reply):
            self._tell(held, rate)
        written, ahead = len(self.history), step.tokens[len(step.tokens) - len(scores) + 1 :]
        certain = min(len(ahead), len(self._chooser.certain))
        reason: StopReason | None = None
        for at, guess in zip(scores, [*ahead, None], strict=False):
            if not len(self._reply):
                self._written = perf_counter()
            reason = self._write(at)
            if reason or self.history[-1] != guess:
                break
        chosen = common(ahead, self.history[written:])
        self._drafted += len(ahead) - certain
        self._accepted += max(0, chosen - certain)
        if reason:
            self._finish(reason)
        return len(step.tokens) - len(ahead) + chosen

    def _tell(self, held: int, rate: float | None) -> None:
        total, cached = self._prompt, self._cached or 0
        self._emit(Prefill(done=held, total=total, cached=cached, eta_s=(total - held) / rate if rate else None))

    def _write(self, at: int) -> StopReason | None:
        """Choose the next token; returns why it is the last one, if it is."""
        thinking = self._reply.thinking
        if thinking:
            self._thought += 1
            if self._request.thinking_budget is not None and self._thought == self._request.thinking_budget + 1:
                self._chooser.force(self._reply.thinking_end)
        token = self._chooser.next(thinking, at)
        if self._context.model.vocab.is_end(token):
            return "stop"
        self._reply.add(token, self._context.logprob(token, at) if self._request.logprobs else None)
        self.history.append(token)
        if self._drafter:
            self._drafter.add(token)
        if self._reply.stopped or self._reply.repeats:
            return "stop"
        if self._guard.add(token):
            return "loop"
        if len(self._reply) >= self._request.max_tokens:
            return "length"
        return "context_full" if len(self.history) > self._context.size else None

    def _finish(self, reason: StopReason) -> None:
        self.done = True
        generated = len(self._reply)
        raw, tokens, logprobs = self._reply.finish()
        usage = Usage(
            prompt_tokens=self._prompt,
            cached_tokens=self._cached or 0,
            generated_tokens=generated,
            prefill_ms=(self._written - self._started) * 1000,
            decode_ms=(perf_counter() - self._written) * 1000,
            drafted=self._drafted,
            accepted=self._accepted,
            seed=self._seed,
        )
        if self._reply.calls and reason == "stop":
            reason = "tool_calls"
        self._emit(Finished(reason=reason, usage=usage, raw=raw, tokens=tokens, logprobs=logprobs))


def _parser(request: ChatRequest, dialect: Dialect) -> CallParser | None:
    if request.grammar is not None or request.json_schema is not None:
        return None
    return dialect.parser(callable_tools(request))


def _drafter(request: ChatRequest, prompt: list[int], context: Context) -> Drafter | None:
    """What guesses the answer; None for a model that cannot take back what was guessed wrongly, and where the answer is
    to be exact.
    """
    model = context.model
    if request.exact or not model.can_rewind or model.window:
        return None
    text = request.prediction
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    return Drafter(prompt, [model.vocab.tokenize(form, parse_special=False) for form in dict.fromkeys([text, escaped])])
