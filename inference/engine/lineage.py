"""What the KV cache holds, sequence by sequence and token by token, and how little of it a new prompt has to give up;
knows no requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, takewhile
from operator import eq
from typing import NamedTuple

from codeagent.inference.engine.ggml import NativeError
from codeagent.inference.engine.llama import Context, DecodeAbortedError, Entry
from codeagent.inference.engine.states import Checkpoints, load_state, needs_states, save_state, state_size
from codeagent.inference.warm_folder import Part

FEW = 64
"""Tokens that are read again sooner than a sequence is kept for them."""


class Line:
    """One sequence of the cache and its tokens. Only Lineages changes it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.tokens: list[int] = []
        self.taken = False
        self.used = 0  # the larger, the later


class Addition(NamedTuple):
    """Tokens to be appended to a line; the scores after the last `scored` of them are wanted."""

    line: Line
    tokens: Sequence[int]
    scored: int = 0


class Lineages:
    """The lines of a context. Everything that changes the cache goes through here.

    Whoever generates takes a line and gives it back; what it holds stays until its room is needed.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._clock = count(1)
        self._states = Checkpoints()
        self.only_to_states = needs_states(context)
        """Whether lines may be unable to go back except to where a checkpoint was taken."""
        self.lines = [Line(number) for number in range(context.sequences)]

    def held(self, tokens: Sequence[int]) -> int:
        """How many of these tokens some line begins with, the last one not counted: its scores are not stored, so it
        has to be read again.
        """
        return min(len(tokens) - 1, max(common(line.tokens, tokens) for line in self.lines))

    def take(self, tokens: Sequence[int]) -> Line | None:
        """A line that holds as many of these tokens as any does, and nothing else; None while all lines are taken.

        A line that would lose more than a few tokens stays as it is, and so does one that is taken: another shares its
        beginning. That is an empty line, or the one that was given back the longest ago.
        """
        idle = [line for line in self.lines if not line.taken]
        if not idle:
            return None
        length = self.held(tokens)
        holders = [line for line in self.lines if common(line.tokens, tokens) >= length]
        fitting = [line for line in holders if line in idle and len(line.tokens) - length <= FEW]
        if fitting:
            line = max(fitting, key=lambda line: line.used)
        else:
            line = min(idle, key=lambda line: (len(line.tokens) > 0, length > FEW and holders == [line], line.used))
        if line not in holders:
            self._forget(line)
            source = min(holders, key=lambda line: len(line.tokens))
            self._context.copy(source.number, line.number)
            line.tokens = source.tokens[:]
        self.cut(line, length)
        line.taken = True
        return line

    def give_back(self, line: Line) -> None:
        """The line is free for others, with what it holds."""
        line.taken = False
        line.used = next(self._clock)

    def drop_oldest(self) -> bool:
        """Make room by emptying the line that was given back the longest ago; False when there is none."""
        idle = [line for line in self.lines if line.tokens and not line.taken]
        if idle:
            self._forget(min(idle, key=lambda line: line.used))
        return bool(idle)

    def extend(self, additions: Sequence[Addition]) -> list[range]:
        """Decode these tokens, at most a batch in all and every line once; returns where the scores of each lie.

        Raises as Context.decode() does. Then every line is as before, or empty if its model cannot go back.
        """
        entries: list[Entry] = []
        scores: list[range] = []
        for line, tokens, scored in additions:
            silent = len(tokens) - scored
            entries += [Entry(token, len(line.tokens) + n, line.number, n >= silent) for n, token in enumerate(tokens)]
            scores.append(range(len(entries) - scored, len(entries)))
        try:
            self._context.decode(entries)
        except (DecodeAbortedError, NativeError):
            for addition in additions:
                self._shorten(addition.line, len(addition.line.tokens))
            raise
        for line, tokens, _ in additions:
            line.tokens += tokens
        return scores

    def cut(self, line: Line, length: int) -> None:
        """Forget a line's tokens from this length on."""
        if length < len(line.tokens):
            self._shorten(line, length)

    def checkpoint(self, line: Line) -> None:
        """Remember how a line is now if it could not come back to here without that."""
        if self.only_to_states and not self._states.has(line.tokens):
            data = save_state(self._context, line.number, partial=True)
            if data:
                self._states.keep(line.tokens, data)

    def snapshot(self, line: Line, most: int) -> list[Part]:
        """A line's state and the checkpoints on the way to it, for restore(). Nothing when it has more than `most`
        bytes.
        """
        size = state_size(self._context, line.number)
        whole = save_state(self._context, line.number) if line.tokens and size <= most else bytearray()
        if not whole:
            return []
        parts = [Part(len(line.tokens), False, whole)]
        for kept in reversed(self._states.along(line.tokens)):
            size += len(kept.data)
            if size <= most:
                parts.append(Part(len(kept.tokens), True, kept.data))
        return parts

    def restore(self, tokens: list[int], parts: Sequence[Part]) -> bool:
        """Put a snapshot of these tokens, byte for byte as it was, into an idle line; False when that cannot be."""
        idle = [line for line in self.lines if not line.taken]
        if not idle or len(tokens) >= self._context.size:
            return False
        line = min(idle, key=lambda line: (len(line.tokens) > 0, line.used))
        self._forget(line)
        while sum(len(line.tokens) for line in self.lines) + len(tokens) > self._context.size:
            if not self.drop_oldest():
                return False
        if not load_state(self._context, line.number, parts[0].data):
            self._forget(line)
            return False
        line.tokens[:] = tokens
        line.used = next(self._clock)
        for part in parts[1:]:
            self._states.keep(tokens[: part.length], bytearray(part.data))
        return True

    def _shorten(self, line: Line, length: int) -> None:
        """The one place where the cache goes back: to `length` tokens; where the model cannot, to the checkpoint before
        them or to none.
        """
        if self._context.remove_from(length, line.number):
            del line.tokens[length:]
        elif not self._return(line, length):
            self._forget(line)

    def _return(self, line: Line, length: int) -> bool:
        found = self._states.best(line.tokens, length)
        if found is None or not load_state(self._context, line.number, found.data, partial=True):
            return False
        del line.tokens[len(found.tokens) :]
        return self._context.remove_from(len(found.tokens), line.number)

    def _forget(self, line: Line) -> None:
        self._context.clear(line.number)
        line.tokens.clear()


def common(some: Sequence[int], others: Sequence[int]) -> int:
    """The length of the longest common beginning."""
    return sum(1 for _ in takewhile(bool, map(eq, some, others)))
