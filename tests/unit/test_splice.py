"""Definitions are replaced, removed and put beside others in the manner of each language."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import codeagent
from codeagent.tools.api import ToolError
from codeagent.tools.source import matching, read_source
from codeagent.tools.splice import Action, splice
from codeagent.tools.symbols.extract import symbols_of

ROOT = Path(codeagent.__file__).resolve().parent.parent.parent

GO = "package a\n\n// F does.\nfunc F(x int) int {\n\treturn x\n}\n\nfunc (t *T) M() {\n}\n"
RUST = (
    "/// Doc.\n#[derive(Debug)]\npub struct A {\n    x: i32,\n}\n\n"
    "impl A {\n    pub fn f(&self) -> i32 {\n        self.x\n    }\n}\n"
)
TYPESCRIPT = (
    "/** Doc. */\nexport async function f(a: string): Promise<void> {\n  await g(a);\n}\n\n"
    "export const g = (x: string) => {\n  return x;\n};\n\n"
    "export class A {\n  x = 1;\n\n  @dec()\n  m(): number {\n    return 1;\n  }\n}\n"
)
JAVA = (
    "class A {\n    int x;\n\n    /** Doc. */\n    @Override\n    public int f(int a) {\n        return a;\n    }\n\n"
    "    public int f(String s) {\n        return 1;\n    }\n}\n"
)
C = "#include <x.h>\n\n/* doc */\nstatic int f(int a)\n{\n\treturn a;\n}\n\nstruct s {\n\tint a;\n};\n"
RUBY = "class A\n  # doc\n  def f(x)\n    x\n  end\nend\n"
JSON = '{\n  "a": 1,\n  "b": {\n    "c": 2\n  }\n}\n'
MARKDOWN = "# Top\n\ntext\n\n## Sub\n\nmore\n\n## Other\n\nx\n"
TOML = "[a]\nx = 1\n\n[b]\nz = 3\n"
YAML = "a:\n  x: 1\n  y:\n    - 1\nb: 2\n"


def part(text: str, begin: str, end: str) -> str:
    return text[text.index(begin) : text.index(end)]


CASES: list[tuple[str, str, str, Action, str, tuple[str, str]]] = [
    ("a.go", GO, "T.M", "replace", "func (t *T) M() {\n    f(`\nraw\n`)\n}", ("{\n}\n", "{\n\tf(`\nraw\n`)\n}\n")),
    ("a.go", GO, "F", "insert_before", "func G() {\n  F(1)\n}", ("// F", "func G() {\n\tF(1)\n}\n\n// F")),
    ("a.go", GO, "F", "delete", "", (part(GO, "// F", "func (t"), "")),
    ("a.rs", RUST, "f", "insert_after", "fn g() {\n    h()\n}",
     ("    }\n}", "    }\n\n    fn g() {\n        h()\n    }\n}")),
    ("a.rs", RUST, "A", "replace", "#[derive(Debug)]\nstruct A;", (part(RUST, "pub struct", "\n\nimpl"), "struct A;")),
    ("a.ts", TYPESCRIPT, "f", "replace", "export function f() {\n}",
     (part(TYPESCRIPT, "export async", "\n\nexport const"), "export function f() {\n}")),
    ("a.ts", TYPESCRIPT, "g", "replace", "export const g = 1;",
     (part(TYPESCRIPT, "export const", "\n\nexport class"), "export const g = 1;")),
    ("a.ts", TYPESCRIPT, "A.m", "insert_before", "n() {\n}", ("  @dec", "  n() {\n  }\n\n  @dec")),
    ("a.ts", TYPESCRIPT, "f", "delete", "", (part(TYPESCRIPT, "/**", "export const"), "")),
    ("A.java", JAVA, "A.f:10", "insert_after", "int g() {\n    return 2;\n}",
     ("1;\n    }\n", "1;\n    }\n\n    int g() {\n        return 2;\n    }\n")),
    ("A.java", JAVA, "A.x", "insert_after", "int y;", ("int x;\n", "int x;\n    int y;\n")),
    ("a.c", C, "f", "insert_before", "int g(void)\n{\n    return 1;\n}",
     ("/* doc", "int g(void)\n{\n\treturn 1;\n}\n\n/* doc")),
    ("a.c", C, "s", "replace", "struct s {\n    int b;\n};", ("int a;\n}", "int b;\n}")),
    ("a.rb", RUBY, "A.f", "replace", "def f(x)\n    x + 1\n  end", ("    x\n", "    x + 1\n")),
    ("a.rb", RUBY, "A.f", "insert_after", "def g\n  1\nend", ("  end\n", "  end\n\n  def g\n    1\n  end\n")),
    ("a.json", JSON, "b.c", "replace", '"c": 3', ("2", "3")),
    ("a.json", JSON, "a", "insert_after", '"x": 3,', ('1,\n', '1,\n  "x": 3,\n')),
    ("a.json", JSON, "a", "delete", "", ('  "a": 1,\n', "")),
    ("a.md", MARKDOWN, "Sub", "insert_after", "## New\n\ny\n", ("## Other", "## New\n\ny\n\n## Other")),
    ("a.md", MARKDOWN, "Sub", "delete", "", ("## Sub\n\nmore\n\n", "")),
    ("a.toml", TOML, "a", "insert_after", "[c]\nq = 1", ("[b]", "[c]\nq = 1\n\n[b]")),
    ("a.yaml", YAML, "a.x", "insert_after", "z: |\n  text", ("  y", "  z: |\n    text\n  y")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "symbol", "action", "code", "change"),
    CASES,
    ids=[f"{name} {symbol} {action}" for name, _, symbol, action, *_ in CASES],
)
def test_only_what_is_meant_changes(
    tmp_path: Path, name: str, text: str, symbol: str, action: Action, code: str, change: tuple[str, str]
) -> None:
    old, new = change
    assert text.count(old) == 1
    (tmp_path / name).write_text(text)
    source = read_source(tmp_path / name, name, symbols_of)
    (found,) = matching(source.symbols.definitions, symbol)
    assert splice(source, found, action, code).text == text.replace(old, new)


def test_a_definition_replaced_by_itself_leaves_the_file_as_it_is() -> None:
    """Over sources of this project: as it stands, moved to the margin, and with its first line bare."""
    files = random.Random(7).sample(sorted((ROOT / "tools").glob("*.py")), 12)
    tried = 0
    for file in files:
        source = read_source(file, file.name, symbols_of)
        text = source.file.text
        for symbol in source.symbols.definitions[:12]:
            start, end = source.span(symbol)
            own, indent = text[start:end], text[text.rfind("\n", 0, start) + 1 : start]
            at_margin = "\n".join(line.removeprefix(indent) for line in own.split("\n"))
            for code in (own, f"\n{indent}{own}\n\n", at_margin):
                tried += 1
                assert splice(source, symbol, "replace", code).text == text, f"{symbol.qualified} in {file.name}"
    assert tried > 100


@pytest.mark.parametrize("code", ["x", "x\n" * 3, "\tx", "'''\n" * 5, "(" * 100, "\udc80", "#", "\x00"])
def test_odd_code_is_put_in_or_refused_and_nothing_else_is_touched(tmp_path: Path, code: str) -> None:
    text = "class A:\n    a = 1\n    # about f\n    def f(self):\n        return 1\n\n    def g(self): pass\n"
    (tmp_path / "a.py").write_text(text)
    source = read_source(tmp_path / "a.py", "a.py", symbols_of)
    for symbol in source.symbols.definitions:
        for action in ("insert_before", "insert_after"):
            new = splice(source, symbol, action, code).text.split("\n")
            left = iter(new)
            assert all(line in left for line in text.split("\n") if line.strip())
    with pytest.raises(ToolError):
        splice(source, source.symbols.definitions[0], "replace", "\n \n")
