"""Turns the tokens of an answer into its events; knows no sampling and no cache."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence

from codeagent.inference.client import ModelEvent, TextDelta, TokenLogprob, ToolCall
from codeagent.inference.dialects.base import CallParser, ParsedEvent
from codeagent.inference.engine.llama import Vocab
from codeagent.inference.engine.stops import StopMatcher


class Reply:
    """An answer being written. Without a parser all of it is text."""

    def __init__(
        self, vocab: Vocab, parser: CallParser | None, stops: Sequence[str], emit: Callable[[ModelEvent], None]
    ) -> None:
        self._vocab = vocab
        self._parser = parser
        self._emit = emit
        self._stops = StopMatcher(stops)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text: list[str] = []
        self._tokens: list[int] = []
        self._logprobs: list[TokenLogprob] = []
        self.calls = 0
        self.repeats = False
        """Whether the last call is the one before it once more, as small models go on for ever."""
        self._last: ToolCall | None = None

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def stopped(self) -> bool:
        """Whether a stop string has been written."""
        return self._stops.matched

    @property
    def thinking(self) -> bool:
        """Whether the parser takes what comes next for thinking."""
        return self._parser is not None and self._parser.thinking

    @property
    def thinking_end(self) -> str:
        """The text that ends the model's thinking."""
        return self._parser.thinking_end if self._parser is not None else ""

    def add(self, token: int, logprob: float | None = None) -> None:
        """Take the next token and emit what it completes. Text that may begin a stop string waits."""
        self._tokens.append(token)
        text = self._decoder.decode(self._vocab.piece(token))
        if logprob is not None:
            self._logprobs.append(TokenLogprob(text=text, logprob=logprob))
        self._pass_on(self._stops.feed(text))

    def finish(self) -> tuple[str, tuple[int, ...], tuple[TokenLogprob, ...]]:
        """Emit what was held back; returns the answer as text, as tokens and as the logprobs that were given, all of
        them ending before a stop string. A character of several tokens is the text of the last of them.
        """
        rest = self._decoder.decode(b"", final=True)
        self._pass_on(self._stops.feed(rest))
        self._pass_on(self._stops.finish())
        if self._parser:
            self._send(self._parser.finish())
        raw = "".join(self._text)
        return raw, tuple(self._tokens_of(raw) if self.stopped else self._tokens), self._logprobs_of(raw, rest)

    def _pass_on(self, text: str) -> None:
        if not text:
            return
        self._text.append(text)
        self._send(self._parser.feed(text) if self._parser else [TextDelta(text=text)])

    def _send(self, events: Sequence[ParsedEvent]) -> None:
        for event in events:
            if isinstance(event, ToolCall):
                self.calls += 1
                self.repeats = self._last is not None and event.same_as(self._last)
                self._last = event
            self._emit(event)

    def _logprobs_of(self, raw: str, rest: str) -> tuple[TokenLogprob, ...]:
        """The logprobs up to where the text was cut; `rest` is an unfinished character, which the last token left."""
        found: list[TokenLogprob] = []
        length = 0
        for number, each in enumerate(self._logprobs, start=1):
            if self.stopped and length == len(raw):
                break
            text = (each.text + (rest if number == len(self._logprobs) else ""))[: len(raw) - length]
            found.append(TokenLogprob(text=text, logprob=each.logprob))
            length += len(text)
        return tuple(found)

    def _tokens_of(self, raw: str) -> list[int]:
        """The tokens up to where the text was cut, the last one respelt if the cut goes through it."""
        wanted = raw.encode()
        length = 0
        for number, token in enumerate(self._tokens):
            reached = length + len(self._vocab.piece(token))
            if reached > len(wanted):
                rest = wanted[length:].decode(errors="replace")
                return self._tokens[:number] + self._vocab.tokenize(rest, parse_special=False)
            length = reached
        return self._tokens
