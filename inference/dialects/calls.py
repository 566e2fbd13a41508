"""What was read as a call, judged: is there such a tool, are these arguments; knows no call syntax."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

from codeagent.inference.client import MalformedCall, ToolCall, ToolSpec

NewId = Callable[[], str]

_MAX_DEPTH = 64


@dataclass(frozen=True)
class FoundCall:
    """One call as a dialect read it: `arguments` as decoded, or a sentence in `error` when that failed."""

    text: str
    name: str = ""
    arguments: Any = None
    error: str = ""


def random_id() -> str:
    """A call id that no other call of the session has."""
    return f"call_{secrets.token_hex(4)}"


def checked(found: FoundCall, tools: Mapping[str, ToolSpec], new_id: NewId) -> ToolCall | MalformedCall:
    """The call if it names one of the tools and has an object of arguments, else what is wrong with it."""
    error = found.error or _fault(found, tools)
    if error:
        return MalformedCall(text=found.text, error=error)
    return ToolCall(id=new_id(), name=found.name, arguments=found.arguments)


def _fault(found: FoundCall, tools: Mapping[str, ToolSpec]) -> str:
    if not found.name:
        return "The call has no tool name."
    if found.name not in tools:
        return f'There is no tool "{found.name}". The tools are: {", ".join(tools) or "none"}.'
    if found.arguments is None:
        return f"The call of {found.name} has no arguments."
    if not is_object(found.arguments):
        return f"The arguments of {found.name} must be a JSON object, not {_kind(found.arguments)}."
    if _is_deep(found.arguments):
        return f"The arguments of {found.name} are nested more than {_MAX_DEPTH} deep."
    if not _is_text(found.arguments):
        return f"The arguments of {found.name} contain half of a \\u surrogate pair, which is no text."
    return ""


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a decoded JSON value is an object; its keys are strings by the format."""
    return isinstance(value, dict)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case _:
            return "a list"


def _is_deep(value: Any) -> bool:
    """Whether the value is nested deeper than what handles it later by recursion can bear."""
    level: list[Any] = [value]
    for _ in range(_MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
    return bool(level)


def _inside(value: Any) -> list[Any]:
    match value:
        case dict():
            return list(cast("dict[str, Any]", value).values())
        case list():
            return cast("list[Any]", value)
        case _:
            return []


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def decode_call(text: str) -> FoundCall:
    """A call written as a JSON object with a name and arguments."""
    value, error = decoded(text)
    return FoundCall(text, error=f"The call is not valid JSON: {error}.") if error else call_of(value, text)


def call_of(value: Any, text: str) -> FoundCall:
    """A call from a decoded JSON object; `parameters` is another word for `arguments`."""
    if not is_object(value):
        return FoundCall(text, error=f"The call must be a JSON object, not {_kind(value)}.")
    name = value.get("name")
    if not isinstance(name, str):
        return FoundCall(text, error='The call has no "name".')
    return FoundCall(text, name, _arguments(value.get("arguments", value.get("parameters"))))


def named_call(text: str, name: str, arguments: str) -> FoundCall:
    """A call whose name stands apart from its arguments, a JSON object."""
    value, error = decoded(arguments)
    if error:
        return FoundCall(text, error=f"The arguments of {name} are not valid JSON: {error}.")
    return FoundCall(text, name, value)


def decoded(text: str) -> tuple[Any, str]:
    """The value of some JSON and "", or None and what is wrong with it."""
    try:
        # Small models break lines inside strings; what is meant is plain.
        return json.loads(text, strict=False), ""
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 15) : error.pos + 15]
        return None, f"{error.msg} at character {error.pos} (near {near!r})"
    except RecursionError:
        return None, "it is nested too deeply"
    except ValueError as error:  # a number of thousands of digits
        return None, str(error)


def _arguments(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # OpenAI's own form: an object inside a string.
    inner, _ = decoded(value)
    return inner if is_object(inner) else value
