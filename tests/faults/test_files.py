"""Writing where it goes wrong: full disks, read-only folders, odd files; the file stays and nothing is left over."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codeagent.tools.api import EffectKind, Tool, ToolError, ToolResult
from codeagent.tools.files import digest, read_bytes, write_atomic
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace

Tools = dict[str, Tool[Any]]


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return {tool.name: tool for tool in builtin_tools(Workspace(tmp_path), FileLedger(), os.environ)}


async def call(tools: Tools, name: str, **arguments: Any) -> ToolResult:
    tool = tools[name]
    return await (await tool.prepare(tool.params.model_validate(arguments))).execute(lambda text: None)


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o664, 0o4755, 0o2711])
@pytest.mark.case(27)
async def test_an_edited_file_keeps_its_mode(tools: Tools, tmp_path: Path, mode: int) -> None:
    file = tmp_path / "a.sh"
    file.write_text("one\n")
    file.chmod(mode)
    await call(tools, "edit", path="a.sh", old="one", new="two")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("two\n", mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.case(27)
async def test_an_edited_file_keeps_its_owner(tools: Tools, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one\n")
    os.chown(file, 1234, 5678)
    await call(tools, "edit", path="a", old="one", new="two")
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 5678)


@pytest.mark.case(27)
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="NOT TESTED: giving files away needs root")
def test_a_file_of_somebody_else_that_one_may_write_stays_theirs(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one\n")
    os.chown(file, 1234, 5678)
    file.chmod(0o666)
    before = file.stat()
    script = (
        "import sys; from pathlib import Path; from codeagent.tools.files import digest, write_atomic\n"
        "write_atomic(Path(sys.argv[1]), b'two and more', digest(b'one\\n'), 'a')\n"
    )
    command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", script, str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    after = file.stat()
    assert file.read_text() == "two and more"
    assert (after.st_uid, after.st_gid, after.st_ino) == (1234, 5678, before.st_ino)
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.case(27)
async def test_an_edited_file_keeps_its_extended_attributes(tools: Tools, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one\n")
    try:
        os.setxattr(file, "user.note", b"kept")
    except (OSError, AttributeError):
        pytest.skip("NOT TESTED: this file system has no extended attributes")
    await call(tools, "edit", path="a", old="one", new="two")
    assert (file.read_text(), os.getxattr(file, "user.note")) == ("two\n", b"kept")


async def test_a_new_file_has_the_mode_that_the_umask_gives(tools: Tools, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        await call(tools, "write", path="a", content="x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.case(27)
async def test_changing_a_read_only_file_is_an_effect_of_its_own_also_for_root(tools: Tools, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one\n")
    file.chmod(0o444)
    edit = tools["edit"]
    prepared = await edit.prepare(edit.params.model_validate({"path": "a", "old": "one", "new": "two"}))
    assert [effect.kind for effect in prepared.effects] == [EffectKind.WRITE, EffectKind.OVERRIDE]
    assert "read-only" in prepared.title
    await prepared.execute(lambda text: None)
    assert file.read_text() == "two\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o444


@pytest.mark.case(27)
async def test_a_file_made_read_only_after_it_was_shown_is_left_as_it_is(tools: Tools, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one\n")
    edit = tools["edit"]
    prepared = await edit.prepare(edit.params.model_validate({"path": "a", "old": "one", "new": "two"}))
    file.chmod(0o444)
    with pytest.raises(ToolError, match="read-only"):
        await prepared.execute(lambda text: None)
    assert file.read_text() == "one\n"


@pytest.mark.case(27)
async def test_a_symbolic_link_is_edited_where_it_leads(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("one\n")
    (tmp_path / "link").symlink_to("target")
    await call(tools, "edit", path="link", old="one", new="two")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "two\n"


@pytest.mark.case(1, 27)
async def test_a_symbolic_link_that_leads_out_is_refused(tools: Tools, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.write_text("one\n")
    (tmp_path / "link").symlink_to(outside)
    with pytest.raises(ToolError, match="outside the workspace"):
        await call(tools, "edit", path="link", old="one", new="two")
    assert outside.read_text() == "one\n"


@pytest.mark.case(30)
async def test_a_link_put_into_the_path_after_prepare_is_not_followed(tools: Tools, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "a").write_text("one\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a").write_text("one\n")
    edit = tools["edit"]
    prepared = await edit.prepare(edit.params.model_validate({"path": "src/a", "old": "one", "new": "two"}))
    shutil.rmtree(tmp_path / "src")
    (tmp_path / "src").symlink_to(outside)
    with pytest.raises(ToolError, match="outside"):
        await prepared.execute(lambda text: None)
    assert (outside / "a").read_text() == "one\n"


@pytest.mark.case(27)
async def test_all_names_of_a_hard_linked_file_see_the_edit(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one and more\n")
    os.link(tmp_path / "a", tmp_path / "b")
    await call(tools, "edit", path="a", old="one and more", new="two")
    assert (tmp_path / "b").read_text() == "two\n"
    assert (tmp_path / "a").samefile(tmp_path / "b")


@pytest.mark.parametrize("replacement", ["folder", "fifo", "link", "nothing"])
@pytest.mark.case(30)
async def test_a_file_replaced_by_something_else_after_prepare_is_refused(
    tools: Tools, tmp_path: Path, replacement: str
) -> None:
    file = tmp_path / "a"
    file.write_text("one\n")
    (tmp_path / "other").write_text("one\n")
    edit = tools["edit"]
    prepared = await edit.prepare(edit.params.model_validate({"path": "a", "old": "one", "new": "two"}))
    file.unlink()
    match replacement:
        case "folder":
            file.mkdir()
        case "fifo":
            os.mkfifo(file)
        case "link":
            file.symlink_to("other")
        case _:
            pass
    with pytest.raises(ToolError):
        await prepared.execute(lambda text: None)
    assert (tmp_path / "other").read_text() == "one\n"
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".new")]


@pytest.mark.parametrize("name", ["fifo", "socket", "folder", "loop", "x" * 300, "file/below", "missing", "large"])
@pytest.mark.case(36)
async def test_what_is_no_file_of_a_fit_size_is_refused_at_once(tools: Tools, tmp_path: Path, name: str) -> None:
    import socket

    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x\n")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 2 << 30)
    listener = socket.socket(socket.AF_UNIX)
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        listener.bind(f"/proc/self/fd/{here}/socket")
        for tool, arguments in (("read", {}), ("edit", {"old": "a", "new": "b"})):
            with pytest.raises(ToolError):
                await call(tools, tool, path=name, **arguments)
    finally:
        os.close(here)
        listener.close()


@pytest.mark.case(36)
def test_a_device_that_never_ends_is_refused() -> None:
    with pytest.raises(ToolError, match="is a device"):
        read_bytes(Path("/dev/zero"), "zero")


@pytest.mark.case(36)
def test_a_file_that_says_it_is_empty_and_is_endless_is_cut_off(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="longer than the limit"):
        read_bytes(Path("/proc/self/mountinfo").resolve(), "mountinfo", limit=10)


@pytest.mark.case(29)
def test_a_write_beyond_the_limit_on_file_sizes_leaves_the_file_and_nothing_else(tmp_path: Path) -> None:
    script = """
import json, resource, sys
from pathlib import Path
from codeagent.tools.api import ToolError
from codeagent.tools.files import digest, write_atomic
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_atomic(path, b"x" * 10000, digest(path.read_bytes()), "a")
except ToolError as e:
    print(json.dumps(str(e)))
"""
    for links in (1, 2):
        file = tmp_path / f"a{links}"
        file.write_text("one\n")
        if links == 2:
            os.link(file, tmp_path / "second")
        ran = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, timeout=60)
        assert "larger than allowed; it is as it was" in json.loads(ran.stdout)
        assert file.read_text() == "one\n"
    assert sorted(os.listdir(tmp_path)) == ["a1", "a2", "second"]


MOUNTED = """
import json, os, subprocess, sys
from pathlib import Path
from codeagent.tools.api import ToolError
from codeagent.tools.files import digest, write_atomic
folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=True)
(folder / "a").write_text("one\\n")
if sys.argv[3] == "linked":
    os.link(folder / "a", folder / "second")
before = sorted(os.listdir(folder))
if sys.argv[2] == "ro":
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
size = 10 if sys.argv[2] == "ro" else 1000000
said = []
for path, expected in ((folder / "a", digest(b"one\\n")), (folder / "new/deep/b", None)):
    try:
        write_atomic(path, b"x" * size, expected, path.name)
    except ToolError as e:
        said.append(str(e))
print(json.dumps([said, (folder / "a").read_text(), before == sorted(os.listdir(folder))]))
"""


def mounted(folder: Path, *arguments: str) -> Any:
    """Run MOUNTED where it may mount: in a namespace of its own."""
    command = ["unshare", "-Urm", sys.executable, "-c", MOUNTED, str(folder), *arguments]
    probe = shutil.which("unshare") and subprocess.run(
        ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", folder], capture_output=True, timeout=60
    )
    if not probe or probe.returncode != 0:
        pytest.skip("NOT TESTED: full disks and read-only file systems need user namespaces (unshare -Urm)")
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("links", ["alone", "linked"])
@pytest.mark.case(29)
def test_on_a_full_disk_the_file_is_as_it_was_and_nothing_is_left_over(tmp_path: Path, links: str) -> None:
    said, content, same_names = mounted(tmp_path, "full", links)
    assert said == [
        "a cannot be written: no space is left on the device; it is as it was.",
        "b cannot be written: no space is left on the device; it is as it was.",
    ]
    assert content == "one\n"
    assert same_names


@pytest.mark.case(29)
def test_on_a_read_only_file_system_a_sentence_says_so(tmp_path: Path) -> None:
    said, content, same_names = mounted(tmp_path, "ro", "alone")
    assert len(said) == 2
    assert all("read-only" in text for text in said)
    assert content == "one\n"
    assert same_names


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="NOT TESTED: root ignores modes")
@pytest.mark.case(29)
def test_in_a_folder_without_permission_a_sentence_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "a").write_text("one\n")
    (folder / "a").chmod(0o666)
    folder.chmod(0o555)
    script = (
        "import sys; from pathlib import Path; from codeagent.tools.api import ToolError\n"
        "from codeagent.tools.files import digest, write_atomic\n"
        "try:\n    write_atomic(Path(sys.argv[1]), b'two', digest(b'one\\n'), 'a')\n"
        "except ToolError as e:\n    print(e)\n"
    )
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]  # root without its privileges obeys modes
    command = [*(drop if os.geteuid() == 0 else []), sys.executable, "-c", script, str(folder / "a")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "a cannot be written: permission is denied; it is as it was.\n", ran.stderr
    assert (folder / "a").read_text() == "one\n"


@pytest.mark.case(28)
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_bytes(tmp_path: Path) -> None:
    script = (
        "import itertools, sys; from pathlib import Path\nfrom codeagent.tools.files import digest, write_atomic\n"
        "path, now = Path(sys.argv[1]), b'a' * 20000\n"
        "for letter in itertools.cycle(b'bcda'):\n"
        "    new = bytes([letter]) * 20000\n"
        "    write_atomic(path, new, digest(now), 'a')\n    now = new\n    print(letter, flush=True)\n"
    )
    file = tmp_path / "a"
    for round_ in range(10):
        file.write_bytes(b"a" * 20000)
        process = subprocess.Popen([sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(1 + 3 * round_):
            process.stdout.readline()
        process.kill()
        process.stdout.close()
        process.wait()
        data = file.read_bytes()
        assert data == data[:1] * 20000


@pytest.mark.case(31)
def test_two_writers_never_lose_an_edit_that_was_reported_as_made(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"start")
    expected = digest(b"start")
    write_atomic(file, b"first", expected, "a")
    with pytest.raises(ToolError, match="changed after it was shown"):
        write_atomic(file, b"second", expected, "a")
    assert file.read_bytes() == b"first"
