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
from codeagent.tools.api import Binding, Effect, EffectKind, PreparedCall, relative
from codeagent.tools.commands.readings import readings
from codeagent.tools.commands.script import is_plain
from codeagent.tools.sensitive import is_obeyed_at_once

# The spellings of other agents, so that rules written for them work here.
ALIASES = {
    "bash": "run", "shell": "run", "edit": "edit", "multiedit": "edit", "write": "write", "read": "read", "grep":
    "grep", "glob": "list", "ls": "list", "todowrite": "todo",
}  # fmt: skip
# Tools that do the same as another by other means: its rules hold for them, too.
KINDRED = {"edit_symbol": "edit"}
NAMED_ONLY = (EffectKind.REVEAL, EffectKind.AUTORUN)
_NEEDS = {
    EffectKind.REVEAL: "showing {}, which may hold secrets,",
    EffectKind.AUTORUN: "changing {}, which programs run or obey by themselves,",
}
_COMMANDS = (EffectKind.LOOK, EffectKind.EXECUTE, EffectKind.NETWORK)
Refusal = Literal["forbidden", "plan_mode", "nobody_to_ask", "refused_by_person"]
"""Why a call was refused, for programs. Names are only ever added."""


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

    def moved(self, source: Path, target: Path) -> Rule:
        """This rule as it holds in a copy of the folder whose paths it may name."""
        return self.model_copy(update={"pattern": self.pattern.replace(str(source), str(target))})

    def matches(self, tool: str, effect: Effect, root: Path) -> bool:
        """Whether this rule speaks of this effect.

        A file matches by its path relative to the root, or absolute. A command matches a pattern with wildcards only
        when it is one plain command: `pytest *` must not cover `pytest x; rm -rf .`. A DENY rule also looks at each
        part of a compound, and one for reading also at what commands read. A rule that allows a command does not give
        it the network: that takes a rule of the form Network(command).
        """
        name = tool.lower()
        denies = self.decision is Decision.DENY
        looks = denies and effect.kind is EffectKind.READ and name == "run" and self.tool == "read"
        if self.kind not in (None, effect.kind) or not (looks or self.tool in (None, name, KINDRED.get(name))):
            return False
        if effect.kind is EffectKind.NETWORK and self.tool == "run" and not denies:
            return False
        if self.pattern == "*":
            # Whoever allows a tool as a whole has not thought of these files: they are to be named.
            whole_tool = self.decision is Decision.ALLOW and self.tool is not None
            return not (whole_tool and effect.kind in NAMED_ONLY)
        if effect.kind in _COMMANDS:
            if effect.target == self.pattern:
                return True
            if denies:
                return any(_glob(reading, self.pattern) for reading in readings(effect.target))
            return is_plain(effect.target) and _glob(effect.target, self.pattern)
        if self.tool == "run":
            return False  # its pattern is of commands, not of the files that they read
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
    name, pattern = match[1].lower(), match[2]
    if pattern and pattern.endswith(":*"):
        pattern = pattern[:-2] + " *"
    rule = Rule(decision=decision, pattern=pattern or "*", source=text.strip())
    if name == "network":
        return rule.model_copy(update={"kind": EffectKind.NETWORK})
    return rule.model_copy(update={"tool": ALIASES.get(name, name)})


def split_rules(texts: Iterable[str]) -> list[str]:
    """Rules out of flag values, where commas and spaces outside parentheses separate them: "Read,Edit,Bash(pytest
    *)".
    """
    joined = ",".join(texts)
    return [part for part in re.findall(r"[^\s,()]+(?:\([^)]*\))?", joined) if part]


def mode_rules(mode: PermissionMode, confined: bool) -> list[Rule]:
    """What a permission mode allows and refuses, as rules. Reading is free in every mode, and so are commands that only
    look where a sandbox confines them; no rule means ask.
    """
    free = [EffectKind.READ, EffectKind.LOOK] if confined else [EffectKind.READ]
    rules = [Rule(decision=Decision.ALLOW, kind=kind, source=mode) for kind in free]
    match mode:
        case "plan":
            rules += [
                Rule(decision=Decision.DENY, kind=kind, source="plan mode")
                for kind in EffectKind
                if kind not in (EffectKind.READ, EffectKind.REVEAL, EffectKind.LOOK)
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
        """What "always" would allow for the session: exactly the effects shown, as sentences' objects. A command is
        allowed with the binding of the call alone.
        """
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
    saw it, `refusal` which kind of no it is.
    """

    allowed: bool
    call: PreparedCall
    reason: str = ""
    asked: bool = False
    refusal: Refusal | None = None


class PermissionGate:
    """Judges every call by all its effects: one DENY refuses it, each effect must be allowed, else the approver is
    asked.
    """

    def __init__(
        self,
        mode: PermissionMode,
        rules: Sequence[Rule],
        root: Path,
        approver: Approver | None,
        confined: bool = False,
        exposed: bool = False,
    ) -> None:
        """`rules` hold beside those of the mode. Without an approver every question is answered no. `confined` says
        that commands run in a sandbox; where they do not, also those that only look are asked about. `exposed` says
        that there is none though nobody turned it off: then no rule and no mode allows a command.
        """
        self.mode: PermissionMode = mode
        self._rules = tuple(rules)
        self._root = root
        self._approver = approver
        self._confined = confined
        self._exposed = exposed
        self._granted: set[tuple[str, Effect, Binding | None]] = set()
        self._asking = asyncio.Lock()

    def decide(self, tool: str, effects: Sequence[Effect], call: PreparedCall | None = None) -> tuple[Decision, str]:
        """The decision by rules alone, and where it comes from. A call without effects is allowed. `call` is the one
        that has these effects; without it no grant for a command and no rule for its parts counts.
        """
        asked = ""
        rules = [*mode_rules(self.mode, self._confined), *self._rules]
        for effect in effects:
            hits = [rule for rule in rules if rule.matches(tool, effect, self._root)]
            denied = next((rule for rule in hits if rule.decision is Decision.DENY), None)
            if denied:
                return Decision.DENY, f"{denied.source or 'a rule'} forbids it"
            free = any(rule.decision is Decision.ALLOW for rule in hits) or self._settled(tool, effect, call, rules)
            if free and not (self._exposed and effect.kind in _COMMANDS):
                continue
            if (tool, effect, call.binding if call is not None else None) in self._granted:
                continue
            asked = f"{_NEEDS.get(effect.kind, f'{effect.kind} of {{}}').format(effect.target)} needs approval"
        return (Decision.ASK, asked) if asked else (Decision.ALLOW, "")

    def _settled(self, tool: str, effect: Effect, call: PreparedCall | None, rules: Sequence[Rule]) -> bool:
        """Whether an effect that no rule speaks of as a whole needs no question all the same."""
        if effect.kind is EffectKind.AUTORUN:
            # Where nobody is, to mend a Makefile must stay possible: the files are named at the end instead.
            unattended = self._approver is None and self.mode == "acceptEdits"
            return unattended and not is_obeyed_at_once(Path(effect.target), self._root)
        if effect.kind is not EffectKind.EXECUTE or call is None or not call.acts:
            return False
        parts = [Effect(kind=effect.kind, target=part) for part in call.acts]
        allowing = [rule for rule in rules if rule.decision is Decision.ALLOW]
        return all(any(rule.matches(tool, part, self._root) for rule in allowing) for part in parts)

    async def allows(self, question: Question) -> Verdict:
        """Whether this call may run now; may ask the person, one question at a time."""
        tool, call = question.tool, question.call
        decision, why = self.decide(tool, call.effects, call)
        if decision is Decision.ASK and self._approver is not None and self.mode != "dontAsk":
            async with self._asking:
                # The answer before this one may have settled it.
                decision, why = self.decide(tool, call.effects, call)
                if decision is Decision.ASK:
                    return self._settle(question, await self._approver.ask(question))
        if decision is Decision.ALLOW:
            return Verdict(True, call)
        if decision is Decision.DENY:
            refusal: Refusal = "plan_mode" if self.mode == "plan" and why.startswith("plan mode") else "forbidden"
            return Verdict(False, call, f"Refused: {why}.", refusal=refusal)
        because = f" (it {', it '.join(call.why)})" if call.why else ""
        return Verdict(False, call, f"Refused: {why}{because}, and nobody is here to ask.", refusal="nobody_to_ask")

    def _settle(self, question: Question, answer: Answer) -> Verdict:
        call, asked = answer.call or question.call, question.call
        if answer.decision == "no" or set(call.effects) != set(asked.effects) or call.binding != asked.binding:
            said = f" They say: {answer.reason}" if answer.reason else ""
            return Verdict(False, call, f"Refused by the person.{said}", asked=True, refusal="refused_by_person")
        if answer.decision == "session":
            self._granted |= {(question.tool, effect, call.binding) for effect in call.effects}
        return Verdict(True, call, answer.reason, asked=True)
