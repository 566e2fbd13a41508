"""A model's vocabulary without its weights, which counts and cannot answer; knows no pipes."""

from __future__ import annotations

from pathlib import Path

from codeagent.inference import dialects
from codeagent.inference.client import ChatRequest, ModelInfo, ModelLoadError
from codeagent.inference.engine.ggml import NativeError
from codeagent.inference.engine.llama import Model
from codeagent.inference.engine.prompt import prompt_builder
from codeagent.inference.engine.template import CHATML
from codeagent.inference.frames import LoadSettings
from codeagent.inference.gguf import read_header


class Counter:
    """Counts as the Engine of the same model would, in little memory."""

    def __init__(self, settings: LoadSettings) -> None:
        """Raises ModelLoadError."""
        header = read_header(Path(settings.path))
        try:
            self._model = Model(settings.path, vocabulary_only=True)
        except NativeError as error:
            raise ModelLoadError(
                f"llama.cpp cannot read the vocabulary of {settings.path}. It says: {str(error) or 'nothing'}"
            ) from None
        source = header.chat_template or CHATML
        dialect = dialects.detect(source, header.architecture)
        self._prompts = prompt_builder(source, self._model.vocab, dialect)
        self._info = ModelInfo(
            name=settings.name,
            context_length=header.number("context_length", 0),
            dialect=dialect.name,
            architecture=header.architecture,
            parameters=header.parameters,
            gpu_layers=0,
        )

    def info(self) -> ModelInfo:
        """What the file says of the model; its context is the one it was trained for."""
        return self._info

    def count(self, request: ChatRequest) -> int:
        """The number of prompt tokens of this request. Raises BadRequestError."""
        return len(self._prompts.build(request))

    def close(self) -> None:
        """Free the memory. Safe to call twice."""
        self._model.close()
