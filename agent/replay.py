"""Makes the model calls of a recorded session again and says where an answer is another; runs no tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import zip_longest

from codeagent.agent.calls import Call
from codeagent.agent.config import Config, process_environment
from codeagent.agent.confinement import runner_command
from codeagent.agent.events import Event, ModelDescribed, SessionStarted
from codeagent.inference.client import Finished, ModelClient, ModelError, ModelInfo, TokenLogprob
from codeagent.inference.frames import LoadSettings
from codeagent.inference.runner_client import RunnerClient
from codeagent.inference.store import ModelStore, default_models_folder

SHOWN = 40
_WORDS = {
    "file": "the model's file is called",
    "bytes": "the size of the model's file is",
    "content": "the content of the model's file is",
    "library": "the library is",
    "devices": "the devices are",
    "context": "the window is",
    "batch": "the batch is",
    "sequences": "the number of sequences is",
    "threads": "the number of threads is",
    "gpu_layers": "the number of layers on GPUs is",
    "kv_type": "the kind of the cache is",
    "flash_attention": "flash attention is",
}


class ReplayError(Exception):
    """The session cannot be repeated; the text is a sentence for the person."""


@dataclass(frozen=True)
class Divergence:
    """The first token that is another: its place in the answer, both tokens (None: the end), and both texts from there
    on.
    """

    index: int
    expected: int | None
    got: int | None
    expected_text: str
    got_text: str


@dataclass(frozen=True)
class Compared:
    """A call that was made again. `cached` of the prompt's tokens were known now, and `cached_then` when it was
    recorded: where they differ the prompt was read in other batches, which is rounded otherwise.
    """

    number: int
    tokens: int
    cached: int
    cached_then: int
    divergence: Divergence | None


async def compare(call: Call, client: ModelClient) -> Compared:
    """Make a call again and compare the answers token by token. Raises ModelError."""
    answer: Finished | None = None
    # The probabilities change nothing and bring the text of each token.
    async with aclosing(client.stream(call.request.model_copy(update={"logprobs": True}))) as stream:
        async for event in stream:
            if isinstance(event, Finished):
                answer = event
    if answer is None:
        raise ModelError("The model ended without an answer.")
    return Compared(call.number, len(call.tokens), answer.usage.cached_tokens, call.cached, divergence(call, answer))


def divergence(call: Call, answer: Finished) -> Divergence | None:
    """Where an answer is first another than the recorded one; None where they are equal."""
    pairs = zip_longest(call.tokens, answer.tokens)
    found = next(((index, *pair) for index, pair in enumerate(pairs) if pair[0] != pair[1]), None)
    if found is None:
        return None
    index, expected, got = found
    length = len(_text(answer.logprobs[:index]))
    return Divergence(index, expected, got, call.raw[length:][:SHOWN], answer.raw[length:][:SHOWN])


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What of the model's identity is not as it was recorded, each as a sentence."""
    return [
        f"{_sentence(_WORDS.get(name, name))} {now.get(name, 'not known')} now and was {value} then."
        for name, value in then.items()
        if now.get(name) != value
    ]


def described(events: Sequence[Event]) -> tuple[str, ModelInfo]:
    """The name under which the session's model was loaded, and what it was. Raises ReplayError."""
    name = next((event.model for event in reversed(events) if isinstance(event, SessionStarted)), "")
    info = next((event.info for event in reversed(events) if isinstance(event, ModelDescribed)), None)
    if info is None or not info.identity:
        raise ReplayError(
            "The session cannot be repeated: its log does not tell what the model was. That is so for sessions with a "
            "script or a remote model, and for those of earlier versions."
        )
    return name, info


def open_model(name: str, info: ModelInfo) -> RunnerClient:
    """The model as it was loaded then. Raises ModelLoadError where it is not here."""
    path = ModelStore(default_models_folder()).resolve(name)
    was = info.identity
    kept = {key: int(was[key]) for key in ("context", "gpu_layers", "threads", "batch", "sequences") if key in was}
    config = Config()
    settings = LoadSettings.model_validate({"path": str(path), "name": name, "use_mmap": config.mmap, **kept})
    return RunnerClient(settings, lambda state, detail, progress: None, runner_command(settings, process_environment()))


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _text(tokens: Sequence[TokenLogprob]) -> str:
    return "".join(token.text for token in tokens)
