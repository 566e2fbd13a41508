"""The colours of the kinds of words in code, as rules of a widget's style sheet; knows no widget."""

from __future__ import annotations

from codeagent.tui.syntax import Role

_RULES: dict[Role, str] = {
    "comment": "color: $foreground-muted; text-style: italic;",
    "string": "color: $text-success;",
    "number": "color: $text-warning;",
    "keyword": "color: $text-accent;",
    "function": "color: $text-primary;",
    "type": "color: $text-primary; text-style: bold;",
    "builtin": "color: $text-secondary;",
    "decorator": "color: $text-primary; text-style: italic;",
}


def role_css(prefix: str) -> str:
    """The rules for component classes that are named by a prefix and a role."""
    return "\n".join(f".{prefix}{role} {{ {rule} }}" for role, rule in _RULES.items())
