"""The buffers that llama.cpp computes in, per device, by the model's widths; knows no device and decides nothing.

Found by asking the library itself for the buffers of models from 0.5B to 32B, dense, of experts and with a sliding
window, on none to three devices, which it reckons without loading them (llama_model_params.no_alloc), and by loading
small ones.
"""

from __future__ import annotations

from codeagent.inference.memory import Costs, padded
from codeagent.inference.placement.plans import Trial

COPIES = 4
"""With all layers on several devices llama.cpp keeps this many copies of a batch's inputs, so that devices overlap."""


class Buffers:
    """The buffers of one way to load a model, in bytes. `flash` is whether attention is computed in one step, without
    its whole table of scores."""

    def __init__(self, costs: Costs, trial: Trial, batch: int, flash: bool) -> None:
        context = padded(trial.context)
        row = 4 * min(batch, context)  # a number for each token of a batch, f32
        self._hidden = row * costs.hidden
        self._logits = row * (costs.vocabulary + costs.hidden)
        mask = row * context
        # The mask is f16 for flash attention; without it the cache of values is transposed, which takes indices.
        self._inputs = costs.masks * (mask // 2 if flash else mask + 2 * row * costs.keys)
        forward = 3 * row * costs.widest
        if costs.experts_total:
            forward = row * (2 * costs.experts_used + 1) * costs.hidden
        self._forward = forward + 2 * self._hidden
        self._work = self._forward
        if not flash:
            scores = mask * costs.heads + 2 * row * costs.queries + 2 * self._hidden
            self._work = max(self._work, scores)

    def host(self, output: bool) -> int:
        """Of the CPU when it computes whole layers, the output layer too or not."""
        work = self._inputs + self._work + 2 * self._hidden
        return max(work, self._logits + self._hidden) if output else work

    def host_inputs(self, pipeline: bool) -> int:
        """Of the CPU when all layers are elsewhere."""
        return COPIES * (self._inputs + self._hidden) + self._hidden if pipeline else self._inputs + 2 * self._hidden

    def host_experts(self) -> int:
        """Of the CPU when nothing but experts is computed there."""
        return self._inputs + self._forward

    def device(self, output: bool) -> int:
        """Of a device that takes turns with the others."""
        work = self._inputs + self._work
        return max(work, self._logits) if output else work

    def pipelined(self, output: bool) -> int:
        """Of a device that works on one batch while the others work on the next."""
        inputs = COPIES * (self._inputs + self._hidden)
        work = inputs + self._work + self._hidden
        return max(work, inputs + self._logits) if output else work
