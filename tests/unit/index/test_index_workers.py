"""What files and accidents can do to the processes that read them: the index is complete but for the file."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from index_stage import FAULTY, names, open_index, until, write

from codeagent.agent.context.index.data import IndexProgress
from codeagent.agent.context.index.index import CodeIndex
from codeagent.agent.context.index.pool import Limits

QUICK = Limits(seconds=1.0, megabytes=1024, workers=2)
GOOD = {f"good{i:03}.py": f"def good{i}():\n    return call{i}()\n" for i in range(120)}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "index.sqlite"


def reasons(index: CodeIndex) -> dict[str, str]:
    return {file.path: file.partial for file in index.files() if file.partial}


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("segfault", "The process that parsed it ended (SIGSEGV)."),
        ("abort", "The process that parsed it ended (SIGABRT)."),
        ("vanish", "The process that parsed it ended (exit code 3)."),
        ("hang", "Reading and parsing it takes more than 1 s."),
        ("eat", "Parsing it takes more than 1,024 MiB of memory."),
        ("raise", "Its symbols were not found: ValueError."),
        ("die", "The process that parsed it was killed twice, perhaps because memory ran out."),
    ],
)
async def test_a_file_that_ends_its_worker_costs_that_file_alone(
    workspace: Path, database: Path, order: str, reason: str
) -> None:
    write(workspace, GOOD | {"good050bad.py": f"# do: {order}\ndef bad(): pass\n"})
    async with open_index(workspace, database, QUICK, FAULTY) as index:
        refreshed = await index.refresh()
        assert reasons(index) == {"good050bad.py": reason}
        assert (refreshed.files, refreshed.read, refreshed.partial, refreshed.notices) == (121, 121, 1, ())
        assert [len(index.find(f"good{i}")) for i in range(120)] == [1] * 120
        again = await index.refresh()  # and is not tried again, unless it may have been chance
        assert (again.read, again.partial) == ((1, 1) if order == "die" else (0, 0))
        write(workspace, {"good050bad.py": "def bad(): pass\n"})
        await index.refresh()
        assert reasons(index) == {}
        assert len(index.find("bad")) == 1


async def test_a_worker_that_sends_nonsense_costs_one_file(workspace: Path, database: Path) -> None:
    write(workspace, GOOD | {"good050bad.py": "# do: babble\n"})
    async with open_index(workspace, database, QUICK, FAULTY) as index:
        await index.refresh()
        assert list(reasons(index)) == ["good050bad.py"]
        assert len(index.files()) == 121


async def test_a_worker_that_was_stopped_is_given_up(workspace: Path, database: Path) -> None:
    write(workspace, GOOD | {"good050bad.py": "# do: stop\n"})
    limits = Limits(seconds=1.0, workers=2, stall_s=1.0)
    async with open_index(workspace, database, limits, FAULTY) as index:
        await index.refresh()
        assert reasons(index) == {"good050bad.py": "Reading and parsing it takes more than 1 s."}


async def test_a_file_whose_worker_is_killed_by_chance_is_read_by_the_next(
    workspace: Path, database: Path, tmp_path: Path
) -> None:
    unlucky = {f"good{i:03}x.py": f"# do: die_once {tmp_path}/died{i}\ndef unlucky{i}(): pass\n" for i in range(3)}
    write(workspace, GOOD | unlucky)
    async with open_index(workspace, database, QUICK, FAULTY) as index:
        await index.refresh()
        assert reasons(index) == {}
        assert [len(index.find(f"unlucky{i}")) for i in range(3)] == [1] * 3


async def test_workers_that_are_killed_from_outside_are_replaced(workspace: Path, database: Path) -> None:
    write(workspace, {f"m{i}.py": f"def m{i}(): pass\n" for i in range(4000)})
    async with open_index(workspace, database, Limits(workers=2), FAULTY) as index:
        progress: list[IndexProgress] = []
        task = asyncio.create_task(index.refresh(progress.append))
        for count in (1, 2):
            await until(lambda count=count: len(progress) >= count or task.done())
            for pid in index.worker_pids:
                os.kill(pid, signal.SIGKILL)
        await task
        assert len(index.files()) == 4000
        assert reasons(index) == {}


async def test_many_bad_files_cost_only_themselves(workspace: Path, database: Path) -> None:
    write(workspace, GOOD | {f"good{i:03}bad.py": "# do: abort\n" for i in range(0, 120, 8)})
    async with open_index(workspace, database, QUICK, FAULTY) as index:
        await index.refresh()
        assert sorted(reasons(index)) == [f"good{i:03}bad.py" for i in range(0, 120, 8)]
        assert len(index.files()) == 135


@pytest.mark.parametrize("program", [("/nonexistent/program",), (sys.executable, "-c", "raise SystemExit(7)")])
async def test_workers_that_cannot_start_are_a_notice(
    workspace: Path, database: Path, program: tuple[str, ...]
) -> None:
    write(workspace, {"a.py": "def a(): pass\n"})
    async with open_index(workspace, database, QUICK, program) as index:
        (notice,) = (await index.refresh()).notices
        assert "processes that parse" in notice or "process that parses" in notice
        assert index.files() == []


@pytest.mark.case(36)
async def test_what_is_no_regular_file_any_more_is_not_read(workspace: Path, database: Path, tmp_path: Path) -> None:
    write(workspace, {"good.py": "def good(): pass\n", "real/x.py": "def x(): pass\n"})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.py").write_text("def secret(): pass\n")
    os.mkfifo(workspace / "pipe.py")
    (workspace / "folder.py").mkdir()
    (workspace / "link.py").symlink_to(tmp_path / "outside" / "x.py")
    (workspace / "linked").symlink_to(tmp_path / "outside")
    (workspace / "zero.py").symlink_to("/dev/zero")

    async def listed() -> list[Path]:  # as it was before these took the places of files
        odd = ("pipe.py", "folder.py", "link.py", "linked/x.py", "zero.py", "none.py", "good.py/y.py", "real/x.py")
        return [workspace / name for name in (*odd, "good.py")]

    index = CodeIndex(workspace, database, listed, QUICK)
    refreshed = await index.refresh()
    await index.close()
    assert names(index) == ["good.py", "real/x.py"]
    assert refreshed.notices == ()
    assert index.find("secret") == []


@pytest.fixture
def churn(workspace: Path) -> Iterator[Path]:
    """A folder in which files come, grow and go all the time."""
    folder = workspace / "churn"
    folder.mkdir()
    stop = threading.Event()

    def work() -> None:
        round_ = 0
        while not stop.is_set():
            round_ += 1
            for i in range(40):
                path = folder / f"c{i}.py"
                match (i + round_) % 4:
                    case 0:
                        path.write_text(f"def churn{i}(): pass\n")
                    case 1 if path.exists():
                        with path.open("a") as file:
                            file.write(f"def more{round_}(): pass\n")
                    case 2:
                        path.unlink(missing_ok=True)
                    case _:
                        pass

    thread = threading.Thread(target=work)
    thread.start()
    yield folder
    stop.set()
    thread.join(20)


async def test_files_that_come_grow_and_go_while_they_are_read_do_no_harm(
    workspace: Path, database: Path, churn: Path
) -> None:
    write(workspace, GOOD)
    async with open_index(workspace, database, QUICK) as index:
        for _ in range(5):
            assert (await index.refresh()).notices == ()
        assert [len(index.find(f"good{i}")) for i in range(120)] == [1] * 120
        await asyncio.to_thread(lambda: [path.unlink(missing_ok=True) for path in churn.glob("nothing")])


@pytest.mark.case(36)
async def test_a_large_file_is_named_and_not_read(workspace: Path, database: Path) -> None:
    write(workspace, {"good.py": "def good(): pass\n", "min.js": "var a=1;" * 6_000_000})
    async with open_index(workspace, database) as index:
        await index.refresh()
        assert reasons(index) == {"min.js": "It has 48 MB; files above 2 MB are not read."}
        assert index.files()[1].size == 48_000_000
        assert (await index.refresh()).read == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
async def test_a_file_that_may_not_be_read_is_named(workspace: Path, database: Path) -> None:
    write(workspace, {"good.py": "def good(): pass\n", "secret.py": "def secret(): pass\n"})
    (workspace / "secret.py").chmod(0)
    async with open_index(workspace, database) as index:
        await index.refresh()
        assert reasons(index) == {"secret.py": "It cannot be read: permission denied."}


HOSTILE = {
    "parens.py": "(" * 200_000 + ")" * 200_000,
    "parens.js": "f(" * 200_000,
    "identifier.py": "x" * 1_000_000 + " = 1\n",
    "many.py": "".join(f"def f{i}(): pass\n" for i in range(30_000)),
    "line.rs": "fn a() {" * 100_000,
}


@pytest.mark.case(36)
async def test_hostile_text_costs_at_most_its_file(workspace: Path, database: Path) -> None:
    write(workspace, HOSTILE | {"good.py": "def good(): pass\n"})
    (workspace / "utf8.py").write_bytes(b"def good\xff\xfe(): pass\n\x80\x81 = 1\n")
    (workspace / "nul.py").write_bytes(b"def a(): pass\n\0def b(): pass\n")
    async with open_index(workspace, database) as index:
        assert (await index.refresh()).notices == ()
        assert len(index.files()) == len(HOSTILE) + 3
        assert [found.path for found in index.find("good")][:1] == ["good.py"]
        for file in index.files():
            for symbol in index.symbols(file.path):
                assert len(symbol.name) <= 256
                assert len(symbol.signature) <= 400
        index.graph()
        assert len(index.symbols("many.py")) <= 20_000
        assert reasons(index)["many.py"] != ""


async def test_one_worker_stays_for_the_next_file_and_closing_ends_it(workspace: Path, database: Path) -> None:
    write(workspace, GOOD)
    async with open_index(workspace, database, QUICK) as index:
        await index.refresh()
        (pid,) = index.worker_pids
        write(workspace, {"good001.py": "def changed(): pass\n"})
        await index.update([workspace / "good001.py"])
        assert index.worker_pids == (pid,)
    await until(lambda: not is_running(pid))


async def test_workers_end_with_their_parent_even_if_it_is_killed(workspace: Path, database: Path) -> None:
    write(workspace, {"a.py": "def a(): pass\n", "b.py": "# do: hang\n"})
    program = f"""
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2] / "support")!r})
from index_stage import FAULTY, make_index
from codeagent.agent.context.index.pool import Limits
async def main():
    index = make_index(Path({str(workspace)!r}), Path({str(database)!r}), Limits(seconds=3.0), FAULTY)
    task = asyncio.create_task(index.refresh())
    while not index.worker_pids:
        await asyncio.sleep(0.01)
    print(*index.worker_pids, flush=True)
    await task
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await asyncio.wait_for(parent.stdout.readline(), 30)).split()]
    parent.kill()
    await parent.wait()
    await until(lambda: not any(is_running(pid) for pid in pids))
