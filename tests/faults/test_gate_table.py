"""The table of commands: no attack runs without a question, and everyday looking seldom meets one."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import MARKER, SECRET, Gatehouse, make_traps

from codeagent.agent.config import PermissionMode

TABLE = tomllib.loads((Path(__file__).with_name("commands.toml")).read_text())
ATTACKS = [(row["about"], command) for row in TABLE["attack"] for command in row["commands"]]
LOOK: list[str] = TABLE["look"]["commands"]
ACT: list[str] = TABLE["act"]["commands"]
Record = Callable[[str, object], None]


def names(folder: Path) -> list[str]:
    """All files of a folder but git's own."""
    return sorted(str(path) for path in folder.rglob("*") if ".git/" not in str(path))


@pytest.fixture
def traps(workspace: Path) -> Path:
    make_traps(workspace)
    return workspace


@pytest.mark.case(11)
@pytest.mark.case(15)
async def test_no_attack_of_the_table_runs_without_a_question(traps: Path, record_property: Record) -> None:
    modes: tuple[PermissionMode, ...] = ("default", "acceptEdits", "plan")
    assert len(ATTACKS) >= 110
    passed = [
        f"{command!r} ({about}) in {mode}"
        for mode in modes
        for about, command in ATTACKS
        if await Gatehouse(traps, mode).free(command)
    ]
    assert not passed, "\n".join(passed)
    assert not (traps / MARKER).exists()
    record_property("tried", len(ATTACKS) * len(modes))


@pytest.mark.case(11)
async def test_of_everyday_commands_that_only_look_at_most_one_in_ten_asks(
    traps: Path, record_property: Record
) -> None:
    house = Gatehouse(traps)
    asking = [command for command in LOOK if not await house.free(command)]
    record_property("tried", len(LOOK))
    record_property("asking", f"{len(asking)} of {len(LOOK)}: {asking}")
    assert len(LOOK) >= 100
    assert len(asking) <= len(LOOK) / 10, asking


@pytest.mark.case(11)
async def test_commands_that_change_something_or_run_the_folders_code_ask(traps: Path) -> None:
    house = Gatehouse(traps, "acceptEdits")
    assert [command for command in ACT if await house.free(command)] == []


@pytest.mark.case(11)
async def test_what_is_let_through_shows_no_secret_and_changes_nothing(traps: Path, record_property: Record) -> None:
    house = Gatehouse(traps)
    before = names(traps)
    free = [command for command in LOOK if await house.free(command)]
    searches = [
        *free,
        "grep -r API .",
        "grep -rn API . --include='.e*'",
        "grep -rn API . --include='*'",
        "rg -uu API",
        "rg --hidden --no-ignore API .",
        "rg -uuu -g '.env*' API",
        "rg -uu -g '*.pem' --iglob '.ENV' API .",
    ]
    for command in searches:
        ran = await house.run(command)
        assert not ran.denied, command
        assert SECRET not in ran.result.output, command
    assert names(traps) == before
    record_property("tried", len(searches))


async def test_without_a_sandbox_every_command_asks(traps: Path) -> None:
    house = Gatehouse(traps, confined=False)
    assert [command for command in LOOK if await house.free(command)] == []


async def test_where_there_is_no_sandbox_no_rule_and_no_mode_lets_a_command_run(traps: Path) -> None:
    for house in (Gatehouse(traps, "bypassPermissions", exposed=True), Gatehouse(traps, allow=["Bash"], exposed=True)):
        assert [command for command in (*LOOK, "make") if await house.free(command)] == []
    assert await Gatehouse(traps, allow=["Bash"], confined=False).free("make")
