"""The database file of an index: whose it is, what becomes of a damaged one, and many that use it at once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from index_stage import names, open_index, write

SHOP = """class Shop:
    def sell(self, thing):
        return price(thing)


def price(thing):
    return 1
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "index.sqlite"


def database_file(database: Path) -> Path:
    """The file in use, of which the name has a beginning only."""
    return max(database.parent.glob("*.sqlite"))


def damage_file(database: Path, how: str) -> None:
    path = database_file(database)
    statements = {
        "version": "PRAGMA user_version = 999",
        "tables": "DROP TABLE blocks",
        "noise in it": "PRAGMA wal_checkpoint(truncate)",
    }
    if how in statements:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statements[how])
    data = path.read_bytes()
    contents = {
        "noise": os.urandom(100_000),
        "noise in it": data[:8192] + os.urandom(len(data) - 8192),
        "cut": data[:5000],
        "empty": b"",
    }
    if how in contents:
        path.write_bytes(contents[how])


def remove_all(paths: Iterable[Path]) -> None:
    for path in list(paths):
        path.unlink()


async def test_the_database_is_for_its_owner_alone(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP})
    async with open_index(workspace, database) as index:
        await index.refresh()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in database.parent.iterdir()}
        assert set(modes.values()) == {0o600}, modes
        assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", ["noise", "cut", "empty", "version", "tables"])
async def test_a_damaged_database_is_built_again_with_a_notice(workspace: Path, database: Path, damage: str) -> None:
    write(workspace, {"a.py": SHOP})
    async with open_index(workspace, database) as index:
        await index.refresh()
        generation = index.generation
    damage_file(database, damage)
    async with open_index(workspace, database) as index:
        index.find("Shop")  # whatever it finds, it does not raise
        (notice,) = (await index.refresh()).notices
        assert notice == "The index of this folder was damaged, so it is built again."
        assert len(index.find("Shop.sell")) == 1
        assert index.generation > generation
        assert len(list(database.parent.glob("*.sqlite"))) == 1


async def test_a_database_of_another_version_is_left_to_it_for_a_while(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP})
    async with open_index(workspace, database) as index:
        await index.refresh()
    path = database_file(database)
    young, old = (path.with_name(f"index.{version}.{'0' * 20}.sqlite") for version in ("1-young", "1-old"))
    young.write_bytes(path.read_bytes())
    path.rename(old)
    os.utime(old, (1_000_000_000, 1_000_000_000))
    async with open_index(workspace, database) as index:
        refreshed = await index.refresh()
        assert refreshed.notices == (
            "The index of this folder is of another version of codeagent, so it is built again.",
        )
        assert refreshed.parsed == 1
        assert (await index.refresh()).notices == ()
        assert young.exists()
        assert not old.exists()


async def test_an_update_of_a_damaged_database_builds_all_of_it_again(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP, "b.py": "def other(): pass\n"})
    async with open_index(workspace, database) as index:
        await index.refresh()
        damage_file(database, "noise")
        await index.update([workspace / "a.py"])
        await index.update([workspace / "a.py"])
        assert names(index) == ["a.py", "b.py"]
        assert len(index.find("other")) == 1


async def test_two_that_share_a_database_go_on_together_when_it_is_made_anew(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP, "b.py": "def other(): pass\n"})
    async with open_index(workspace, database) as one, open_index(workspace, database) as two:
        await one.refresh()
        await two.refresh()
        damage_file(database, "version")
        assert len((await one.refresh()).notices) == 1
        assert (await two.refresh()).notices == ()
        write(workspace, {"a.py": "def changed(): pass\n"})
        await one.update([workspace / "a.py"])
        assert [len(index.find("changed")) for index in (one, two)] == [1, 1]


async def test_damage_that_a_reader_meets_is_mended_by_the_next_refresh(workspace: Path, database: Path) -> None:
    write(workspace, {f"m{i}.py": SHOP.replace("price", f"price{i}") for i in range(200)})
    async with open_index(workspace, database) as index:
        await index.refresh()
    damage_file(database, "noise in it")
    async with open_index(workspace, database) as index:
        assert index.find("price7") == []
        notices = (await index.refresh()).notices
        assert len(notices) == 1 and "damaged" in notices[0], notices
        assert len(index.find("price7")) == 1


async def test_a_database_that_went_is_made_anew_while_it_is_open(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP})
    async with open_index(workspace, database) as index:
        await index.refresh()
        remove_all(database.parent.iterdir())
        assert (await index.refresh()).parsed == 1
        assert len(index.find("Shop")) == 1


async def test_a_folder_that_cannot_hold_the_database_is_a_notice(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    write(workspace, {"a.py": SHOP})
    async with open_index(workspace, tmp_path / "file" / "index.sqlite") as index:
        (notice,) = (await index.refresh()).notices
        assert "cannot be written" in notice
        (notice,) = (await index.update([workspace / "a.py"])).notices
        assert "cannot be written" in notice
        assert index.files() == []


async def test_two_processes_build_the_same_index_at_once(workspace: Path, database: Path) -> None:
    write(workspace, {f"p{i % 7}/m{i}.py": SHOP.replace("price", f"price{i}") for i in range(300)})
    program = f"""
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2] / "support")!r})
from index_stage import make_index
async def main():
    index = make_index(Path({str(workspace)!r}), Path({str(database)!r}))
    for _ in range(3):
        print((await index.refresh()).notices)
    await index.close()
asyncio.run(main())
"""
    running = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        for _ in range(3)
    ]
    for process in running:
        said, _ = await asyncio.wait_for(process.communicate(), 100)
        assert process.returncode == 0, said.decode()
    async with open_index(workspace, database) as index:
        assert len(index.files()) == 300
        assert [len(index.find(f"price{i}")) for i in range(300)] == [1] * 300
        assert len(index.references("price5")) == 1


async def test_contents_that_no_file_has_do_not_pile_up(workspace: Path, database: Path) -> None:
    from codeagent.agent.context.index.store import Store
    from codeagent.agent.context.index.writer import Writer

    write(workspace, {f"a{i}.py": SHOP.replace("price", f"price{i}") for i in range(3)})
    write(workspace, {"b.py": "def other(): pass\n"})
    async with open_index(workspace, database) as index:
        await index.refresh()
        remove_all(workspace / f"a{i}.py" for i in range(3))
        await index.refresh()
        with closing(Writer(Store(database))) as writer:
            writer.prune(kept=0)
        with closing(sqlite3.connect(database_file(database))) as connection:
            counts = [
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("contents", "blocks", "details", "defined", "used")
            ]
        assert counts == [1, 1, 1, 1, 0]
        assert len(index.find("other")) == 1
