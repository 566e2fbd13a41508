"""Renders a model's chat template, a program from a file nobody vouches for; knows no tokens and no requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from codeagent.inference.client import BadRequestError, ModelLoadError
from codeagent.inference.engine.limits import OverLimitError, limited

MAX_SOURCE = 1 << 20
MAX_OUTPUT = 64 << 20
MAX_SECONDS = 5.0
MAX_MEMORY = 512 << 20
_MAX_FACTOR = 1 << 63
_MAX_REPEAT = 1 << 20

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""What is used for a model that brings no template."""


class TemplateRefusedError(BadRequestError):
    """The template raised an exception of its own: it does not take such a conversation."""


class Template:
    """A compiled chat template with the functions that Hugging Face's `apply_chat_template` gives it.

    `strftime_now` always answers with the time of loading: a prompt that changed with the clock would not stay cached.
    Raises ModelLoadError when it does not compile within the limits.
    """

    def __init__(self, source: str, special_tokens: Mapping[str, str], now: datetime) -> None:
        if len(source) > MAX_SOURCE:
            raise ModelLoadError(f"The model's chat template has {len(source):,} characters: that is no template.")
        environment: Any = Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _GenerationMark])
        environment.filters["tojson"] = _dumps
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = now.strftime
        self._special_tokens = dict(special_tokens)
        try:
            with limited(MAX_SECONDS, MAX_MEMORY):
                self._template = environment.from_string(source)
        except (TemplateError, OverLimitError, MemoryError, RecursionError, OverflowError, ValueError) as error:
            raise ModelLoadError(
                f"The model's chat template cannot be used ({_reason(error)}). Use another file of this model."
            ) from None

    def render(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None, generation: bool = True
    ) -> str:
        """The conversation as text; with `generation` up to where the model begins its answer.

        Raises TemplateRefusedError when the template says no, BadRequestError when it fails or breaks a limit.
        """
        written: list[str] = []
        length = 0
        variables = {
            **self._special_tokens,
            "messages": messages,
            "tools": tools,
            "add_generation_prompt": generation,
        }
        try:
            with limited(MAX_SECONDS, MAX_MEMORY):
                for piece in self._template.generate(variables):
                    length += len(piece)
                    if length > MAX_OUTPUT:
                        raise OverLimitError
                    written.append(piece)
                return "".join(written)
        except TemplateRefusedError:
            raise
        except Exception as error:  # whatever a program can raise, a template can
            raise BadRequestError(
                f"The model's chat template failed on this conversation ({_reason(error)}). Use another model file."
            ) from None


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's, which also refuses arithmetic that one line of template could keep a processor busy with for hours."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """See SandboxedEnvironment."""
        if operator == "**":
            raise SecurityError("it uses powers")
        if isinstance(left, int) and isinstance(right, int):
            if max(abs(left), abs(right)) > _MAX_FACTOR:
                raise SecurityError("it multiplies huge numbers")
        elif any(isinstance(side, int) and side > _MAX_REPEAT for side in (left, right)):
            raise SecurityError("it repeats a text too often")
        return super().call_binop(context, operator, left, right)


class _GenerationMark(Extension):
    """`{% generation %}…{% endgeneration %}` marks text for training; for us it is the text."""

    tags = {"generation"}  # noqa: RUF012  (as jinja2 declares it)

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        """See Extension."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _refuse(message: object = "") -> NoReturn:
    raise TemplateRefusedError(f"The model's chat template refuses this conversation: {str(message)[:500]}")


def _dumps(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # As transformers does it: the filter of jinja2 escapes for HTML, which models have not seen.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _reason(error: BaseException) -> str:
    match error:
        case OverLimitError():
            return "it did not end"
        case MemoryError() | RecursionError():
            return "it needs too much memory"
        case TemplateSyntaxError():
            return f"line {error.lineno}: {error.message}"
        case _:
            return f"{type(error).__name__}: {str(error)[:300]}"
