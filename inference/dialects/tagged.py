"""Calls whose arguments stand one by one between tags, strings as they are and the rest as JSON; knows no dialect."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.gbnf import Grammar, literal, until
from codeagent.inference.dialects.schema_grammar import json_rule, properties_of, required_of, resolved

Schema = Mapping[str, Any]

_WORDS = {"True": True, "False": False, "None": None}


def tagged_rule(grammar: Grammar, tool: ToolSpec, opening: Callable[[str], str], closing: str, gap: str) -> str:
    """Rules for the arguments in schema order, optional ones skippable: opening, value, closing tag, gap.

    `opening` and `gap` are GBNF expressions, `closing` is the literal text behind a value.
    """
    definitions: Mapping[str, Schema] = tool.parameters.get("$defs", {})
    parts: list[str] = []
    for key, schema in properties_of(tool.parameters).items():
        value = _value_rule(grammar, {**schema, "$defs": definitions}, closing, f"{tool.name}-{key}")
        part = f"{opening(key)} {value} {gap}".rstrip()
        parts.append(part if key in required_of(tool.parameters) else f"({part})?")
    return " ".join(parts) or literal("")


def _value_rule(grammar: Grammar, schema: Schema, closing: str, hint: str) -> str:
    kinds = _kinds(schema, schema["$defs"])
    words: list[Any] = resolved(schema, schema["$defs"]).get("enum", [])
    if words and all(isinstance(word, str) for word in words):
        return grammar.rule(hint, f"({' | '.join(map(literal, words))}) {literal(closing)}")
    if "string" in kinds:
        return until(grammar, closing)
    return f"{json_rule(grammar, schema, hint)} {literal(closing)}"


def tagged_arguments(tool: ToolSpec | None, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """The decoded arguments: text where the schema allows a string, else JSON, or the text where it is none."""
    schema: Schema = tool.parameters if tool else {}
    properties, definitions = properties_of(schema), schema.get("$defs", {})
    return {key: _decoded(text, _kinds(properties.get(key, {}), definitions)) for key, text in pairs}


def _decoded(text: str, kinds: frozenset[str]) -> Any:
    if "string" in kinds:
        return None if "null" in kinds and text.strip() in ("null", "None") else text
    word = text.strip()
    if word in _WORDS:
        return _WORDS[word]  # as templates print the values of Python
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text


def _kinds(schema: Schema, definitions: Mapping[str, Schema]) -> frozenset[str]:
    """The JSON types that a schema allows, as far as it says."""
    schema = resolved(schema, definitions)
    options = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    if options:
        return frozenset(kind for option in options for kind in _kinds(option, definitions))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return frozenset("string" if isinstance(value, str) else "other" for value in values)
    kind: str | list[str] = schema.get("type", "any")
    return frozenset([kind] if isinstance(kind, str) else kind)
