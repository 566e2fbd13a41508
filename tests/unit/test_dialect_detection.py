"""Which dialect a chat template means, in which variant: seen by its text, and by what it writes."""

from __future__ import annotations

import pytest

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects import by_name, detect, name_of

TOOLS = (ToolSpec(name="read", description="Read.", parameters={"type": "object", "properties": {}}),)

QWEN25 = (
    '{%- if tools %}<tools>…{"name": <function-name>}<tool_call>{%- endif %}'
    '{%- if message.role == "tool" %}<tool_response>{%- endif %}'
    "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}"
)
QWEN3 = QWEN25 + "{%- if '</think>' in content %}{%- endif %}"
OPENED = "{% if '</think>' in c %}{% endif %}{%- if add_generation_prompt %}{{- '<a>\\n<think>\\n' }}{%- endif %}"


@pytest.mark.parametrize(
    ("template", "architecture", "name"),
    [
        (QWEN25, "qwen2", "fenced"),
        (QWEN25, "llama", "hermes"),
        (QWEN3, "qwen3", "hermes"),
        (QWEN3, "qwen2", "hermes"),
        ("<tool_call>\\n<function=example_function_name>\\n<parameter=x>", "qwen3moe", "qwen3-coder"),
        ('Respond in the format {"name": function name, "parameters": dictionary of', "llama", "llama3"),
        ("[TOOL_CALLS][", "llama", "mistral"),
        ("'<\uff5ctool▁calls▁begin\uff5c>'", "qwen2", "deepseek"),
        ("<tool_call>{function-name}\n<arg_key>{arg-key-1}</arg_key>", "glm4moe", "glm"),
        ("<|start|>assistant<|channel|>final<|message|>", "gpt-oss", "gpt-oss"),
        ("{{- '<|tool_call>call:' + function['name'] }}", "gemma4", "gemma"),
        ("<start_of_turn>model", "gemma3", "plain"),
        ("", "", "plain"),
    ],
)
def test_the_template_decides_the_dialect(template: str, architecture: str, name: str) -> None:
    assert name_of(template, architecture) == detect(template, architecture).name == name


# How the templates of current models begin and end, in their own words where these decide.
THINKS_BY_DEFAULT = """{%- set thinks = enable_thinking | default(true) -%}{%- set opener = "<think>" -%}
{%- for message in messages %}<|user|>{{ message.content }}{% endfor %}
{%- if add_generation_prompt -%}<|assistant|>{%- if thinks -%}{{ opener }}{%- else -%}</think>{%- endif -%}
{%- endif -%}"""
THINKS_WHEN_TOLD = """{% if not thinking is defined %}{% set thinking = false %}{% endif %}
{%- set ns = namespace(is_last_user=false) -%}
{%- for m in messages %}{% if m['role'] == 'user' %}{% set ns.is_last_user = true %}{% endif %}{% endfor %}
{%- if add_generation_prompt and ns.is_last_user %}{{ '<|assistant|>' }}
{%- if not thinking %}{{ '</think>' }}{% else %}{{ '<think>' }}{% endif %}{% endif %}"""
REFUSES = "{{ raise_exception('no') }}{% if add_generation_prompt %}{{ '<a></think><think>\\n' }}{% endif %}"
ENDLESS = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}</think>"


@pytest.mark.parametrize(
    ("template", "opened"),
    [(THINKS_BY_DEFAULT, True), (THINKS_WHEN_TOLD, False), (OPENED, True), (QWEN3, False), (REFUSES, True)],
)
def test_whether_the_prompt_opens_the_thinking_is_seen_by_writing_one(template: str, opened: bool) -> None:
    assert by_name("hermes", template).parser(TOOLS).thinking == opened


def test_a_template_without_end_does_not_hold_up_its_detection() -> None:
    assert not by_name("hermes", ENDLESS).parser(TOOLS).thinking


def test_thinking_ends_as_the_family_ends_it() -> None:
    assert by_name("hermes", OPENED).parser(TOOLS).thinking_end == "\n</think>\n\n"
    assert by_name("hermes").parser(TOOLS).thinking_end == ""
    parser = by_name("mistral", "[TOOL_CALLS][THINK]").parser(TOOLS)
    parser.feed("[THINK]hm")
    assert parser.thinking_end == "[/THINK]"
    parser = by_name("gpt-oss").parser(TOOLS)
    parser.feed("<|channel|>analysis<|message|>hm")
    assert parser.thinking_end == "<|end|><|start|>assistant"
