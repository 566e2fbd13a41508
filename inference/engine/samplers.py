"""Typed wrapper of llama.cpp's samplers: grammars and chains that choose; knows what to choose from, and no cache."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from codeagent.inference.engine.ggml import NativeError
from codeagent.inference.engine.llama import Context, Vocab
from codeagent.inference.engine.llama import bindings as _c

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
_cast: Any = ctypes.cast
_pointer_to: Any = ctypes.POINTER


class Grammar:
    """A GBNF grammar, somewhere in its text. Raises NativeError when it does not parse."""

    def __init__(self, vocab: Vocab, gbnf: str) -> None:
        self.handle = _c.llama_sampler_init_grammar(vocab.handle, gbnf.encode(errors="replace"), b"root")
        if not self.handle:
            raise NativeError("the grammar does not parse")
        self._one = (_c.llama_token_data * 1)()
        self._array = _c.llama_token_data_array(self._one, 1, -1, False)

    def allows(self, token: int) -> bool:
        """Whether the token may come next."""
        self._one[0] = (token, 0.0, 0.0)
        self._array.size, self._array.selected = 1, -1
        _c.llama_sampler_apply(self.handle, ctypes.byref(self._array))
        return self._one[0].logit == 0.0

    def advance(self, token: int) -> bool:
        """Step over the token if it may come next. The library aborts on one that may not, so it is asked first."""
        if not self.allows(token):
            return False
        _c.llama_sampler_accept(self.handle, token)
        return True

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            _c.llama_sampler_free(self.handle)


class Chain:
    """Samplers in a row, ending in a choice: greedy at temperature 0. `seed` is a whole number below 2^32 - 1."""

    def __init__(
        self,
        context: Context,
        *,
        temperature: float,
        top_k: int,
        top_p: float,
        min_p: float,
        repeat_penalty: float,
        seed: int,
    ) -> None:
        self._context = context
        self.handle = _c.llama_sampler_chain_init(_c.llama_sampler_chain_default_params())
        greedy = temperature == 0
        links: list[Any] = []
        if repeat_penalty > 1:
            window = 64
            # A penalty lowers at most `window` tokens, so the k best after it are among the k + window best before it.
            links += [_c.llama_sampler_init_top_k(top_k + window)] if top_k else []
            links += [_c.llama_sampler_init_penalties(context.model.vocab.size, window, repeat_penalty, 0.0, 0.0)]
        if not greedy:
            links += [_c.llama_sampler_init_top_k(top_k)] if top_k else []
            links += [_c.llama_sampler_init_top_p(top_p, 1)] if top_p < 1 else []
            links += [_c.llama_sampler_init_min_p(min_p, 1)] if min_p > 0 else []
            links += [_c.llama_sampler_init_temp(temperature)]
        links += [_c.llama_sampler_init_greedy() if greedy else _c.llama_sampler_init_dist(seed)]
        for link in links:
            _c.llama_sampler_chain_add(self.handle, link)
        self._ids = np.arange(context.model.vocab.size, dtype=np.int32)
        self._candidates = np.empty(context.model.vocab.size, _CANDIDATE)

    def sample(self, at: int = -1) -> int:
        """Choose by the scores at a place of the last decode, as Context.logits() takes it, and remember the choice."""
        return _c.llama_sampler_sample(self.handle, self._context.handle, at)

    def accept(self, token: int) -> None:
        """Remember a token chosen by pick()."""
        _c.llama_sampler_accept(self.handle, token)

    def pick(
        self,
        grammar: Grammar | None = None,
        banned: Sequence[int] = (),
        at: int = -1,
        only: Sequence[int] | None = None,
    ) -> int | None:
        """Choose among what the grammar allows and is not banned, or among `only` these, without remembering; None when
        nothing is left.
        """
        size = self._context.model.vocab.size
        candidates = self._candidates
        candidates["id"] = self._ids  # the last choice has sorted them
        if only is None:
            candidates["logit"] = self._context.logits(at)
        else:
            candidates["logit"] = -np.inf
            candidates["logit"][list(only)] = self._context.logits(at)[list(only)]
        candidates["logit"][list(banned)] = -np.inf
        data: Any = _cast(candidates.ctypes.data, _pointer_to(_c.llama_token_data))
        array = _c.llama_token_data_array(data, size, -1, False)
        if grammar:
            _c.llama_sampler_apply(grammar.handle, ctypes.byref(array))
        if (grammar or banned or only is not None) and not np.isfinite(candidates["logit"]).any():
            return None
        _c.llama_sampler_apply(self.handle, ctypes.byref(array))
        return int(array.data[array.selected].id)

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            _c.llama_sampler_free(self.handle)
