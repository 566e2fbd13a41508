"""edit and write: only what is meant changes, byte for byte, and nothing changes that was not seen."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import Any

import pytest

from codeagent.tools.api import Diff, Effect, EffectKind, PreparedCall, Tool, ToolError, ToolResult
from codeagent.tools.ledger import FileLedger
from codeagent.tools.registry import builtin_tools
from codeagent.tools.workspace import Workspace

Tools = dict[str, Tool[Any]]


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return {tool.name: tool for tool in builtin_tools(Workspace(tmp_path), FileLedger(), os.environ)}


async def prepare(tools: Tools, name: str, **arguments: Any) -> PreparedCall:
    tool = tools[name]
    return await tool.prepare(tool.params.model_validate(arguments))


async def call(tools: Tools, name: str, **arguments: Any) -> ToolResult:
    return await (await prepare(tools, name, **arguments)).execute(lambda text: None)


ENCODINGS = {
    "utf-8": (b"", "utf-8"),
    "utf-8 with mark": (codecs.BOM_UTF8, "utf-8"),
    "utf-16-le": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "utf-16-be": (codecs.BOM_UTF16_BE, "utf-16-be"),
    "latin-1": (b"", "latin-1"),
}
ENDINGS = {
    "lf": ("\n", "\n", "\n", "\n"),
    "crlf": ("\r\n",) * 4,
    "cr": ("\r",) * 4,
    "mixed": ("\r\n", "\n", "\r\n", "\n"),
    "no final": ("\n", "\n", "\n", ""),
    "crlf, no final": ("\r\n", "\r\n", "\r\n", ""),
}


@pytest.mark.case(26)
@pytest.mark.parametrize("ends", ENDINGS.values(), ids=ENDINGS.keys())
@pytest.mark.parametrize(("mark", "encoding"), ENCODINGS.values(), ids=ENCODINGS.keys())
async def test_an_edit_changes_no_byte_beside_the_edited_ones(
    tools: Tools, tmp_path: Path, mark: bytes, encoding: str, ends: tuple[str, ...]
) -> None:
    lines = ["# café", "  \tif a:   ", "\tb = 'ü'", "end"]
    file = tmp_path / "a.py"
    file.write_bytes(mark + "".join(map(str.__add__, lines, ends)).encode(encoding))
    await call(tools, "edit", path="a.py", old="\tb = 'ü'", new="\tb = 'é'\n\tc = 1")
    changed = [lines[0] + ends[0], lines[1] + ends[1], "\tb = 'é'" + ends[2], "\tc = 1", lines[3] + ends[3]]
    line_end = max(set(ends) - {""}, key=ends.count) if ends.count("\n") != 2 else "\n"
    changed[3] += line_end
    if ends[2] != line_end:  # the line end of the replaced line goes with its last new line or its first
        expected = {"".join(changed), "".join([*changed[:2], "\tb = 'é'" + line_end, "\tc = 1" + ends[2], changed[4]])}
    else:
        expected = {"".join(changed)}
    assert file.read_bytes() in {mark + text.encode(encoding) for text in expected}


@pytest.mark.case(26)
async def test_bytes_that_are_no_utf8_stay_in_a_file_that_is_else_utf8(tools: Tools, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("é ".encode() + b"\xff\xfe\x80\none\n\xe9\n")
    await call(tools, "edit", path="a.txt", old="one", new="€")
    assert file.read_bytes() == "é ".encode() + b"\xff\xfe\x80\n" + "€".encode() + b"\n\xe9\n"


@pytest.mark.case(26)
async def test_a_character_that_the_files_encoding_lacks_is_refused(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(ToolError, match="latin-1, which has no '€'"):
        await prepare(tools, "edit", path="a.txt", old="café", new="€")


@pytest.mark.parametrize("data", [b"a\0b\n", codecs.BOM_UTF16_LE + b"a", codecs.BOM_UTF16_LE + b"\0\0", b"\x7fELF\0"])
@pytest.mark.case(36)
async def test_binary_files_are_neither_read_nor_edited(tools: Tools, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.bin").write_bytes(data)
    for name, arguments in (("read", {}), ("edit", {"old": "a", "new": "b"})):
        with pytest.raises(ToolError, match=r"a\.bin is a binary file"):
            await call(tools, name, path="a.bin", **arguments)


async def test_several_edits_are_made_in_one_call(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\nb = 2\nc = 3\n")
    edits = [{"old": "c = 3\n", "new": ""}, {"old": "b = 2", "new": "b = 20"}]
    result = await call(tools, "edit", path="a.py", old="a = 1", new="a = 10", edits=edits)
    assert (tmp_path / "a.py").read_text() == "a = 10\nb = 20\n"
    assert isinstance(result.display, Diff)
    assert (result.display.added, result.display.removed) == (2, 3)


async def test_if_one_of_several_edits_fails_none_is_made(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    edits = [{"old": "a = 1", "new": "a = 2"}, {"old": "missing", "new": "x"}]
    with pytest.raises(ToolError, match="Nothing was changed"):
        await call(tools, "edit", path="a.py", edits=edits)
    assert (tmp_path / "a.py").read_text() == "a = 1\n"


async def test_edits_that_overlap_are_refused(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\nb = 2\n")
    edits = [{"old": "a = 1\nb", "new": "x"}, {"old": "b = 2", "new": "y"}]
    with pytest.raises(ToolError, match="overlap at line 2"):
        await call(tools, "edit", path="a.py", edits=edits)


@pytest.mark.parametrize(
    "arguments", [{}, {"old": "a"}, {"new": "a"}, {"old": "a = 1", "new": "a = 1"}, {"old": "", "new": "b"}]
)
async def test_an_edit_that_says_nothing_to_do_is_refused(tools: Tools, tmp_path: Path, arguments: Any) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    with pytest.raises(ToolError):
        await call(tools, "edit", path="a.py", **arguments)


async def test_an_empty_file_can_be_filled_by_an_edit(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    await call(tools, "edit", path="a.py", old="", new="a = 1\n")
    assert (tmp_path / "a.py").read_text() == "a = 1\n"


@pytest.mark.parametrize(
    ("text", "old", "lines"),
    [
        ("x = 1\ny = 2\nx = 1\n", "x = 1", "2 times in a.py, at lines 1, 3"),
        ("x = 1\ny = 2\n    x = 1\n", "x = 1\ny", None),
        ("aaa\n", "aa", "2 times in a.py, at lines 1, 1"),
        ("  f()\n    f()\n", "\tf()\n", "2 times in a.py, at lines 1, 2"),
    ],
)
async def test_text_that_stands_in_several_places_is_answered_with_their_lines(
    tools: Tools, tmp_path: Path, text: str, old: str, lines: str | None
) -> None:
    (tmp_path / "a.py").write_text(text)
    if lines is None:
        await call(tools, "edit", path="a.py", old=old, new="z")
        return
    with pytest.raises(ToolError, match=lines):
        await call(tools, "edit", path="a.py", old=old, new="z")
    assert (tmp_path / "a.py").read_text() == text


SOURCE = "class A:\n    def f(self):\n        if self.x:\n            return 1\n        return 2\n"


@pytest.mark.parametrize(
    ("old", "new", "becomes"),
    [
        # indentation left out altogether, added by a constant, trailing and repeated spaces, tabs
        ("if self.x:\n    return 1\n", "if self.y:\n    return 3\n", "        if self.y:\n            return 3\n"),
        (
            "            if self.x:\n                return 1\n",
            "            if self.y:\n                return 3\n",
            "        if self.y:\n            return 3\n",
        ),
        (
            "        if  self.x:  \n            return 1",
            "        if y:\n            z",
            "        if y:\n            z\n",
        ),
        ("\t\tif self.x:\n\t\t\treturn 1\n", "\t\tif y:\n\t\t\tz\n", "        if y:\n            z\n"),
        # a line more deeply indented than any replaced one is moved with them
        (
            "if self.x:\n    return 1\n",
            "if a:\n    if b:\n        c\n",
            "        if a:\n            if b:\n                c\n",
        ),
        ("if self.x:\n    return 1\n", "", ""),
    ],
)
async def test_lines_with_other_spaces_are_found_if_unique_and_the_new_ones_indented_to_fit(
    tools: Tools, tmp_path: Path, old: str, new: str, becomes: str
) -> None:
    (tmp_path / "a.py").write_text(SOURCE)
    result = await call(tools, "edit", path="a.py", old=old, new=new)
    assert (tmp_path / "a.py").read_text() == SOURCE.replace("        if self.x:\n            return 1\n", becomes)
    assert "other spaces" in result.output


async def test_lines_whose_indentation_does_not_map_to_the_files_are_not_guessed(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(SOURCE)
    with pytest.raises(ToolError, match="nearest lines 3-4 are"):
        await call(tools, "edit", path="a.py", old="if self.x:\nreturn 1\n", new="if self.y:\nreturn 1\n")
    with pytest.raises(ToolError, match="nearest"):
        await call(tools, "edit", path="a.py", old="\tif self.x:\n\t\treturn 1\n", new="if b:\n  c\n")


async def test_whole_lines_are_not_the_ends_of_longer_ones(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("max = 1\nx = 1\n")
    await call(tools, "edit", path="a.py", old="x = 1\n", new="x = 2\n")
    assert (tmp_path / "a.py").read_text() == "max = 1\nx = 2\n"


async def test_a_whole_line_at_the_end_of_a_file_without_final_line_end_is_found(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\nb = 2")
    await call(tools, "edit", path="a.py", old="b = 2\n", new="b = 3\n")
    assert (tmp_path / "a.py").read_text() == "a = 1\nb = 3"


async def test_spaces_alone_are_never_matched_tolerantly(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n\nb = 2\n")
    with pytest.raises(ToolError, match="is not in"):
        await call(tools, "edit", path="a.py", old="   \n\t\n", new="x\n")


async def test_a_miss_is_answered_with_the_nearest_lines_as_they_are(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import os\n\n\ndef total(items):\n    return sum(items) + 1\n\n\nprint(total([]))\n"
    )
    old = "def total(item_list):\n    return sum(item_list) + 1\n"
    with pytest.raises(ToolError) as error:
        await call(tools, "edit", path="a.py", old=old, new="x")
    assert "The nearest lines 4-5 are:\ndef total(items):\n    return sum(items) + 1\n" in str(error.value)


async def test_a_miss_in_a_file_with_nothing_alike_says_so(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import os\n")
    with pytest.raises(ToolError, match="No lines in it are alike"):
        await call(tools, "edit", path="a.py", old="0123456789 ++ 0123456789", new="x")


async def test_an_edit_that_was_made_already_is_recognised(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    await call(tools, "edit", path="a.py", old="a = 1", new="b = 22222")
    with pytest.raises(ToolError, match="stands there already, at line 1"):
        await call(tools, "edit", path="a.py", old="a = 1", new="b = 22222")


@pytest.mark.case(36)
async def test_a_miss_in_a_large_file_is_answered_in_bounded_time(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("".join(f"value_{i} = compute({i})  # some comment\n" for i in range(30_000)))
    old = "".join(f"value_{i} = computed({i + 1})\n" for i in range(40))
    with pytest.raises(ToolError, match="The nearest"):
        await call(tools, "edit", path="a.py", old=old, new="x")


async def test_the_preview_and_the_effect_say_what_is_written(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1")
    prepared = await prepare(tools, "edit", path="a.py", old="1", new="2")
    assert prepared.title == "Edit a.py"
    assert prepared.effects == (Effect(kind=EffectKind.WRITE, target=str(tmp_path / "a.py")),)
    assert prepared.preview == Diff(
        path="a.py",
        unified=(
            "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n"
            "-a = 1\n\\ No newline at end of file\n+a = 2\n\\ No newline at end of file\n"
        ),
        added=1,
        removed=1,
    )
    assert (tmp_path / "a.py").read_text() == "a = 1"


@pytest.mark.case(30)
async def test_a_file_changed_between_prepare_and_execute_keeps_the_others_bytes(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    prepared = await prepare(tools, "edit", path="a.py", old="1", new="2")
    (tmp_path / "a.py").write_text("mine\n")
    with pytest.raises(ToolError, match="changed after it was shown"):
        await prepared.execute(lambda text: None)
    assert (tmp_path / "a.py").read_text() == "mine\n"


@pytest.mark.case(30)
async def test_a_file_made_between_prepare_and_execute_is_not_overwritten(tools: Tools, tmp_path: Path) -> None:
    prepared = await prepare(tools, "write", path="a.py", content="x")
    (tmp_path / "a.py").write_text("mine\n")
    with pytest.raises(ToolError, match="made meanwhile"):
        await prepared.execute(lambda text: None)
    assert (tmp_path / "a.py").read_text() == "mine\n"
    assert sorted(os.listdir(tmp_path)) == ["a.py"]


@pytest.mark.case(30)
async def test_a_file_changed_since_it_was_read_must_be_read_again(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    await call(tools, "read", path="a.py")
    (tmp_path / "a.py").write_text("a = 1\nmine\n")
    for name, arguments in (("edit", {"old": "a = 1", "new": "b"}), ("write", {"content": "b"})):
        with pytest.raises(ToolError, match="Read it again"):
            await prepare(tools, name, path="a.py", **arguments)
    await call(tools, "read", path="a.py")
    await call(tools, "edit", path="a.py", old="a = 1", new="b")
    assert (tmp_path / "a.py").read_text() == "b\nmine\n"


async def test_edits_and_writes_follow_each_other_without_reading_again(tools: Tools, tmp_path: Path) -> None:
    await call(tools, "write", path="a.py", content="a = 1\n")
    await call(tools, "edit", path="a.py", old="1", new="2")
    await call(tools, "edit", path="a.py", old="2", new="3")
    await call(tools, "write", path="a.py", content="b = 4\n")
    assert (tmp_path / "a.py").read_text() == "b = 4\n"


async def test_a_file_that_exists_is_replaced_only_if_it_was_read_whole(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1\n2\n3\n")
    with pytest.raises(ToolError, match="was not read"):
        await prepare(tools, "write", path="a.py", content="x")
    await call(tools, "read", path="a.py", first=2)
    with pytest.raises(ToolError, match="Only part"):
        await prepare(tools, "write", path="a.py", content="x")
    await call(tools, "read", path="a.py")
    await call(tools, "read", path="a.py", first=2, last=2)
    await call(tools, "write", path="a.py", content="x")
    assert (tmp_path / "a.py").read_text() == "x\n"


async def test_editing_a_file_is_not_reading_it_whole(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1\n2\n3\n")
    await call(tools, "edit", path="a.py", old="2\n", new="4\n")
    with pytest.raises(ToolError, match="Only part"):
        await prepare(tools, "write", path="a.py", content="x")


async def test_a_file_attached_to_the_conversation_counts_as_read(tmp_path: Path) -> None:
    from codeagent.tools.files import digest

    (tmp_path / "a.py").write_text("a\n")
    ledger = FileLedger()
    ledger.note(tmp_path / "a.py", digest(b"a\n"))
    tools: Tools = {tool.name: tool for tool in builtin_tools(Workspace(tmp_path), ledger, os.environ)}
    await call(tools, "write", path="a.py", content="b\n")
    assert (tmp_path / "a.py").read_text() == "b\n"


@pytest.mark.parametrize(
    ("before", "content", "after"),
    [
        (b"a\r\nb\r\n", "x\ny\n", b"x\r\ny\r\n"),
        (b"a\r\nb\nc\r\n", "a\nb\nnew\nc\n", b"a\r\nb\nnew\r\nc\r\n"),
        (b"a\nb", "x\ny\n", b"x\ny"),
        (b"a\nb\n", "x\ny", b"x\ny\n"),
        (codecs.BOM_UTF8 + b"a\n", "é\n", codecs.BOM_UTF8 + "é\n".encode()),
        (codecs.BOM_UTF16_LE + "a\r\n".encode("utf-16-le"), "b\n", codecs.BOM_UTF16_LE + "b\r\n".encode("utf-16-le")),
        (b"\xe9\n", "è\n", b"\xe8\n"),
        (b"", "x", b"x\n"),
        (b"a\n", "", b""),
    ],
)
@pytest.mark.case(26)
async def test_a_replaced_file_keeps_its_encoding_and_line_ends(
    tools: Tools, tmp_path: Path, before: bytes, content: str, after: bytes
) -> None:
    (tmp_path / "a.txt").write_bytes(before)
    await call(tools, "read", path="a.txt")
    await call(tools, "write", path="a.txt", content=content)
    assert (tmp_path / "a.txt").read_bytes() == after


async def test_a_new_file_is_made_with_its_folders_and_a_final_line_end(tools: Tools, tmp_path: Path) -> None:
    result = await call(tools, "write", path="src/pkg/a.py", content="a = 1\r\nb = 2")
    assert (tmp_path / "src/pkg/a.py").read_bytes() == b"a = 1\nb = 2\n"
    assert result.output == "Made src/pkg/a.py (2 lines)."


async def test_nothing_is_written_where_paths_may_not_lead(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/")
    for path in (".git/hooks/pre-commit", "../x", "out/tmp/x", ".codeagent/config.toml", "new/"):
        with pytest.raises(ToolError):
            await prepare(tools, "write", path=path, content="x")
    assert os.listdir(tmp_path) == ["out"]


async def test_editing_a_file_that_does_not_exist_names_those_called_alike(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.py").write_text("x\n")
    with pytest.raises(ToolError, match=r"does not exist\. Did you mean src/main\.py\?"):
        await prepare(tools, "edit", path="main.py", old="x", new="y")
    with pytest.raises(ToolError, match="Make it with write"):
        await prepare(tools, "edit", path="zzz", old="x", new="y")
