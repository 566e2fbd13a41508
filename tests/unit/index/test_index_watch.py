"""How the index follows what happens on disk, and what it says when it cannot: real files, git and the real kernel."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest
from index_stage import git, make_index, names, open_index, until, watching, write

from codeagent.agent.context.index.index import CodeIndex


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "index.sqlite"


def defines(index: CodeIndex, name: str) -> bool:
    return bool(index.find(name))


async def test_files_that_are_written_made_moved_and_removed_are_followed(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": "def a(): pass\n", "in/b.py": "def b(): pass\n"})
    notices: list[str] = []
    async with open_index(workspace, database) as index, watching(index, notices):
        await until(lambda: defines(index, "b"))
        write(workspace, {"a.py": "def changed(): pass\n"})
        await until(lambda: defines(index, "changed") and not defines(index, "a"))
        write(workspace, {"in/new.py": "def new(): pass\n"})
        await until(lambda: defines(index, "new"))
        (workspace / "in/new.py").rename(workspace / "moved.py")
        await until(lambda: names(index) == ["a.py", "in/b.py", "moved.py"])
        (workspace / "a.py").unlink()
        await until(lambda: names(index) == ["in/b.py", "moved.py"])
        swap = workspace / "swap.tmp"
        swap.write_text("def saved(): pass\n")
        swap.replace(workspace / "in/b.py")  # as editors save
        await until(lambda: defines(index, "saved") and not defines(index, "b"))
        assert names(index) == ["in/b.py", "moved.py"]
    assert notices == []


async def test_new_folders_are_followed_whether_they_come_filled_or_empty(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": "def a(): pass\n"})
    async with open_index(workspace, database) as index, watching(index, []):
        await until(lambda: defines(index, "a"))
        write(workspace, {"one/two/three/deep.py": "def deep(): pass\n"})
        await until(lambda: defines(index, "deep"))
        write(workspace, {"one/two/three/more.py": "def more(): pass\n", "one/up.py": "def up(): pass\n"})
        await until(lambda: defines(index, "more") and defines(index, "up"))
        (workspace / "empty").mkdir()
        write(workspace, {"a.py": "def later(): pass\n"})
        await until(lambda: defines(index, "later"))
        write(workspace, {"empty/first.py": "def first(): pass\n"})
        await until(lambda: defines(index, "first"))
        write(workspace, {"empty/second.py": "def second(): pass\n"})
        await until(lambda: defines(index, "second"))


async def test_a_folder_that_goes_and_comes_back_is_followed_again(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": "def a(): pass\n", "in/deep/b.py": "def b(): pass\n"})
    async with open_index(workspace, database) as index, watching(index, []):
        await until(lambda: defines(index, "b"))
        await asyncio.to_thread(shutil.rmtree, workspace / "in")
        await until(lambda: names(index) == ["a.py"])
        write(workspace, {"in/deep/b.py": "def back(): pass\n"})
        await until(lambda: defines(index, "back"))
        write(workspace, {"in/deep/b.py": "def again(): pass\n"})
        await until(lambda: defines(index, "again"))
        (workspace / "in").rename(workspace / "out")
        await until(lambda: names(index) == ["a.py", "out/deep/b.py"])
        write(workspace, {"out/deep/b.py": "def outside(): pass\n"})
        await until(lambda: defines(index, "outside"))


async def test_ignored_files_stay_out_and_rules_that_change_count(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": "def a(): pass\n", ".gitignore": "*.gen.py\nnode_modules/\n"})
    write(workspace, {"node_modules/m/i.py": "def module(): pass\n"})
    async with open_index(workspace, database) as index, watching(index, []):
        await until(lambda: defines(index, "a"))
        write(workspace, {"x.gen.py": "def generated(): pass\n", "node_modules/m/j.py": "def other(): pass\n"})
        write(workspace, {"a.py": "def one(): pass\n"})
        await until(lambda: defines(index, "one"))
        assert names(index) == [".gitignore", "a.py"]
        write(workspace, {".gitignore": "node_modules/\n"})
        await until(lambda: defines(index, "generated"))
        write(workspace, {".gitignore": ""})
        await until(lambda: defines(index, "module"))
        write(workspace, {"node_modules/m/j.py": "def followed(): pass\n"})
        await until(lambda: defines(index, "followed"))


async def test_what_happens_while_nothing_is_watched_yet_is_not_lost(workspace: Path, database: Path) -> None:
    write(workspace, {f"m{i}.py": f"def m{i}(): pass\n" for i in range(500)})
    async with open_index(workspace, database) as index, watching(index, []):
        for round_ in range(20):
            write(workspace, {f"d{round_}/f.py": f"def f{round_}(): pass\n", "m0.py": f"def now{round_}(): pass\n"})
            await asyncio.sleep(0)
        await until(lambda: defines(index, "now19") and all(defines(index, f"f{i}") for i in range(20)))
        await until(lambda: len(index.files()) == 520)


@pytest.mark.case(37)
async def test_a_checkout_of_another_branch_is_followed_to_its_end(workspace: Path, database: Path) -> None:
    git(workspace, "init", "-q")
    write(workspace, {f"d{i % 50}/m{i}.py": f"def m{i}(): pass\n" for i in range(1500)})
    git(workspace, "add", "-A")
    git(workspace, "commit", "-qm", "x")
    git(workspace, "checkout", "-qb", "other")
    write(workspace, {f"d{i % 50}/m{i}.py": f"def other{i}(): pass\n" for i in range(0, 1500, 2)})
    for i in range(1, 1500, 2):
        (workspace / f"d{i % 50}/m{i}.py").unlink()
    git(workspace, "commit", "-qam", "y")
    async with open_index(workspace, database) as index, watching(index, []):
        for branch, count, one, gone in (("main", 1500, "m1498", "other2"), ("other", 750, "other1498", "m3")):
            await asyncio.to_thread(git, workspace, "checkout", "-q", branch)
            await until(lambda count=count: len(index.files()) == count, 60)
            await until(lambda one=one, gone=gone: defines(index, one) and not defines(index, gone), 60)


@pytest.mark.case(37)
async def test_thousands_of_changes_at_once_have_all_files_looked_at_and_that_is_said(
    workspace: Path, database: Path
) -> None:
    write(workspace, {".gitignore": "stage/\n", "d/a.py": ""} | {f"stage/m{i}.py": f"m{i} = 1\n" for i in range(6000)})
    notices: list[str] = []
    async with open_index(workspace, database) as index, watching(index, notices):
        await until(lambda: names(index) == [".gitignore", "d/a.py"])
        for i in range(6000):
            (workspace / f"stage/m{i}.py").rename(workspace / f"d/m{i}.py")
        await until(lambda: any("changes came at once" in notice for notice in notices), 60)
        assert len(index.files()) == 6002
        write(workspace, {"d/a.py": "def after(): pass\n"})
        await until(lambda: defines(index, "after"))


@pytest.mark.case(37)
async def test_a_folder_that_cannot_be_named_is_looked_at_now_and_then_and_that_is_said(
    workspace: Path, database: Path
) -> None:
    write(workspace, {"a.py": "def a(): pass\n"})
    write(workspace, {os.fsdecode(b"bad\xff/b.py"): "def b(): pass\n"})
    notices: list[str] = []
    async with open_index(workspace, database) as index, watching(index, notices):
        await until(lambda: defines(index, "b") and bool(notices))
        assert notices == [
            "Changes of files are not noticed at once (the folder bad\\xff has a name that is not UTF-8), "
            "but looked for every 2 seconds."
        ]
        write(workspace, {"a.py": "def changed(): pass\n"})
        await until(lambda: defines(index, "changed"))


async def test_a_file_that_cannot_be_named_is_followed_too(workspace: Path, database: Path) -> None:
    odd = os.fsdecode(b"odd\xff.py")
    write(workspace, {"a.py": "def a(): pass\n", odd: "def odd(): pass\n"})
    notices: list[str] = []
    async with open_index(workspace, database) as index, watching(index, notices):
        await until(lambda: defines(index, "odd"))
        write(workspace, {odd: "def changed(): pass\n"})
        await until(lambda: defines(index, "changed"))
        write(workspace, {"a.py": "def still(): pass\n"})
        await until(lambda: defines(index, "still"))


LIMITED = """
import asyncio, resource, sys
from pathlib import Path
sys.path.insert(0, {support!r})
from index_stage import make_index, until, watching, write
async def main():
    root = Path({root!r})
    index = make_index(root, Path({database!r}))
    notices = []
    {limit}
    async with watching(index, notices):
        await until(lambda: bool(notices) and bool(index.find("a")))
        write(root, {{"a.py": "def changed(): pass\\n"}})
        await until(lambda: bool(index.find("changed")))
    await index.close()
    print(notices)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is a limit of inotify")
@pytest.mark.case(37)
async def test_where_the_limit_of_watches_is_reached_files_are_looked_at_now_and_then(
    workspace: Path, database: Path
) -> None:
    unshare = shutil.which("unshare")
    limited = "/proc/sys/user/max_inotify_watches"  # that of the namespace; the one below fs/inotify is everybody's
    write(workspace, {"a.py": "def a(): pass\n"} | {f"d{i}/f.py": f"def f{i}(): pass\n" for i in range(40)})
    support = str(Path(__file__).parents[2] / "support")
    limit = f"open({limited!r}, 'w').write('20')"
    program = LIMITED.format(support=support, root=str(workspace), database=str(database), limit=limit)
    if unshare is None:
        pytest.skip("there is no program that makes a user namespace, in which alone the limit may be lowered")
    process = await asyncio.create_subprocess_exec(
        *(unshare, "--user", "--map-root-user", sys.executable, "-c", program),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    if b"Operation not permitted" in said or b"Permission denied" in said or b"unshare failed" in said:
        pytest.skip("this system lets nobody lower the limit in a user namespace")
    assert process.returncode == 0, said.decode()
    assert b"OS file watch limit reached" in said
    assert b"looked for every" in said


async def test_watching_ends_when_it_is_cancelled_and_can_begin_again(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": "def a(): pass\n"})
    index = make_index(workspace, database)
    for round_ in range(3):
        async with watching(index, []):
            write(workspace, {"a.py": f"def round{round_}(): pass\n"})
            await until(lambda round_=round_: defines(index, f"round{round_}"))
    await index.close()
