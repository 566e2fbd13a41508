"""Which language a file is in, by its ending, its name or its first line, and where the grammar is; parses nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Language:
    """A language with a grammar: `function` of the package `package` gives it. `queries` are the files of `queries/`
    whose patterns are joined. `checked` says that errors in its trees are errors in the text, in all but rare cases,
    `capitals` that words with a capital letter are classes and constants wherever they stand in the code."""

    name: str
    package: str
    queries: tuple[str, ...]
    function: str = "language"
    checked: bool = False
    capitals: bool = False


PYTHON = Language("Python", "tree_sitter_python", ("python",), checked=True, capitals=True)
JAVASCRIPT = Language(
    "JavaScript", "tree_sitter_javascript", ("ecmascript", "javascript", "jsx"), checked=True, capitals=True
)
TYPESCRIPT = Language(
    *("TypeScript", "tree_sitter_typescript", ("ecmascript", "typescript"), "language_typescript"),
    checked=True,
    capitals=True,
)
TSX = Language(
    *("TSX", "tree_sitter_typescript", ("ecmascript", "typescript", "jsx"), "language_tsx"),
    checked=True,
    capitals=True,
)
GO = Language("Go", "tree_sitter_go", ("go",), checked=True, capitals=True)
RUST = Language("Rust", "tree_sitter_rust", ("rust",), checked=True, capitals=True)
JAVA = Language("Java", "tree_sitter_java", ("java",), checked=True, capitals=True)
C = Language("C", "tree_sitter_c", ("c",), checked=True, capitals=True)
CPP = Language("C++", "tree_sitter_cpp", ("c", "cpp"), checked=True, capitals=True)
CUDA = Language("CUDA", "tree_sitter_cpp", ("c", "cpp"), capitals=True)
C_SHARP = Language("C#", "tree_sitter_c_sharp", ("c_sharp",), capitals=True)
RUBY = Language("Ruby", "tree_sitter_ruby", ("ruby",), checked=True)
PHP = Language("PHP", "tree_sitter_php", ("php",), "language_php", checked=True, capitals=True)
BASH = Language("Bash", "tree_sitter_bash", ("bash",), checked=True)
SHELL = Language("Shell", "tree_sitter_bash", ("bash",))
KOTLIN = Language("Kotlin", "tree_sitter_kotlin", ("kotlin",))
SWIFT = Language("Swift", "tree_sitter_swift", ("swift",))
SCALA = Language("Scala", "tree_sitter_scala", ("scala",), checked=True)
LUA = Language("Lua", "tree_sitter_lua", ("lua",), checked=True)
ELIXIR = Language("Elixir", "tree_sitter_elixir", ("elixir",), checked=True)
HASKELL = Language("Haskell", "tree_sitter_haskell", ("haskell",))
SQL = Language("SQL", "tree_sitter_sql", ("sql",))
HTML = Language("HTML", "tree_sitter_html", ("html",))
CSS = Language("CSS", "tree_sitter_css", ("css",))
JSON = Language("JSON", "tree_sitter_json", ("json",), checked=True)
YAML = Language("YAML", "tree_sitter_yaml", ("yaml",))
TOML = Language("TOML", "tree_sitter_toml", ("toml",), checked=True)
MARKDOWN = Language("Markdown", "tree_sitter_markdown", ("markdown",))
ZIG = Language("Zig", "tree_sitter_zig", ("zig",))

LANGUAGES = (
    *(PYTHON, JAVASCRIPT, TYPESCRIPT, TSX, GO, RUST, JAVA, C, CPP, CUDA, C_SHARP, RUBY, PHP, BASH, SHELL),
    *(KOTLIN, SWIFT, SCALA, LUA, ELIXIR, HASKELL, SQL, HTML, CSS, JSON, YAML, TOML, MARKDOWN, ZIG),
)


def _table(words: Mapping[Language, str]) -> dict[str, Language]:
    return {word: language for language, row in words.items() for word in row.split()}


_ENDINGS = _table(
    {
        PYTHON: ".py .pyi .pyw .bzl",
        JAVASCRIPT: ".js .jsx .mjs .cjs",
        TYPESCRIPT: ".ts .mts .cts",
        TSX: ".tsx",
        GO: ".go",
        RUST: ".rs",
        JAVA: ".java",
        C: ".c",
        CPP: ".h .hh .hpp .hxx .h++ .cc .cpp .cxx .c++ .inl .ipp .tpp .ino",
        CUDA: ".cu .cuh",
        C_SHARP: ".cs .csx",
        RUBY: ".rb .rake .gemspec .ru .podspec",
        PHP: ".php .phtml",
        BASH: ".sh .bash",
        SHELL: ".zsh .ksh .bats .ebuild",
        KOTLIN: ".kt .kts",
        SWIFT: ".swift",
        SCALA: ".scala .sc .sbt",
        LUA: ".lua .rockspec",
        ELIXIR: ".ex .exs",
        HASKELL: ".hs",
        SQL: ".sql .ddl .psql",
        HTML: ".html .htm .xhtml",
        CSS: ".css",
        JSON: ".json .jsonc .geojson .webmanifest .jsonld",
        YAML: ".yaml .yml",
        TOML: ".toml",
        MARKDOWN: ".md .markdown .mdown .mdx .mdc",
        ZIG: ".zig .zon",
    }
)
_NAMES = _table(
    {
        PYTHON: "SConstruct SConscript wscript BUILD.bazel WORKSPACE.bazel",
        JAVASCRIPT: "Jakefile",
        RUBY: "Gemfile Rakefile Guardfile Vagrantfile Podfile Brewfile Fastfile Capfile .irbrc .pryrc",
        BASH: ".bashrc .bash_profile .bash_aliases .bash_login .bash_logout .profile PKGBUILD",
        SHELL: ".zshrc .zshenv .zprofile .zlogin .zlogout",
        JSON: ".babelrc .jshintrc composer.lock Pipfile.lock flake.lock",
        YAML: ".clang-format .clang-tidy .yamllint CITATION.cff",
        TOML: "Pipfile Cargo.lock poetry.lock uv.lock pdm.lock",
    }
)
_INTERPRETERS = _table(
    {
        PYTHON: "python pypy",
        JAVASCRIPT: "node nodejs bun",
        TYPESCRIPT: "deno ts-node tsx",
        RUBY: "ruby jruby",
        PHP: "php",
        BASH: "sh bash dash ash",
        SHELL: "zsh ksh mksh bats",
        KOTLIN: "kotlin",
        SWIFT: "swift",
        SCALA: "scala scala-cli",
        LUA: "lua luajit",
        ELIXIR: "elixir",
        HASKELL: "runhaskell runghc stack",
    }
)
_SHEBANG = re.compile(rb"#!\s*(\S+)([^\n]*)")


def language_of(name: str, data: bytes = b"") -> Language | None:
    """The language of a file of this name or path, None where no grammar fits.

    The name decides first, then its ending in any case of letters; where neither says anything, the `#!` line at the
    beginning of `data`.
    """
    path = PurePath(name)
    return _NAMES.get(path.name) or _ENDINGS.get(path.suffix.lower()) or _by_interpreter(data)


def _by_interpreter(data: bytes) -> Language | None:
    match = _SHEBANG.match(data[:256])
    if not match:
        return None
    words = [match[1].decode("utf-8", "replace"), *match[2].decode("utf-8", "replace").split()]
    if PurePath(words[0]).name == "env":
        # `env -S` and assignments stand before the command.
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    program = PurePath(words[0]).name if words else ""
    return _INTERPRETERS.get(program) or _INTERPRETERS.get(program.rstrip("0123456789."))
