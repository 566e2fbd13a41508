"""A tool in one line, for instructions that must be short; knows no call syntax."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from codeagent.inference.client import ToolSpec
from codeagent.inference.dialects.schema_grammar import object_without, properties_of, required_of

_WORDS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "null", "array": "list"}


def signature(tool: ToolSpec) -> str:
    """`name(param: type, optional?: type) with fences old, new: description`; parameters in fences are only named."""
    header = object_without(tool.parameters, tool.fenced)
    fences = f" + fence {', '.join(tool.fenced)}" if tool.fenced else ""
    fields = _fields(header, tool.parameters.get("$defs", {}))
    return f"{tool.name}({fields}){fences}: {' '.join(tool.description.split())}"


def _fields(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    required = required_of(schema)
    return ", ".join(
        f"{name}{'' if name in required else '?'}: {_type(value, definitions)}"
        for name, value in properties_of(schema).items()
    )


def _type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _type(definitions.get(str(schema["$ref"]).removeprefix("#/$defs/"), {}), definitions)
    if "enum" in schema or "const" in schema:
        return "|".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    for union in ("anyOf", "oneOf"):
        if union in schema:
            # That a parameter may be null is said by its question mark.
            options = [_type(option, definitions) for option in schema[union] if option.get("type") != "null"]
            return "|".join(dict.fromkeys(options))
    if schema.get("type") == "array" and "items" in schema:
        return f"[{_type(schema['items'], definitions)}]"
    if schema.get("type") == "object" and schema.get("properties"):
        return "{" + _fields(schema, definitions) + "}"
    return _WORDS.get(str(schema.get("type")), "object")
