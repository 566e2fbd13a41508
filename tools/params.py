"""The base of the builtin tools' parameters, which keeps their schemas short; knows no tool."""

from __future__ import annotations

from typing import Any

from pydantic import AfterValidator, ConfigDict

from codeagent.tools.api import Params


def shorten(schema: dict[str, Any]) -> None:
    """Drop what costs tokens and tells a model nothing: the docstring, the ban on other keys, defaults."""
    schema.pop("description", None)
    schema.pop("additionalProperties", None)
    for value in schema.get("properties", {}).values():
        value.pop("default", None)


def clamped(low: int, high: int) -> AfterValidator:
    """Moves a number that is out of range to the nearest that is not: a small model need not be told of the range."""
    return AfterValidator(lambda number: min(max(number, low), high))


class ToolParams(Params):
    """Parameters whose schema holds only what a model needs."""

    model_config = ConfigDict(json_schema_extra=shorten)
