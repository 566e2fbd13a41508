"""find_symbol and outline: what they show is what stands in the files now, whatever the index says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from symbol_bench import SHAPES, Bench

from codeagent.agent.context.index.index import CodeIndex
from codeagent.tools.api import Effect, EffectKind, ToolError
from codeagent.tools.process import Processes
from codeagent.tools.ripgrep import Ripgrep
from codeagent.tools.workspace import Workspace


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_definition_is_shown_with_its_source_its_callers_and_its_callees(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    bench.write("main.py", "from shapes import square\n\n\ndef main():\n    return square(2) + square(3)\n")
    result = await bench.call("find_symbol", name="square")
    assert result.output == (
        "shapes.py (lines 25-26 of 26): function square\ndef square(x):\n    return x * x\n\n"
        "Used in:\nmain.py:1\nmain.py:5 in main\nshapes.py:22 in Circle.area"
    )
    circle = await bench.call("find_symbol", name="Circle.area")
    assert circle.output.startswith("shapes.py (lines 21-22 of 26): method Circle.area\n    def area(self):\n")
    assert "Circle.area uses:\nsquare shapes.py:25" in circle.output


async def test_a_definition_that_was_shown_can_be_replaced_but_its_file_not_overwritten(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    await bench.call("find_symbol", name="square")
    await bench.call(
        "edit_symbol", path="shapes.py", symbol="square", action="replace", code="def square(x):\n    return x**2\n"
    )
    assert (bench.root / "shapes.py").read_text() == SHAPES.replace("x * x", "x**2")
    with pytest.raises(ToolError, match=r"Only part of shapes\.py was read"):
        await bench.prepare("write", path="shapes.py", content="")


async def test_several_definitions_of_a_name_are_shown_while_they_are_few_and_listed_when_many(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    both = await bench.call("find_symbol", name="area")
    assert "method Shape.area\n" in both.output and "method Circle.area\n" in both.output
    for i in range(40):
        bench.write(f"more/m{i:02}.py", "\ndef area(x):\n    return x\n")
    many = await Bench(bench.root).call("find_symbol", name="area")
    assert many.output.startswith(
        "30 definitions. Give a qualified name, or read the lines:\nmore/m00.py:2-3 def area(x)  [area]\n"
    )
    assert many.output.endswith("\n\nDefinitions in 10 more files are not shown. Give a qualified name.")


async def test_the_files_are_shown_as_they_are_when_the_index_is_old(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    await bench.prepare("find_symbol", name="square")
    bench.write("shapes.py", "# moved\n" * 100 + SHAPES.replace("x * x", "x**2"))
    result = await bench.call("find_symbol", name="square")
    assert result.output.startswith(
        "shapes.py (lines 125-126 of 126): function square\ndef square(x):\n    return x**2"
    )


@pytest.mark.parametrize("now", [None, "def other():\n    pass\n", "\0"], ids=["removed", "changed", "binary"])
async def test_a_definition_that_is_gone_since_it_was_indexed_is_said_to_be_gone(bench: Bench, now: str | None) -> None:
    file = bench.write("shapes.py", SHAPES)
    await bench.prepare("find_symbol", name="square")
    file.unlink()
    if now is not None:
        bench.write("shapes.py", now)
    with pytest.raises(ToolError, match=r"^square was in shapes\.py and is not any more\. Search for it with grep\.$"):
        await bench.prepare("find_symbol", name="square")


async def test_an_unknown_name_is_answered_with_near_ones(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    with pytest.raises(ToolError, match=r"No definition of sqaure is known\. Did you mean square \(shapes\.py:25\)\?"):
        await bench.prepare("find_symbol", name="sqaure")
    with pytest.raises(ToolError, match=r"Search for it with grep\."):
        await bench.prepare("find_symbol", name="zzz")
    with pytest.raises(ToolError, match="The name is empty"):
        await bench.prepare("find_symbol", name=" () ")


async def test_the_module_may_stand_before_a_name(bench: Bench) -> None:
    bench.write("pkg/shapes.py", SHAPES)
    bench.write("pkg/other.py", "def square(x):\n    pass\n")
    bench.write("pkg/deep/__init__.py", "def cube(x):\n    pass\n")
    found = await bench.call("find_symbol", name="pkg.shapes.square")
    assert found.output.startswith("pkg/shapes.py (lines 25-26 of 26): function square\n")
    method = await bench.call("find_symbol", name="shapes.Circle.area")
    assert method.output.startswith("pkg/shapes.py (lines 21-22 of 26): method Circle.area\n")
    package = await bench.call("find_symbol", name="pkg.deep.cube")
    assert package.output.startswith("pkg/deep/__init__.py (lines 1-2 of 2)")
    with pytest.raises(ToolError, match=r"No definition of elsewhere\.square is known"):
        await bench.prepare("find_symbol", name="elsewhere.square")


async def test_a_long_class_is_shown_as_an_outline_and_a_long_function_is_cut(bench: Bench) -> None:
    methods = "".join(f"    def m{i}(self):\n        return {i}\n\n" for i in range(60))
    body = "".join(f"    x = {i}\n" for i in range(400))
    bench.write("long.py", f"class Long:\n{methods}\n\ndef slow():\n{body}")
    outline = await bench.call("find_symbol", name="Long")
    assert "class Long, an outline\n1-180 class Long\n  2-3 def m0(self)\n" in outline.output
    cut = await bench.call("find_symbol", name="slow")
    assert cut.output.endswith("    x = 198\n[... cut: read long.py from line 384 ...]")
    with pytest.raises(ToolError, match=r"long\.py was not read, and replace would take away code you have not seen"):
        await bench.prepare("edit_symbol", path="long.py", symbol="slow", action="replace", code="def slow(): pass")


async def test_looking_declares_what_it_reads_and_changes_nothing(bench: Bench) -> None:
    file = bench.write("shapes.py", SHAPES)
    for name, arguments in (("find_symbol", {"name": "area"}), ("outline", {"path": "shapes.py"})):
        prepared = await bench.prepare(name, **arguments)
        assert prepared.effects == (Effect(kind=EffectKind.READ, target=str(file)),)
    assert bench.ledger.seen(file) is None


async def test_an_outline_has_the_signatures_of_a_file_as_a_tree(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    assert (await bench.call("outline", path="shapes.py")).output == (
        "shapes.py (26 lines, Python)\n"
        "3 LIMIT = 3\n"
        "6-17 class Shape\n"
        "  9 sides = 0\n"
        "  12-13 def area(self)\n"
        "  15-17 def name(self)\n"
        "20-22 class Circle(Shape)\n"
        "  21-22 def area(self)\n"
        "25-26 def square(x)"
    )


async def test_of_a_long_outline_the_inner_definitions_are_left_out_first(bench: Bench) -> None:
    bench.write("a.py", "".join(f"class C{i}:\n    def a(self): pass\n    def b(self): pass\n" for i in range(200)))
    lines = (await bench.call("outline", path="a.py")).output.split("\n")
    assert lines[1:3] == ["1-3 class C0", "4-6 class C1"]
    assert lines[-1] == "[400 definitions inside of these are left out: find_symbol shows them]"
    bench.write("b.py", "".join(f"def f{i}(): pass\n" for i in range(1000)))
    lines = (await bench.call("outline", path="b.py")).output.split("\n")
    assert lines[-1] == "[... 700 more, from line 301 ...]"


async def test_a_file_without_definitions_is_sent_to_read(bench: Bench) -> None:
    bench.write("notes.xyz", "one\ntwo\n")
    assert (await bench.call("outline", path="notes.xyz")).output == (
        "notes.xyz (2 lines): no definitions were found. See it with read."
    )
    with pytest.raises(ToolError, match=r"nots\.xyz does not exist\. Did you mean notes\.xyz\?"):
        await bench.prepare("outline", path="nots.xyz")


async def test_the_index_of_a_session_answers_as_well(tmp_path: Path) -> None:
    root = tmp_path / "code"
    bench = Bench(root)
    bench.write("shapes.py", SHAPES)
    bench.write("main.py", "from shapes import square\n\n\ndef main():\n    return square(2)\n")
    ripgrep = Ripgrep(Workspace(root), Processes(root, os.environ))
    index = CodeIndex(root, tmp_path / "index.sqlite", lambda: ripgrep.files(root))
    try:
        await index.refresh()
        bench = Bench(root, index)
        result = await bench.call("find_symbol", name="square")
        assert result.output.startswith("shapes.py (lines 25-26 of 26): function square\ndef square(x):\n")
        assert set(result.output.split("\n\n")[-1].split("\n")) == {
            "Used in:",
            "main.py:1",
            "main.py:5 in main",
            "shapes.py:22 in Circle.area",
        }
        with pytest.raises(
            ToolError, match=r"No definition of sqaure is known\. Did you mean square \(shapes\.py:25\)"
        ):
            await bench.prepare("find_symbol", name="sqaure")
    finally:
        await index.close()
