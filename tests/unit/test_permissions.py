"""The gate: what each mode and rule allows, that deny wins, and that silence means no."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from codeagent.agent.config import ConfigError, PermissionMode
from codeagent.agent.permissions import (
    Answer,
    Decision,
    PermissionGate,
    Question,
    parse_rule,
    split_rules,
)
from codeagent.tools.api import Effect, EffectKind, PreparedCall, ToolResult

ROOT = Path("/repo")
READ = Effect(kind=EffectKind.READ, target="/repo/a.py")
WRITE = Effect(kind=EffectKind.WRITE, target="/repo/src/a.py")


def run(command: str) -> Effect:
    return Effect(kind=EffectKind.EXECUTE, target=command)


def gate(mode: PermissionMode = "default", allow: str = "", deny: str = "", approver: Person | None = None):
    rules = [parse_rule(text, Decision.ALLOW) for text in split_rules([allow])]
    rules += [parse_rule(text, Decision.DENY) for text in split_rules([deny])]
    return PermissionGate(mode, rules, ROOT, approver)


def question(tool: str, *effects: Effect) -> Question:
    return Question("c1", tool, Call(*effects))


class Call(PreparedCall):
    title = "a call"

    def __init__(self, *effects: Effect) -> None:
        self.effects = effects

    async def execute(self, report: Callable[[str], None]) -> ToolResult:
        return ToolResult(output="")


class Person:
    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)

    async def ask(self, question: Question) -> Answer:
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("mode", "read", "write", "execute"),
    [
        ("plan", "allow", "deny", "deny"),
        ("default", "allow", "ask", "ask"),
        ("acceptEdits", "allow", "allow", "ask"),
        ("dontAsk", "allow", "ask", "ask"),
        ("bypassPermissions", "allow", "allow", "allow"),
    ],
)
def test_modes(mode: PermissionMode, read: str, write: str, execute: str) -> None:
    decide = gate(mode).decide
    assert [decide("t", [e])[0] for e in (READ, WRITE, run("ls"))] == [read, write, execute]


def test_a_call_without_effects_needs_nobody() -> None:
    assert gate("plan").decide("todo", [])[0] is Decision.ALLOW


def test_deny_wins_over_every_mode_and_allow() -> None:
    assert gate("bypassPermissions", allow="Edit", deny="Edit(src/*)").decide("edit", [WRITE])[0] is Decision.DENY


def test_a_call_passes_only_if_all_its_effects_do() -> None:
    assert gate(allow="Edit(src/*)").decide("edit", [WRITE, Effect(kind=EffectKind.WRITE, target="/etc/x")])[0] == "ask"


@pytest.mark.parametrize(
    ("command", "decision"),
    [
        ("pytest", "allow"),
        ("pytest -q tests", "allow"),
        ("pytester", "ask"),
        ("pytest; rm -rf .", "ask"),
        ("pytest && curl x", "ask"),
        ("pytest $(rm x)", "ask"),
        ("pytest `rm x`", "ask"),
        ("pytest > /etc/passwd", "ask"),
        ("pytest\nrm x", "ask"),
        ("pytest \u202e x", "ask"),
        ("pytest {a,--b}", "ask"),
    ],
)
def test_an_allowed_prefix_covers_one_plain_command_only(command: str, decision: str) -> None:
    for rule in ("Bash(pytest *)", "Bash(pytest:*)"):
        assert gate(allow=rule).decide("run", [run(command)])[0] == decision


def test_an_exact_compound_may_be_allowed() -> None:
    assert gate(allow="Bash(make && make test)").decide("run", [run("make && make test")])[0] is Decision.ALLOW


def test_a_denied_command_is_found_inside_a_compound() -> None:
    decide = gate("bypassPermissions", deny="Bash(rm *)").decide
    assert decide("run", [run("echo x && rm -rf /")])[0] is Decision.DENY
    assert decide("run", [run("echo `rm x`")])[0] is Decision.DENY
    assert decide("run", [run("echo x")])[0] is Decision.ALLOW


def test_a_rule_for_one_tool_says_nothing_of_another() -> None:
    assert gate(allow="Edit").decide("write", [WRITE])[0] is Decision.ASK


def test_a_rule_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match="Edit\\("):
        parse_rule("Edit(", Decision.ALLOW)


def test_rules_are_separated_by_commas_and_spaces_outside_parentheses() -> None:
    assert split_rules(["Read,Edit, Bash(git log, x)", "Grep"]) == ["Read", "Edit", "Bash(git log, x)", "Grep"]


def test_rules_for_edits_hold_for_edits_by_symbol() -> None:
    judge = gate("acceptEdits", deny="Edit(src/*)")
    assert [judge.decide(tool, [WRITE])[0] for tool in ("edit", "edit_symbol", "write")] == ["deny", "deny", "allow"]
    assert gate(allow="Edit").decide("edit_symbol", [WRITE])[0] == "allow"


@pytest.mark.case(17)
async def test_nobody_there_to_ask_means_no() -> None:
    verdict = await gate().allows(question("edit", WRITE))
    assert not verdict.allowed
    assert "nobody is here to ask" in verdict.reason


@pytest.mark.case(14)
async def test_always_grants_exactly_what_was_shown() -> None:
    judge = gate(approver=Person(Answer("session"), Answer("no"), Answer("no")))
    other = Effect(kind=EffectKind.WRITE, target="/repo/src/b.py")
    assert (await judge.allows(question("edit", WRITE))).allowed
    assert (await judge.allows(question("edit", WRITE))).allowed
    assert not (await judge.allows(question("write", WRITE))).allowed
    assert not (await judge.allows(question("edit", other))).allowed


async def test_a_refusal_carries_the_persons_words() -> None:
    verdict = await gate(approver=Person(Answer("no", "use a set"))).allows(question("edit", WRITE))
    assert verdict.reason == "Refused by the person. They say: use a set"


@pytest.mark.case(13)
async def test_a_changed_call_with_other_effects_is_refused() -> None:
    judge = gate(approver=Person(Answer("once", call=Call(run("rm -rf .")))))
    assert not (await judge.allows(question("edit", WRITE))).allowed


@pytest.mark.case(17)
async def test_dont_ask_mode_refuses_even_when_somebody_is_there() -> None:
    assert not (await gate("dontAsk", approver=Person(Answer("once"))).allows(question("edit", WRITE))).allowed


async def test_the_mode_can_change_while_the_session_runs() -> None:
    judge = gate()
    judge.mode = "acceptEdits"
    assert (await judge.allows(question("edit", WRITE))).allowed
    judge.mode = "plan"
    assert not (await judge.allows(question("edit", WRITE))).allowed
