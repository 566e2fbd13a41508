"""edit_symbol: it writes whole definitions in the shape of their place, and refuses what would break the file."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import pytest
from symbol_bench import SHAPES, Bench

from codeagent.tools.api import Diff, Effect, EffectKind, FileChange, ToolError


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


METHOD = "def area(self):\n    r = self.r\n    return math.pi * r * r\n"


@pytest.mark.parametrize(
    "code",
    [
        METHOD,
        "\n\n" + METHOD + "\n\n",
        "    def area(self):\n        r = self.r\n        return math.pi * r * r\n",
        "def area(self):\n        r = self.r\n        return math.pi * r * r",
        "\tdef area(self):\n\t\tr = self.r\n\t\treturn math.pi * r * r\n",
        METHOD.replace("\n", "\r\n"),
        METHOD.replace("    ", "\t"),
    ],
    ids=["at column 0", "blank lines", "as in the file", "first line bare", "tabs", "crlf", "tabs at column 0"],
)
async def test_a_replacement_gets_the_indentation_of_its_place(bench: Bench, code: str) -> None:
    bench.write("shapes.py", SHAPES)
    old = "    def area(self):\n        return square(self.r) * math.pi\n"
    new = "    def area(self):\n        r = self.r\n        return math.pi * r * r\n"
    assert await bench.edit("shapes.py", "Circle.area", "replace", code) == SHAPES.replace(old, new)


async def test_a_file_indented_with_tabs_stays_so(bench: Bench) -> None:
    bench.write("a.py", "class A:\n\tdef f(self):\n\t\tif 1:\n\t\t\treturn 1\n")
    code = "def f(self):\n  while True:\n    return 2\n"
    assert await bench.edit("a.py", "f", "replace", code) == (
        "class A:\n\tdef f(self):\n\t\twhile True:\n\t\t\treturn 2\n"
    )


async def test_lines_of_a_text_literal_are_not_moved_in_from_the_margin(bench: Bench) -> None:
    bench.write("a.py", "class A:\n    def f(self):\n        return 1\n")
    code = 'def f(self):\n    """Doc.\n\n    More.\n    """\n    return """\nat the margin\n  a little in\n"""\n'
    assert await bench.edit("a.py", "A.f", "replace", code) == (
        'class A:\n    def f(self):\n        """Doc.\n\n        More.\n        """\n        return """\n'
        'at the margin\n  a little in\n"""\n'
    )


async def test_a_replacement_covers_decorators_and_says_which_are_gone(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    await bench.call("read", path="shapes.py")
    arguments = {"path": "shapes.py", "symbol": "Shape.name", "action": "replace"}
    result = await bench.call("edit_symbol", **arguments, code="def name(self):\n    return 'shape'\n")
    assert result.output == ("Replaced Shape.name in shapes.py (lines 15-16). `@property` stood above it and is gone.")
    assert "    # Subclasses must say.\n    def area" in (bench.root / "shapes.py").read_text()
    result = await bench.call("edit_symbol", **arguments, code="@property\ndef title(self):\n    return 'shape'\n")
    assert result.output == "Replaced Shape.name in shapes.py (lines 15-17). It is called Shape.title now."


async def test_a_comment_above_stays_unless_the_code_brings_one(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    kept = await bench.edit("shapes.py", "Shape.area", "replace", "def area(self):\n    return 0\n")
    assert "    # Subclasses must say.\n    def area(self):\n        return 0\n" in kept
    new = await bench.edit("shapes.py", "Shape.area", "replace", "# Nothing.\ndef area(self):\n    return 0\n")
    assert "sides = 0\n\n    # Nothing.\n    def area(self):\n        return 0\n" in new


async def test_code_put_beside_a_definition_keeps_the_distance_of_the_place(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    cube = "def cube(x):\n    return x * square(x)\n"
    assert (await bench.edit("shapes.py", "square", "insert_after", cube)) == f"{SHAPES}\n\n{cube}"
    bench.write("shapes.py", SHAPES)
    before = await bench.edit("shapes.py", "square", "insert_before", cube)
    assert before == SHAPES.replace("def square", f"{cube}\n\ndef square")
    method = "def perimeter(self):\n    return 0\n"
    bench.write("shapes.py", SHAPES)
    # The comment belongs to the method: what goes before that goes above it.
    assert await bench.edit("shapes.py", "Shape.area", "insert_before", method) == SHAPES.replace(
        "    # Subc", "    def perimeter(self):\n        return 0\n\n    # Subc"
    )
    bench.write("shapes.py", SHAPES)
    assert await bench.edit("shapes.py", "Shape.name", "insert_after", method) == SHAPES.replace(
        "__name__\n", "__name__\n\n    def perimeter(self):\n        return 0\n"
    )
    bench.write("shapes.py", SHAPES)
    assert await bench.edit("shapes.py", "LIMIT", "insert_after", "LEAST = 1") == SHAPES.replace(
        "LIMIT = 3\n", "LIMIT = 3\nLEAST = 1\n"
    )
    bench.write("shapes.py", SHAPES)
    assert await bench.edit("shapes.py", "LIMIT", "insert_after", cube) == SHAPES.replace(
        "LIMIT = 3\n", f"LIMIT = 3\n\n\n{cube}"
    )


async def test_code_goes_below_the_line_that_must_stay_first(bench: Bench) -> None:
    bench.write("a.py", "#!/usr/bin/env python\n# About f.\ndef f():\n    pass\n")
    assert await bench.edit("a.py", "f", "insert_before", "import os") == (
        "#!/usr/bin/env python\nimport os\n\n\n# About f.\ndef f():\n    pass\n"
    )


async def test_a_deleted_definition_leaves_no_hole(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    text = await bench.edit("shapes.py", "Shape.area", "delete")
    assert "    sides = 0\n\n    @property\n" in text
    text = await bench.edit("shapes.py", "square", "delete")
    assert text.endswith("        return square(self.r) * math.pi\n")
    text = await bench.edit("shapes.py", "Shape.name", "delete")
    assert "    sides = 0\n\n\nclass Circle(Shape):\n" in text
    bench.write("one.py", "def only():\n    pass\n")
    assert await bench.edit("one.py", "only", "delete") == ""


async def test_the_comment_over_a_group_stays_when_its_first_one_is_deleted(bench: Bench) -> None:
    bench.write("a.py", "import os\n\n# Limits.\nA = 1\nB = 2\n\n# Alone.\nC = 3\n")
    assert await bench.edit("a.py", "A", "delete") == "import os\n\n# Limits.\nB = 2\n\n# Alone.\nC = 3\n"
    assert await bench.edit("a.py", "C", "delete") == "import os\n\n# Limits.\nB = 2\n"


async def test_a_new_syntax_error_is_refused_with_its_line_and_what_is_wrong(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    await bench.call("read", path="shapes.py")
    with pytest.raises(ToolError) as error:
        await bench.prepare(
            "edit_symbol",
            path="shapes.py",
            symbol="Circle.area",
            action="replace",
            code="def area(self):\n    return (1\n",
        )
    assert str(error.value) == (
        "This would break shapes.py: line 2 of the code (`return (1`): '(' was never closed. Nothing was changed. "
        "Give the code again without the error."
    )
    with pytest.raises(ToolError, match=r"This would break shapes\.py: line 2\d .*expected an indented block"):
        await bench.prepare("edit_symbol", path="shapes.py", symbol="Circle.area", action="delete")
    assert (bench.root / "shapes.py").read_text() == SHAPES


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("a.go", "package a\n\nfunc f() {\n}\n", "func f() {\n\tg((\n}", "line 2 of the code"),
        ("a.rs", "fn f() {\n}\n", "fn f() {\n    let x = ;\n}", "line 2 of the code"),
        ("a.ts", "export function f() {\n}\n", "export function f() {\n  return [1;\n}", "line 2 of the code"),
        ("a.c", "int f(void)\n{\n}\n", "int f(void)\n{\n    return 1\n}", "`;` is missing"),
        ("a.json", '{\n  "f": 1\n}\n', '"f": [1', "`]` is missing"),
    ],
)
async def test_a_new_syntax_error_is_refused_in_other_languages(
    bench: Bench, name: str, text: str, code: str, said: str
) -> None:
    file = bench.write(name, text)
    await bench.call("read", path=name)
    with pytest.raises(ToolError, match=f"This would break {name}: .*{re.escape(said)}"):
        await bench.prepare("edit_symbol", path=name, symbol="f", action="replace", code=code)
    assert file.read_text() == text


async def test_an_error_that_was_there_before_does_not_stop_an_edit(bench: Bench) -> None:
    bench.write("a.py", "def broken(:\n    pass\n\n\ndef f():\n    return 1\n")
    text = await bench.edit("a.py", "f", "replace", "def f():\n    return 2\n")
    assert text == "def broken(:\n    pass\n\n\ndef f():\n    return 2\n"


async def test_a_body_alone_is_refused(bench: Bench) -> None:
    bench.write("a.py", "def f():\n    return 1\n")
    await bench.call("read", path="a.py")
    with pytest.raises(ToolError, match=r"`code` defines nothing, and f would be gone\. Give the whole definition"):
        await bench.prepare("edit_symbol", path="a.py", symbol="f", action="replace", code="print(2)")


async def test_an_ambiguous_name_is_refused_and_a_line_chooses(bench: Bench) -> None:
    text = "class A:\n    @property\n    def x(self):\n        return 1\n\n"
    text += "    @x.setter\n    def x(self, v):\n        pass\n"
    bench.write("a.py", text + "\n\ndef x():\n    pass\n")
    await bench.call("read", path="a.py")
    arguments = {"path": "a.py", "action": "replace", "code": "@x.setter\ndef x(self, v):\n    self.v = v\n"}
    with pytest.raises(ToolError, match=r"a\.py defines A\.x 2 times: A\.x:2, A\.x:6\. Nothing was changed\. Name one"):
        await bench.prepare("edit_symbol", symbol="A.x", **arguments)
    await bench.call("edit_symbol", symbol="A.x:6", **arguments)
    assert "    @x.setter\n    def x(self, v):\n        self.v = v\n" in (bench.root / "a.py").read_text()
    # The plain name is the qualified one of the function.
    assert await bench.edit("a.py", "x", "delete") == text.replace("pass", "self.v = v")


@pytest.mark.parametrize(
    "name", ["Circle::area", "Circle#area", "Circle/area", "Circle.area()", " circle.area ", "shapes.Circle.area"]
)
async def test_a_name_is_understood_as_other_languages_and_tools_write_it(bench: Bench, name: str) -> None:
    bench.write("shapes.py", SHAPES)
    assert "r = 1" in await bench.edit("shapes.py", name, "replace", "def area(self):\n    r = 1\n    return r\n")


async def test_an_unknown_symbol_is_answered_with_those_of_the_file(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    await bench.call("read", path="shapes.py")
    with pytest.raises(ToolError, match=r"does not define Circle\.aera\. It defines Circle\.area:21"):
        await bench.prepare("edit_symbol", path="shapes.py", symbol="Circle.aera", action="delete")
    with pytest.raises(ToolError, match=r"does not define zzzzz\. It defines LIMIT:3, Shape:6, Shape\.sides:9"):
        await bench.prepare("edit_symbol", path="shapes.py", symbol="zzzzz", action="delete")


async def test_code_that_was_not_seen_is_not_taken_away_but_code_can_be_put_beside_it(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    for action, code in (("replace", "def square(x):\n    return 0\n"), ("delete", "")):
        with pytest.raises(ToolError, match=rf"was not read, and {action} would take away code you have not seen"):
            await bench.prepare("edit_symbol", path="shapes.py", symbol="square", action=action, code=code)
    await bench.call("outline", path="shapes.py")
    with pytest.raises(ToolError, match="was not read"):
        await bench.prepare("edit_symbol", path="shapes.py", symbol="square", action="delete")
    await bench.call("edit_symbol", path="shapes.py", symbol="LIMIT", action="insert_after", code="LEAST = 1")
    assert "LIMIT = 3\nLEAST = 1\n" in (bench.root / "shapes.py").read_text()


async def test_a_file_that_changed_since_it_was_seen_is_not_edited(bench: Bench) -> None:
    bench.write("shapes.py", SHAPES)
    await bench.call("find_symbol", name="square")
    bench.write("shapes.py", SHAPES + "# more\n")
    with pytest.raises(ToolError, match=r"shapes\.py changed since it was last read"):
        await bench.prepare("edit_symbol", path="shapes.py", symbol="LIMIT", action="insert_after", code="A = 1")


async def test_an_edit_is_a_file_change_that_can_be_shown_revised_and_made(bench: Bench) -> None:
    file = bench.write("shapes.py", SHAPES)
    await bench.call("read", path="shapes.py")
    code = "def square(x):\n    return x**2\n"
    prepared = await bench.prepare("edit_symbol", path="shapes.py", symbol="square", action="replace", code=code)
    assert isinstance(prepared, FileChange)
    assert isinstance(prepared.preview, Diff)
    assert (prepared.preview.added, prepared.preview.removed) == (1, 1)
    assert prepared.effects == (Effect(kind=EffectKind.WRITE, target=str(file)),)
    assert file.read_text() == SHAPES
    await prepared.revised(SHAPES + "# by hand\n").execute(lambda text: None)
    assert file.read_text() == SHAPES + "# by hand\n"


@pytest.mark.parametrize(
    ("mark", "encoding", "end"),
    [
        (b"", "utf-8", "\r\n"),
        (codecs.BOM_UTF8, "utf-8", "\n"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "\r\n"),
        (b"", "latin-1", "\n"),
        (b"", "utf-8", "\r"),
    ],
)
async def test_the_rest_of_a_file_keeps_its_bytes(bench: Bench, mark: bytes, encoding: str, end: str) -> None:
    text = "# é ü\ndef f():\n    return 'ä'\n\n\ndef g():\n    return 'ö'\n# ß\n"
    file = bench.root / "a.py"
    file.write_bytes(mark + text.replace("\n", end).encode(encoding))
    await bench.call("read", path="a.py")
    await bench.call(
        "edit_symbol", path="a.py", symbol="g", action="replace", code="def g():\n    a = 'é'\n    return a\n"
    )
    new = "# é ü\ndef f():\n    return 'ä'\n\n\ndef g():\n    a = 'é'\n    return a\n# ß\n"
    assert file.read_bytes() == mark + new.replace("\n", end).encode(encoding)


async def test_what_shares_its_line_is_not_torn_apart(bench: Bench) -> None:
    bench.write("a.py", "a = 1; b = 2\n\n\ndef f(): pass  # why\n")
    await bench.call("read", path="a.py")
    for action, code in (("delete", ""), ("insert_after", "c = 3")):
        with pytest.raises(ToolError, match=r"a shares line 1 of a\.py with other code.*Change it with edit\."):
            await bench.prepare("edit_symbol", path="a.py", symbol="a", action=action, code=code)
    assert await bench.edit("a.py", "a", "replace", "a = 10") == "a = 10; b = 2\n\n\ndef f(): pass  # why\n"
    assert (await bench.edit("a.py", "f", "insert_after", "x = 1")).endswith("def f(): pass  # why\n\n\nx = 1\n")


@pytest.mark.parametrize(
    ("action", "code", "message"),
    [
        ("replace", " \n", "`code` is empty"),
        ("insert_after", "", "`code` is empty"),
        ("delete", "x", "delete takes no code"),
        ("replace", "def f():\n    pass", "leaves a.py as it is"),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused(bench: Bench, action: str, code: str, message: str) -> None:
    bench.write("a.py", "def f():\n    pass\n")
    await bench.call("read", path="a.py")
    with pytest.raises(ToolError, match=message):
        await bench.prepare("edit_symbol", path="a.py", symbol="f", action=action, code=code)


async def test_paths_are_held_to_the_rules_of_the_workspace(bench: Bench) -> None:
    bench.write("a.py", "def f():\n    pass\n")
    bench.write(".git/hook.py", "def f():\n    pass\n")
    with pytest.raises(ToolError, match="outside the workspace"):
        await bench.prepare("outline", path="../a.py")
    with pytest.raises(ToolError, match=r"tools do not write in \.git"):
        await bench.prepare("edit_symbol", path=".git/hook.py", symbol="f", action="delete")
    with pytest.raises(ToolError, match=r"b\.py does not exist"):
        await bench.prepare("edit_symbol", path="b.py", symbol="f", action="delete")
