"""Several writers on the same files: whoever is told that an edit was made finds it there; nobody is led outside."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from harness import Command, Script

from codeagent.tools.api import ToolError
from codeagent.tools.files import digest, read_bytes, sweep, write_atomic

EDITS = 100

EDITOR = """
import asyncio, os, sys
from pathlib import Path
from codeagent.tools.api import ToolError
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace
root, me, edits = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

async def main():
    made = 0
    while made < edits:
        tools = {tool.name: tool for tool in builtin_tools(Workspace(root), FileLedger(), os.environ)}
        edit = tools["edit"]
        params = edit.params.model_validate({"path": "shared.txt", "old": "end\\n", "new": f"{me} {made}\\nend\\n"})
        try:
            await (await edit.prepare(params)).execute(lambda text: None)
        except ToolError as e:
            assert "changed after it was shown" in str(e), e
            continue
        made += 1
        print(f"{me} {made - 1}", flush=True)

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main())
"""


@pytest.mark.case(31)
def test_two_agents_on_one_file_lose_no_edit_that_was_reported_as_made(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    file = tmp_path / "shared.txt"
    file.write_text("filling\n" * 20_000 + "end\n")  # what takes long to read is long open to the other's write
    command = [sys.executable, "-c", EDITOR, tmp_path]
    pipe = subprocess.PIPE
    editors = [subprocess.Popen([*command, me, str(EDITS)], stdin=pipe, stdout=pipe, text=True) for me in ("a", "b")]
    said: list[str] = []
    for editor in editors:
        assert editor.stdout is not None
        assert editor.stdout.readline() == "ready\n"
    for editor in editors:
        assert editor.stdin is not None
        editor.stdin.write("go\n")
        editor.stdin.flush()
    for editor in editors:
        said += editor.communicate(timeout=100)[0].splitlines()
        assert editor.returncode == 0
    lines = file.read_text().splitlines()
    assert sorted(said) == sorted(line for line in lines if line not in ("filling", "end"))
    assert len(said) == 2 * EDITS
    assert os.listdir(tmp_path) == ["shared.txt"]
    record_property("tried", 2 * EDITS)


@pytest.mark.case(1, 30)
def test_a_folder_swapped_for_a_link_while_files_are_written_leads_nobody_outside(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outside, inside, path = tmp_path / "outside", tmp_path / "inside", tmp_path / "workspace" / "src"
    for folder in (outside, inside, path.parent):
        folder.mkdir()
    (outside / "a").write_bytes(b"theirs")
    (inside / "a").write_bytes(b"0")
    path.symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            with suppress(OSError):  # of a folder that a writer made there just now; it is put aside the next time
                if path.is_symlink():
                    path.unlink()
                elif inside.exists():
                    path.rename(tmp_path / f"aside{number}")
                inside.rename(path)
                path.rename(inside)
                path.symlink_to(outside)

    swapper = threading.Thread(target=swap)
    swapper.start()
    made = refused = 0
    try:
        for number in range(500):
            try:
                now = read_bytes(path / "a", "src/a")
                assert now != b"theirs"
                write_atomic(path / "a", str(number).encode(), digest(now), "src/a")
                made += 1
            except ToolError:
                refused += 1
            try:
                write_atomic(path / f"new{number}", b"x", None, "src/new")
                made += 1
            except ToolError:
                refused += 1
    finally:
        stop.set()
        swapper.join()
    assert {file.name: file.read_bytes() for file in outside.iterdir()} == {"a": b"theirs"}
    assert refused > 0
    record_property("tried", made + refused)


@pytest.mark.case(30)
def test_what_somebody_else_writes_meanwhile_is_never_written_over(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    forms: dict[str, Callable[[Path], object]] = {
        "edited in place": lambda path: path.write_bytes(b"theirs"),
        "replaced as editors do": lambda path: (
            (tmp_path / "swap").write_bytes(b"theirs") and os.replace(tmp_path / "swap", path)
        ),
        "edited and dated back": lambda path: path.write_bytes(b"thei") and os.utime(path, (1, 1)),
        "emptied": lambda path: path.write_bytes(b""),
        "removed": lambda path: path.unlink(),
        "a folder": lambda path: (path.unlink(), path.mkdir()),
        "a full folder": lambda path: (path.unlink(), path.mkdir(), (path / "x").write_bytes(b"x")),
        "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
        "a link to a file": lambda path: (path.unlink(), path.symlink_to(tmp_path / "other")),
        "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nothing")),
        "a link to a device": lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
        "a link to itself": lambda path: (path.unlink(), path.symlink_to(path)),
    }
    for links in (1, 2):
        for name, change in forms.items():
            folder = tmp_path / f"{name} {links}"
            folder.mkdir()
            (tmp_path / "other").write_bytes(b"ours")
            path = folder / "a"
            path.write_bytes(b"ours")
            if links == 2:
                os.link(path, folder / "second")
            change(path)
            before = seen(tmp_path)
            with pytest.raises(ToolError) as refused:
                write_atomic(path, b"new", digest(b"ours"), "a")
            assert "a" in str(refused.value), name
            assert seen(tmp_path) == before, name
    record_property("tried", 2 * len(forms))


def seen(folder: Path) -> dict[str, object]:
    """All there is below a folder: the bytes of files, where links lead, what else there is."""
    return {
        str(path): os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else path.stat()[0]
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.case(31)
def test_a_folder_that_another_program_locks_for_ever_is_a_sentence_and_no_wait(tmp_path: Path) -> None:
    if shutil.which("flock") is None:
        pytest.skip("NOT TESTED: flock is not there")
    (tmp_path / "a").write_bytes(b"ours")
    with subprocess.Popen(
        ["flock", tmp_path, "sh", "-c", "echo locked; exec sleep 100"], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(ToolError, match="another program holds a lock"):
            write_atomic(tmp_path / "a", b"new", digest(b"ours"), "a")
        holder.kill()
    assert (tmp_path / "a").read_bytes() == b"ours"


@pytest.mark.case(28)
def test_leftovers_of_killed_writes_are_removed_and_nothing_else(tmp_path: Path) -> None:
    leftover, alike = tmp_path / f".codeagent-{'0' * 16}.new", tmp_path / ".codeagent-notes.new"
    link, folder = tmp_path / f".codeagent-{'1' * 16}.new", tmp_path / f".codeagent-{'2' * 16}.new"
    leftover.write_bytes(b"half")
    alike.write_bytes(b"kept")
    link.symlink_to(alike)
    folder.mkdir()
    assert sweep([leftover, alike, link, folder]) == [alike, link, folder]
    assert sorted(tmp_path.iterdir()) == sorted([alike, link, folder])


@pytest.mark.case(28)
def test_the_next_start_removes_what_a_killed_write_left_behind(
    codeagent: Command, script: Script, workspace: Path
) -> None:
    (workspace / "src").mkdir()
    (workspace / "src/a.py").write_text("x = 1\n")
    leftover = workspace / "src" / f".codeagent-{'a' * 16}.new"
    leftover.write_text("x = ")
    done = codeagent("--task", "x", "--trust", "--replay", script({"calls": [{"name": "list"}]}, {"text": "Ok."}))
    assert done.code == 0, done.err
    assert sorted(workspace.rglob("*")) == [workspace / "src", workspace / "src/a.py"]


@pytest.mark.case(31)
def test_a_second_agent_in_the_same_folder_is_told_of_the_first(
    codeagent: Command, script: Script, tmp_path: Path
) -> None:
    waits = tmp_path / "waits.jsonl"
    waits.write_text('{"text": "Working.", "hang": true}\n')
    with codeagent.start(
        "--task", "x", "--trust", "--replay", waits, "--output-format", "stream-json", "--include-partial-messages"
    ) as first:
        assert first.stdout is not None
        assert any("Working" in line or "stream_event" in line for line in first.stdout)
        second = codeagent("--task", "x", "--trust", "--replay", script({"text": "Ok."}))
        first.kill()
    third = codeagent("--task", "x", "--trust", "--replay", script({"text": "Ok."}))
    assert "Another codeagent is at work in this folder" in second.err
    assert "Another codeagent" not in third.err
    assert (second.code, third.code) == (0, 0)
