"""The syntax check: finds what an edit broke, says it in few words, and stays silent where it cannot know."""

from __future__ import annotations

import pytest

from codeagent.tools.syntax import MAX_PROBLEMS, SyntaxProblem, check, new_problems


@pytest.mark.parametrize(
    ("name", "good", "bad", "line"),
    [
        ("a.py", "def f():\n    return 1\n", "x = 1\ndef f()\n    return 1\n", 2),
        ("a.js", "const f = (a) => a + 1;\n", "const a = 1;\nfunction f( { return 1; }\n", 2),
        ("a.jsx", "const a = <b>x</b>;\n", "const a = <b>x;\n", 1),
        ("a.ts", "const a: number = 1;\n", "const a: = 1;\n", 1),
        ("a.tsx", "const a: A = <b/>;\n", "const a: A = <b;\n", 1),
        ("a.json", '{"a": [1, 2]}\n', '{"a": [1, 2}\n', 1),
        ("a.sh", "if true; then echo; fi\n", "if true; then echo\n", 1),
        ("a.c", "int main(void) { return 0; }\n", "int main(void) { return 0 }\n", 1),
        ("a.cpp", "class A { int x; };\n", "class A { int x }\n", 1),
        ("a.go", "package a\nfunc f() int { return 1 }\n", "package a\nfunc f( int { return 1 }\n", 2),
        ("a.java", "class A { int x = 1; }\n", "class A { int x = ; }\n", 1),
        ("a.rs", "fn f() -> i32 { 1 }\n", "fn f( -> i32 { 1 }\n", 1),
        ("a.rb", "def f\n  1\nend\n", "x = 1\ndef f(\n  1\nend\n", 2),
        ("a.php", "<?php\nfunction f() { return 1; }\n", "<?php\nfunction f( { return 1; }\n", 2),
        ("a.scala", "object A { def f: Int = 1 }\n", "object A { def f: = 1 }\n", 1),
        ("a.lua", "local function f() return 1 end\n", "local function f( return 1 end\n", 1),
        ("a.ex", "defmodule A do\n  def f, do: 1\nend\n", "defmodule A do\n  def f( do: 1\nend\n", 3),
        ("a.toml", "[a]\nb = 1\n", "[a]\nb = \n", 2),
        ("run", "#!/bin/sh\nif true; then echo; fi\n", "#!/bin/sh\nif true; then echo\n", 2),
    ],
)
def test_each_language_is_checked(name: str, good: str, bad: str, line: int) -> None:
    assert check(name, good.encode()) == []
    assert check(name, bad.encode())[0].line == line


@pytest.mark.parametrize(
    ("text", "message", "line", "snippet"),
    [
        ("def f()\n    pass\n", "expected ':'", 1, "def f()"),
        ("def f():\npass\n", "expected an indented block after function definition on line 1", 2, "pass"),
        ("x = (1,\ny = 2\n", "'(' was never closed", 1, "x = (1,"),
        ("if x:\n    a\n  b\n", "unindent does not match any outer indentation level", 3, "b"),
        ("print 'x'\n", "Missing parentheses in call to 'print'. Did you mean print(...)?", 1, "print 'x'"),
        ("```python\nx = 1\n```\n", "invalid syntax", 1, "```python"),
    ],
)
def test_python_errors_are_told_in_pythons_words(text: str, message: str, line: int, snippet: str) -> None:
    (problem,) = check("a.py", text.encode())
    assert (problem.message, problem.line, problem.snippet) == (message, line, snippet)


@pytest.mark.parametrize("text", ["type A = int\n", "def f[T](x: T) -> T: ...\n", "f'{a['b']}'\n", "x = '\\d'\n"])
def test_python_newer_than_this_one_is_no_error(text: str) -> None:
    assert check("a.py", text.encode()) == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.unknown", b"((("),
        ("Makefile", b"((("),
        ("a.py", b""),
        ("a.py", b"\0"),
        ("a.py", b"((" * 600_000),
        ("a.json", "{}".encode("utf-16")),
        ("a.py", b"x = 'caf\xe9'\n"),
        ("a.py", b"\xef\xbb\xbfx = 1\r\ny = 2\r\n"),
    ],
)
def test_where_nothing_can_be_said_nothing_is(name: str, data: bytes) -> None:
    assert check(name, data) == []


@pytest.mark.parametrize("text", ["(" * 5000, "[" * 100_000, "-" * 200_000 + "1", "{" * 50_000, "f'" * 10_000])
@pytest.mark.parametrize("name", ["a.py", "a.js", "a.json", "a.c"])
def test_hostile_nesting_ends(name: str, text: str) -> None:
    assert len(check(name, text.encode())) <= MAX_PROBLEMS


def test_the_number_of_problems_and_their_size_are_limited() -> None:
    found = check("a.json", b'{"a": }\n' * 1000 + b'{"b' + b"x" * 1000)
    assert 0 < len(found) <= MAX_PROBLEMS
    assert all(len(problem.snippet) <= 120 for problem in found)


def test_only_problems_that_were_not_there_before_are_new() -> None:
    old = SyntaxProblem(3, 1, "`)` is missing", "f(")
    moved = SyntaxProblem(9, 1, "`)` is missing", "f(")
    other = SyntaxProblem(5, 1, "`)` is missing", "g(")
    assert new_problems([old], [moved, other]) == [other]
    assert new_problems([old], [old, moved]) == [moved]
    assert new_problems([old], []) == []
