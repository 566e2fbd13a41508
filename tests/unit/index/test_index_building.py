"""What the index holds after a refresh or an update, on real folders, databases and worker processes."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest
from index_stage import make_index, names, open_index, until, write

from codeagent.agent.context.index.data import IndexProgress, Refreshed
from codeagent.agent.context.index.index import CodeIndex
from codeagent.tools.api import ToolError
from codeagent.tools.symbols.reader import FoundReference

SHOP = '''class Shop:
    """Sells things."""

    def sell(self, thing):
        return price(thing)


def price(thing):
    return 1
'''


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "index.sqlite"


def grow_old() -> None:
    """Wait until what was just written is older than the tick of a clock, within which changes may look like none."""
    time.sleep(0.03)


def numbers(refreshed: Refreshed) -> tuple[int, int, int, int, int]:
    return refreshed.files, refreshed.unchanged, refreshed.read, refreshed.parsed, refreshed.removed


async def test_definitions_and_references_are_found_after_a_refresh(workspace: Path, database: Path) -> None:
    write(workspace, {"shop.py": SHOP, "docs/guide.md": "# Selling\n\nHow.\n"})
    progress: list[IndexProgress] = []
    async with open_index(workspace, database) as index:
        refreshed = await index.refresh(progress.append)
        assert numbers(refreshed) == (2, 0, 2, 2, 0)
        assert refreshed.notices == ()
        assert progress[-1] == IndexProgress(2, 2)
        assert [(s.qualified, s.kind, s.start, s.end, s.parent) for s in index.symbols("shop.py")] == [
            ("Shop", "class", 1, 5, None),
            ("Shop.sell", "method", 4, 5, 0),
            ("price", "function", 8, 9, None),
        ]
        assert index.symbols("shop.py")[0].doc == "Sells things."
        assert [(f.path, f.language, f.lines, f.partial) for f in index.files()] == [
            ("docs/guide.md", "Markdown", 3, ""),
            ("shop.py", "Python", 9, ""),
        ]
        (found,) = index.find("Shop.sell")
        assert (found.path, found.symbol) == ("shop.py", index.symbols("shop.py")[1])
        assert list(index.references("price")) == [FoundReference("shop.py", 5, "price", index.symbols("shop.py")[1])]


async def test_files_that_did_not_change_are_not_read(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP, "b.py": "x = 1\n"})
    grow_old()
    async with open_index(workspace, database) as index:
        await index.refresh()
        assert numbers(await index.refresh()) == (2, 2, 0, 0, 0)
    async with open_index(workspace, database) as again:
        assert numbers(await again.refresh()) == (2, 2, 0, 0, 0)


async def test_a_file_that_only_looks_changed_is_read_and_not_parsed(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP})
    async with open_index(workspace, database) as index:
        await index.refresh()
        os.utime(workspace / "a.py", (1_000_000_000, 1_000_000_000))
        assert numbers(await index.refresh()) == (1, 0, 1, 0, 0)
        assert index.files()[0].mtime_ns == 1_000_000_000 * 10**9


async def test_a_change_within_the_same_tick_and_of_the_same_size_is_seen(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": "def one(): pass\n"})
    async with open_index(workspace, database) as index:
        await index.refresh()
        before = (workspace / "a.py").stat()
        (workspace / "a.py").write_text("def two(): pass\n")
        os.utime(workspace / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
        await index.refresh()
        assert [s.name for s in index.symbols("a.py")] == ["two"]


async def test_changed_new_and_removed_files_are_taken_in(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP, "b.py": "def gone(): pass\n", "old/c.py": "def moved(): pass\n"})
    async with open_index(workspace, database) as index:
        await index.refresh()
        generation = index.generation
        write(workspace, {"a.py": "def other(): pass\n", "d.py": "def new(): pass\n"})
        (workspace / "b.py").unlink()
        (workspace / "old").rename(workspace / "young")
        refreshed = await index.refresh()
        assert (refreshed.parsed, refreshed.removed) == (2, 2)  # the content of the moved file is known
        assert index.generation > generation
        assert names(index) == ["a.py", "d.py", "young/c.py"]
        assert [len(index.find(name)) for name in ("Shop", "gone", "other", "new", "moved")] == [0, 0, 1, 1, 1]
        assert index.references("price") == []


async def test_an_update_looks_at_the_named_files_alone(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP, "b.py": SHOP, "c/d.py": "def deep(): pass\n"})
    async with open_index(workspace, database) as index:
        await index.refresh()
        write(workspace, {"a.py": "def one(): pass\n", "b.py": "def two(): pass\n"})
        await index.update([workspace / "a.py"])
        assert [s.name for s in index.symbols("a.py")] == ["one"]
        assert [s.name for s in index.symbols("b.py")] == ["Shop", "sell", "price"]
        (workspace / "c/d.py").unlink()
        (workspace / "c").rmdir()
        assert (await index.update([workspace / "c"])).removed == 1
        assert names(index) == ["a.py", "b.py"]


async def test_an_update_takes_in_new_files_unless_they_are_ignored(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP, ".gitignore": "*_no.py\n"})
    async with open_index(workspace, database) as index:
        await index.refresh()
        write(workspace, {"x_no.py": SHOP, "x.py": SHOP, "in/y.py": "y = 1\n", "in/y_no.py": ""})
        await index.update([workspace / "x_no.py", workspace / "x.py", workspace / "in"])
        assert names(index) == [".gitignore", "a.py", "in/y.py", "x.py"]


async def test_an_update_of_ignore_rules_is_one_of_all_files(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP, "in/b.py": SHOP})
    async with open_index(workspace, database) as index:
        await index.refresh()
        write(workspace, {"in/.gitignore": "b.py\n"})
        await index.update([workspace / "in/.gitignore"])
        assert names(index) == ["a.py", "in/.gitignore"]


async def test_a_content_is_stored_once_and_kept_when_a_branch_is_left(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP, "b.py": SHOP})
    async with open_index(workspace, database) as index:
        assert (await index.refresh()).parsed == 1
        assert [found.path for found in index.find("price")] == ["a.py", "b.py"]
        write(workspace, {"a.py": "x = 1\n", "b.py": "y = 2\n"})
        await index.refresh()
        assert index.find("price") == []
        write(workspace, {"a.py": SHOP, "b.py": SHOP})
        assert (await index.refresh()).parsed == 0
        assert len(index.find("price")) == 2


async def test_the_same_bytes_are_another_content_in_another_language(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": "# Title\n", "a.md": "# Title\n", "a.unknown": "# Title\n"})
    async with open_index(workspace, database) as index:
        await index.refresh()
        assert [(f.path, f.language) for f in index.files()] == [
            ("a.md", "Markdown"),
            ("a.py", "Python"),
            ("a.unknown", None),
        ]
        assert [s.name for s in index.symbols("a.md")] == ["Title"]
        assert index.symbols("a.py") == []


async def test_names_of_any_bytes_are_kept(workspace: Path, database: Path) -> None:
    odd = [b"bad\xff.py", b"new\nline.py", b"tab\there.py", "ümlaut.py".encode(), b" spaces .py"]
    for name in odd:
        (workspace / os.fsdecode(name)).write_text("def odd(): pass\n")
    async with open_index(workspace, database) as index:
        await index.refresh()
        assert sorted(os.fsencode(name) for name in names(index)) == sorted(odd)
        assert [len(index.symbols(os.fsdecode(name))) for name in odd] == [1] * 5
        assert sorted(os.fsencode(found.path) for found in index.find("odd")) == sorted(odd)
        assert list(index.graph().paths) == names(index)


async def test_what_is_asked_before_there_is_an_index_is_answered_with_nothing(workspace: Path, database: Path) -> None:
    async with open_index(workspace, database) as index:
        assert (index.files(), index.symbols("a.py"), index.find("x"), index.complete("x")) == ([], [], [], [])
        assert (index.references("x"), index.generation, index.stats().files) == ([], 0, 0)
        assert len(index.graph().paths) == 0
        assert not database.parent.exists()


async def test_files_that_cannot_be_listed_are_a_notice_and_nothing_is_dropped(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": SHOP})
    async with open_index(workspace, database) as index:
        await index.refresh()

    async def fail() -> list[Path]:
        raise ToolError("ripgrep (rg) is not installed.")

    index = CodeIndex(workspace, database, fail)
    (notice,) = (await index.refresh()).notices
    assert "ripgrep (rg) is not installed." in notice
    assert names(index) == ["a.py"]
    await index.close()


async def test_threads_may_read_while_the_index_is_built(workspace: Path, database: Path) -> None:
    write(workspace, {f"m{i}.py": SHOP.replace("price", f"price{i}") for i in range(400)})
    async with open_index(workspace, database) as index:
        seen: list[int] = []
        done = threading.Event()
        errors: list[BaseException] = []

        def read() -> None:
            try:
                while not done.is_set():
                    seen.append(len(index.files()))
                    index.find("Shop")
                    index.complete("pri")
                    index.references("price3")
                    index.graph()
                    list(index.words(index.graph()))
            except BaseException as e:
                errors.append(e)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            await index.refresh()
        finally:
            done.set()
            for thread in threads:
                await asyncio.to_thread(thread.join, 20)
        assert errors == []
        assert len(index.files()) == 400
        assert all(count <= 400 for count in seen)


async def test_a_refresh_that_is_cancelled_keeps_what_it_read(workspace: Path, database: Path) -> None:
    write(workspace, {f"m{i}.py": SHOP.replace("price", f"price{i}") for i in range(3000)})
    async with open_index(workspace, database) as index:
        progress: list[IndexProgress] = []
        task = asyncio.create_task(index.refresh(progress.append))
        await until(lambda: bool(progress))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert index.worker_pids == ()
        some = len(index.files())
        assert 0 < some < 3000
        refreshed = await index.refresh()
        assert refreshed.parsed <= 3000 - some
        assert len(index.files()) == 3000


async def test_nothing_is_made_before_the_first_refresh(workspace: Path, database: Path) -> None:
    index = make_index(workspace, database)
    assert index.generation == 0
    assert not database.parent.exists()
    await index.close()


async def test_closing_ends_a_refresh_early_and_keeps_what_it_read(workspace: Path, database: Path) -> None:
    write(workspace, {f"m{i}.py": SHOP.replace("price", f"price{i}") for i in range(3000)})
    index = make_index(workspace, database)
    progress: list[IndexProgress] = []
    task = asyncio.create_task(index.refresh(progress.append))
    await until(lambda: bool(progress))
    await index.close()
    assert (await task).read < 3000
    assert index.worker_pids == ()
    assert 0 < len(index.files()) < 3000
    await index.close()
