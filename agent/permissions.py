"""The one gate: decides from a call's effects whether it may run; knows no tool, and asks through an injected
approver.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, Protocol

from codeagent.agent.certainty import Certainty
from codeagent.agent.config import ConfigError, PermissionMode
from codeagent.inference.client import Frozen
from codeagent.tools.api import Effect, EffectKind, PreparedCall, relative

# The spellings of other agents, so that rules written for them work here.
ALIASES = {
    "bash": "run", "shell": "run", "edit": "edit", "multiedit": "edit", "write": "write", "read": "read", "grep":
    "grep", "glob": "list", "ls": "list", "todowrite": "todo",
}  # fmt: skip
# Tools that do the same as another by other means: its rules hold for them, too.
KINDRED = {"edit_symbol": "edit"}
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
        name = tool.lower()
        if self.kind not in (None, effect.kind) or self.tool not in (None, name, KINDRED.get(name)):
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


@dataclass(frozen=True)
class Question:
    """A call that needs approval. `certainty` is how sure the model was of its text, where the engine told."""

    call_id: str
    tool: str
    call: PreparedCall
    certainty: Certainty | None = None

    @property
    def grants(self) -> tuple[str, ...]:
        """What "always" would allow for the session: exactly the effects shown, as sentences' objects."""
        return tuple(f"{effect.kind} {effect.target}" for effect in self.call.effects)


@dataclass(frozen=True)
class Answer:
    """What the person says to one call: run it `once`, allow exactly its effects for the `session`, or `no`.

    `reason` goes to the model, with a refusal or with what was left out. `call` is what runs instead of the call asked
    about, when the person changed it; its effects are the same.
    """

    decision: Literal["once", "session", "no"]
    reason: str = ""
    call: PreparedCall | None = None


class Approver(Protocol):
    """Whoever can be asked."""

    async def ask(self, question: Question) -> Answer:
        """Show the call and wait for an answer. Called once at a time."""
        ...


@dataclass(frozen=True)
class Verdict:
    """The gate's decision on one call; `reason` is a sentence when it is no, and what the person said otherwise.

    `call` is the call to run: the one that was asked about, or what the person made of it. `asked` says that a person
    saw it.
    """

    allowed: bool
    call: PreparedCall
    reason: str = ""
    asked: bool = False


class PermissionGate:
    """Judges every call by all its effects: one DENY refuses it, each effect must be allowed, else the approver is
    asked.
    """

    def __init__(self, mode: PermissionMode, rules: Sequence[Rule], root: Path, approver: Approver | None) -> None:
        """`rules` hold beside those of the mode. Without an approver every question is answered no."""
        self.mode: PermissionMode = mode
        self._rules = tuple(rules)
        self._root = root
        self._approver = approver
        self._granted: set[tuple[str, Effect]] = set()
        self._asking = asyncio.Lock()

    def decide(self, tool: str, effects: Sequence[Effect]) -> tuple[Decision, str]:
        """The decision by rules alone, and where it comes from. A call without effects is allowed."""
        asked = ""
        rules = [*mode_rules(self.mode), *self._rules]
        for effect in effects:
            hits = [rule for rule in rules if rule.matches(tool, effect, self._root)]
            denied = next((rule for rule in hits if rule.decision is Decision.DENY), None)
            if denied:
                return Decision.DENY, f"{denied.source or 'a rule'} forbids it"
            if (tool, effect) in self._granted or any(rule.decision is Decision.ALLOW for rule in hits):
                continue
            asked = f"{effect.kind} of {effect.target} needs approval"
        return (Decision.ASK, asked) if asked else (Decision.ALLOW, "")

    async def allows(self, question: Question) -> Verdict:
        """Whether this call may run now; may ask the person, one question at a time."""
        tool, call = question.tool, question.call
        decision, why = self.decide(tool, call.effects)
        if decision is Decision.ASK and self._approver is not None and self.mode != "dontAsk":
            async with self._asking:
                decision, why = self.decide(tool, call.effects)  # the answer before this one may have settled it
                if decision is Decision.ASK:
                    return self._settle(question, await self._approver.ask(question))
        if decision is Decision.ALLOW:
            return Verdict(True, call)
        nobody = ", and nobody is here to ask" if decision is Decision.ASK else ""
        return Verdict(False, call, f"Refused: {why}{nobody}.")

    def _settle(self, question: Question, answer: Answer) -> Verdict:
        call = answer.call or question.call
        if answer.decision == "no" or set(call.effects) != set(question.call.effects):
            said = f" They say: {answer.reason}" if answer.reason else ""
            return Verdict(False, call, f"Refused by the person.{said}", asked=True)
        if answer.decision == "session":
            self._granted |= {(question.tool, effect) for effect in call.effects}
        return Verdict(True, call, answer.reason, asked=True)
