"""read, list and grep: what the model sees of a workspace, always within limits and never silently cut."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from codeagent.tools.api import Effect, EffectKind, Tool, ToolError, ToolResult
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


async def output(tools: Tools, name: str, **arguments: Any) -> str:
    return (await call(tools, name, **arguments)).output


def make(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


# --- read -------------------------------------------------------------------------------------------------------------


async def test_read_shows_plain_lines_under_a_header(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"one\r\n  two\r\nthree")
    assert await output(tools, "read", path="a.py") == "a.py (lines 1-3 of 3)\none\n  two\nthree"


async def test_read_shows_a_range_and_how_much_follows_only_when_it_was_asked_for(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"a.py": "".join(f"{i}\n" for i in range(1, 11))})
    assert await output(tools, "read", path="a.py", first=3, last=4) == "a.py (lines 3-4 of 10)\n3\n4"
    assert await output(tools, "read", path="a.py", first=9, last=99) == "a.py (lines 9-10 of 10)\n9\n10"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"first": 3}, "only 2 lines"), ({"first": 2, "last": -1}, "lies before"), ({"path": "src"}, "is a folder")],
)
async def test_read_refuses_ranges_and_paths_that_are_none(
    tools: Tools, tmp_path: Path, arguments: Any, says: str
) -> None:
    make(tmp_path, {"a.py": "1\n2\n", "src/b": ""})
    with pytest.raises(ToolError, match=says):
        await call(tools, "read", **({"path": "a.py"} | arguments))


async def test_read_of_an_empty_file_says_so(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"a.py": ""})
    assert await output(tools, "read", path="a.py") == "a.py is empty."


@pytest.mark.case(36)
async def test_read_cuts_long_files_and_lines_and_says_how_much_is_missing(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"many": "x\n" * 2500, "wide": "y" * 1_000_000 + "\nend\n", "big": ("z" * 999 + "\n") * 100})
    many = await output(tools, "read", path="many")
    assert many.startswith("many (lines 1-2000 of 2500)\n")
    assert many.endswith("[... 500 more lines, from line 2001 ...]")
    wide = await output(tools, "read", path="wide")
    assert "[... 998,000 more characters ...]\nend" in wide
    big = await output(tools, "read", path="big")
    assert len(big) < 50_200
    assert big.endswith("[... 50 more lines, from line 51 ...]")


async def test_read_of_a_missing_file_names_those_called_alike(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"src/main.py": "", "src/mian.txt": "", "other/util.py": ""})
    with pytest.raises(ToolError, match=r"src/main\.pyx does not exist\. Did you mean src/main\.py"):
        await call(tools, "read", path="src/main.pyx")
    with pytest.raises(ToolError, match=r"Did you mean other/util\.py\?"):
        await call(tools, "read", path="util.py")
    with pytest.raises(ToolError, match=r"zzz does not exist\.$"):
        await call(tools, "read", path="zzz")


async def test_read_shows_other_encodings_as_text(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "l1").write_bytes(b"caf\xe9\n")
    (tmp_path / "u16").write_bytes("é\r\n".encode("utf-16"))
    (tmp_path / "broken").write_bytes("é".encode() + b"\xff\n")
    assert await output(tools, "read", path="l1") == "l1 (lines 1-1 of 1)\ncafé"
    assert await output(tools, "read", path="u16") == "u16 (lines 1-1 of 1)\né"
    assert await output(tools, "read", path="broken") == "broken (lines 1-1 of 1)\né\ufffd"


@pytest.mark.case(23)
async def test_a_file_whose_name_is_not_utf8_is_listed_found_and_read_by_its_shown_name(
    tools: Tools, tmp_path: Path
) -> None:
    make(
        tmp_path,
        {os.fsdecode(b"caf\xe9.py"): "needle\n", "new\nline": "needle\n", "-dash": "needle\n", "x" * 255: "needle\n"},
    )
    names = {"caf\\xe9.py", "new\\x0aline", "-dash", "x" * 255}
    assert set((await output(tools, "list")).split("\n")) == names
    assert set((await output(tools, "grep", pattern="needle")).split("\n")) == {f"{name}:1: needle" for name in names}
    for name in names:
        assert (await output(tools, "read", path=name)).endswith("(lines 1-1 of 1)\nneedle")


# --- list -------------------------------------------------------------------------------------------------------------


async def test_list_respects_ignore_files_and_shows_hidden_files_but_not_git(tools: Tools, tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            ".gitignore": "build/\n*.log\n",
            ".codeagentignore": "secret/\n",
            ".github/ci.yml": "",
            ".git/config": "",
            "a.py": "",
            "x.log": "",
            "build/o": "",
            "secret/s": "",
        },
    )
    assert await output(tools, "list") == ".codeagentignore\n.github/ci.yml\n.gitignore\na.py"


async def test_list_counts_what_lies_deeper(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"a.py": "", "src/b.py": "", "src/x/c.py": "", "src/x/y/d.py": "", "src/z/e.py": ""})
    assert await output(tools, "list") == "a.py\nsrc/b.py\nsrc/x/ (2 files)\nsrc/z/ (1 file)"
    assert await output(tools, "list", depth=1) == "a.py\nsrc/ (4 files)"
    assert await output(tools, "list", path="src/x", depth=9) == "src/x/c.py\nsrc/x/y/d.py"


@pytest.mark.case(36)
async def test_list_is_capped_and_says_how_many_are_left(tools: Tools, tmp_path: Path) -> None:
    for i in range(1000):
        (tmp_path / f"f{i:04}").touch()
    lines = (await output(tools, "list")).split("\n")
    assert len(lines) == 201
    assert lines[-1] == "[... 800 more entries: list a folder of these ...]"


async def test_list_of_what_is_no_folder_is_refused(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"a.py": "", "ignored/x": "", ".gitignore": "x\n"})
    for path, says in (("a.py", "is a file"), ("zzz", "does not exist"), ("..", "outside")):
        with pytest.raises(ToolError, match=says):
            await call(tools, "list", path=path)
    assert await output(tools, "list", path="ignored") == "ignored holds no files (ignored ones are not listed)."


@pytest.mark.case(36)
async def test_deep_folders_and_circles_of_links_end(tools: Tools, tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(300):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "f").write_text("needle\n")
    (tmp_path / "d/up").symlink_to(tmp_path)
    assert await output(tools, "list") == "d/d/ (1 file)"
    assert (await output(tools, "grep", pattern="needle")).endswith("/f:1: needle")


# --- grep -------------------------------------------------------------------------------------------------------------


async def test_grep_shows_matches_with_path_and_line(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"a.py": "x = 1\ny = 2\n", "src/b.py": "\n\nx = 3\n", "c.txt": "x = 4\n"})
    assert await output(tools, "grep", pattern=r"^x = \d") == "a.py:1: x = 1\nc.txt:1: x = 4\nsrc/b.py:3: x = 3"
    assert await output(tools, "grep", pattern="x", glob="*.py", path="src") == "src/b.py:3: x = 3"
    assert await output(tools, "grep", pattern="nowhere") == "No matches for nowhere."


async def test_grep_shows_context_and_where_it_is_interrupted(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"a": "1\n2\nhit\n4\n5\n6\n7\nhit\n"})
    assert await output(tools, "grep", pattern="hit", context=1) == ("a-2- 2\na:3: hit\na-4- 4\n--\na-7- 7\na:8: hit")


@pytest.mark.parametrize("pattern", ["(", "def f(", "a{2,1}", "[z-a]", "*"])
async def test_grep_answers_a_broken_pattern_with_a_sentence(tools: Tools, tmp_path: Path, pattern: str) -> None:
    make(tmp_path, {"a": "def f(): pass\n"})
    with pytest.raises(ToolError, match="not a valid regular expression"):
        await call(tools, "grep", pattern=pattern)


@pytest.mark.parametrize("pattern", ["--pre=touch pwned", "-f/etc/passwd", "--files"])
@pytest.mark.case(23)
async def test_grep_takes_no_options_from_the_model(tools: Tools, tmp_path: Path, pattern: str) -> None:
    make(tmp_path, {"a": f"text {pattern}\n"})
    assert await output(tools, "grep", pattern=pattern) == f"a:1: text {pattern}"
    with pytest.raises(ToolError):
        await call(tools, "grep", pattern="text", path="--pre=touch pwned")
    assert await output(tools, "grep", pattern="text", glob=pattern) == "No matches for text."
    assert os.listdir(tmp_path) == ["a"]


async def test_grep_obeys_no_configuration_file(tmp_path: Path) -> None:
    make(tmp_path, {"a": "Text\n", "rc": "--ignore-case\n"})
    environ = {**os.environ, "RIPGREP_CONFIG_PATH": str(tmp_path / "rc")}
    tools = {tool.name: tool for tool in builtin_tools(Workspace(tmp_path), FileLedger(), environ)}
    assert await output(tools, "grep", pattern="text") == "No matches for text."


@pytest.mark.case(36)
async def test_grep_is_capped_in_matches_and_size_and_says_so(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"a": "hit\n" * 5000, "b": "hit\n" * 5000})
    lines = (await output(tools, "grep", pattern="hit")).split("\n")
    assert len(lines) == 101
    assert lines[-1] == "[... cut after 100 of at least 202 matches: narrow the pattern, path or glob ...]"
    make(tmp_path, {"a": ("wide" * 1000 + "\n") * 90, "b": ""})
    wide = await output(tools, "grep", pattern="wide")
    assert len(wide) < 21_000
    assert "cut after" in wide.split("\n")[-1]


@pytest.mark.case(36)
async def test_grep_passes_over_binary_files_and_huge_lines(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"hit\n" + b"\0" * 100 + b"hit\n")
    make(tmp_path, {"b": "hit\n", "c": "x" * 1_900_000 + "hit\n"})
    found = (await output(tools, "grep", pattern="hit")).split("\n")
    assert "b:1: hit" in found
    assert all(len(line) < 500 for line in found)
    assert not any("binary" in line for line in found)


async def test_looking_declares_what_it_reads_and_nothing_else(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"a.py": "x\n"})
    for name, arguments in (("read", {"path": "a.py"}), ("list", {}), ("grep", {"pattern": "x"})):
        tool = tools[name]
        prepared = await tool.prepare(tool.params.model_validate(arguments))
        target = tmp_path / "a.py" if name == "read" else tmp_path
        assert tool.read_only
        assert prepared.effects == (Effect(kind=EffectKind.READ, target=str(target)),)


# --- all eight --------------------------------------------------------------------------------------------------------


async def test_the_tools_come_in_a_fixed_order_and_their_schemas_are_short(tools: Tools) -> None:
    import json

    assert list(tools) == ["read", "list", "grep", "edit", "write", "run", "test", "todo"]
    told = [{"name": t.name, "description": t.description, "parameters": t.schema()} for t in tools.values()]
    text = json.dumps(told, separators=(",", ":"))
    assert len(text) < 2000, "this is about 600 tokens, as much as all eight may cost in the longest of the dialects"
    assert "$ref" not in text
    assert "additionalProperties" not in text


def test_the_schema_asks_for_the_simple_form_of_an_edit(tools: Tools) -> None:
    schema = tools["edit"].schema()
    assert schema["required"] == ["path", "old", "new"]
    assert schema["properties"]["old"] == {"type": "string"}
    assert list(schema["properties"]) == ["path", "old", "new", "edits"]


async def test_numbers_out_of_range_are_moved_into_it(tools: Tools, tmp_path: Path) -> None:
    make(tmp_path, {"a": "hit\n"})
    assert await output(tools, "read", path="a", first=-5, last=10**15) == "a (lines 1-1 of 1)\nhit"
    assert await output(tools, "list", depth=0) == "a"
    assert await output(tools, "grep", pattern="hit", context=10**15) == "a:1: hit"


@pytest.mark.parametrize("name", ["read", "list", "grep", "edit", "write", "run", "test", "todo"])
def test_parameters_that_a_tool_does_not_have_are_refused(tools: Tools, name: str) -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        tools[name].params.model_validate({"no_such_parameter": 1})
