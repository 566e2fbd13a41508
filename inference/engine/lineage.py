"""What the KV cache holds, token by token, and how little of it a new prompt has to give up; knows no requests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from operator import eq

from codeagent.inference.engine.ggml import NativeError
from codeagent.inference.engine.llama import Context, DecodeAbortedError


class Lineage:
    """The tokens in the cache of a context. Everything that changes the cache goes through here."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tokens: list[int] = []

    def __len__(self) -> int:
        return len(self._tokens)

    def rewind(self, prompt: Sequence[int]) -> int:
        """Keep the longest common prefix with this prompt, and return its length.

        It is always shorter than the prompt: the scores after the last token are not stored, so it is read again.
        A model that cannot give up part of its state gives up all of it, and the answer is 0.
        """
        kept = sum(1 for _ in takewhile(bool, map(eq, self._tokens, prompt)))
        kept = min(kept, len(prompt) - 1)
        if kept < len(self._tokens):
            self._cut(kept)
        return len(self._tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        """Read these tokens, at most a batch. After an error the cache is as before, or empty if it cannot go back."""
        try:
            self._context.decode(tokens)
        except (DecodeAbortedError, NativeError):
            self._cut(len(self._tokens))
            raise
        self._tokens += tokens

    def _cut(self, length: int) -> None:
        if self._context.remove_from(length):
            del self._tokens[length:]
        else:
            self._context.clear()
            self._tokens.clear()
