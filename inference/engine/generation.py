"""One answer from prompt to last event: reads, writes, stops for the right reason; knows no process."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from threading import Event
from time import perf_counter

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
from codeagent.inference.engine.lineage import Lineage
from codeagent.inference.engine.llama import Context, DecodeAbortedError
from codeagent.inference.engine.loop_guard import LoopGuard
from codeagent.inference.engine.reply import Reply
from codeagent.inference.engine.sampling import Chooser, constraint_for

_SEEDS = (1 << 32) - 1  # the number itself means "random" to llama.cpp
_TELLING = 32  # reading fewer tokens at once is slower a token, and says nothing about a long prompt


class CancelledError(Exception):
    """The generation was stopped because it was asked to; what was read so far stays cached."""


class Generation:
    """Runs one request at a time on a context."""

    def __init__(self, context: Context, dialect: Dialect, beat: Callable[[], None]) -> None:
        self._context = context
        self._dialect = dialect
        self._beat = beat
        self._lineage = Lineage(context)
        self._rate: float | None = None  # tokens read a second, as measured last

    def run(
        self, request: ChatRequest, prompt: list[int], emit: Callable[[ModelEvent], None], cancelled: Event
    ) -> None:
        """Emit the events of this request, the last of which is Finished.

        Raises ContextOverflowError before the first event, BadRequestError for a grammar, CancelledError at any time.
        """
        if len(prompt) >= self._context.size:
            raise ContextOverflowError(len(prompt), self._context.size)
        seed = secrets.randbelow(_SEEDS) if request.sampling.seed is None else request.sampling.seed % _SEEDS
        chooser = Chooser(self._context, request.sampling, seed, constraint_for(request, self._dialect))
        reply = Reply(self._context.model.vocab, self._parser(request), request.stop, emit)
        started = perf_counter()
        cached = self._read(prompt, emit, cancelled)
        written = perf_counter()
        reason = self._write(request, chooser, reply, cancelled)
        generated = len(reply)
        raw, tokens, logprobs = reply.finish()
        usage = Usage(
            prompt_tokens=len(prompt),
            cached_tokens=cached,
            generated_tokens=generated,
            prefill_ms=(written - started) * 1000,
            decode_ms=(perf_counter() - written) * 1000,
            seed=seed,
        )
        if reply.calls and reason == "stop":
            reason = "tool_calls"
        emit(Finished(reason=reason, usage=usage, raw=raw, tokens=tokens, logprobs=logprobs))

    def _parser(self, request: ChatRequest) -> CallParser | None:
        if request.grammar is not None or request.json_schema is not None:
            return None
        return self._dialect.parser(() if request.tool_choice == "none" else request.tools)

    def _read(self, prompt: list[int], emit: Callable[[ModelEvent], None], cancelled: Event) -> int:
        """Bring the cache up to the prompt; returns how much of it was there before."""
        cached = done = self._lineage.rewind(prompt)
        total = len(prompt)
        started = perf_counter()
        while True:
            eta = (total - done) / self._rate if self._rate else None
            emit(Prefill(done=done, total=total, cached=cached, eta_s=eta))
            if done == total:
                return cached
            self._step(prompt[done : done + self._context.batch], cancelled)
            done = len(self._lineage)
            if done - cached >= _TELLING:
                self._rate = (done - cached) / (perf_counter() - started)

    def _write(self, request: ChatRequest, chooser: Chooser, reply: Reply, cancelled: Event) -> StopReason:
        guard = LoopGuard()
        while True:
            token = chooser.next(reply.thinking)
            if self._context.model.vocab.is_end(token):
                return "stop"
            reply.add(token, self._context.logprob(token) if request.logprobs else None)
            if reply.stopped:
                return "stop"
            if guard.add(token):
                return "loop"
            if len(reply) >= request.max_tokens:
                return "length"
            if len(self._lineage) >= self._context.size:
                return "context_full"
            self._step([token], cancelled)

    def _step(self, tokens: list[int], cancelled: Event) -> None:
        self._beat()
        if cancelled.is_set():
            raise CancelledError
        try:
            self._lineage.extend(tokens)
        except DecodeAbortedError:
            raise CancelledError from None
