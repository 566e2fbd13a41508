"""How families of models call tools, and which of these forms a model's chat template means; knows no engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

from codeagent.inference.dialects.base import Dialect
from codeagent.inference.dialects.deepseek import DeepseekDialect
from codeagent.inference.dialects.fenced import FencedDialect
from codeagent.inference.dialects.gemma import GemmaDialect
from codeagent.inference.dialects.glm import GlmDialect
from codeagent.inference.dialects.gpt_oss import GptOssDialect
from codeagent.inference.dialects.hermes import HermesDialect
from codeagent.inference.dialects.llama3 import Llama3Dialect
from codeagent.inference.dialects.mistral import MistralDialect
from codeagent.inference.dialects.qwen3_coder import Qwen3CoderDialect
from codeagent.inference.dialects.streaming import Thinking
from codeagent.inference.engine.limits import limited

_MAX_SECONDS, _MAX_MEMORY = 2.0, 512 << 20

DIALECT_NAMES = (
    "fenced",
    "hermes",
    "qwen3-coder",
    "llama3",
    "mistral",
    "deepseek",
    "glm",
    "gpt-oss",
    "gemma",
    "plain",
)


def name_of(template: str, architecture: str) -> str:
    """The name of the dialect of a model with this chat template, which is only looked at.

    A template of the Hermes form means `fenced` for the small models of the Qwen2 architecture that do not think: they
    write better code outside JSON. A template without a known form means `plain`.
    """
    name = _form(template)
    if name == "hermes" and architecture == "qwen2" and "</think>" not in template:
        name = "fenced"
    return name


def detect(template: str, architecture: str) -> Dialect:
    """The dialect of a model with this chat template, see name_of(). To find its variant the template may be run, under
    limits: that belongs into the model's process.
    """
    return by_name(name_of(template, architecture), template)


def by_name(name: str, template: str = "") -> Dialect:
    """The dialect of this name, one of DIALECT_NAMES, in the variant that the chat template, where given, means.

    Raises ValueError, a sentence, for any other name.
    """
    thinking = _thinking(template)
    makers: dict[str, Callable[[], Dialect]] = {
        "fenced": lambda: FencedDialect(thinking=thinking, tool_role=_has_tool_role(template)),
        "hermes": lambda: HermesDialect(thinking=thinking),
        "qwen3-coder": lambda: Qwen3CoderDialect(thinking=thinking),
        "llama3": lambda: Llama3Dialect(thinking=thinking),
        "mistral": lambda: MistralDialect(thinking=thinking, named="[ARGS]" in template),
        "deepseek": lambda: DeepseekDialect(
            thinking=thinking,
            json_fence="```json" in template or not template,
            text_arguments="tojson" not in template and bool(template),
            lists_tools=re.search(r"\{[{%][^%}]*\btools\b", template) is not None,
        ),
        "glm": lambda: GlmDialect(thinking=thinking),
        "gpt-oss": GptOssDialect,
        "gemma": lambda: GemmaDialect(thinking=Thinking("<|channel>thought", "<channel|>")),
        "plain": lambda: FencedDialect(name="plain", thinking=thinking),
    }
    if name not in makers:
        raise ValueError(f'There is no tool-call dialect "{name}". There are: {", ".join(DIALECT_NAMES)}.')
    return makers[name]()


# What only the template of one form contains, the more telling first.
_MARKS = (
    ("gpt-oss", ("<|channel|>", "<|message|>")),
    ("gemma", ("<|tool_call>call:",)),
    ("glm", ("<tool_call>", "<arg_key>")),
    ("qwen3-coder", ("<tool_call>", "<function=", "<parameter=")),
    ("deepseek", ("<\uff5ctool▁calls▁begin\uff5c>",)),
    ("mistral", ("[TOOL_CALLS]",)),
    ("hermes", ("<tool_call>", '{"name": ')),
    ("hermes", ("<tool_call>", '{\\"name\\": ')),
    ("llama3", ('{"name": function name, "parameters": ',)),
)


def _form(template: str) -> str:
    if "<tool_calls>" in template:  # a list of calls between tags of nearly the same name: none of ours
        return "plain"
    return next((name for name, marks in _MARKS if all(mark in template for mark in marks)), "plain")


def _has_tool_role(template: str) -> bool:
    return re.search(r"""==\s*["']tool["']""", template) is not None


def _thinking(template: str) -> Thinking | None:
    """The template's tags of thinking, and whether the prompt it ends with has opened them already."""
    if "[THINK]" in template:
        return Thinking("[THINK]", "[/THINK]")
    if "</think>" not in template:
        return None
    return Thinking(open_at_start=_prompt_end(template).rstrip().endswith("<think>"))


def _prompt_end(template: str) -> str:
    """What the template writes last, when a reply is to follow; empty if that cannot be told.

    It is written for a short conversation, and where the template does not take that, from its last part alone.
    """
    from jinja2 import ChainableUndefined
    from jinja2.ext import loopcontrols

    from codeagent.inference.engine.template import Sandbox

    environment: Any = Sandbox(
        trim_blocks=True, lstrip_blocks=True, undefined=ChainableUndefined, extensions=[loopcontrols]
    )
    environment.globals.update(raise_exception=_refuse, strftime_now=_no_time)
    last = [match.start() for match in re.finditer(r"\{%-?\s*if\s[^%]*\badd_generation_prompt\b", template)][-1:]

    def written(part: str) -> str:
        try:
            with limited(_MAX_SECONDS, _MAX_MEMORY):
                hello = [{"role": "user", "content": "x"}]
                return environment.from_string(part).render(add_generation_prompt=True, messages=hello)
        except Exception:  # whatever a program can raise, a template can
            return ""

    endings = (written(part) for part in (template, *(template[start:] for start in last)))
    return next((ending for ending in endings if ending), "")


def _no_time(_format: str) -> str:
    return ""


def _refuse(message: object = "") -> NoReturn:
    raise ValueError(message)
