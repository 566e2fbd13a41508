"""JSON schemas, as pydantic writes them, to GBNF rules for the JSON they allow; knows no dialect.

The JSON is on one line: at most one space after a comma or a colon, a bounded count of digits, object keys in the
schema's order. So a model can neither pad without end nor repeat a key. Patterns and formats are left to validation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from codeagent.inference.dialects.gbnf import Grammar, literal

Schema = Mapping[str, Any]

_DIGITS = 15
_FRACTION_DIGITS = 9
_MAX_COUNTED = 300  # llama.cpp unrolls counted repetitions and refuses more than 2,000 rules
_ANY_DEPTH = 3
_PAIR_SEPARATOR = '":" " "?'
_ITEM_SEPARATOR = '"," " "?'


class Notation:
    """How values are written: JSON. A dialect that writes strings and keys another way has its own."""

    def string(self, grammar: Grammar, count: str) -> str:
        """The name of a rule for a string of so many characters; escaped halves of surrogate pairs are no text."""
        hexadecimal = "[0-9a-fA-F]"
        code = f'"u" ([0-9a-cA-CefEF] {hexadecimal} | [dD] [0-7]) {hexadecimal} {hexadecimal}'
        char = grammar.rule("char", f'[^"\\\\\\x00-\\x1F\\x7F] | "\\\\" (["\\\\/bfnrt] | {code})')
        return grammar.rule("string", f'"\\"" {char}{count} "\\""')

    def any_key(self, grammar: Grammar) -> str:
        """The name of a rule for the key of an object whose keys are not known."""
        return self.string(grammar, "*")

    def key(self, name: str) -> str:
        """A terminal for a known key."""
        return literal(json.dumps(name, ensure_ascii=False))

    def constant(self, value: Any) -> str:
        """A terminal for a known value."""
        return literal(json.dumps(value, ensure_ascii=False))


def json_rule(grammar: Grammar, schema: Schema, hint: str = "value", notation: Notation | None = None) -> str:
    """The name of a rule for the values that `schema` allows. Raises ValueError for a reference that leads nowhere."""
    return _Writer(grammar, schema.get("$defs", {}), notation or Notation()).value(schema, hint)


def object_without(schema: Schema, left_out: Sequence[str]) -> dict[str, Any]:
    """The same object schema without these properties."""
    properties = {key: value for key, value in schema.get("properties", {}).items() if key not in left_out}
    required = [key for key in schema.get("required", []) if key not in left_out]
    return {**schema, "type": "object", "properties": properties, "required": required}


def required_of(schema: Schema) -> list[str]:
    """The names of the properties that an object of this schema must have."""
    return list(schema.get("required", []))


def properties_of(schema: Schema) -> dict[str, dict[str, Any]]:
    """The properties of an object schema by name, in writing order."""
    return dict(schema.get("properties", {}))


def resolved(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The schema, or the definition it refers to."""
    return definitions.get(str(schema["$ref"]).removeprefix("#/$defs/"), {}) if "$ref" in schema else schema


class _Writer:
    """Turns one schema, with its definitions, into rules of one grammar."""

    def __init__(self, grammar: Grammar, definitions: Mapping[str, Schema], notation: Notation) -> None:
        self._grammar = grammar
        self._notation = notation
        self._definitions = definitions
        self._named: dict[str, str] = {}

    def value(self, schema: Schema, hint: str) -> str:
        """The rule for any schema."""
        if "$ref" in schema:
            return self._reference(str(schema["$ref"]))
        if "const" in schema:
            return self._constants([schema["const"]], hint)
        if "enum" in schema:
            return self._constants(schema["enum"], hint)
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return self._alternatives([self.value(option, hint) for option in schema[union]], hint)
        if len(schema.get("allOf", [])) == 1:
            return self.value(schema["allOf"][0], hint)
        kind = schema.get("type")
        if isinstance(kind, list):
            kinds = cast("list[str]", kind)
            return self._alternatives([self.value({**schema, "type": one}, hint) for one in kinds], hint)
        return self._typed(kind, schema, hint)

    def _typed(self, kind: object, schema: Schema, hint: str) -> str:
        match kind:
            case "object":
                return self._object(schema, hint)
            case "array":
                return self._array(schema, hint)
            case "string":
                return self._string(schema)
            case "integer":
                return self._grammar.rule("integer", _integer(schema))
            case "number":
                return self._grammar.rule("number", f'{_integer({})} ("." [0-9]{{1,{_FRACTION_DIGITS}}})?')
            case "boolean":
                return self._grammar.rule("boolean", '"true" | "false"')
            case "null":
                return self._grammar.rule("null", '"null"')
            case _:
                return self._anything(_ANY_DEPTH)

    def _reference(self, target: str) -> str:
        key = target.removeprefix("#/$defs/")
        if key not in self._definitions:
            raise ValueError(f"the schema refers to {target}, which it does not define")
        if key not in self._named:
            # Named before it is written, so that a definition may refer to itself.
            self._named[key] = self._grammar.reserve(key)
            self._grammar.define(self._named[key], self.value(self._definitions[key], key))
        return self._named[key]

    def _constants(self, values: Sequence[Any], hint: str) -> str:
        return self._alternatives([self._notation.constant(value) for value in values], hint)

    def _alternatives(self, options: Sequence[str], hint: str) -> str:
        return self._grammar.rule(hint, " | ".join(dict.fromkeys(options)))

    def _string(self, schema: Schema) -> str:
        shortest, longest = int(schema.get("minLength", 0)), schema.get("maxLength")
        if not shortest and longest is None:
            return self._notation.string(self._grammar, "*")
        return self._notation.string(self._grammar, _count(min(shortest, _MAX_COUNTED), longest))

    def _array(self, schema: Schema, hint: str) -> str:
        items: Schema = schema.get("items", {})
        item = self.value(items, f"{hint}-item")
        fewest = min(int(schema.get("minItems", 0)), _MAX_COUNTED)
        most = schema.get("maxItems")
        if most == 0:
            return self._grammar.rule(hint, '"[]"')
        more = _count(max(fewest - 1, 0), None if most is None else int(most) - 1)
        filled = f"{item} ({_ITEM_SEPARATOR} {item}){more}"
        return self._grammar.rule(hint, f'"[" {filled} "]"' if fewest else f'"[" ({filled})? "]"')

    def _object(self, schema: Schema, hint: str) -> str:
        properties, required = properties_of(schema), frozenset(required_of(schema))
        if not properties:
            return self._mapping(schema.get("additionalProperties", True), hint)
        pairs = [
            (
                f"{self._notation.key(key)} {_PAIR_SEPARATOR} {self.value(value, f'{hint}-{key}')}",
                key in required,
            )
            for key, value in properties.items()
        ]
        return self._grammar.rule(hint, f'"{{" {self._members(pairs, hint)} "}}"')

    def _members(self, pairs: Sequence[tuple[str, bool]], hint: str) -> str:
        """Pairs in their order, those that are not required skippable, a comma before each but the first."""
        tail, starts, may_be_empty = "", list[str](), True
        for pair, needed in reversed(pairs):
            if needed:
                starts, may_be_empty = [], False
            starts.insert(0, f"{pair} {tail}".rstrip())
            following = f"{_ITEM_SEPARATOR} {pair} {tail}".rstrip()
            tail = self._grammar.rule(f"{hint}-more", following if needed else f"({following}) | {tail or literal('')}")
        return f"({' | '.join(starts)})" + ("?" if may_be_empty else "")

    def _mapping(self, values: bool | Schema, hint: str) -> str:
        if values is False:
            return self._grammar.rule(hint, '"{}"')
        value = self._anything(_ANY_DEPTH) if values is True else self.value(values, f"{hint}-value")
        return self._grammar.rule(hint, self._mapping_of(value))

    def _mapping_of(self, value: str) -> str:
        pair = f"{self._notation.any_key(self._grammar)} {_PAIR_SEPARATOR} {value}"
        return f'"{{" ({pair} ({_ITEM_SEPARATOR} {pair})*)? "}}"'

    def _anything(self, depth: int) -> str:
        """Any JSON value, nested at most `depth` deep, so that brackets cannot be opened without end."""
        flat = [self.value({"type": kind}, kind) for kind in ("string", "number", "boolean", "null")]
        if depth == 0:
            return self._alternatives(flat, "flat")
        inner = self._anything(depth - 1)
        array = f'"[" ({inner} ({_ITEM_SEPARATOR} {inner})*)? "]"'
        return self._alternatives([*flat, array, self._mapping_of(inner)], "any")


def _count(fewest: int, most: Any) -> str:
    if most is None or int(most) > _MAX_COUNTED:
        return f"{{{fewest},}}" if fewest else "*"
    return f"{{{fewest},{max(int(most), fewest)}}}"


def _integer(schema: Schema) -> str:
    """Whole numbers exactly within the schema's bounds, of at most so many digits where it has none."""
    low, high = _bound(schema, "minimum", "exclusiveMinimum", 1), _bound(schema, "maximum", "exclusiveMaximum", -1)
    if low is not None and high is not None and low > high:
        raise ValueError(f"no whole number lies between {low} and {high}")
    options: list[str] = []
    if high is None or high >= 0:
        options += _from(max(low or 0, 0), high)
    if low is None or low < 0:
        nearest = 1 if high is None else max(1, -high)
        options += [f'"-" {part}' for part in _from(nearest, None if low is None else -low)]
    return "(" + " | ".join(options) + ")"


def _from(low: int, high: int | None) -> list[str]:
    if high is not None:
        return _range(low, high)
    digits = len(str(low)) if low > 1 else 0
    bounded = _range(low, max(low, 10**digits - 1))
    return (
        [*bounded, f"[1-9] [0-9]{{{digits},{max(digits, _DIGITS - 1)}}}"]
        if low != 1
        else [f"[1-9] [0-9]{{0,{_DIGITS - 1}}}"]
    )


def _bound(schema: Schema, inclusive: str, exclusive: str, step: int) -> int | None:
    if inclusive in schema:
        return math.ceil(schema[inclusive]) if step > 0 else math.floor(schema[inclusive])
    if exclusive in schema:
        return math.floor(schema[exclusive]) + 1 if step > 0 else math.ceil(schema[exclusive]) - 1
    return None


def _range(low: int, high: int) -> list[str]:
    """Decimal patterns for low..high, both not negative: blocks in which only the last digits vary, largest first."""
    options: list[str] = []
    while low <= high:
        free = 0
        while low % 10 ** (free + 1) == 0 and low + 10 ** (free + 1) - 1 <= high and low > 0:
            free += 1
        block = 10**free
        digit = low // block % 10
        last = digit
        while last < 9 and low + block * (last - digit + 2) - 1 <= high:
            last += 1
        head = str(low // block // 10) if low // block >= 10 else ""
        varying = f"[{digit}-{last}]" if last > digit else literal(str(digit))
        options.append(
            " ".join(filter(None, [literal(head) if head else "", varying, f"[0-9]{{{free}}}" if free else ""]))
        )
        low += block * (last - digit + 1)
    return options
