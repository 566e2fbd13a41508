"""The one gate: decides from a call's effects whether it may run; knows no tool, and asks through an injected
approver.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from codeagent.agent.config import ConfigError, PermissionMode
from codeagent.inference.client import Frozen
from codeagent.tools.api import Effect, EffectKind, PreparedCall, relative

# The spellings of other agents, so that rules written for them work here.
ALIASES = {
    "bash": "run", "shell": "run", "edit": "edit", "multiedit": "edit", "write": "write", "read": "read", "grep":
    "grep", "glob": "list", "ls": "list", "todowrite": "todo",
}  # fmt: skip
_SHELL_OPERATORS = re.compile(r"[;&|<>$`\n\r(){}\\*?\[\]!~#]|[^\x20-\x7e]")


class Decision(StrEnum):
    """What a rule says."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Rule(Frozen):
    """Effects of `kind` (None: any) by `tool` (None: any) on targets that match the glob `pattern` are decided so."""

    decision: Decision
    pattern: str = "*"
    kind: EffectKind | None = None
    tool: str | None = None
    source: str = ""

    def matches(self, tool: str, effect: Effect, root: Path) -> bool:
        """Whether this rule speaks of this effect.

        A file matches by its path relative to the root, or absolute. A command matches a pattern with wildcards only
        when it is one plain command: `pytest *` must not cover `pytest x; rm -rf .`. A DENY rule also looks at each
        part of a compound.
        """
        if (self.kind not in (None, effect.kind)) or (self.tool not in (None, tool.lower())):
            return False
        if self.pattern == "*":
            return True
        if effect.kind is EffectKind.EXECUTE:
            if effect.target == self.pattern:
                return True
            if self.decision is Decision.DENY:
                parts = [effect.target, *re.split(r"[;&|\n(){}`]+", effect.target)]
                return any(_glob(p.strip(), self.pattern) for p in parts)
            return not _SHELL_OPERATORS.search(effect.target) and _glob(effect.target, self.pattern)
        path = Path(effect.target)
        return _glob(relative(path, root), self.pattern) or _glob(str(path), self.pattern)


def _glob(text: str, pattern: str) -> bool:
    """Shell-style match of the whole text. "name *" also matches a bare "name", as in the agents these rules come
    from.
    """
    return fnmatchcase(text, pattern) or (pattern.endswith(" *") and text == pattern[:-2])


def parse_rule(text: str, decision: Decision) -> Rule:
    """A rule from its written form: `Tool`, `Tool(pattern)` or `Bash(prefix:*)`. Raises ConfigError when it is
    neither.
    """
    match = re.fullmatch(r"\s*([A-Za-z_][\w-]*)(?:\((.*)\))?\s*", text, re.DOTALL)
    if not match:
        raise ConfigError(
            f"The permission rule {text!r} is not of the form Tool or Tool(pattern), such as Bash(pytest *)."
        )
    name, pattern = match[1], match[2]
    if pattern and pattern.endswith(":*"):
        pattern = pattern[:-2] + " *"
    return Rule(
        decision=decision, tool=ALIASES.get(name.lower(), name.lower()), pattern=pattern or "*", source=text.strip()
    )


def split_rules(texts: Iterable[str]) -> list[str]:
    """Rules out of flag values, where commas and spaces outside parentheses separate them: "Read,Edit,Bash(pytest
    *)".
    """
    joined = ",".join(texts)
    return [part for part in re.findall(r"[^\s,()]+(?:\([^)]*\))?", joined) if part]


def mode_rules(mode: PermissionMode) -> list[Rule]:
    """What a permission mode allows and refuses, as rules. Reading is free in every mode; no rule means ask."""
    rules = [Rule(decision=Decision.ALLOW, kind=EffectKind.READ, source=mode)]
    match mode:
        case "plan":
            rules += [
                Rule(decision=Decision.DENY, kind=kind, source="plan mode")
                for kind in EffectKind
                if kind is not EffectKind.READ
            ]
        case "acceptEdits":
            rules.append(Rule(decision=Decision.ALLOW, kind=EffectKind.WRITE, source=mode))
        case "bypassPermissions":
            rules.append(Rule(decision=Decision.ALLOW, source=mode))
        case "default" | "dontAsk":
            pass
    return rules


class Answer(StrEnum):
    """What the person says to one call; `SESSION` allows exactly the effects shown, for this session."""

    ONCE = "once"
    SESSION = "session"
    NO = "no"


class Approver(Protocol):
    """Whoever can be asked."""

    async def ask(self, tool: str, call: PreparedCall) -> Answer:
        """Show the call and wait for an answer."""
        ...


class Verdict(Frozen):
    """The gate's decision on one call; `reason` is a sentence when it is no."""

    allowed: bool
    reason: str = ""


class PermissionGate:
    """Judges every call by all its effects: one DENY refuses it, each effect must be allowed, else the approver is
    asked.
    """

    def __init__(self, rules: Sequence[Rule], root: Path, approver: Approver | None) -> None:
        """Without an approver every question is answered no."""
        self._rules = tuple(rules)
        self._root = root
        self._approver = approver
        self._granted: set[tuple[str, Effect]] = set()

    def decide(self, tool: str, effects: Sequence[Effect]) -> tuple[Decision, str]:
        """The decision by rules alone, and where it comes from. A call without effects is allowed."""
        asked = ""
        for effect in effects:
            hits = [rule for rule in self._rules if rule.matches(tool, effect, self._root)]
            denied = next((rule for rule in hits if rule.decision is Decision.DENY), None)
            if denied:
                return Decision.DENY, f"{denied.source or 'a rule'} forbids it"
            if (tool, effect) in self._granted or any(rule.decision is Decision.ALLOW for rule in hits):
                continue
            asked = f"{effect.kind} of {effect.target} needs approval"
        return (Decision.ASK, asked) if asked else (Decision.ALLOW, "")

    async def allows(self, tool: str, call: PreparedCall) -> Verdict:
        """Whether this call may run now; may ask the person."""
        decision, why = self.decide(tool, call.effects)
        if decision is Decision.ALLOW:
            return Verdict(allowed=True)
        if decision is Decision.DENY:
            return Verdict(allowed=False, reason=f"Refused: {why}.")
        if self._approver is None:
            return Verdict(allowed=False, reason=f"Refused: {why}, and nobody is here to ask.")
        answer = await self._approver.ask(tool, call)
        if answer is Answer.SESSION:
            self._granted |= {(tool, effect) for effect in call.effects}
        allowed = answer is not Answer.NO
        return Verdict(allowed=allowed, reason="" if allowed else "Refused by the person.")
